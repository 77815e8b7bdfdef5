//! The arguments of one request, where they lie in the receive buffer.

/// Where an argument lies in its buffer: `start..end`, in bytes. Travels in frames as it lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize)]
#[repr(C)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

const _: () = assert!(size_of::<Span>() == 8);

impl Span {
    /// A span of nothing.
    pub(super) const EMPTY: Span = Span { start: 0, end: 0 };

    /// Stands before the spans of a request whose arguments had to be unescaped: they lie in the parser's
    /// side buffer. [`RequestParser::args`](super::RequestParser::args) takes it off.
    pub(super) const ASIDE: Span = Span { start: u32::MAX, end: 0 };

    /// The span `start..end` of a buffer whose length is known to fit `u32`.
    #[expect(clippy::cast_possible_truncation, reason = "parsers refuse buffers beyond u32::MAX bytes")]
    pub(super) fn new(start: usize, end: usize) -> Span {
        debug_assert!(start <= end && u32::try_from(end).is_ok());
        Span { start: start as u32, end: end as u32 }
    }

    /// The same span `by` bytes further on.
    #[expect(clippy::cast_possible_truncation, reason = "parsers refuse buffers beyond u32::MAX bytes")]
    pub(super) fn moved(self, by: usize) -> Span {
        Span { start: self.start.wrapping_add(by as u32), end: self.end.wrapping_add(by as u32) }
    }
}

/// A view of one request: the command's name is argument 0.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    /// The bytes that the spans speak of.
    pub buffer: &'a [u8],
    /// One span per argument.
    pub spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// A view of `spans` in `buffer`. For what a [`RequestParser`](super::RequestParser) appended use
    /// [`RequestParser::args`](super::RequestParser::args), which knows about unescaped inline arguments.
    #[must_use]
    pub fn new(buffer: &'a [u8], spans: &'a [Span]) -> Args<'a> {
        Args { buffer, spans }
    }

    /// The number of arguments, the command's name included.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no argument at all.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Argument `i`; empty when there are not so many (commands check their arity first).
    #[must_use]
    #[inline]
    pub fn get(&self, i: usize) -> &'a [u8] {
        match self.spans.get(i) {
            Some(span) => self.buffer.get(span.start as usize..span.end as usize).unwrap_or_default(),
            None => &[],
        }
    }

    /// The arguments in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + use<'a> {
        let buffer = self.buffer;
        self.spans
            .iter()
            .map(move |span| buffer.get(span.start as usize..span.end as usize).unwrap_or_default())
    }

    /// The view without its first `count` arguments.
    #[must_use]
    #[inline]
    pub fn skip(&self, count: usize) -> Args<'a> {
        Args { buffer: self.buffer, spans: self.spans.get(count..).unwrap_or_default() }
    }
}
