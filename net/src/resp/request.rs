//! The request parser: from received bytes to the spans of one request's arguments.
//!
//! ```text
//!   *3\r\n $3\r\nSET\r\n $3\r\nkey\r\n $5\r\nvalue\r\n        multibulk: every real client
//!   SET key "a value"\r\n                                     inline: a person at a terminal
//! ```
//!
//! A request that is wholly there takes the short way ([`whole_request`]): one pass, no state. Any other one goes
//! through the stages of [`RequestParser`], which remember how far they came, relative to the request's start, so that
//! the caller may move the bytes between two calls.
//!
//! As in Redis, the byte after a `\r` and the two bytes after an argument are skipped without a look.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod inline;
#[cfg(test)]
mod tests;

use memchr::memchr;

use super::limits::LINE_BYTES;
use super::number::parse_i64;
use super::{Args, Limits, ProtocolError, Span, Trust};

/// The parser of one connection's requests; owned by the connection, on its core.
#[derive(Debug)]
pub struct RequestParser {
    /// Effective limits, unpacked for the short way.
    max_args: u32,
    max_bulk_bytes: u32,
    stage: Stage,
    limits: Limits,
    /// Where the unread part starts, relative to the request's start.
    offset: usize,
    /// No end of line before this, relative to the request's start.
    scanned: usize,
    /// Arguments that are still to come.
    remaining: u32,
    missing: usize,
    /// Arguments so far of an incomplete request, relative to the request's start.
    partial: Vec<Span>,
    /// Unescaped arguments of quoted inline requests.
    aside: Vec<u8>,
}

/// What an incomplete request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its first byte.
    Start,
    /// The end of its only line.
    Inline,
    /// The end of the line `*count`.
    Count,
    /// The end of a line `$length`.
    Length,
    /// The bytes of an argument.
    Body { bytes: u32 },
}

impl RequestParser {
    /// A parser at the start of a connection.
    #[must_use]
    pub fn new(limits: Limits) -> RequestParser {
        RequestParser {
            max_args: limits.effective_args(),
            max_bulk_bytes: limits.effective_bulk_bytes(),
            stage: Stage::Start,
            limits,
            offset: 0,
            scanned: 0,
            remaining: 0,
            missing: 0,
            partial: Vec::new(),
            aside: Vec::new(),
        }
    }

    /// Puts other limits in force from the next count or length on: after AUTH, or CONFIG SET proto-max-bulk-len.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.max_args = limits.effective_args();
        self.max_bulk_bytes = limits.effective_bulk_bytes();
    }

    /// Parses the one request that starts at `at` and appends its spans, absolute in `buffer`. Returns the offset
    /// after it; no span appended means an empty request, to be skipped. `Ok(None)`: it is incomplete, and nothing
    /// was appended. Call again when more bytes are there, in the same or another buffer, with the `at` where the
    /// request starts in it.
    ///
    /// The arguments are read with [`RequestParser::args`], until `spans` is empty again when `next` is called.
    ///
    /// # Errors
    /// The request is malformed or over a limit. The parser is then of no further use.
    #[inline]
    pub fn next(
        &mut self,
        buffer: &[u8],
        at: usize,
        spans: &mut Vec<Span>,
    ) -> Result<Option<usize>, ProtocolError> {
        if self.stage == Stage::Start {
            let before = spans.len();
            if let Some(end) = whole_request(buffer, at, self.max_args, self.max_bulk_bytes, spans) {
                return Ok(Some(end));
            }
            spans.truncate(before);
        }
        self.resume(buffer, at, spans)
    }

    /// The view of one request: `spans` are all those that one call of [`RequestParser::next`] appended for
    /// `buffer`.
    #[must_use]
    #[inline]
    pub fn args<'a>(&'a self, buffer: &'a [u8], spans: &'a [Span]) -> Args<'a> {
        match spans.split_first() {
            Some((&Span::ASIDE, rest)) => Args::new(&self.aside, rest),
            _ => Args::new(buffer, spans),
        }
    }

    /// After `Ok(None)`: how many more bytes the request needs at least. Large only within an argument whose length
    /// is known, so that the caller can make room for all of it (a length that the peer has merely announced).
    #[must_use]
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Goes on where the last call stopped. All positions in here are relative to the request's start.
    #[cold]
    #[inline(never)]
    fn resume(
        &mut self,
        buffer: &[u8],
        at: usize,
        spans: &mut Vec<Span>,
    ) -> Result<Option<usize>, ProtocolError> {
        if u32::try_from(buffer.len()).is_err() {
            return Err(ProtocolError::RequestTooLarge);
        }
        let request = buffer.get(at..).unwrap_or_default();
        self.missing = 1;
        loop {
            match self.stage {
                Stage::Start => match request.first() {
                    None => return Ok(None),
                    Some(b'*') => self.stage = Stage::Count,
                    Some(_) => self.stage = Stage::Inline,
                },
                Stage::Inline => return self.on_inline(request, at, spans),
                Stage::Count => {
                    let Some(line) = self.line(request, ProtocolError::CountTooLong)? else {
                        return Ok(None);
                    };
                    self.on_count(line)?;
                }
                Stage::Length => {
                    if self.remaining == 0 {
                        return Ok(Some(self.finish(at, spans)));
                    }
                    let Some(line) = self.line(request, ProtocolError::LengthTooLong)? else {
                        return Ok(None);
                    };
                    self.on_length(line)?;
                }
                Stage::Body { bytes } => {
                    let end = self.offset + bytes as usize;
                    if request.len() < end + 2 {
                        self.missing = end + 2 - request.len();
                        return Ok(None);
                    }
                    self.partial.push(Span::new(self.offset, end));
                    self.advance(end + 2);
                    self.remaining -= 1;
                    self.stage = Stage::Length;
                }
            }
        }
    }

    /// The line at `offset` without its `\r\n`, once it is complete; `offset` then stands behind it.
    fn line<'a>(
        &mut self,
        request: &'a [u8],
        too_long: ProtocolError,
    ) -> Result<Option<&'a [u8]>, ProtocolError> {
        let unseen = request.get(self.scanned..).unwrap_or_default();
        let Some(found) = memchr(b'\r', unseen) else {
            self.scanned = request.len();
            return if self.scanned - self.offset > LINE_BYTES { Err(too_long) } else { Ok(None) };
        };
        let end = self.scanned + found;
        if end - self.offset > LINE_BYTES {
            return Err(too_long);
        }
        if request.len() < end + 2 {
            self.scanned = end;
            return Ok(None);
        }
        let line = request.get(self.offset..end).unwrap_or_default();
        self.advance(end + 2);
        Ok(Some(line))
    }

    fn on_count(&mut self, line: &[u8]) -> Result<(), ProtocolError> {
        let digits = line.split_first().map_or(&[][..], |(_, digits)| digits);
        let count = parse_i64(digits).ok_or(ProtocolError::InvalidCount)?;
        if count > i64::from(self.max_args) {
            let untrusted =
                self.limits.trust == Trust::Unauthenticated && count <= i64::from(self.limits.args);
            return Err(if untrusted {
                ProtocolError::UnauthenticatedCount
            } else {
                ProtocolError::InvalidCount
            });
        }
        self.remaining = u32::try_from(count).unwrap_or(0);
        self.stage = Stage::Length;
        Ok(())
    }

    fn on_length(&mut self, line: &[u8]) -> Result<(), ProtocolError> {
        let digits = match line.split_first() {
            Some((b'$', digits)) => digits,
            Some((&other, _)) => return Err(ProtocolError::ExpectedDollar(other)),
            None => return Err(ProtocolError::ExpectedDollar(b'\r')),
        };
        let bytes =
            parse_i64(digits).and_then(|n| u32::try_from(n).ok()).ok_or(ProtocolError::InvalidLength)?;
        if bytes > self.max_bulk_bytes {
            let untrusted = self.limits.trust == Trust::Unauthenticated && bytes <= self.limits.bulk_bytes;
            return Err(if untrusted {
                ProtocolError::UnauthenticatedLength
            } else {
                ProtocolError::InvalidLength
            });
        }
        self.stage = Stage::Body { bytes };
        Ok(())
    }

    fn on_inline(
        &mut self,
        request: &[u8],
        at: usize,
        spans: &mut Vec<Span>,
    ) -> Result<Option<usize>, ProtocolError> {
        let found = memchr(b'\n', request.get(self.scanned..).unwrap_or_default());
        let end = found.map_or(request.len(), |found| self.scanned + found);
        if end > LINE_BYTES {
            return Err(ProtocolError::InlineTooLong);
        }
        if found.is_none() {
            self.scanned = end;
            return Ok(None);
        }
        if spans.is_empty() {
            self.aside.clear();
        }
        let line = request.get(..end).unwrap_or_default();
        inline::split(line.strip_suffix(b"\r").unwrap_or(line), at, spans, &mut self.aside)?;
        self.reset();
        Ok(Some(at + end + 1))
    }

    fn advance(&mut self, offset: usize) {
        self.offset = offset;
        self.scanned = offset;
    }

    /// Hands over the spans of a request that came in pieces.
    fn finish(&mut self, at: usize, spans: &mut Vec<Span>) -> usize {
        spans.extend(self.partial.iter().map(|span| span.moved(at)));
        let end = at + self.offset;
        self.reset();
        end
    }

    fn reset(&mut self) {
        self.stage = Stage::Start;
        self.missing = 0;
        self.advance(0);
        self.partial.clear();
        if self.partial.capacity() > 1024 {
            self.partial = Vec::new();
        }
    }
}

/// Parses a multibulk request that is wholly there, of at most 99 arguments. `None`: it is not, or something about it is
/// unusual; spans may have been appended.
#[inline]
fn whole_request(
    buffer: &[u8],
    at: usize,
    max_args: u32,
    max_bulk_bytes: u32,
    spans: &mut Vec<Span>,
) -> Option<usize> {
    if u32::try_from(buffer.len()).is_err() {
        return None;
    }
    let rest = buffer.get(at..)?;
    let count = short_line::<b'*'>(rest).filter(|count| count.number <= max_args)?;
    let mut rest = rest.get(count.bytes..);
    // An iterator that knows its length is appended without a look at the capacity for each span. After a failure
    // nothing is left to parse, and the remaining spans are empty.
    spans.extend((0..count.number).map(|_| {
        let (span, after) = rest
            .and_then(|rest| argument(rest, buffer.len(), max_bulk_bytes))
            .map_or((Span::EMPTY, None), |(span, after)| (span, Some(after)));
        rest = after;
        span
    }));
    Some(buffer.len() - rest?.len())
}

/// Parses the argument that `rest`, the end of a buffer of `total` bytes, starts with.
#[inline(always)]
fn argument(rest: &[u8], total: usize, max_bulk_bytes: u32) -> Option<(Span, &[u8])> {
    let line = match short_line::<b'$'>(rest) {
        Some(line) => line,
        None => longer_line(rest, max_bulk_bytes)?,
    };
    let after = rest.get(line.bytes + line.number as usize + 2..)?;
    let start = total - rest.len() + line.bytes;
    Some((Span::new(start, start + line.number as usize), after))
}

/// The line `<mark><digits>\r\n` before a count or an argument.
struct Line {
    number: u32,
    /// How long the line is; its last byte has not been seen.
    bytes: usize,
}

/// Reads a line of one or two digits, from one word. `None` for any other.
///
/// Less what the line has at least, every byte of the word is 0 but for the digits. A digit is in range if neither
/// itself nor, with 6 added, has a bit above the fourth (7 for one that starts at 1); a borrow from a byte that was
/// too small shows in the same bits.
#[inline(always)]
fn short_line<const MARK: u8>(rest: &[u8]) -> Option<Line> {
    let word = u32::from_le_bytes(*rest.first_chunk()?);
    let one = word.wrapping_sub(u32::from_le_bytes([MARK, b'0', b'\r', 0]));
    if (one | one.wrapping_add(0x0600)) & 0x00ff_f0ff == 0 {
        return Some(Line { number: one >> 8 & 0xf, bytes: 4 });
    }
    let two = word.wrapping_sub(u32::from_le_bytes([MARK, b'1', b'0', b'\r']));
    if (two | two.wrapping_add(0x0006_0700)) & 0xfff0_f0ff == 0 {
        return Some(Line { number: (two >> 8 & 0xf) * 10 + (two >> 16) + 10, bytes: 5 });
    }
    None
}

/// Reads a line of three to nine digits before an argument.
#[inline(never)]
fn longer_line(rest: &[u8], max_bulk_bytes: u32) -> Option<Line> {
    let digits = rest.strip_prefix(b"$")?;
    let mut number = 0u32;
    for (i, &byte) in digits.iter().enumerate().take(10) {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            let canonical = byte == b'\r' && i > 2 && digits.first() != Some(&b'0');
            let bytes = i + 3;
            return (canonical && number <= max_bulk_bytes).then_some(Line { number, bytes });
        }
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    None
}
