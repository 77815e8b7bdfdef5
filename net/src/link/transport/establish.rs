//! From a connection to a link: TLS, the handshake, and the time they may take.

use super::{Link, LinkConfig, LinkError, LinkReceiver, Shared, State};
use crate::identity::NodeId;
use crate::link::frame::FrameDecoder;
use crate::link::handshake::{Handshake, HandshakeError, Hello, Progress, RANDOM_BYTES, Terms};
use crate::link::tls::{PeerCertificate, TlsSession};
use crate::ring::{Connection, Ring};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// Which side of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It dialled: a node that it knows, or an address.
    Dial {
        /// The node, if it is known.
        expected: Option<NodeId>,
    },
    /// It accepted.
    Accept,
}

/// What is needed to make a link of a connection.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// Which side this is.
    pub role: Role,
    /// How links are made.
    pub config: &'a LinkConfig,
    /// Who this side is.
    pub local: &'a Hello,
    /// Drawn for this link alone, unpredictably.
    pub random: [u8; RANDOM_BYTES],
    /// Why this side does not want that peer, if it does not.
    pub refuse: &'a dyn Fn(&Hello) -> Option<String>,
}

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Opening").field("role", &self.role).finish_non_exhaustive()
    }
}

/// A link that was made.
#[derive(Debug)]
pub struct Established {
    /// Who the peer is.
    pub peer: Hello,
    /// Its sending half.
    pub link: Link,
    /// Its receiving half.
    pub receiver: LinkReceiver,
}

pub(super) async fn establish(
    ring: &Ring,
    connection: Connection,
    opening: Opening<'_>,
) -> Result<Established, LinkError> {
    let mut channel = Channel { connection, tls: None, plain: Vec::new() };
    let limit = opening.config.handshake_timeout;
    let made = within(ring, limit, channel.open(&opening)).await;
    let (peer, early) = match made {
        Ok(made) => made,
        Err(error) => {
            // What was said last still reaches the peer.
            channel.connection.shutdown_after_flush();
            return Err(error);
        }
    };
    let shared = Rc::new(Shared {
        connection: channel.connection,
        tls: RefCell::new(channel.tls),
        plain: RefCell::default(),
        state: Cell::new(State::Open),
        frame_bytes_max: opening.config.frame_bytes_max,
        unsent_bytes_max: opening.config.unsent_bytes_max,
    });
    let decoder = FrameDecoder::new(opening.config.frame_bytes_max);
    let receiver = LinkReceiver { shared: Rc::clone(&shared), decoder, early, plain: channel.plain };
    Ok(Established { peer, link: Link { shared }, receiver })
}

/// A connection that is to become a link.
struct Channel {
    connection: Connection,
    tls: Option<TlsSession>,
    /// What TLS has opened.
    plain: Vec<u8>,
}

impl Channel {
    /// The peer, and the bytes behind its part of the handshake.
    async fn open(&mut self, opening: &Opening<'_>) -> Result<(Hello, Vec<u8>), LinkError> {
        self.connection.set_nodelay(true)?;
        let shown = self.open_tls(opening).await?;
        let certified = |node| shown.as_ref().is_some_and(|certificate| certificate.is_node(node));
        let expected = match opening.role {
            Role::Dial { expected } => expected,
            Role::Accept => None,
        };
        let binding = self.tls.as_ref().and_then(TlsSession::binding);
        let terms = Terms {
            local: opening.local,
            secret: &opening.config.secret,
            random: opening.random,
            binding: binding.unwrap_or_default(),
            expected,
            certified: if self.tls.is_some() { Some(&certified) } else { None },
            refuse: opening.refuse,
        };
        self.shake_hands(opening.role, terms).await
    }

    /// Brings TLS up, if links use it; what the peer has shown.
    async fn open_tls(&mut self, opening: &Opening<'_>) -> Result<Option<PeerCertificate>, LinkError> {
        let Some(config) = &opening.config.tls else { return Ok(None) };
        let mut session = match opening.role {
            Role::Dial { expected } => TlsSession::dial(config, expected, &mut self.connection.output())?,
            Role::Accept => TlsSession::accept(config)?,
        };
        while session.is_handshaking() {
            let chunk = self.connection.recv().await?.ok_or(HandshakeError::PeerClosed)?;
            session.on_bytes(&chunk, &mut self.plain, &mut self.connection.output())?;
        }
        let shown = session.peer();
        self.tls = Some(session);
        Ok(shown)
    }

    async fn shake_hands(&mut self, role: Role, terms: Terms<'_>) -> Result<(Hello, Vec<u8>), LinkError> {
        let mut out = Vec::new();
        let mut handshake = match role {
            Role::Dial { .. } => Handshake::dial(terms, &mut out),
            Role::Accept => Handshake::accept(terms),
        };
        self.send(&mut out)?;
        // TLS may have brought the first of it already.
        let mut received = std::mem::take(&mut self.plain);
        loop {
            let progress = handshake.on_bytes(&received, &mut out);
            self.send(&mut out)?;
            if let Progress::Done { peer, used } = progress? {
                received.drain(..used);
                return Ok((peer, received));
            }
            received.clear();
            let chunk = self.connection.recv().await?.ok_or_else(|| handshake.on_end())?;
            match &mut self.tls {
                None => received.extend_from_slice(&chunk),
                Some(session) => session.on_bytes(&chunk, &mut received, &mut self.connection.output())?,
            }
        }
    }

    /// Hands `out` to the connection, and empties it.
    fn send(&mut self, out: &mut Vec<u8>) -> Result<(), LinkError> {
        match &mut self.tls {
            None => self.connection.output().extend_from_slice(out),
            Some(session) => session.write(out, &mut self.connection.output())?,
        }
        out.clear();
        Ok(())
    }
}

/// What `work` comes to, if it does so in time.
async fn within<T>(
    ring: &Ring,
    limit: Duration,
    work: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    let mut work = pin!(work);
    let mut sleep = ring.sleep_until(ring.now() + limit);
    poll_fn(|context| {
        if let Poll::Ready(result) = work.as_mut().poll(context) {
            return Poll::Ready(result);
        }
        Pin::new(&mut sleep).poll(context).map(|()| Err(LinkError::PeerTooSlow { limit }))
    })
    .await
}
