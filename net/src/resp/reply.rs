//! The reply writer: values in, bytes of the client's protocol version out.
//!
//! Every call appends one value, or the header of an aggregate whose values the caller appends next. What RESP2
//! lacks is written as Redis writes it there:
//!
//! | value | RESP3 | RESP2 |
//! |---|---|---|
//! | null, null array | `_` | `$-1`, `*-1` |
//! | map of n pairs | `%n` | `*2n` |
//! | set, push | `~n`, `>n` | `*n` |
//! | double, big number, verbatim | `,` `(` `=` | bulk string |
//! | boolean | `#t` `#f` | `:1` `:0` |

use super::number::{Decimal, FloatText};

/// The protocol version that a client has chosen by HELLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What a connection starts with.
    #[default]
    Resp2,
    /// After HELLO 3.
    Resp3,
}

/// Writes replies to the end of a connection's output.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

impl<'a> Reply<'a> {
    /// A writer that appends to `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Reply<'a> {
        Reply { out, protocol }
    }

    /// The version that the client speaks.
    #[must_use]
    #[inline]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A simple string; line ends in it become spaces.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error, with its code: `ERR no such key`. Line ends in it become spaces.
    pub fn error(&mut self, text: &str) {
        self.line(b'-', text.as_bytes());
    }

    /// An error that quotes bytes of the client.
    pub fn error_bytes(&mut self, text: &[u8]) {
        self.line(b'-', text);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        header(self.out, b'$', bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A whole number as a bulk string.
    #[inline]
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(Decimal::new(value).as_bytes());
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.out.extend_from_slice(b"$-1\r\n"),
            Protocol::Resp3 => self.out.extend_from_slice(b"_\r\n"),
        }
    }

    /// No value where an array was due.
    #[inline]
    pub fn null_array(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.out.extend_from_slice(b"*-1\r\n"),
            Protocol::Resp3 => self.out.extend_from_slice(b"_\r\n"),
        }
    }

    /// A whole number.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        match usize::try_from(value) {
            Ok(value) => header(self.out, b':', value),
            Err(_) => self.line(b':', Decimal::new(value).as_bytes()),
        }
    }

    /// A floating point number.
    pub fn double(&mut self, value: f64) {
        let text = FloatText::new(value);
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => self.line(b',', text.as_bytes()),
        }
    }

    /// True or false.
    pub fn boolean(&mut self, value: bool) {
        let bytes = match (self.protocol, value) {
            (Protocol::Resp2, true) => b":1\r\n",
            (Protocol::Resp2, false) => b":0\r\n",
            (Protocol::Resp3, true) => b"#t\r\n",
            (Protocol::Resp3, false) => b"#f\r\n",
        };
        self.out.extend_from_slice(bytes);
    }

    /// The header of an array of `count` values.
    #[inline]
    pub fn array(&mut self, count: usize) {
        header(self.out, b'*', count);
    }

    /// The header of a map of `pairs` keys and values.
    pub fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp2 => header(self.out, b'*', pairs * 2),
            Protocol::Resp3 => header(self.out, b'%', pairs),
        }
    }

    /// The header of a set of `count` values.
    pub fn set(&mut self, count: usize) {
        self.aggregate(b'~', count);
    }

    /// The header of an out-of-band message of `count` values.
    pub fn push(&mut self, count: usize) {
        self.aggregate(b'>', count);
    }

    /// A text with its format: three letters, `txt` or `mkd`.
    pub fn verbatim(&mut self, format: &str, text: &str) {
        self.verbatim_bytes(format.as_bytes(), text.as_bytes());
    }

    /// A whole number of any size, in decimal.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    /// Bytes that are a reply already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn aggregate(&mut self, mark: u8, count: usize) {
        match self.protocol {
            Protocol::Resp2 => header(self.out, b'*', count),
            Protocol::Resp3 => header(self.out, mark, count),
        }
    }

    pub(super) fn verbatim_bytes(&mut self, format: &[u8], text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                header(self.out, b'=', format.len() + 1 + text.len());
                for part in [format, b":", text, b"\r\n"] {
                    self.out.extend_from_slice(part);
                }
            }
        }
    }

    /// `<mark><text>\r\n`, with spaces for line ends in the text.
    pub(super) fn line(&mut self, mark: u8, text: &[u8]) {
        self.out.push(mark);
        let start = self.out.len();
        self.out.extend_from_slice(text);
        for byte in self.out.iter_mut().skip(start) {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.out.extend_from_slice(b"\r\n");
    }
}

/// Appends `<mark><number>\r\n`. Up to three digits go out as one store of a known size.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "digits below 10")]
pub(super) fn header(out: &mut Vec<u8>, mark: u8, number: usize) {
    let ones = b'0' + (number % 10) as u8;
    if number < 10 {
        out.extend_from_slice(&[mark, ones, b'\r', b'\n']);
    } else if number < 100 {
        out.extend_from_slice(&[mark, b'0' + (number / 10) as u8, ones, b'\r', b'\n']);
    } else {
        long_header(out, mark, number);
    }
}

#[inline(never)]
fn long_header(out: &mut Vec<u8>, mark: u8, number: usize) {
    out.push(mark);
    out.extend_from_slice(Decimal::unsigned(number as u64).as_bytes());
    out.extend_from_slice(b"\r\n");
}
