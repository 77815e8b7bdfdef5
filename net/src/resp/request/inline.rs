//! Inline requests: a line of words, quoted as Redis has it (`sdssplitargs`).
//!
//! | written | means |
//! |---|---|
//! | `word` | itself, up to a space, tab or end of line |
//! | `"a \n \r \t \b \a \x41 \" \\"` | with these escapes; a backslash before anything else stands for what follows |
//! | `'it\'s'` | itself; `\'` is the only escape |
//!
//! A quote may open in the middle of a word and belongs to it; after the closing one there must be a space or the
//! end. Lines without a quote are split in place; others are copied to the parser's side buffer.

use memchr::memchr2;

use super::super::{ProtocolError, Span};

/// Appends the words of `line`, which stands at `at` in the caller's buffer. With a quote in it, appends
/// [`Span::ASIDE`] and spans of `aside`, to which the words are appended.
pub(super) fn split(
    line: &[u8],
    at: usize,
    spans: &mut Vec<Span>,
    aside: &mut Vec<u8>,
) -> Result<(), ProtocolError> {
    if memchr2(b'"', b'\'', line).is_some() {
        spans.push(Span::ASIDE);
        return split_quoted(line, spans, aside);
    }
    let mut start = 0;
    while let Some(word) = next_word(line, &mut start) {
        let end = start + word.iter().position(|&byte| ends_word(byte)).unwrap_or(word.len());
        spans.push(Span::new(at + start, at + end));
        start = end;
    }
    Ok(())
}

fn split_quoted(line: &[u8], spans: &mut Vec<Span>, aside: &mut Vec<u8>) -> Result<(), ProtocolError> {
    let mut start = 0;
    while let Some(mut rest) = next_word(line, &mut start) {
        let from = aside.len();
        while let Some((&byte, after)) = rest.split_first() {
            rest = match byte {
                b'"' => double_quoted(after, aside)?,
                b'\'' => single_quoted(after, aside)?,
                byte if ends_word(byte) => break,
                byte => {
                    aside.push(byte);
                    after
                }
            };
        }
        spans.push(Span::new(from, aside.len()));
        start = line.len() - rest.len();
    }
    Ok(())
}

/// What is left of the line from the next word on; moves `start` there.
fn next_word<'a>(line: &'a [u8], start: &mut usize) -> Option<&'a [u8]> {
    let rest = line.get(*start..)?;
    let skipped = rest.iter().position(|&byte| !is_space(byte))?;
    *start += skipped;
    rest.get(skipped..)
}

/// Reads up to the closing `"` and returns what follows it.
fn double_quoted<'a>(mut rest: &'a [u8], aside: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        rest = match rest {
            [b'"', after @ ..] => return closed(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                aside.push(hex_digit(*high) << 4 | hex_digit(*low));
                after
            }
            [b'\\', escaped, after @ ..] => {
                aside.push(unescape(*escaped));
                after
            }
            [byte, after @ ..] => {
                aside.push(*byte);
                after
            }
            [] => return Err(ProtocolError::UnbalancedQuotes),
        };
    }
}

/// Reads up to the closing `'` and returns what follows it.
fn single_quoted<'a>(mut rest: &'a [u8], aside: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        rest = match rest {
            [b'\'', after @ ..] => return closed(after),
            [b'\\', b'\'', after @ ..] => {
                aside.push(b'\'');
                after
            }
            [byte, after @ ..] => {
                aside.push(*byte);
                after
            }
            [] => return Err(ProtocolError::UnbalancedQuotes),
        };
    }
}

/// After a closing quote only a space or the end may follow.
fn closed(after: &[u8]) -> Result<&[u8], ProtocolError> {
    match after.first() {
        Some(&byte) if !is_space(byte) => Err(ProtocolError::UnbalancedQuotes),
        _ => Ok(after),
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20) - b'a' + 10,
    }
}

/// What may stand between words: C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// What ends a word outside of quotes: fewer than may stand between them.
fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
