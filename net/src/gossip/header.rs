//! The header of a sealed datagram: who speaks, with which key, and the how-manieth time.

use super::key_ring::KeyId;
use super::seal::{Dropped, TAG_BYTES};
use crate::identity::{ID_BYTES, Incarnation, NodeId};
use crate::version::PROTOCOL;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 53;
/// Random bytes that a [`super::Sealer`] is made with.
pub const SALT_BYTES: usize = 8;
/// Cores of one node that can seal.
pub const CORES_MAX: u16 = 1024;

/// What stands before the ciphertext, in the clear. Trust it only once the seal has opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// For whom the payload is.
    pub kind: u8,
    /// The key that it is sealed with.
    pub key: KeyId,
    /// The node that sealed it.
    pub sender: NodeId,
    /// That node's incarnation when it did.
    pub incarnation: Incarnation,
    /// The core of that node, which counts by itself.
    pub core: u16,
    /// Drawn when the sealer was made: another salt under the same id is another process.
    pub salt: [u8; SALT_BYTES],
    /// Counts what that core of that process sealed.
    pub sequence: u64,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut rest = bytes.as_mut_slice();
        let fields: [&[u8]; 8] = [
            &PROTOCOL.to_le_bytes(),
            &[self.kind],
            &self.key.0,
            &self.sender.0,
            &self.incarnation.0.to_le_bytes(),
            &self.core.to_le_bytes(),
            &self.salt,
            &self.sequence.to_le_bytes(),
        ];
        for field in fields {
            let (place, after) = rest.split_at_mut(field.len());
            place.copy_from_slice(field);
            rest = after;
        }
        bytes
    }

    /// Reads the header of a datagram that is long enough to have been sealed, and of this version.
    pub(super) fn decode(datagram: &[u8]) -> Result<Self, Dropped> {
        if datagram.len() < HEADER_BYTES + TAG_BYTES {
            return Err(Dropped::TooShort);
        }
        let mut fields = Fields(datagram);
        let theirs = u16::from_le_bytes(fields.take()?);
        if theirs != PROTOCOL {
            return Err(Dropped::OtherVersion { theirs });
        }
        Ok(Self {
            kind: u8::from_le_bytes(fields.take()?),
            key: KeyId(fields.take()?),
            sender: NodeId(fields.take::<ID_BYTES>()?),
            incarnation: Incarnation(u64::from_le_bytes(fields.take()?)),
            core: u16::from_le_bytes(fields.take()?),
            salt: fields.take()?,
            sequence: u64::from_le_bytes(fields.take()?),
        })
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Dropped> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Dropped::TooShort)?;
        self.0 = rest;
        Ok(*field)
    }
}
