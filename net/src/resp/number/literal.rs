//! How floating point numbers are written: what `strtod` and `strtold` accept.

/// A number without its sign, in pieces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Literal<'a> {
    /// `inf` or `infinity`, in any case.
    Infinity,
    /// `digits * 10^power`: at least one digit, and at most one point among them.
    Decimal { digits: &'a [u8], power: i32 },
    /// `mantissa * 2^power`; the lowest bit also stands for digits that found no room.
    Hexadecimal { mantissa: u128, power: i32 },
}

/// Splits a number into sign (true: negative) and the rest. `None` for anything else, NaN included.
pub(super) fn split_literal(text: &[u8]) -> Option<(bool, Literal<'_>)> {
    let (negative, magnitude) = match text {
        [b'-', magnitude @ ..] => (true, magnitude),
        [b'+', magnitude @ ..] => (false, magnitude),
        magnitude => (false, magnitude),
    };
    let literal = match magnitude {
        [b'0', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
        name if name.eq_ignore_ascii_case(b"inf") || name.eq_ignore_ascii_case(b"infinity") => {
            Literal::Infinity
        }
        _ => decimal(magnitude)?,
    };
    Some((negative, literal))
}

fn decimal(text: &[u8]) -> Option<Literal<'_>> {
    let end = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
    let (digits, exponent) = text.split_at_checked(end)?;
    let power = if exponent.is_empty() { 0 } else { power(exponent.get(1..)?)? };
    let points = digits.iter().filter(|&&byte| byte == b'.').count();
    let all_digits = digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.'));
    (all_digits && points <= 1 && digits.len() > points).then_some(Literal::Decimal { digits, power })
}

/// `1a.8p-3`, after `0x`.
fn hexadecimal(text: &[u8]) -> Option<Literal<'_>> {
    let end = text.iter().position(|byte| matches!(byte, b'p' | b'P')).unwrap_or(text.len());
    let (digits, exponent) = text.split_at_checked(end)?;
    let mut power = if exponent.is_empty() { 0 } else { power(exponent.get(1..)?)? };
    let mut mantissa = 0u128;
    let (mut count, mut point) = (0usize, false);
    for &byte in digits {
        if byte == b'.' && !point {
            point = true;
            continue;
        }
        let digit = u128::from(char::from(byte).to_digit(16)?);
        count += 1;
        let has_room = mantissa >> 120 == 0;
        mantissa = if has_room { mantissa << 4 | digit } else { mantissa | u128::from(digit != 0) };
        power = match (point, has_room) {
            (true, true) => power.saturating_sub(4),
            (false, false) => power.saturating_add(4),
            _ => power,
        };
    }
    (count > 0).then_some(Literal::Hexadecimal { mantissa, power })
}

/// An exponent: digits after an optional sign. What is beyond any range comes out as a million.
fn power(text: &[u8]) -> Option<i32> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut power = 0i32;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        power = (power * 10 + i32::from(digit)).min(1_000_000);
    }
    Some(sign * power)
}
