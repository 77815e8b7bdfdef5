//! The `long double` of x86-64: what INCRBYFLOAT and its kin calculate in.
//!
//! Redis adds in 80-bit floating point and prints 17 decimals, less trailing zeros. The sums that clients see
//! (0.1 + 0.2 = 0.3, but 1234.1 + 1 = 1235.09999999999999998) follow from that, so it is done here in integers.
//!
//! ```text
//!   value = mantissa * 2^exponent      mantissa: 64 bits, the highest set (0 for zero)
//! ```
//!
//! Numbers below 2^-16382 keep more digits than hardware would; they print as 0 all the same.

use super::literal::{Literal, split_literal};
use super::natural::Natural;

/// What the exponent may be at most: beyond it the number is infinite.
const MAX_EXPONENT: i32 = 16383 - 63;
/// Below this the number is zero, even as a subnormal one.
const MIN_EXPONENT: i32 = -16445 - 63;
/// Decimals printed.
const DECIMALS: usize = 17;
/// Bytes of a number that is read at most (`MAX_LONG_DOUBLE_CHARS`).
const MAX_TEXT_BYTES: usize = 5 * 1024;

/// A floating point number with 64 bits of precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Finite { mantissa: u64, exponent: i32 },
    Infinite,
    NotANumber,
}

const ZERO: Size = Size::Finite { mantissa: 0, exponent: 0 };

impl LongDouble {
    /// Reads a number as [`parse_f64`](super::parse_f64) does, with the range of a `long double`.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() >= MAX_TEXT_BYTES {
            return None;
        }
        let (negative, literal) = split_literal(text)?;
        let size = match literal {
            Literal::Infinity => return Some(LongDouble { negative, size: Size::Infinite }),
            Literal::Decimal { digits, power } => decimal(digits, power)?,
            Literal::Hexadecimal { mantissa: 0, .. } => ZERO,
            Literal::Hexadecimal { mantissa, power } => {
                let shift = mantissa.leading_zeros();
                nonzero(round(mantissa << shift, power.saturating_sub_unsigned(shift)))?
            }
        };
        Some(LongDouble { negative, size })
    }

    /// Whether it is a number at all, and not infinite.
    #[must_use]
    pub fn is_finite(self) -> bool {
        matches!(self.size, Size::Finite { .. })
    }

    /// The number with 17 decimals at most, without exponent: `10.6`, `-0.5`, `5200`; `inf`, `-inf`, `nan`.
    #[must_use]
    pub fn to_text(self) -> Vec<u8> {
        let (mantissa, exponent) = match self.size {
            Size::Finite { mantissa, exponent } => (mantissa, exponent),
            Size::Infinite if self.negative => return b"-inf".to_vec(),
            Size::Infinite => return b"inf".to_vec(),
            Size::NotANumber => return b"nan".to_vec(),
        };
        let mut text = if self.negative { b"-".to_vec() } else { Vec::new() };
        match u32::try_from(exponent) {
            Ok(shift) => text.extend(Natural::from_shifted(mantissa, shift).into_digits()),
            Err(_) => push_fixed(&mut text, fixed(mantissa, exponent.unsigned_abs())),
        }
        if text == b"-0" {
            return b"0".to_vec();
        }
        text
    }
}

impl std::ops::Add for LongDouble {
    type Output = LongDouble;

    fn add(self, other: LongDouble) -> LongDouble {
        let (a, b) = match (self.size, other.size) {
            (Size::Infinite, Size::Infinite) if self.negative != other.negative => {
                return LongDouble { negative: false, size: Size::NotANumber };
            }
            (Size::NotANumber | Size::Infinite, _) => return self,
            (_, Size::NotANumber | Size::Infinite) => return other,
            (Size::Finite { mantissa: a, exponent: x }, Size::Finite { mantissa: b, exponent: y }) => {
                ((a, x, self.negative), (b, y, other.negative))
            }
        };
        // The larger one first; zero has no exponent to speak of.
        let (large, small) = if b.0 == 0 || (a.0 != 0 && (a.1, a.0) >= (b.1, b.0)) { (a, b) } else { (b, a) };
        let high = u128::from(large.0) << 62;
        let low = shift_right_sticky(u128::from(small.0) << 62, large.1.abs_diff(small.1));
        let sum = if large.2 == small.2 { high + low } else { high - low };
        if sum == 0 {
            return LongDouble { negative: large.2 && small.2, size: ZERO };
        }
        let shift = sum.leading_zeros();
        let exponent = large.1 - 62 - i32::try_from(shift).unwrap_or(0);
        LongDouble { negative: large.2, size: round(sum << shift, exponent) }
    }
}

/// `digits * 10^power`, the digits with at most one point between them.
fn decimal(digits: &[u8], power: i32) -> Option<Size> {
    let after_point = digits.iter().rev().position(|&byte| byte == b'.').unwrap_or(0);
    let power = i64::from(power) - i64::try_from(after_point).unwrap_or(i64::MAX);
    let number = Natural::from_digits(digits.iter().copied().filter(|&byte| byte != b'.'));
    if number.bits() == 0 {
        return Some(ZERO);
    }
    // Far outside of the range: no need to calculate it. The digits are at most 5,120.
    if !(-12_000..=5_000).contains(&power) {
        return None;
    }
    let tens = u32::try_from(power.unsigned_abs()).unwrap_or(0);
    let (top, exponent) = if power >= 0 {
        let mut number = number;
        number.multiply_by_power_of_ten(tens);
        number.top()
    } else {
        let mut divisor = Natural::from_shifted(1, 0);
        divisor.multiply_by_power_of_ten(tens);
        number.quotient(divisor)
    };
    nonzero(round(top, exponent))
}

/// What is neither zero nor infinite.
fn nonzero(size: Size) -> Option<Size> {
    (size != ZERO && size != Size::Infinite).then_some(size)
}

/// Rounds `value * 2^exponent`, the highest bit of `value` set, to 64 bits: to nearest, a tie to even.
#[expect(clippy::cast_possible_truncation, reason = "takes a number of 128 bits apart")]
fn round(value: u128, exponent: i32) -> Size {
    let (high, low) = ((value >> 64) as u64, value as u64);
    let up = low > 1 << 63 || (low == 1 << 63 && high & 1 == 1);
    let (mantissa, exponent) = match high.checked_add(u64::from(up)) {
        Some(mantissa) => (mantissa, exponent.saturating_add(64)),
        None => (1 << 63, exponent.saturating_add(65)),
    };
    match exponent {
        ..MIN_EXPONENT => ZERO,
        MIN_EXPONENT..=MAX_EXPONENT => Size::Finite { mantissa, exponent },
        _ => Size::Infinite,
    }
}

/// Shifts right; the lowest bit of the result also stands for all bits that were lost.
fn shift_right_sticky(value: u128, by: u32) -> u128 {
    let shifted = value.checked_shr(by).unwrap_or(0);
    let lost = shifted.checked_shl(by).unwrap_or(0) != value;
    shifted | u128::from(lost)
}

/// `mantissa * 2^-shift` in units of 10^-17, rounded to nearest, a tie to even. 64 + 57 bits never overflow.
fn fixed(mantissa: u64, shift: u32) -> u128 {
    let scaled = u128::from(mantissa) * 10u128.pow(17);
    // One bit more than is wanted, and whether anything lies below it.
    let halves = shift_right_sticky(scaled << 2, shift);
    let (units, rest) = (halves >> 2, halves & 3);
    if rest > 2 || (rest == 2 && units & 1 == 1) { units + 1 } else { units }
}

fn push_fixed(text: &mut Vec<u8>, units: u128) {
    let digits = format!("{units:0>18}").into_bytes();
    let (whole, decimals) = digits.split_at_checked(digits.len() - DECIMALS).unwrap_or((&digits, &[]));
    text.extend_from_slice(whole);
    let kept = decimals.iter().rposition(|&byte| byte != b'0').map_or(0, |last| last + 1);
    if kept > 0 {
        text.push(b'.');
        text.extend(decimals.iter().take(kept));
    }
}
