//! The handshake of a link: both sides name themselves, and prove that they have the cluster's key.
//!
//! ```text
//!   dialer                                   acceptor
//!     │ ── hello: who, random, key ids ──────▶ │  other magic, version or cluster name: refused
//!     │ ◀────── hello: who, random, key ids ── │
//!     │ ── proof: HMAC(key, dialer ‖ T) ─────▶ │  wrong: refused. Then the rest of the hello is looked at
//!     │ ◀── proof: HMAC(key, acceptor ‖ T) ─── │
//!     │ ── ready ────────────────────────────▶ │  T = SHA-256(both hellos as sent ‖ binding)
//!     │            frames, both ways           │
//! ```
//!
//! Every message has the same head, in this and every later version of the protocol, and so has the body of a
//! refusal; that is how two sides of different versions can tell each other so:
//!
//! ```text
//!  0            8            10     11   12         14
//! │ "MYCOLINK" │ version u16 │ kind │ 0 │ length u16 │ body, `length` bytes        little-endian
//!   kind: 0 hello, 1 refusal (body: a sentence, UTF-8), 2 proof, 3 ready
//! ```
//!
//! What this gives: each side knows that the other has one of the keys of the cluster *now* (the randoms are fresh, the
//! labels keep a proof from being sent back, the transcript keeps hellos from being altered). The key that both use is
//! the dialer's first that the acceptor has too, so keys can be exchanged while links come and go. What it does not
//! give: with a shared key alone, the bytes of the link are neither encrypted nor protected against somebody who can
//! alter them on the way; TLS ([`super::tls`]) does that, and then the handshake runs inside it, bound to that session.
//! A refusal is a hint for people: it may come from anybody, so nothing must be done or forgotten because of it.
//!
//! Limits: [`MESSAGE_BYTES_MAX`]; no message but hello and proof is looked at before the proof holds. A time limit is
//! the caller's. Errors: [`HandshakeError`].
//!
//! The bytes of every message are held in `net/src/link/golden/handshake.txt`.
//!
//! Sources: RFC 2104 (HMAC); ISO/IEC 9798-4, mutual authentication by a keyed hash in three passes.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod error;
mod hello;
mod packet;
mod secret;
#[cfg(test)]
mod tests;

pub use self::error::HandshakeError;
pub use self::hello::{ClusterTag, Hello, Purpose};
pub use self::packet::MESSAGE_BYTES_MAX;
pub use self::secret::{KEYS_MAX, LinkSecret, SecretError};

use self::hello::Greeting;
use self::packet::{Kind, Packet, PacketReader};
use self::secret::{Proofs, Side};
use crate::identity::NodeId;
use std::fmt;

/// Bytes of the random number that each side contributes.
pub const RANDOM_BYTES: usize = 32;

/// What one side brings to a handshake.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Who this side is.
    pub local: &'a Hello,
    /// The keys of the cluster.
    pub secret: &'a LinkSecret,
    /// Drawn for this handshake alone, unpredictably.
    pub random: [u8; RANDOM_BYTES],
    /// What both sides know of the channel beneath and nobody else can make equal; zeros without one.
    pub binding: [u8; RANDOM_BYTES],
    /// Whom this side wants to talk to, if not to anybody.
    pub expected: Option<NodeId>,
    /// Whether the channel beneath has shown that the peer is that node, if it shows such things.
    pub certified: Option<&'a dyn Fn(NodeId) -> bool>,
    /// Why this side does not want that peer, if it does not. Asked when the peer has proved itself.
    pub refuse: &'a dyn Fn(&Hello) -> Option<String>,
}

impl<'a> Terms<'a> {
    /// Terms on which any member of the cluster is welcome, over a channel that shows nothing.
    #[must_use]
    pub fn new(local: &'a Hello, secret: &'a LinkSecret, random: [u8; RANDOM_BYTES]) -> Self {
        let binding = [0; RANDOM_BYTES];
        Self { local, secret, random, binding, expected: None, certified: None, refuse: &|_| None }
    }
}

impl fmt::Debug for Terms<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Terms").field("local", self.local).finish_non_exhaustive()
    }
}

/// How far a handshake is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The peer has to say more.
    Pending,
    /// Both sides agree. Frames follow.
    Done {
        /// Who the peer is.
        peer: Hello,
        /// Bytes of the last input that belonged to the handshake; the rest are frames.
        used: usize,
    },
}

/// What is awaited from the peer.
#[derive(Debug)]
enum State {
    Hello,
    Proof(Hello, Box<Proofs>),
    Ready(Hello),
    Ended,
}

/// One side of a handshake: bytes in, bytes out.
pub struct Handshake<'a> {
    side: Side,
    terms: Terms<'a>,
    /// This side's hello as it is sent.
    greeting: Vec<u8>,
    reader: PacketReader,
    state: State,
}

impl<'a> Handshake<'a> {
    /// The side that opened the connection; its hello is appended to `out`.
    pub fn dial(terms: Terms<'a>, out: &mut Vec<u8>) -> Self {
        let handshake = Self::new(Side::Dialer, terms);
        out.extend_from_slice(&handshake.greeting);
        handshake
    }

    /// The side that accepted the connection; the dialer speaks first.
    #[must_use]
    pub fn accept(terms: Terms<'a>) -> Self {
        Self::new(Side::Acceptor, terms)
    }

    fn new(side: Side, terms: Terms<'a>) -> Self {
        let greeting = Greeting { hello: *terms.local, random: terms.random, keys: terms.secret.ids() };
        Self {
            side,
            terms,
            greeting: greeting.encode(),
            reader: PacketReader::default(),
            state: State::Hello,
        }
    }

    /// Takes what was received and appends what is to be sent to `out`, also if it fails: then that is the sentence
    /// for the peer.
    ///
    /// # Errors
    ///
    /// The handshake failed, for good. Send `out`, then close.
    pub fn on_bytes(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Progress, HandshakeError> {
        let result = self.advance(input, out);
        if let Err(error) = &result {
            self.state = State::Ended;
            if let Some(sentence) = error.sentence() {
                packet::encode(Kind::Refusal, sentence.as_bytes(), out);
            }
        }
        result
    }

    /// The error to report when the peer closed before the handshake was done.
    #[must_use]
    pub fn on_end(&self) -> HandshakeError {
        HandshakeError::PeerClosed
    }

    fn advance(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Progress, HandshakeError> {
        let mut rest = input;
        while let Some(packet) = self.reader.next(&mut rest)? {
            if let Some(peer) = self.on_packet(&packet, out)? {
                return Ok(Progress::Done { peer, used: input.len() - rest.len() });
            }
        }
        Ok(Progress::Pending)
    }

    fn on_packet(&mut self, packet: &Packet, out: &mut Vec<u8>) -> Result<Option<Hello>, HandshakeError> {
        packet.check_version()?;
        if packet.kind == Kind::Refusal {
            return Err(HandshakeError::PeerRefused { reason: packet.sentence() });
        }
        match (std::mem::replace(&mut self.state, State::Ended), packet.kind) {
            (State::Hello, Kind::Hello) => self.on_hello(packet, out).map(|()| None),
            (State::Proof(peer, proofs), Kind::Proof) => self.on_proof(peer, &proofs, packet.body(), out),
            (State::Ready(peer), Kind::Ready) => Ok(Some(peer)),
            _ => Err(HandshakeError::PeerMessageBroken),
        }
    }

    /// The peer has named itself. What it says is not believed yet, but another cluster can be told already.
    fn on_hello(&mut self, packet: &Packet, out: &mut Vec<u8>) -> Result<(), HandshakeError> {
        let peer = Greeting::decode(packet.body()).ok_or(HandshakeError::PeerMessageBroken)?;
        if peer.hello.cluster_tag != self.terms.local.cluster_tag {
            return Err(HandshakeError::PeerOtherClusterName);
        }
        let ours = self.terms.secret.ids();
        let (preferring, other) = match self.side {
            Side::Dialer => (&ours, &peer.keys),
            Side::Acceptor => (&peer.keys, &ours),
        };
        let common = preferring.iter().find(|key| other.contains(key)).copied();
        if common.is_none() && !(ours.is_empty() && peer.keys.is_empty()) {
            return Err(HandshakeError::PeerNoCommonKey);
        }
        let (dialer, acceptor) = match self.side {
            Side::Dialer => (&self.greeting[..], packet.bytes()),
            Side::Acceptor => (packet.bytes(), &self.greeting[..]),
        };
        let proofs = self.terms.secret.proofs(common, dialer, acceptor, &self.terms.binding);
        match self.side {
            Side::Dialer => packet::encode(Kind::Proof, &proofs.of(self.side), out),
            Side::Acceptor => out.extend_from_slice(&self.greeting),
        }
        self.state = State::Proof(peer.hello, Box::new(proofs));
        Ok(())
    }

    /// The peer has proved itself, or not. From here on what it said is believed.
    fn on_proof(
        &mut self,
        peer: Hello,
        proofs: &Proofs,
        proof: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Hello>, HandshakeError> {
        if !proofs.holds(self.side.other(), proof) {
            return Err(HandshakeError::PeerWrongProof);
        }
        self.admit(&peer)?;
        match self.side {
            Side::Dialer => {
                packet::encode(Kind::Ready, &[], out);
                Ok(Some(peer))
            }
            Side::Acceptor => {
                packet::encode(Kind::Proof, &proofs.of(self.side), out);
                self.state = State::Ready(peer);
                Ok(None)
            }
        }
    }

    fn admit(&self, peer: &Hello) -> Result<(), HandshakeError> {
        let local = self.terms.local;
        if let (Some(theirs), Some(ours)) = (peer.cluster, local.cluster)
            && theirs != ours
        {
            return Err(HandshakeError::PeerOtherCluster { theirs, ours });
        }
        if peer.node == local.node {
            return Err(match peer.process == local.process {
                true => HandshakeError::PeerIsSelf,
                false => HandshakeError::PeerHasOurId { node: peer.node },
            });
        }
        if let Some(expected) = self.terms.expected
            && expected != peer.node
        {
            return Err(HandshakeError::PeerOtherNode { expected, found: peer.node });
        }
        if let Some(certified) = self.terms.certified
            && !certified(peer.node)
        {
            return Err(HandshakeError::PeerNotInCertificate { node: peer.node });
        }
        (self.terms.refuse)(peer).map_or(Ok(()), |reason| Err(HandshakeError::LocalRefused { reason }))
    }
}

impl fmt::Debug for Handshake<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Handshake");
        shown.field("side", &self.side).field("state", &self.state).finish_non_exhaustive()
    }
}
