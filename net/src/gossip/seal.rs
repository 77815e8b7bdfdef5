//! Sealing and opening: encrypting a payload under a header, and refusing everything else.
//!
//! **No nonce is used twice.** XChaCha20-Poly1305 takes 24 bytes:
//!
//! ```text
//!  0        8            14      16         24
//! ┌────────┬────────────┬───────┬──────────┐
//! │ salt   │ sender 0–6 │ core  │ sequence │      all of it stands in the header, which is authenticated
//! └────────┴────────────┴───────┴──────────┘
//! ```
//!
//! Within one [`Sealer`], the sequence is never repeated with one key: it goes on when the incarnation rises. Two sealers at one
//! time differ in core or, being of different nodes, in the sender's first bytes (which are random). Two sealers that
//! share both are lives of one node, one after the other, or copies of one data directory: they differ in the salt,
//! 64 random bits drawn for each, whatever became of the incarnation. A node would have to be started some hundred
//! million times with one key before two of its lives shared a salt with a chance worth naming (1 in 4,000).

use super::header::{CORES_MAX, HEADER_BYTES, Header, SALT_BYTES};
use super::key_ring::{Key, KeyId, KeyRing};
use super::window::Windows;
use crate::identity::{Incarnation, NodeId};
use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};

/// Bytes of a sealed datagram at most: they fit into one packet on any usual path.
pub const DATAGRAM_BYTES_MAX: usize = 1400;
/// Bytes of the authentication tag.
pub const TAG_BYTES: usize = 16;
/// Bytes of a payload at most.
pub const PAYLOAD_BYTES_MAX: usize = DATAGRAM_BYTES_MAX - HEADER_BYTES - TAG_BYTES;

/// Why nothing was sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// The payload does not fit; send less. No sequence was used.
    #[error("a payload of {bytes} bytes does not fit into a datagram, which takes {PAYLOAD_BYTES_MAX}")]
    LocalTooLarge {
        /// Its length.
        bytes: usize,
    },
}

/// Why a datagram was dropped. Nothing has changed but a counter, and nobody is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Dropped {
    /// Shorter than header and tag.
    #[error("a datagram is too short to be one of ours")]
    TooShort,
    /// Of another version of the protocol, or none at all.
    #[error(
        "a datagram speaks version {theirs} of the protocol, and this node speaks {}",
        crate::version::PROTOCOL
    )]
    OtherVersion {
        /// The version that it says.
        theirs: u16,
    },
    /// Sealed with a key that is not installed: of another cluster, or retired here.
    #[error("a datagram is sealed with a key that is not installed")]
    UnknownKey,
    /// Its seal does not open: changed on the way, of a cluster of another name, or made up.
    #[error("the seal of a datagram does not open")]
    Forged,
    /// Heard before, or too old to tell.
    #[error("a datagram was heard before")]
    Replayed,
    /// From a former life of its sender.
    #[error("a datagram is from a retired incarnation of its sender, which is at {known} by now")]
    RetiredIncarnation {
        /// The sender's highest incarnation that was heard.
        known: Incarnation,
    },
}

/// Seals what one core of this node says. Owned by that core: no two may share core and salt.
#[derive(Debug)]
pub struct Sealer {
    associated: Associated,
    sender: NodeId,
    incarnation: Incarnation,
    core: u16,
    salt: [u8; SALT_BYTES],
    sequence: u64,
}

impl Sealer {
    /// A sealer for `core` of node `sender` in the cluster called `name`. `salt` is drawn at random for each sealer.
    ///
    /// # Panics
    ///
    /// If `core` is not below [`CORES_MAX`].
    pub fn new(
        name: &str,
        sender: NodeId,
        incarnation: Incarnation,
        core: u16,
        salt: [u8; SALT_BYTES],
    ) -> Self {
        assert!(core < CORES_MAX, "a node has fewer than {CORES_MAX} cores");
        Self { associated: Associated::new(name), sender, incarnation, core, salt, sequence: 0 }
    }

    /// Seals `payload` with the key in use.
    ///
    /// # Errors
    ///
    /// It is longer than [`PAYLOAD_BYTES_MAX`].
    pub fn seal(&mut self, keys: &KeyRing, kind: u8, payload: &[u8]) -> Result<Vec<u8>, SealError> {
        self.seal_twice(keys, None, kind, payload).map(|(datagram, _)| datagram)
    }

    /// Seals `payload` with the key in use, and a copy with key `also` if that is another one that is installed: for a
    /// peer that may have only one of the two. Both bear the same sequence, so that who can open both hears one.
    ///
    /// # Errors
    ///
    /// It is longer than [`PAYLOAD_BYTES_MAX`].
    pub fn seal_twice(
        &mut self,
        keys: &KeyRing,
        also: Option<KeyId>,
        kind: u8,
        payload: &[u8],
    ) -> Result<(Vec<u8>, Option<Vec<u8>>), SealError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(SealError::LocalTooLarge { bytes: payload.len() });
        }
        let also = also.filter(|id| *id != keys.used_id()).and_then(|id| keys.find(id));
        let sealed = self.seal_with(keys.used(), kind, payload);
        // No key sees a sequence, and so a nonce, twice.
        let copy = also.map(|key| self.seal_with(key, kind, payload));
        self.sequence = self.sequence.checked_add(1).expect("2^64 datagrams take longer than any node lives");
        Ok((sealed, copy))
    }

    fn seal_with(&mut self, key: &Key, kind: u8, payload: &[u8]) -> Vec<u8> {
        let header = Header {
            kind,
            key: key.id(),
            sender: self.sender,
            incarnation: self.incarnation,
            core: self.core,
            salt: self.salt,
            sequence: self.sequence,
        };
        let head = header.encode();
        let mut datagram = Vec::with_capacity(HEADER_BYTES + payload.len() + TAG_BYTES);
        datagram.extend_from_slice(&head);
        datagram.extend_from_slice(payload);
        let body = &mut datagram[HEADER_BYTES..];
        let tag = XChaCha20Poly1305::new(key.material().into())
            .encrypt_inout_detached(&nonce(&header), self.associated.with(&head), body.into())
            .expect("a datagram is within the cipher's limits");
        datagram.extend_from_slice(&tag);
        datagram
    }

    /// Goes on as a higher incarnation of the same node.
    pub fn set_incarnation(&mut self, incarnation: Incarnation) {
        self.incarnation = incarnation;
    }

    /// What tells this sealer from others of its node id.
    pub fn salt(&self) -> [u8; SALT_BYTES] {
        self.salt
    }
}

/// What an opener counts, since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OpenerStats {
    /// Datagrams that opened.
    pub opened: u64,
    /// Dropped as [`Dropped::TooShort`].
    pub too_short: u64,
    /// Dropped as [`Dropped::OtherVersion`].
    pub other_version: u64,
    /// Dropped as [`Dropped::UnknownKey`].
    pub unknown_key: u64,
    /// Dropped as [`Dropped::Forged`].
    pub forged: u64,
    /// Dropped as [`Dropped::Replayed`].
    pub replayed: u64,
    /// Dropped as [`Dropped::RetiredIncarnation`].
    pub retired_incarnation: u64,
    /// Senders that are remembered now.
    pub senders: u64,
}

impl OpenerStats {
    /// How many were dropped for that reason.
    #[must_use]
    pub fn dropped(&self, reason: Dropped) -> u64 {
        match reason {
            Dropped::TooShort => self.too_short,
            Dropped::OtherVersion { .. } => self.other_version,
            Dropped::UnknownKey => self.unknown_key,
            Dropped::Forged => self.forged,
            Dropped::Replayed => self.replayed,
            Dropped::RetiredIncarnation { .. } => self.retired_incarnation,
        }
    }
}

/// Opens what other nodes sealed. One per core, for all of the core's sockets.
#[derive(Debug)]
pub struct Opener {
    associated: Associated,
    windows: Windows,
    stats: OpenerStats,
}

impl Opener {
    /// An opener for the cluster called `name`.
    pub fn new(name: &str) -> Self {
        Self { associated: Associated::new(name), windows: Windows::default(), stats: OpenerStats::default() }
    }

    /// Opens `datagram`, puts what was sealed into `payload`, and says who sealed it. `payload` is empty after an error.
    ///
    /// # Errors
    ///
    /// Why it was dropped.
    pub fn open(
        &mut self,
        keys: &KeyRing,
        datagram: &[u8],
        payload: &mut Vec<u8>,
    ) -> Result<Header, Dropped> {
        payload.clear();
        let result = self.try_open(keys, datagram, payload);
        if result.is_err() {
            payload.clear();
        }
        let stats = &mut self.stats;
        *match result {
            Ok(_) => &mut stats.opened,
            Err(Dropped::TooShort) => &mut stats.too_short,
            Err(Dropped::OtherVersion { .. }) => &mut stats.other_version,
            Err(Dropped::UnknownKey) => &mut stats.unknown_key,
            Err(Dropped::Forged) => &mut stats.forged,
            Err(Dropped::Replayed) => &mut stats.replayed,
            Err(Dropped::RetiredIncarnation { .. }) => &mut stats.retired_incarnation,
        } += 1;
        result
    }

    fn try_open(
        &mut self,
        keys: &KeyRing,
        datagram: &[u8],
        payload: &mut Vec<u8>,
    ) -> Result<Header, Dropped> {
        let header = Header::decode(datagram)?;
        let key = keys.find(header.key).ok_or(Dropped::UnknownKey)?;
        // No sealer makes such.
        if header.core >= CORES_MAX || datagram.len() > DATAGRAM_BYTES_MAX {
            return Err(Dropped::Forged);
        }
        self.windows.check(&header)?;
        let (head, sealed) = datagram.split_first_chunk().ok_or(Dropped::TooShort)?;
        let (body, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Dropped::TooShort)?;
        payload.extend_from_slice(body);
        XChaCha20Poly1305::new(key.material().into())
            .decrypt_inout_detached(
                &nonce(&header),
                self.associated.with(head),
                payload.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| Dropped::Forged)?;
        self.windows.hear(&header);
        Ok(header)
    }

    /// A reading of the counters.
    pub fn stats(&self) -> OpenerStats {
        OpenerStats { senders: self.windows.len() as u64, ..self.stats }
    }
}

fn nonce(header: &Header) -> XNonce {
    let mut nonce = [0; 24];
    let [salt, sender, core, sequence] =
        nonce.get_disjoint_mut([0..8, 8..14, 14..16, 16..24]).expect("parts of 24 bytes");
    salt.copy_from_slice(&header.salt);
    sender.copy_from_slice(&header.sender.0[..6]);
    core.copy_from_slice(&header.core.to_le_bytes());
    sequence.copy_from_slice(&header.sequence.to_le_bytes());
    XNonce::from(nonce)
}

/// The data that a seal covers beside the payload: a header, and the cluster's name after it. A header has one length,
/// so no two pairs of header and name look alike.
#[derive(Debug)]
struct Associated(Vec<u8>);

impl Associated {
    fn new(name: &str) -> Self {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend_from_slice(name.as_bytes());
        Self(bytes)
    }

    fn with(&mut self, head: &[u8; HEADER_BYTES]) -> &[u8] {
        self.0[..HEADER_BYTES].copy_from_slice(head);
        &self.0
    }
}
