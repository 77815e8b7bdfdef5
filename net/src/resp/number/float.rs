//! Floating point numbers.

use std::io::Write as _;

use super::literal::{Literal, split_literal};

/// Reads a number as `strtod` does, from first to last byte: decimal or hexadecimal, `inf` and `infinity` in any case.
/// Refused are NaN, space, and what is too large or too small for an `f64` (as Redis refuses them).
#[must_use]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let (negative, literal) = split_literal(text)?;
    let magnitude = match literal {
        Literal::Infinity => f64::INFINITY,
        Literal::Decimal { digits, .. } => {
            let unsigned = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
            let value = std::str::from_utf8(unsigned).ok()?.parse::<f64>().ok()?;
            let is_zero = digits.iter().all(|byte| matches!(byte, b'0' | b'.'));
            in_range(value, is_zero)?
        }
        Literal::Hexadecimal { mantissa, power } => in_range(scale(mantissa, power), mantissa == 0)?,
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// What did not become infinite, nor zero without being it.
fn in_range(value: f64, is_zero: bool) -> Option<f64> {
    (value.is_finite() && (value != 0.0 || is_zero)).then_some(value)
}

/// `mantissa * 2^power`, rounded once unless the result is subnormal.
#[expect(clippy::cast_precision_loss, reason = "this is the rounding")]
fn scale(mantissa: u128, power: i32) -> f64 {
    let mut value = mantissa as f64;
    let mut left = power.clamp(-4000, 4000);
    while left != 0 && value != 0.0 && value.is_finite() {
        let step = left.clamp(-1000, 1000);
        value *= 2f64.powi(step);
        left -= step;
    }
    value
}

/// A double as Redis 7.2 prints it, on the stack: the fewest digits that read back the same, without exponent where
/// that stays short; `inf`, `-inf`, `nan`.
#[derive(Clone, Copy, Debug)]
pub struct FloatText {
    bytes: [u8; FloatText::MAX_BYTES],
    len: usize,
}

impl FloatText {
    /// Sign, 17 digits, and at most seven zeros and a point, or an exponent.
    pub const MAX_BYTES: usize = 32;

    /// The text of `value`.
    #[must_use]
    pub fn new(value: f64) -> FloatText {
        let mut text = FloatText { bytes: [0; FloatText::MAX_BYTES], len: 0 };
        if value.is_nan() {
            text.push(b"nan");
            return text;
        }
        if value.is_sign_negative() {
            text.push(b"-");
        }
        if value.is_infinite() {
            text.push(b"inf");
        } else if value == 0.0 {
            text.push(b"0");
        } else {
            let (digits, len, power) = shortest(value.abs());
            text.push_finite(digits.get(..len).unwrap_or_default(), power);
        }
        text
    }

    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Digits `d1 d2 …` meaning `d1.d2… * 10^power`.
    fn push_finite(&mut self, digits: &[u8], power: i32) {
        const ZEROS: &[u8] = b"00000000";
        let count = i32::try_from(digits.len()).unwrap_or(0);
        // The exponent if the digits were a whole number.
        let whole = power + 1 - count;
        if whole >= 0 && power < count + 7 {
            self.push(digits);
            self.push(zeros(ZEROS, whole));
        } else if whole < 0 && power >= 0 && (whole > -7 || power < 4) {
            let (before, after) =
                digits.split_at_checked(usize::try_from(power + 1).unwrap_or(0)).unwrap_or((digits, &[]));
            self.push(before);
            self.push(b".");
            self.push(after);
        } else if whole < 0 && power < 0 && (whole > -7 || power > -4) {
            self.push(b"0.");
            self.push(zeros(ZEROS, -power - 1));
            self.push(digits);
        } else {
            let (first, after) = digits.split_at_checked(1).unwrap_or((digits, &[]));
            self.push(first);
            if !after.is_empty() {
                self.push(b".");
                self.push(after);
            }
            self.push(if power < 0 { b"e-" } else { b"e+" });
            self.push(super::Decimal::new(i64::from(power.abs())).as_bytes());
        }
    }

    fn push(&mut self, text: &[u8]) {
        let end = self.len + text.len();
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(text);
            self.len = end;
        }
    }
}

fn zeros(all: &[u8], count: i32) -> &[u8] {
    usize::try_from(count).ok().and_then(|count| all.get(..count)).unwrap_or_default()
}

/// The shortest digits of a positive finite `value`, how many there are, and the power of ten of the first.
fn shortest(value: f64) -> ([u8; 24], usize, i32) {
    let mut text = [0u8; 32];
    let mut free = &mut text[..];
    // The longest is 24 bytes: 1.2345678901234567e-308.
    let written = write!(free, "{value:e}").is_ok();
    debug_assert!(written, "shortest digits fit");
    let mut digits = [0u8; 24];
    let mut len = 0;
    let mut power = 0;
    let mut bytes = text.iter().copied().take_while(|&byte| byte != 0);
    for byte in bytes.by_ref().take_while(|&byte| byte != b'e') {
        if byte != b'.'
            && let Some(slot) = digits.get_mut(len)
        {
            *slot = byte;
            len += 1;
        }
    }
    let mut negative = false;
    for byte in bytes {
        match byte {
            b'-' => negative = true,
            digit => power = power * 10 + i32::from(digit - b'0'),
        }
    }
    (digits, len, if negative { -power } else { power })
}
