//! The client's decoder: from received bytes to a [`Value`].
//!
//! Aggregates that are still being filled stand on a stack of their own, so that neither depth nor a cut in the bytes
//! costs a second look. A number that a server merely announces reserves nothing.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod frame;
#[cfg(test)]
mod tests;

use memchr::memchr;
use thiserror::Error;

use self::frame::{Frame, Kind};
use super::number::{parse_f64, parse_i64};
use super::{ReplyLimits, Value};

/// A malformed reply: the peer's fault, and final; the connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// No type has this mark.
    #[error("the server sent a value of unknown type {:?}", char::from(*.0))]
    PeerUnknownType(u8),
    /// What follows the mark is not what the type wants.
    #[error("the server sent a malformed value of type {:?}", char::from(*.0))]
    PeerMalformed(u8),
    /// A string, a count or the depth is over the limit.
    #[error("the server sent a reply over the limit of {0}")]
    PeerOverLimit(&'static str),
}

/// The decoder of one connection's replies.
#[derive(Debug)]
pub struct Decoder {
    limits: ReplyLimits,
    stack: Vec<Frame>,
    /// Values begun so far.
    values: usize,
    /// Where the unread part starts, relative to the reply's start.
    offset: usize,
    /// No end of line before this, relative to the reply's start.
    scanned: usize,
}

/// What one step made of the bytes.
enum Step {
    Value(Value),
    Open(Frame),
    Incomplete,
}

impl Decoder {
    /// A decoder at the start of a connection.
    #[must_use]
    pub fn new(limits: ReplyLimits) -> Decoder {
        Decoder { limits, stack: Vec::new(), values: 0, offset: 0, scanned: 0 }
    }

    /// Decodes the one reply that starts at `at`, and returns it with the offset after it. `Ok(None)`: it is
    /// incomplete; call again when more bytes are there, with the `at` where the reply then starts.
    ///
    /// # Errors
    /// The reply is malformed or over a limit. The decoder is then of no further use.
    pub fn decode(&mut self, buffer: &[u8], at: usize) -> Result<Option<(Value, usize)>, DecodeError> {
        let reply = buffer.get(at..).unwrap_or_default();
        loop {
            let mut value = match self.step(reply)? {
                Step::Incomplete => return Ok(None),
                Step::Value(value) => value,
                Step::Open(frame) => {
                    if frame.is_full() {
                        frame.close()
                    } else {
                        if self.stack.len() >= self.limits.depth {
                            return Err(DecodeError::PeerOverLimit("depth"));
                        }
                        self.stack.push(frame);
                        continue;
                    }
                }
            };
            // The value may complete the aggregate that it is in, and so on upwards.
            loop {
                let Some(mut frame) = self.stack.pop() else {
                    let end = at + self.offset;
                    (self.offset, self.scanned, self.values) = (0, 0, 0);
                    return Ok(Some((value, end)));
                };
                frame.take(value);
                if !frame.is_full() {
                    self.stack.push(frame);
                    break;
                }
                value = frame.close();
            }
        }
    }

    /// Reads one value, or the header of an aggregate.
    fn step(&mut self, reply: &[u8]) -> Result<Step, DecodeError> {
        let Some(line) = self.line(reply)? else { return Ok(Step::Incomplete) };
        let after = self.offset + line.len() + 2;
        let (&mark, text) = line.split_first().ok_or(DecodeError::PeerUnknownType(b'\r'))?;
        let malformed = DecodeError::PeerMalformed(mark);
        let value = match mark {
            b'+' => Value::Simple(text.to_vec()),
            b'-' => Value::Error(text.to_vec()),
            b':' => Value::Integer(integer(text).ok_or(malformed)?),
            b'_' if text.is_empty() => Value::Null,
            b',' => Value::Double(double(text).ok_or(malformed)?),
            b'#' if text == b"t" => Value::Boolean(true),
            b'#' if text == b"f" => Value::Boolean(false),
            b'(' if is_big_number(text) => Value::BigNumber(text.to_vec()),
            b'_' | b'#' | b'(' => return Err(malformed),
            b'$' | b'!' | b'=' => return self.string(reply, mark, text, after),
            _ => return self.open(mark, text, after),
        };
        self.begin_value(after)?;
        Ok(Step::Value(value))
    }

    /// The line at `offset` without its line end. Leaves `offset` where it is.
    fn line<'a>(&mut self, reply: &'a [u8]) -> Result<Option<&'a [u8]>, DecodeError> {
        let unseen = reply.get(self.scanned..).unwrap_or_default();
        let end = memchr(b'\r', unseen).map_or(reply.len(), |found| self.scanned + found);
        self.scanned = end;
        if end - self.offset > self.limits.bulk_bytes {
            return Err(DecodeError::PeerOverLimit("bytes"));
        }
        match reply.get(end + 1) {
            None => Ok(None),
            Some(b'\n') => Ok(reply.get(self.offset..end)),
            Some(_) => Err(DecodeError::PeerMalformed(reply.get(self.offset).copied().unwrap_or(b'\r'))),
        }
    }

    /// A string whose length stands in its header.
    fn string(&mut self, reply: &[u8], mark: u8, text: &[u8], start: usize) -> Result<Step, DecodeError> {
        let malformed = DecodeError::PeerMalformed(mark);
        if mark == b'$' && text == b"-1" {
            self.begin_value(start)?;
            return Ok(Step::Value(Value::Null));
        }
        let len = count(text).ok_or(malformed)?;
        if len > self.limits.bulk_bytes {
            return Err(DecodeError::PeerOverLimit("bytes"));
        }
        let end = start + len;
        let Some(line_end) = reply.get(end..end + 2) else { return Ok(Step::Incomplete) };
        if line_end != b"\r\n" {
            return Err(malformed);
        }
        let bytes = reply.get(start..end).unwrap_or_default();
        self.begin_value(end + 2)?;
        Ok(Step::Value(match mark {
            b'$' => Value::Bulk(bytes.to_vec()),
            b'!' => Value::Error(bytes.to_vec()),
            _ => match bytes.split_first_chunk::<3>() {
                Some((format, [b':', text @ ..])) => Value::Verbatim { format: *format, text: text.to_vec() },
                _ => return Err(malformed),
            },
        }))
    }

    /// The header of an aggregate.
    fn open(&mut self, mark: u8, text: &[u8], after: usize) -> Result<Step, DecodeError> {
        let kind = Kind::of(mark).ok_or(DecodeError::PeerUnknownType(mark))?;
        if kind == Kind::Array && text == b"-1" {
            self.begin_value(after)?;
            return Ok(Step::Value(Value::Null));
        }
        let count = count(text).ok_or(DecodeError::PeerMalformed(mark))?;
        if count > self.limits.values {
            return Err(DecodeError::PeerOverLimit("values"));
        }
        self.begin_value(after)?;
        Ok(Step::Open(Frame::new(kind, count)))
    }

    fn begin_value(&mut self, offset: usize) -> Result<(), DecodeError> {
        self.offset = offset;
        self.scanned = offset;
        self.values += 1;
        if self.values > self.limits.values { Err(DecodeError::PeerOverLimit("values")) } else { Ok(()) }
    }
}

/// A length or count.
fn count(text: &[u8]) -> Option<usize> {
    parse_i64(text).and_then(|number| usize::try_from(number).ok())
}

/// An integer may have a plus in front.
fn integer(text: &[u8]) -> Option<i64> {
    parse_i64(text.strip_prefix(b"+").filter(|digits| digits.first() != Some(&b'-')).unwrap_or(text))
}

fn double(text: &[u8]) -> Option<f64> {
    match text {
        b"nan" | b"-nan" => Some(f64::NAN),
        text => parse_f64(text),
    }
}

fn is_big_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
