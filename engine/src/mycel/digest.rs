//! Digests: two keyspaces with equal contents have equal digests, however they came by them.
//!
//! Each key gives 128 bits from its name, type, value and deadline; a database is their sum, so order does not matter.
//! A number and the string of its digits are the same value. The seed is fixed, so that nodes can compare.

use std::fmt;

use super::access::View;
use super::entry::EntryBox;
use super::key::Hasher;
use super::keyspace::{Db, Keyspace};
use super::value::Decimal;

/// A digest of contents; equal contents, equal digests. Prints as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(u128);

impl Digest {
    /// The digest of no keys at all.
    pub const EMPTY: Digest = Digest(0);

    /// The digest of one key with what it holds.
    #[must_use]
    pub fn of(view: View<'_>) -> Digest {
        let mut decimal = Decimal::new();
        let value = view.value().bytes(&mut decimal);
        let deadline_ms = view.deadline_ms();
        let halves = hashers().map(|hasher| {
            let mut words = [0u8; 40];
            let (chunks, _) = words.as_chunks_mut::<8>();
            let fields = [
                hasher.hash64(view.key()),
                hasher.hash64(value),
                view.kind() as u64,
                u64::from(deadline_ms.is_some()),
                deadline_ms.unwrap_or(0),
            ];
            chunks.iter_mut().zip(fields).for_each(|(chunk, field)| *chunk = field.to_le_bytes());
            hasher.hash64(&words)
        });
        Digest(u128::from(halves[0]) << 64 | u128::from(halves[1]))
    }

    /// The digest of two disjoint sets of keys together, from the digests of each.
    #[must_use]
    pub fn with(self, other: Digest) -> Digest {
        Digest(self.0.wrapping_add(other.0))
    }

    /// The digest as part of something that holds several under different numbers.
    pub(super) fn numbered(self, number: u16) -> Digest {
        let mut words = [0u8; 18];
        words[..16].copy_from_slice(&self.0.to_le_bytes());
        words[16..].copy_from_slice(&number.to_le_bytes());
        let halves = hashers().map(|hasher| u128::from(hasher.hash64(&words)));
        Digest(halves[0] << 64 | halves[1])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Keyspace {
    /// The digest of a database. Keys that are past their deadline but not taken away yet count.
    #[must_use]
    pub fn digest(&self, db: Db) -> Digest {
        let digests = self.database(db).entries().map(|entry: &EntryBox| Digest::of(View::new(entry)));
        digests.fold(Digest::EMPTY, Digest::with)
    }

    /// The digest of all databases. Those without keys do not count.
    #[must_use]
    pub fn digest_all(&self) -> Digest {
        (0..self.databases())
            .filter(|number| !self.is_empty(Db::new(*number)))
            .map(|number| self.digest(Db::new(number)).numbered(number))
            .fold(Digest::EMPTY, Digest::with)
    }
}

fn hashers() -> [Hasher; 2] {
    [Hasher::new([b'm'.into(), 1]), Hasher::new([b'm'.into(), 2])]
}
