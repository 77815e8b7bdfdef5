//! How key numbers are written as keys.
//!
//! ```text
//!   key : 0 0 0 0 0 0 0 1 2 3 4 5        values of get, set, del …
//!   key : c 0 0 0 0 0 0 1 2 3 4 5        counters of incr
//!   key : a 0 0 0 0 0 0 1 2 3 4 5        texts of append
//!   prefix  digits, padded to the key size
//! ```

use crate::slot::{SLOTS, slot_of};

/// Largest key, in bytes. Servers take more; a load of such keys measures nothing.
pub const KEY_BYTES_MAX: usize = 65_536;

/// Which family of keys a command touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFamily {
    /// Values.
    Main,
    /// Counters.
    Counter,
    /// Texts that grow.
    Text,
}

impl KeyFamily {
    fn mark(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Counter => "c",
            Self::Text => "a",
        }
    }
}

/// The bytes around the digits of a key, or of an argument that has a key in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyImage {
    bytes: Vec<u8>,
    digits_end: usize,
}

/// Prefix and size of all keys of a run.
#[derive(Clone, Debug)]
pub struct KeyLayout {
    prefix: String,
    key_bytes: usize,
}

impl KeyLayout {
    /// A layout for the numbers `0..keyspace`.
    ///
    /// # Errors
    ///
    /// A sentence, if keys of this size cannot hold the prefix and all the numbers.
    pub fn new(prefix: &str, key_bytes: usize, keyspace: u64) -> Result<Self, String> {
        if key_bytes > KEY_BYTES_MAX {
            return Err(format!("--key-size {key_bytes} is above {KEY_BYTES_MAX} bytes"));
        }
        let digits = keyspace.saturating_sub(1).to_string().len();
        let needed = prefix.len() + KeyFamily::Counter.mark().len() + digits;
        if needed > key_bytes {
            return Err(format!(
                "--keyspace {keyspace} with the prefix '{prefix}' needs a --key-size of at least {needed} bytes, \
                 not {key_bytes}"
            ));
        }
        Ok(Self { prefix: prefix.to_owned(), key_bytes })
    }

    /// The image of a key of a family, with `before` and `after` around it.
    pub fn image(&self, family: KeyFamily, before: &str, after: &str) -> KeyImage {
        let mut bytes = [before, &self.prefix, family.mark()].concat().into_bytes();
        let digits_end = before.len() + self.key_bytes;
        bytes.resize(digits_end, b'0');
        bytes.extend_from_slice(after.as_bytes());
        KeyImage { bytes, digits_end }
    }
}

impl KeyImage {
    /// The image: a key whose digits are all zero.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Offset after the last digit.
    pub fn digits_end(&self) -> usize {
        self.digits_end
    }

    /// The hash slot of key number `number`; `scratch` is overwritten.
    #[inline]
    pub fn slot(&self, number: u64, scratch: &mut Vec<u8>) -> u16 {
        scratch.clear();
        scratch.extend_from_slice(&self.bytes);
        write_digits(&mut scratch[..self.digits_end], number);
        slot_of(scratch)
    }
}

/// Writes a number in decimal so that it ends where `field` ends. What stands before it stays.
#[inline]
pub fn write_digits(field: &mut [u8], mut number: u64) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
}

/// The key numbers of every hash slot, for commands with several keys in cluster mode. Shared by the load threads.
#[derive(Debug)]
pub struct SlotIndex {
    /// Where the numbers of a slot start in `numbers`; one more than there are slots.
    starts: Vec<u32>,
    numbers: Vec<u32>,
}

impl SlotIndex {
    /// Indexes the numbers `0..keyspace` of an image.
    pub fn new(image: &KeyImage, keyspace: u32) -> Self {
        let mut scratch = Vec::new();
        let slots = (0..keyspace).map(|number| image.slot(number.into(), &mut scratch)).collect::<Vec<u16>>();
        let mut starts = vec![0_u32; SLOTS + 1];
        for &slot in &slots {
            starts[usize::from(slot) + 1] += 1;
        }
        for slot in 0..SLOTS {
            starts[slot + 1] += starts[slot];
        }
        let mut next = starts.clone();
        let mut numbers = vec![0; slots.len()];
        for (number, slot) in (0..keyspace).zip(slots) {
            let at = &mut next[usize::from(slot)];
            numbers[*at as usize] = number;
            *at += 1;
        }
        Self { starts, numbers }
    }

    /// All numbers of a slot.
    pub fn numbers(&self, slot: u16) -> &[u32] {
        let slot = usize::from(slot);
        &self.numbers[self.starts[slot] as usize..self.starts[slot + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyFamily, KeyLayout, SlotIndex, write_digits};
    use crate::slot::slot_of;

    #[test]
    fn keys_have_their_size() {
        let layout = KeyLayout::new("key:", 16, 100_000).unwrap();
        let write = |family, before: &str, after: &str| {
            let image = layout.image(family, before, after);
            let mut bytes = image.bytes().to_vec();
            write_digits(&mut bytes[..image.digits_end()], 90_210);
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(write(KeyFamily::Main, "", ""), "key:000000090210");
        assert_eq!(write(KeyFamily::Counter, "", ""), "key:c00000090210");
        assert_eq!(write(KeyFamily::Main, "h{", "}"), "h{key:000000090210}");
    }

    #[test]
    fn too_small_keys_are_refused() {
        assert!(KeyLayout::new("key:", 9, 10_000).is_ok());
        let error = KeyLayout::new("key:", 8, 10_000).unwrap_err();
        assert!(error.contains("at least 9 bytes"), "{error}");
    }

    #[test]
    fn the_index_holds_every_number_once() {
        let image = KeyLayout::new("key:", 16, 5_000).unwrap().image(KeyFamily::Main, "", "");
        let index = SlotIndex::new(&image, 5_000);
        let mut seen = vec![false; 5_000];
        for slot in 0..16_384 {
            for &number in index.numbers(slot) {
                assert_eq!(slot_of(format!("key:{number:012}").as_bytes()), slot);
                assert!(!std::mem::replace(&mut seen[number as usize], true));
            }
        }
        assert!(seen.into_iter().all(|seen| seen));
    }
}
