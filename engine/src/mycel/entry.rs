//! One key with its value, in one allocation behind one thin pointer.
//!
//! ```text
//!  0       1       2         4            8           16          24          32
//! ┌───────┬───────┬─────────┬────────────┬───────────┬───────────┬───────────┬─────────┬──────────────┐
//! │ flags │ clock │ key len │ value len  │ deadline? │ key len?  │ payload?  │ key …   │ value …      │
//! │  u8   │  u8   │   u16   │    u32     │  u64 ms   │   u64     │  8 bytes  │ bytes   │ bytes inline │
//! └───────┴───────┴─────────┴────────────┴───────────┴───────────┴───────────┴─────────┴──────────────┘
//!  header, 8 bytes                        only if its flag is set; what follows moves up otherwise
//!
//! flags   7 6 5   4       3        2         1       0
//!         kind    EDITED  BUFFER   PAYLOAD   WIDE    DEADLINE
//! ```
//!
//! * No `PAYLOAD`: the value stands inline behind the key, at most [`INLINE_MAX_BYTES`].
//! * `PAYLOAD`: the value is an `i64`.
//! * `PAYLOAD | BUFFER`: the value is a growable buffer of its own that the payload points to.
//! * `WIDE`: the key is [`WIDE_KEY_BYTES`] or longer and its length stands in the optional word.
//! * `EDITED`: the value was built by an edit (APPEND, SETRANGE), which OBJECT ENCODING calls `raw`.
//! * `clock` is for whoever decides about eviction; this module only keeps it.
//!
//! A table of a slot holds nothing but the eight bytes of the pointer, so a string entry costs 8 (pointer) + 8
//! (header) bytes and the table's slack beyond key and value. The allocation is exactly as long as its content
//! and aligned to 8.
#![expect(unsafe_code, reason = "a length-prefixed allocation behind a thin pointer has no safe form")]

mod buffer;
mod shape;

use std::alloc::{alloc, dealloc, handle_alloc_error, realloc};
use std::ptr::NonNull;

use self::buffer::{Buffer, lengthen, overwrite, reserve};
use self::shape::{
    ALIGN, BUFFER, DEADLINE, EDITED, HEADER_BYTES, Header, PAYLOAD, Shape, WIDE, WORD_BYTES, header_len,
    words,
};
use super::prefetch::touch;
use super::value::{Decimal, Encoding, Kind, NewValue, Value};

/// An edit that makes a value longer than this gives it a buffer, so that further edits are amortised.
pub(super) const EDIT_INLINE_MAX_BYTES: usize = 256;
const _: () = assert!(size_of::<NonNull<Buffer>>() <= WORD_BYTES && align_of::<NonNull<Buffer>>() <= ALIGN);
const _: () = assert!(size_of::<EntryBox>() == 8 && size_of::<Option<EntryBox>>() == 8);

/// An owned entry. Owned by one table of one core; may move to another core whole.
///
/// Invariant: `head` is the start of a live allocation of `self.shape().layout()`, whose header, words, key and
/// inline value are initialised as the header's flags say, and whose payload, if `BUFFER` is set, owns a `Buffer`.
pub(super) struct EntryBox {
    head: NonNull<Header>,
}

// SAFETY: an entry owns all that it points to and shares none of it; nothing in it is bound to a thread.
unsafe impl Send for EntryBox {}

impl EntryBox {
    /// A new entry. `value` is kept as it is given: `Text` is for the caller to decide.
    pub(super) fn new(key: &[u8], value: NewValue<'_>, deadline_ms: Option<u64>, clock: u8) -> EntryBox {
        let shape = Shape::new(key.len(), &value, deadline_ms.is_some());
        let mut entry = EntryBox::allocate(Shape { flags: shape.flags & !BUFFER, ..shape }, clock);
        entry.write_key(key);
        entry.write_deadline(deadline_ms);
        entry.write_value(value);
        entry
    }

    /// The key.
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        let shape = self.shape();
        let start = self.at(shape.key_at());
        // SAFETY: the invariant: `key_len` initialised bytes from `key_at`, borrowed as long as the entry.
        unsafe { std::slice::from_raw_parts(start, shape.key_len) }
    }

    /// Whether the key is this one.
    #[inline]
    pub(super) fn has_key(&self, key: &[u8]) -> bool {
        same(self.key(), key)
    }

    /// The value.
    #[inline]
    pub(super) fn value(&self) -> Value<'_> {
        if self.header().flags & PAYLOAD == 0 {
            return Value::Bytes(self.inline());
        }
        match self.buffer() {
            Some(buffer) => Value::Bytes(&buffer.bytes),
            None => Value::Int(self.read_int()),
        }
    }

    /// The type of the value.
    #[inline]
    #[expect(clippy::unused_self, reason = "strings are the only kind until the kind bits are in use")]
    pub(super) fn kind(&self) -> Kind {
        Kind::String
    }

    /// How the value is kept.
    pub(super) fn encoding(&self) -> Encoding {
        match self.value() {
            Value::Int(_) => Encoding::Int,
            Value::Bytes(bytes) if bytes.len() > Encoding::EMBSTR_MAX_BYTES => Encoding::Raw,
            Value::Bytes(_) if self.header().flags & EDITED != 0 => Encoding::Raw,
            Value::Bytes(_) => Encoding::Embstr,
        }
    }

    /// The moment after which the entry is no more, in ms since the Unix epoch.
    #[inline]
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        if self.header().flags & DEADLINE == 0 {
            return None;
        }
        let word = self.word(0);
        // SAFETY: the flag is set, so by the invariant the first word is there, aligned and initialised.
        Some(unsafe { word.read() })
    }

    /// Whether the deadline lies before `now_ms`.
    #[inline]
    pub(super) fn is_past(&self, now_ms: u64) -> bool {
        self.deadline_ms().is_some_and(|deadline_ms| deadline_ms < now_ms)
    }

    /// The eviction bits.
    #[inline]
    pub(super) fn clock(&self) -> u8 {
        self.header().clock
    }

    /// Writes the eviction bits, if they differ: a clean cache line stays clean.
    #[inline]
    pub(super) fn set_clock(&mut self, clock: u8) {
        let mut header = self.header();
        if header.clock != clock {
            header.clock = clock;
            self.set_header(header);
        }
    }

    /// Asks for the first two cache lines of the entry.
    #[inline]
    pub(super) fn prefetch(&self) {
        touch(self.at(0));
        touch(self.at(64));
    }

    /// Everything that this entry has allocated, in bytes.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        let own = self.shape().size();
        self.buffer().map_or(own, |buffer| own + size_of::<Buffer>() + buffer.bytes.capacity())
    }

    /// Writes a new value over one of the same shape and keeps the deadline, so that no size changes; says whether
    /// it could. The way of nearly every SET of a key that is there and of every INCR.
    #[inline]
    pub(super) fn overwrite(&mut self, value: NewValue<'_>, clock: u8) -> bool {
        let header = self.header();
        match value {
            NewValue::Bytes(bytes)
                if header.flags & PAYLOAD == 0 && header.value_len as usize == bytes.len() =>
            {
                self.inline_mut().copy_from_slice(bytes);
            }
            NewValue::Int(number) if header.flags & (PAYLOAD | BUFFER) == PAYLOAD => self.write_int(number),
            _ => return false,
        }
        self.set_header(Header { flags: header.flags & !EDITED, clock, ..header });
        true
    }

    /// Writes a new value and deadline, in place where the key need not move. The clock stays.
    pub(super) fn replace(&mut self, value: NewValue<'_>, deadline_ms: Option<u64>) {
        let old = self.shape();
        let new = Shape::new(old.key_len, &value, deadline_ms.is_some());
        if !old.fits(new) {
            *self = EntryBox::new(self.key(), value, deadline_ms, self.clock());
            return;
        }
        if new.flags & PAYLOAD == 0 {
            if old.inline_len != new.inline_len {
                self.resize_inline(new.inline_len);
            }
        } else if new.flags & BUFFER == 0 {
            drop(self.take_buffer());
        }
        // A buffer that is there is written over; one that is not there yet comes with the value.
        self.set_flags(self.header().flags & BUFFER | new.flags & !BUFFER);
        self.write_deadline(deadline_ms);
        self.write_value(value);
    }

    /// Sets or drops the deadline. The entry moves if it had none and gets one, or the reverse; a buffer does not.
    pub(super) fn set_deadline(&mut self, deadline_ms: Option<u64>) {
        let old = self.shape();
        if (old.flags & DEADLINE != 0) != deadline_ms.is_some() {
            let mut moved =
                EntryBox::allocate(Shape { flags: (old.flags ^ DEADLINE) & !BUFFER, ..old }, self.clock());
            moved.write_key(self.key());
            match self.take_buffer() {
                Some(buffer) => moved.put_buffer(buffer),
                None if old.flags & PAYLOAD != 0 => moved.write_int(self.read_int()),
                None => moved.inline_mut().copy_from_slice(self.inline()),
            }
            *self = moved;
        }
        self.write_deadline(deadline_ms);
    }

    /// Appends to the string form of the value and gives the new length.
    pub(super) fn append(&mut self, tail: &[u8]) -> usize {
        let len = self.value().len();
        self.write_at(len, tail);
        len + tail.len()
    }

    /// Writes `bytes` at `offset` of the string form of the value, which is padded with zeros as far as needed.
    pub(super) fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        let shape = self.shape();
        let end = offset + bytes.len();
        if let Some(buffer) = self.buffer_mut() {
            lengthen(&mut buffer.bytes, end);
            buffer.bytes[offset..end].copy_from_slice(bytes);
        } else if shape.flags & PAYLOAD == 0 && (end <= shape.inline_len || end <= EDIT_INLINE_MAX_BYTES) {
            if end > shape.inline_len {
                self.resize_inline(end);
            }
            self.inline_mut()[offset..end].copy_from_slice(bytes);
        } else {
            self.rewrite_at(offset, bytes);
        }
        self.set_flags(self.header().flags | EDITED);
    }

    /// The same where the value is a number or outgrows the entry.
    fn rewrite_at(&mut self, offset: usize, bytes: &[u8]) {
        let mut decimal = Decimal::new();
        let old = self.value().bytes(&mut decimal);
        let end = offset + bytes.len();
        let mut string = Vec::new();
        reserve(&mut string, end.max(old.len()));
        string.extend_from_slice(old);
        lengthen(&mut string, end);
        string[offset..end].copy_from_slice(bytes);
        if string.len() <= EDIT_INLINE_MAX_BYTES {
            *self = EntryBox::new(self.key(), NewValue::Raw(&string), self.deadline_ms(), self.clock());
            return;
        }
        // Built as a number first, for its payload word.
        let mut moved = EntryBox::new(self.key(), NewValue::Int(0), self.deadline_ms(), self.clock());
        moved.put_buffer(Box::new(Buffer { bytes: string }));
        *self = moved;
    }

    /// An entry of this shape whose header and wide key length stand, and nothing else yet: the caller writes
    /// deadline, key and value before anything reads them. `shape` has no buffer.
    fn allocate(shape: Shape, clock: u8) -> EntryBox {
        let layout = shape.layout();
        // SAFETY: the layout has at least the bytes of a header.
        let start = unsafe { alloc(layout) };
        let Some(head) = NonNull::new(start.cast::<Header>()) else { handle_alloc_error(layout) };
        let wide = shape.flags & WIDE != 0;
        let key_len = u16::try_from(shape.key_len).unwrap_or(u16::MAX);
        let mut entry = EntryBox { head };
        entry.set_header(Header {
            flags: shape.flags,
            clock,
            key_len,
            value_len: header_len(shape.inline_len),
        });
        if wide {
            let word = entry.word(shape.flags & DEADLINE);
            // SAFETY: the flag is set, so the allocation has this word; it is aligned and ours.
            unsafe { word.write(shape.key_len as u64) };
        }
        entry
    }

    #[inline]
    fn header(&self) -> Header {
        // SAFETY: the invariant: `head` is a live, initialised header.
        unsafe { self.head.read() }
    }

    #[inline]
    fn set_header(&mut self, header: Header) {
        // SAFETY: `head` is the start of a live allocation of at least a header, and ours alone.
        unsafe { self.head.write(header) }
    }

    #[inline]
    fn set_flags(&mut self, flags: u8) {
        self.set_header(Header { flags, ..self.header() });
    }

    #[inline]
    fn shape(&self) -> Shape {
        let header = self.header();
        let key_len =
            if header.flags & WIDE == 0 { usize::from(header.key_len) } else { self.wide_key_len() };
        Shape { flags: header.flags, key_len, inline_len: header.value_len as usize }
    }

    #[cold]
    #[expect(clippy::cast_possible_truncation, reason = "it was a usize when it was written")]
    fn wide_key_len(&self) -> usize {
        let word = self.word(self.header().flags & DEADLINE);
        // SAFETY: only called with the flag set, and then the invariant has the word, aligned and initialised.
        let len = unsafe { word.read() };
        len as usize
    }

    /// A pointer to byte `at` of the allocation.
    #[inline]
    fn at(&self, at: usize) -> *mut u8 {
        self.head.as_ptr().cast::<u8>().wrapping_add(at)
    }

    /// A pointer to the optional word before which the words of `earlier` stand.
    #[inline]
    fn word(&self, earlier: u8) -> *mut u64 {
        self.head.as_ptr().cast::<u64>().wrapping_add(HEADER_BYTES / WORD_BYTES + words(earlier))
    }

    #[inline]
    fn payload_word(&self) -> *mut u64 {
        self.word(self.header().flags & (DEADLINE | WIDE))
    }

    fn write_key(&mut self, key: &[u8]) {
        let shape = self.shape();
        assert_eq!(shape.key_len, key.len(), "the shape was made for this key");
        let start = self.at(shape.key_at());
        // SAFETY: the allocation has `key_len` bytes from `key_at`, and no borrowed key lies within an entry that
        // is being made.
        unsafe { start.copy_from_nonoverlapping(key.as_ptr(), key.len()) };
    }

    /// Writes the deadline word; without the flag there is none and `deadline_ms` is `None`.
    #[inline]
    fn write_deadline(&mut self, deadline_ms: Option<u64>) {
        if let Some(deadline_ms) = deadline_ms {
            assert!(self.header().flags & DEADLINE != 0, "the shape was made for a deadline");
            let word = self.word(0);
            // SAFETY: the flag is set, so the allocation has this word; it is aligned and ours.
            unsafe { word.write(deadline_ms) };
        }
    }

    /// Writes the value into an entry of its shape; a buffer that is there already is written over.
    fn write_value(&mut self, value: NewValue<'_>) {
        match value {
            NewValue::Int(number) => self.write_int(number),
            NewValue::Text(bytes) | NewValue::Bytes(bytes) | NewValue::Raw(bytes) => {
                if let Some(buffer) = self.buffer_mut() {
                    overwrite(&mut buffer.bytes, bytes);
                } else if self.header().flags & PAYLOAD != 0 {
                    self.put_buffer(Box::new(Buffer { bytes: bytes.to_vec() }));
                } else {
                    self.inline_mut().copy_from_slice(bytes);
                }
            }
        }
    }

    #[inline]
    fn inline(&self) -> &[u8] {
        let shape = self.shape();
        let start = self.at(shape.key_at() + shape.key_len);
        // SAFETY: the invariant: `inline_len` initialised bytes behind the key, borrowed as long as the entry.
        unsafe { std::slice::from_raw_parts(start, shape.inline_len) }
    }

    #[inline]
    fn inline_mut(&mut self) -> &mut [u8] {
        let shape = self.shape();
        let start = self.at(shape.key_at() + shape.key_len);
        // SAFETY: as above, and borrowed alone. An entry that is being made has its value written before it is read.
        unsafe { std::slice::from_raw_parts_mut(start, shape.inline_len) }
    }

    /// Gives the inline value another length; what is new of it is zero. The key stays where it is.
    fn resize_inline(&mut self, len: usize) {
        let old = self.shape();
        let new = Shape { inline_len: len, ..old };
        let layout = new.layout();
        // SAFETY: the invariant: the allocation was made by this allocator with the layout of its shape; the new
        // size is not zero and passed the check of `layout`.
        let start = unsafe { realloc(self.at(0), old.layout(), layout.size()) };
        let Some(head) = NonNull::new(start.cast::<Header>()) else { handle_alloc_error(layout) };
        self.head = head;
        if len > old.inline_len {
            let end = self.at(old.size());
            // SAFETY: the bytes between the old size and the new one are within the new allocation and ours.
            unsafe { end.write_bytes(0, len - old.inline_len) };
        }
        self.set_header(Header { value_len: header_len(len), ..self.header() });
    }

    fn read_int(&self) -> i64 {
        debug_assert_eq!(self.header().flags & (PAYLOAD | BUFFER), PAYLOAD);
        let word = self.payload_word().cast::<i64>();
        // SAFETY: with `PAYLOAD` and no `BUFFER` the invariant has a number here, aligned and initialised.
        unsafe { word.read() }
    }

    fn write_int(&mut self, number: i64) {
        assert_eq!(self.header().flags & (PAYLOAD | BUFFER), PAYLOAD, "the shape was made for a number");
        let word = self.payload_word().cast::<i64>();
        // SAFETY: the flag is set, so the allocation has this word; it is aligned and ours, and owns nothing.
        unsafe { word.write(number) };
    }

    #[inline]
    fn owner(&self) -> Option<*mut NonNull<Buffer>> {
        (self.header().flags & BUFFER != 0).then(|| self.payload_word().cast())
    }

    #[inline]
    fn buffer(&self) -> Option<&Buffer> {
        let owner = self.owner()?;
        // SAFETY: the invariant: with `BUFFER` the payload is an initialised pointer.
        let buffer = unsafe { owner.read() };
        // SAFETY: the invariant: it owns a live buffer, borrowed as long as the entry.
        Some(unsafe { buffer.as_ref() })
    }

    fn buffer_mut(&mut self) -> Option<&mut Buffer> {
        let owner = self.owner()?;
        // SAFETY: the invariant: with `BUFFER` the payload is an initialised pointer.
        let mut buffer = unsafe { owner.read() };
        // SAFETY: the invariant: it owns a live buffer, borrowed alone as long as the entry.
        Some(unsafe { buffer.as_mut() })
    }

    /// Takes the buffer out; what stays behind is a number without meaning.
    fn take_buffer(&mut self) -> Option<Box<Buffer>> {
        let owner = self.owner()?;
        // SAFETY: the invariant: with `BUFFER` the payload is an initialised pointer.
        let buffer = unsafe { owner.read() };
        self.set_flags(self.header().flags & !BUFFER);
        self.write_int(0);
        // SAFETY: it came from a box in `put_buffer`, and with the flag gone nothing else owns it.
        Some(unsafe { Box::from_raw(buffer.as_ptr()) })
    }

    /// Puts a buffer where there is room for a payload and no buffer yet.
    fn put_buffer(&mut self, buffer: Box<Buffer>) {
        assert_eq!(self.header().flags & (PAYLOAD | BUFFER), PAYLOAD, "the shape was made for a buffer");
        let word = self.payload_word().cast::<NonNull<Buffer>>();
        let buffer = NonNull::from(Box::leak(buffer));
        // SAFETY: the flag is set, so the allocation has this word; it is aligned and ours, and owns nothing.
        unsafe { word.write(buffer) };
        self.set_flags(self.header().flags | BUFFER);
    }
}

impl Drop for EntryBox {
    #[inline]
    fn drop(&mut self) {
        drop(self.take_buffer());
        let layout = self.shape().layout();
        // SAFETY: the invariant: made by this allocator with this layout, live until here and unreachable after.
        unsafe { dealloc(self.at(0), layout) };
    }
}

/// Whether two keys are equal. Those of 8 to 16 bytes are compared as two words that together hold every byte.
#[inline]
fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    if left.len() <= 16
        && let (Some(left_first), Some(right_first)) = (left.first_chunk::<8>(), right.first_chunk::<8>())
        && let (Some(left_last), Some(right_last)) = (left.last_chunk::<8>(), right.last_chunk::<8>())
    {
        return left_first == right_first && left_last == right_last;
    }
    left == right
}

#[cfg(test)]
mod tests;
