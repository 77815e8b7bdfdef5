//! The shape of an entry: which optional words its header has, and where key and value stand behind them.

use std::alloc::Layout;

use super::super::value::NewValue;

/// The longest value that stands inline. Longer ones get a buffer of their own, so that moving an entry is cheap.
pub(super) const INLINE_MAX_BYTES: usize = 4_096;
/// The shortest key whose length does not fit the header.
pub(super) const WIDE_KEY_BYTES: usize = u16::MAX as usize;

pub(super) const DEADLINE: u8 = 1 << 0;
pub(super) const WIDE: u8 = 1 << 1;
pub(super) const PAYLOAD: u8 = 1 << 2;
pub(super) const BUFFER: u8 = 1 << 3;
pub(super) const EDITED: u8 = 1 << 4;
pub(super) const OPTIONAL_WORDS: u8 = DEADLINE | WIDE | PAYLOAD;

pub(super) const HEADER_BYTES: usize = size_of::<Header>();
pub(super) const WORD_BYTES: usize = 8;
pub(super) const ALIGN: usize = 8;

#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Header {
    pub(super) flags: u8,
    pub(super) clock: u8,
    pub(super) key_len: u16,
    pub(super) value_len: u32,
}

const _: () = assert!(HEADER_BYTES == 8 && align_of::<Header>() == ALIGN);

/// What decides the size of the allocation and where in it things stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) flags: u8,
    pub(super) key_len: usize,
    pub(super) inline_len: usize,
}

impl Shape {
    pub(super) fn new(key_len: usize, value: &NewValue<'_>, has_deadline: bool) -> Shape {
        let (form, inline_len) = match value {
            NewValue::Int(_) => (PAYLOAD, 0),
            NewValue::Text(bytes) | NewValue::Bytes(bytes) | NewValue::Raw(bytes) => form_of(bytes.len()),
        };
        let edited = if matches!(value, NewValue::Raw(_)) { EDITED } else { 0 };
        let deadline = if has_deadline { DEADLINE } else { 0 };
        let wide = if key_len >= WIDE_KEY_BYTES { WIDE } else { 0 };
        Shape { flags: form | edited | deadline | wide, key_len, inline_len }
    }

    /// Where the key starts: behind the header and the words that the flags name.
    #[inline]
    pub(super) fn key_at(self) -> usize {
        HEADER_BYTES + WORD_BYTES * words(self.flags)
    }

    #[inline]
    pub(super) fn size(self) -> usize {
        self.key_at() + self.key_len + self.inline_len
    }

    #[inline]
    pub(super) fn layout(self) -> Layout {
        Layout::from_size_align(self.size(), ALIGN)
            .expect("a key in memory and an inline value fit an allocation")
    }

    /// Whether an entry of this shape can become one of `other` without moving its key.
    #[inline]
    pub(super) fn fits(self, other: Shape) -> bool {
        self.flags & OPTIONAL_WORDS == other.flags & OPTIONAL_WORDS
    }
}

/// How many of the optional words the flags name: bits set among the lowest three, a nibble for each case.
#[inline]
pub(super) fn words(flags: u8) -> usize {
    (0x3221_2110_u32 >> (4 * (flags & OPTIONAL_WORDS))) as usize & 0xF
}

fn form_of(value_len: usize) -> (u8, usize) {
    if value_len <= INLINE_MAX_BYTES { (0, value_len) } else { (PAYLOAD | BUFFER, 0) }
}

#[expect(clippy::cast_possible_truncation, reason = "inline values end far below 4 GiB")]
pub(super) fn header_len(inline_len: usize) -> u32 {
    debug_assert!(inline_len <= INLINE_MAX_BYTES);
    inline_len as u32
}
