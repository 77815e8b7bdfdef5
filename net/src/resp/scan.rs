//! The skipping scanner: where a reply ends, and whether it is an error; no value is built.
//!
//! For load tools, which must cost less than the server that they measure. It keeps no state: an incomplete reply
//! is scanned from its start again.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use memchr::memchr;

use super::DecodeError;
use super::number::parse_i64;

/// Finds the end of the one reply that starts at `at`: the offset after it, and whether it is an error. `Ok(None)`: it
/// is incomplete.
///
/// # Errors
/// The bytes are no reply. Only what has to be read to find the end is checked.
#[inline]
pub fn scan_reply(buffer: &[u8], at: usize) -> Result<Option<(usize, bool)>, DecodeError> {
    let rest = buffer.get(at..).unwrap_or_default();
    match *rest {
        [b'+', b'O', b'K', b'\r', b'\n', ..] => Ok(Some((at + 5, false))),
        [b'$', digit @ b'0'..=b'9', b'\r', b'\n', ..] => {
            Ok(within(buffer, at + 6 + usize::from(digit - b'0')))
        }
        [b'$', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b'\r', b'\n', ..] => {
            let len = usize::from(tens - b'0') * 10 + usize::from(ones - b'0');
            Ok(within(buffer, at + 7 + len))
        }
        _ => scan_any(buffer, at),
    }
}

fn within(buffer: &[u8], end: usize) -> Option<(usize, bool)> {
    (end <= buffer.len()).then_some((end, false))
}

/// Any reply: `pending` values are still to be skipped, at whatever depth they are.
fn scan_any(buffer: &[u8], mut at: usize) -> Result<Option<(usize, bool)>, DecodeError> {
    let mut pending = 1usize;
    let mut is_error = false;
    // Where the reply proper starts: at once, or when after its attributes one value is left.
    let mut outermost_at = Some(1);
    while pending > 0 {
        let Some(rest) = buffer.get(at..) else { return Ok(None) };
        let Some(end) = memchr(b'\r', rest) else { return Ok(None) };
        let line = rest.get(..end).unwrap_or_default();
        let (&mark, text) = line.split_first().ok_or(DecodeError::PeerUnknownType(b'\r'))?;
        at += end + 2;
        let outermost = outermost_at.take_if(|left| *left == pending).is_some();
        pending -= 1;
        match mark {
            b'+' | b':' | b'_' | b',' | b'#' | b'(' => {}
            b'-' => is_error |= outermost,
            b'$' | b'!' | b'=' => {
                is_error |= outermost && mark == b'!';
                at = at.saturating_add(skipped(mark, text)?.map_or(0, |len| len.saturating_add(2)));
            }
            b'*' | b'~' | b'>' => pending = pending.saturating_add(skipped(mark, text)?.unwrap_or(0)),
            b'%' => pending = pending.saturating_add(pairs(mark, text)?),
            b'|' => {
                pending = pending.saturating_add(pairs(mark, text)?).saturating_add(1);
                if outermost {
                    outermost_at = Some(1);
                }
            }
            other => return Err(DecodeError::PeerUnknownType(other)),
        }
    }
    Ok((at <= buffer.len()).then_some((at, is_error)))
}

/// A length or count; `None` for the null of RESP2.
fn skipped(mark: u8, text: &[u8]) -> Result<Option<usize>, DecodeError> {
    match parse_i64(text) {
        Some(-1) if matches!(mark, b'$' | b'*') => Ok(None),
        Some(number) => usize::try_from(number).map(Some).map_err(|_| DecodeError::PeerMalformed(mark)),
        None => Err(DecodeError::PeerMalformed(mark)),
    }
}

fn pairs(mark: u8, text: &[u8]) -> Result<usize, DecodeError> {
    Ok(skipped(mark, text)?.unwrap_or(0).saturating_mul(2))
}
