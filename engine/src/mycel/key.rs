//! Keys as the storage sees them: bytes, slot and a seeded 32-bit hash, worked out once per command.
//!
//! The hash is keyed with 256 secret bits per node and mixes by folded 64 × 64 → 128-bit multiplication, 16 bytes
//! a step, so that whoever does not know the seed cannot aim keys at one bucket. 32 bits are enough: a table holds
//! one slot, about 1/16,384 of the keys, and a travelling key carries four bytes instead of eight.

use super::slot::Slot;

/// Digits of π, to part the words of a seed.
const PART: [u64; 4] =
    [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344, 0xA409_3822_299F_31D0, 0x082E_FA98_EC4E_6C89];

/// The seeded hash function of one node. All cores of a node use the same, so that a hash may travel between them.
#[derive(Clone, Copy, Debug)]
pub struct Hasher {
    secret: [u64; 4],
}

impl Hasher {
    /// A hasher from 128 random bits.
    #[must_use]
    pub fn new(seed: [u64; 2]) -> Hasher {
        let a = fold(seed[0] ^ PART[0], seed[1] ^ PART[1]) ^ seed[0];
        let b = fold(seed[1] ^ PART[2], seed[0] ^ PART[3]) ^ seed[1];
        // An odd last word keeps the closing multiplication from ever being by zero.
        Hasher {
            secret: [a ^ PART[2], b ^ PART[3], fold(a ^ PART[1], b ^ PART[0]) ^ a, fold(b, PART[0] ^ a) | 1],
        }
    }

    /// A hasher to which all keys are the same.
    #[cfg(test)]
    pub(super) const fn constant() -> Hasher {
        Hasher { secret: [0; 4] }
    }

    /// The hash of `bytes`, 64 bits.
    #[inline]
    #[must_use]
    pub fn hash64(&self, bytes: &[u8]) -> u64 {
        let [s0, s1, s2, s3] = self.secret;
        let mut state = s2 ^ bytes.len() as u64;
        let mut rest = bytes;
        while rest.len() > 16 {
            let (a, b) = (word(rest, 0), word(rest, 8));
            state = fold(a ^ s0 ^ state, b ^ s1);
            rest = &rest[16..];
        }
        let (a, b) = ends(rest);
        fold(fold(a ^ s0 ^ state, b ^ s1) ^ s2, s3)
    }

    /// The hash of `bytes` as tables use it.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the halves are folded")]
    pub fn hash(&self, bytes: &[u8]) -> u32 {
        let wide = self.hash64(bytes);
        (wide ^ (wide >> 32)) as u32
    }
}

/// A key with what the storage needs to find it.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    bytes: &'a [u8],
    slot: Slot,
    hash: u32,
}

impl<'a> Key<'a> {
    /// Works out slot and hash of `bytes`.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8], hasher: &Hasher) -> Key<'a> {
        Key { bytes, slot: Slot::of(bytes), hash: hasher.hash(bytes) }
    }

    /// A key whose slot is known already; `slot` must be [`Slot::of`] the bytes.
    #[inline]
    #[must_use]
    pub fn in_slot(bytes: &'a [u8], slot: Slot, hasher: &Hasher) -> Key<'a> {
        debug_assert_eq!(slot, Slot::of(bytes));
        Key { bytes, slot, hash: hasher.hash(bytes) }
    }

    /// A key whose slot and hash are known already, as when it comes from another core of the node.
    #[inline]
    #[must_use]
    pub fn from_parts(bytes: &'a [u8], slot: Slot, hash: u32) -> Key<'a> {
        debug_assert_eq!(slot, Slot::of(bytes));
        Key { bytes, slot, hash }
    }

    /// The bytes of the key.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The slot of the key.
    #[inline]
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// The hash of the key under the node's seed.
    #[inline]
    #[must_use]
    pub fn hash(&self) -> u32 {
        self.hash
    }
}

/// Multiplies to 128 bits and folds the halves.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the halves are taken apart")]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    wide as u64 ^ (wide >> 64) as u64
}

/// Eight bytes from `at`; the caller has made sure that they are there.
#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// Two words that together hold every byte of a run of at most 16 bytes.
#[inline]
fn ends(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
    } else {
        let at = |index: usize| bytes.get(index).map_or(0, |byte| u64::from(*byte));
        (at(0) | at(1) << 8 | at(2) << 16, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_and_the_length_count() {
        let hasher = Hasher::new([1, 2]);
        for length in 0..70usize {
            let zero = vec![0u8; length];
            let base = hasher.hash64(&zero);
            for at in 0..length {
                let mut one = zero.clone();
                one[at] = 1;
                assert_ne!(hasher.hash64(&one), base, "byte {at} of {length}");
            }
            assert_ne!(hasher.hash64(&vec![0u8; length + 1]), base, "length {length}");
        }
    }

    #[test]
    fn the_seed_decides() {
        let hashes: Vec<u32> = (0..64).map(|seed| Hasher::new([seed, 0]).hash(b"key")).collect();
        let mut distinct = hashes.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), hashes.len());
    }

    /// Sequential keys fill the buckets of a table, and the seven tag bits, about evenly.
    #[test]
    fn sequential_keys_spread() {
        let hasher = Hasher::new([7, 9]);
        let (mut low, mut high) = ([0u32; 256], [0u32; 128]);
        for number in 0..100_000 {
            let hash = hasher.hash(format!("key:{number:012}").as_bytes());
            low[(hash & 255) as usize] += 1;
            high[(hash >> 25) as usize] += 1;
        }
        assert!(low.iter().all(|count| (300..500).contains(count)), "{low:?}");
        assert!(high.iter().all(|count| (650..920).contains(count)), "{high:?}");
    }
}
