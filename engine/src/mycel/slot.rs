//! Hash slots: which of the 16,384 slots a key belongs to.
//!
//! slot = CRC16/XMODEM(hash tag or key) mod 16,384, exactly as Redis Cluster has it. The hash tag is what stands
//! between the first `{` and the first `}` after it; an empty tag (`{}`) or an unclosed brace means the whole key.
//!
//! The checksum takes eight bytes a step from eight tables ("slicing by eight", 4 KiB in all): table `k` maps a
//! byte to the remainder that it leaves when `k` more bytes follow it.
//!
//! Source: Redis Cluster specification, "Key distribution model" and "Hash tags".

/// Number of hash slots.
pub const SLOTS: usize = 16_384;
/// Number of partitions: runs of consecutive slots that are owned, moved and replicated together.
pub const PARTITIONS: usize = 1_024;
/// Number of consecutive slots in one partition.
pub const SLOTS_PER_PARTITION: usize = SLOTS / PARTITIONS;

const SLOT_MASK: u16 = 0x3FFF;
const _: () = assert!(SLOT_MASK as usize + 1 == SLOTS);
const POLYNOMIAL: u16 = 0x1021;
const SLICES: usize = 8;
static TABLES: [[u16; 256]; SLICES] = tables();

/// One hash slot, below [`SLOTS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(u16);

impl Slot {
    /// The slot with this number, if there is one.
    #[must_use]
    pub const fn new(number: u16) -> Option<Slot> {
        if (number as usize) < SLOTS { Some(Slot(number)) } else { None }
    }

    /// The slot of `key`.
    #[inline]
    #[must_use]
    pub fn of(key: &[u8]) -> Slot {
        Slot(crc16(hash_tag(key)) & SLOT_MASK)
    }

    /// The number of the slot, 0 to 16,383.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The number of the slot's partition, 0 to 1,023.
    #[inline]
    #[must_use]
    pub const fn partition(self) -> usize {
        self.0 as usize / SLOTS_PER_PARTITION
    }

    /// The place of the slot within its partition, 0 to 15.
    #[inline]
    #[must_use]
    pub const fn within(self) -> usize {
        self.0 as usize % SLOTS_PER_PARTITION
    }

    /// The slot at place `within` of partition `partition`, both taken modulo their range.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the number is below 16,384")]
    pub const fn at(partition: usize, within: usize) -> Slot {
        Slot(((partition % PARTITIONS) * SLOTS_PER_PARTITION + within % SLOTS_PER_PARTITION) as u16)
    }
}

/// The slot of `key`; short for [`Slot::of`].
#[inline]
#[must_use]
pub fn slot_of(key: &[u8]) -> Slot {
    Slot::of(key)
}

/// The part of `key` that decides its slot.
#[inline]
#[must_use]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    if has_open_brace(key) { tag_of(key) } else { key }
}

/// Whether a `{` is in the key: eight bytes a step, for most keys are short and have none.
#[inline]
fn has_open_brace(key: &[u8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    const BRACES: u64 = u64::from_le_bytes([b'{'; 8]);
    // The top bit of a byte is set in the outcome if that byte, or one below it, is a brace.
    let braces = |chunk: &[u8; 8]| {
        let differs = u64::from_le_bytes(*chunk) ^ BRACES;
        differs.wrapping_sub(ONES) & !differs & TOPS
    };
    let Some(last) = key.last_chunk() else { return key.contains(&b'{') };
    let (chunks, _) = key.as_chunks();
    chunks.iter().fold(braces(last), |found, chunk| found | braces(chunk)) != 0
}

fn tag_of(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    let rest = &key[open + 1..];
    match memchr::memchr(b'}', rest) {
        Some(0) | None => key,
        Some(close) => &rest[..close],
    }
}

/// CRC16/XMODEM: polynomial 0x1021, start 0, neither reflected nor inverted.
#[inline]
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    let (chunks, tail) = bytes.as_chunks::<SLICES>();
    let mut crc = 0u16;
    for chunk in chunks {
        let [a, b, c, d, e, f, g, h] = *chunk;
        let [high, low] = crc.to_be_bytes();
        crc = TABLES[7][usize::from(a ^ high)]
            ^ TABLES[6][usize::from(b ^ low)]
            ^ TABLES[5][usize::from(c)]
            ^ TABLES[4][usize::from(d)]
            ^ TABLES[3][usize::from(e)]
            ^ TABLES[2][usize::from(f)]
            ^ TABLES[1][usize::from(g)]
            ^ TABLES[0][usize::from(h)];
    }
    for byte in tail {
        let [high, low] = crc.to_be_bytes();
        crc = u16::from_be_bytes([low, 0]) ^ TABLES[0][usize::from(high ^ byte)];
    }
    crc
}

#[expect(clippy::cast_possible_truncation, reason = "a byte")]
const fn tables() -> [[u16; 256]; SLICES] {
    let mut tables = [[0u16; 256]; SLICES];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ POLYNOMIAL };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut slice = 1;
    while slice < SLICES {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[slice - 1][byte];
            tables[slice][byte] = (before << 8) ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        slice += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bit_by_bit(bytes: &[u8]) -> u16 {
        let mut crc = 0u16;
        for byte in bytes {
            crc ^= u16::from(*byte) << 8;
            for _ in 0..8 {
                crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ POLYNOMIAL };
            }
        }
        crc
    }

    #[test]
    fn published_vectors() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(slot_of(b"foo").number(), 12_182);
        assert_eq!(slot_of(b"").number(), 0);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"{user1000}.followers"));
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"user1000"));
    }

    #[test]
    fn hash_tags_as_the_specification_words_them() {
        let check = |key: &str, tag: &str| assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "{key}");
        check("{user1000}.following", "user1000");
        check("foo{}{bar}", "foo{}{bar}");
        check("foo{{bar}}zap", "{bar");
        check("foo{bar}{zap}", "bar");
        check("foo{bar", "foo{bar");
        check("foo}bar{", "foo}bar{");
        check("}{a}", "a");
        check("", "");
    }

    #[test]
    fn a_slot_is_its_partition_and_place() {
        for number in 0..=SLOT_MASK {
            let slot = Slot::new(number).unwrap();
            assert_eq!(Slot::at(slot.partition(), slot.within()), slot);
        }
        assert_eq!(Slot::new(SLOT_MASK + 1), None);
    }

    proptest! {
        #[test]
        fn tags_agree_with_the_plain_search(key in "[a{}|z]{0,30}") {
            let key = key.as_bytes();
            let expect = key.iter().position(|byte| *byte == b'{').and_then(|open| {
                let len = key[open + 1..].iter().position(|byte| *byte == b'}').filter(|len| *len > 0)?;
                Some(&key[open + 1..][..len])
            });
            prop_assert_eq!(hash_tag(key), expect.unwrap_or(key));
        }

        #[test]
        fn slicing_agrees_with_the_bitwise_definition(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(crc16(&bytes), bit_by_bit(&bytes));
        }
    }
}
