//! Hash slots of keys, for cluster mode.
//!
//! Source: the Redis Cluster specification: CRC16/XMODEM of the hash tag, or of the key, modulo 16384.

use crc::{CRC_16_XMODEM, Crc};

/// Number of hash slots.
pub const SLOTS: usize = 16_384;
const SLOT_MASK: u16 = 16_383;

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The hash slot of a key.
pub fn slot_of(key: &[u8]) -> u16 {
    CRC.checksum(hash_tag(key)) & SLOT_MASK
}

/// What stands between the first `{` and the next `}`, if it is not empty; else the whole key.
fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&byte| byte == b'{') else { return key };
    match key[open + 1..].iter().position(|&byte| byte == b'}') {
        Some(length) if length > 0 => &key[open + 1..open + 1 + length],
        _ => key,
    }
}

#[cfg(test)]
mod tests {
    use super::slot_of;

    #[test]
    fn slots_of_the_specification() {
        assert_eq!(slot_of(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"foo"), 12182);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"user1000"));
        assert_eq!(slot_of(b"foo{}{bar}"), slot_of(b"foo{}{bar}"));
        assert_ne!(slot_of(b"foo{}{bar}"), slot_of(b"bar"));
        assert_eq!(slot_of(b"foo{{bar}}zap"), slot_of(b"{bar"));
        assert_eq!(slot_of(b"foo{bar}{zap}"), slot_of(b"bar"));
    }
}
