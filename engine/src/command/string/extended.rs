//! Floating-point numbers with 64 bits of mantissa, as the x87 and so Redis's `long double` has them: INCRBYFLOAT reads,
//! adds and prints with them, so that `10.5 + 0.1` is `10.6` and every digit is the one Redis answers.
//!
//! ```text
//!   "10.50" ──parse──▶ mantissa · 2^exponent ──sum, to nearest, ties to even──▶ "%.17f" without trailing zeros
//! ```
//!
//! Numbers too small to be normal keep their full mantissa here: they print as 0 either way.
//!
//! Sources: Intel SDM volume 1, chapter 4 (double extended precision); `strtold` of C for what is a number.

#![deny(clippy::indexing_slicing)]

use super::natural::Natural;

/// The longest text that is read, in bytes (`MAX_LONG_DOUBLE_CHARS`, less its end).
const TEXT_MAX_BYTES: usize = 5 * 1024 - 1;
/// The largest exponent of a normalised mantissa.
const EXPONENT_MAX: i32 = 16_383 - 63;
/// Powers of two at or below half the smallest number: they round to zero.
const HALF_OF_SMALLEST: i32 = -16_446;
/// Powers of ten beyond which nothing has to be computed to know that it is too large or too small.
const DECIMAL_EXPONENT_MAX: i64 = 4_940;
const DECIMAL_EXPONENT_MIN: i64 = -4_970;
/// Digits after the point that are printed.
const FRACTION_DIGITS: usize = 17;
const TEN_TO_17: u128 = 100_000_000_000_000_000;

/// `mantissa · 2^exponent` with the mantissa's top bit set, or zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extended {
    negative: bool,
    mantissa: u64,
    exponent: i32,
}

/// What a text that is a number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parsed {
    /// An ordinary number.
    Finite(Extended),
    /// `inf` or `infinity`, of either sign.
    Infinite,
}

impl Parsed {
    /// Zero.
    pub(super) const ZERO: Self = Self::Finite(Extended::ZERO);

    /// Reads a whole text. None: it is no number, NaN, or one too large or too small.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_MAX_BYTES {
            return None;
        }
        let (negative, magnitude) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if magnitude.eq_ignore_ascii_case(b"inf") || magnitude.eq_ignore_ascii_case(b"infinity") {
            return Some(Self::Infinite);
        }
        let number = match magnitude {
            [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(digits)?,
            digits => parse_decimal(digits)?,
        };
        Some(Self::Finite(Extended { negative, ..number }))
    }
}

impl Extended {
    const ZERO: Self = Self { negative: false, mantissa: 0, exponent: 0 };

    /// The sum. None: too large for a finite number.
    pub(super) fn sum(self, other: Self) -> Option<Self> {
        if self.mantissa == 0 || other.mantissa == 0 {
            return Some(if self.mantissa == 0 { other } else { self });
        }
        let (large, small) = if (self.exponent, self.mantissa) >= (other.exponent, other.mantissa) {
            (self, other)
        } else {
            (other, self)
        };
        let shift = large.exponent.abs_diff(small.exponent);
        let wide = u128::from(large.mantissa) << 63;
        let addend = u128::from(small.mantissa) << 63;
        // Bits that fall off are remembered in the lowest, which is far below the bits that rounding looks at.
        let kept = addend.checked_shr(shift).unwrap_or(0);
        let addend = kept | u128::from(kept.checked_shl(shift) != Some(addend));
        let exponent = large.exponent - 63;
        let sum = if large.negative == small.negative { wide + addend } else { wide - addend };
        let sum = Self { negative: large.negative && sum != 0, ..Self::rounded(sum, exponent, false) };
        (sum.exponent <= EXPONENT_MAX).then_some(sum)
    }

    /// The number in decimal with at most 17 digits after the point, and no zeros at its end.
    pub(super) fn to_text(self) -> String {
        let (whole, fraction) = match u32::try_from(self.exponent) {
            Ok(shift) => {
                let mut number = Natural::from_digits(self.mantissa.to_string().as_bytes());
                number.shift_left(shift as usize);
                (number.into_digits(), 0)
            }
            Err(_) => {
                let scaled = shift_right_to_nearest(
                    u128::from(self.mantissa) * TEN_TO_17,
                    self.exponent.unsigned_abs(),
                );
                ((scaled / TEN_TO_17).to_string(), scaled % TEN_TO_17)
            }
        };
        if self.mantissa == 0 || (whole == "0" && fraction == 0) {
            return "0".to_owned();
        }
        let sign = if self.negative { "-" } else { "" };
        if fraction == 0 {
            return format!("{sign}{whole}");
        }
        let text = format!("{sign}{whole}.{fraction:0FRACTION_DIGITS$}");
        text.trim_end_matches('0').to_owned()
    }

    /// `wide · 2^exponent` to the nearest, ties to even. `more` says that the true value is a little more than `wide`,
    /// which then has 66 bits or more.
    fn rounded(wide: u128, exponent: i32, more: bool) -> Self {
        if wide == 0 {
            return Self::ZERO;
        }
        let shift = wide.leading_zeros();
        let aligned = wide << shift | u128::from(more);
        let mantissa = shift_right_to_nearest(aligned, 64);
        let exponent = exponent + 64 - shift.cast_signed();
        match u64::try_from(mantissa) {
            Ok(mantissa) => Self { negative: false, mantissa, exponent },
            Err(_) => Self { negative: false, mantissa: 1 << 63, exponent: exponent + 1 },
        }
    }

    /// The number if it is neither too large nor, though not zero, too small.
    fn in_range(self) -> Option<Self> {
        let power = self.exponent + 63;
        let vanishes = power < HALF_OF_SMALLEST || (power == HALF_OF_SMALLEST && self.mantissa == 1 << 63);
        (self.mantissa == 0 || (self.exponent <= EXPONENT_MAX && !vanishes)).then_some(self)
    }
}

/// `value / 2^shift` to the nearest, ties to even.
fn shift_right_to_nearest(value: u128, shift: u32) -> u128 {
    let quotient = value.checked_shr(shift).unwrap_or(0);
    let Some(half) = 1_u128.checked_shl(shift.wrapping_sub(1)) else { return quotient };
    let rest = value - (quotient.checked_shl(shift).unwrap_or(0));
    quotient + u128::from(rest > half || (rest == half && quotient % 2 == 1))
}

/// Reads `12.5e-3`.
fn parse_decimal(text: &[u8]) -> Option<Extended> {
    let (mantissa, exponent) = split_exponent(text, [b'e', b'E'])?;
    let (digits, fraction_digits) = split_point(mantissa, u8::is_ascii_digit)?;
    let first = digits.iter().position(|digit| *digit != b'0');
    let Some(significant) = first.and_then(|first| digits.get(first..)) else { return Some(Extended::ZERO) };
    let exponent = exponent.saturating_sub_unsigned(fraction_digits as u64);
    let magnitude = exponent.saturating_add_unsigned(significant.len() as u64);
    if !(DECIMAL_EXPONENT_MIN..=DECIMAL_EXPONENT_MAX).contains(&magnitude) {
        return None;
    }
    let mut number = Natural::from_digits(significant);
    let power = usize::try_from(exponent.unsigned_abs()).ok()?;
    if exponent >= 0 {
        number.multiply_by_power_of_ten(power);
        let (top, below, more) = number.top();
        return Extended::rounded(top, i32::try_from(below).ok()?, more).in_range();
    }
    divide(number, Natural::power_of_ten(power))?.in_range()
}

/// The quotient of two numbers: enough bits of it to round, and whether there are more.
fn divide(mut dividend: Natural, mut divisor: Natural) -> Option<Extended> {
    const FRACTION_BITS: u32 = 68;
    let (above, below) = (dividend.bits(), divisor.bits());
    dividend.shift_left(below.saturating_sub(above));
    divisor.shift_left(above.saturating_sub(below));
    let exponent = i32::try_from(above).ok()? - i32::try_from(below).ok()? - FRACTION_BITS.cast_signed();
    let (quotient, more) = dividend.divide(&divisor, FRACTION_BITS);
    Some(Extended::rounded(quotient, exponent, more))
}

/// Reads `1a.8p-3` (after `0x`).
fn parse_hexadecimal(text: &[u8]) -> Option<Extended> {
    let (mantissa, exponent) = split_exponent(text, [b'p', b'P'])?;
    let (digits, fraction_digits) = split_point(mantissa, u8::is_ascii_hexdigit)?;
    let first = digits.iter().position(|digit| *digit != b'0');
    let Some(significant) = first.and_then(|first| digits.get(first..)) else { return Some(Extended::ZERO) };
    let kept = significant.len().min(32);
    let mut wide = 0;
    for digit in significant.iter().take(kept) {
        wide = wide << 4 | u128::from(char::from(*digit).to_digit(16)?);
    }
    let more = significant.iter().skip(kept).any(|digit| *digit != b'0');
    let places = i64::try_from(significant.len() - kept).ok()? - i64::try_from(fraction_digits).ok()?;
    let exponent = exponent.clamp(-1_000_000, 1_000_000) + 4 * places;
    Extended::rounded(wide, i32::try_from(exponent).ok()?, more).in_range()
}

/// Splits the exponent off: digits with an optional sign after one of `marks`. Exponents beyond 64 bits saturate.
fn split_exponent(text: &[u8], marks: [u8; 2]) -> Option<(&[u8], i64)> {
    let Some(at) = text.iter().position(|byte| marks.contains(byte)) else { return Some((text, 0)) };
    let (mantissa, exponent) = text.split_at_checked(at)?;
    let (negative, digits) = match exponent.get(1..)? {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits
        .iter()
        .fold(0_i64, |size, digit| size.saturating_mul(10).saturating_add((digit - b'0').into()));
    Some((mantissa, if negative { -size } else { size }))
}

/// All digits of `text` without its point, and how many stood behind that.
fn split_point(text: &[u8], is_digit: fn(&u8) -> bool) -> Option<(Vec<u8>, usize)> {
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let (whole, fraction) = (parts.next()?, parts.next().unwrap_or_default());
    let digits = [whole, fraction].concat();
    (!digits.is_empty() && digits.iter().all(is_digit)).then_some((digits, fraction.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(number: &str, increment: &str) -> Option<String> {
        match (Parsed::parse(number.as_bytes())?, Parsed::parse(increment.as_bytes())?) {
            (Parsed::Finite(number), Parsed::Finite(increment)) => {
                number.sum(increment).map(Extended::to_text)
            }
            _ => None,
        }
    }

    /// Expectations are what Redis answers on x86-64.
    #[test]
    fn sums_have_the_digits_of_redis() {
        let check = |number, increment, expect: &str| {
            assert_eq!(sum(number, increment).as_deref(), Some(expect), "{number} + {increment}");
            assert_eq!(sum(increment, number).as_deref(), Some(expect), "{increment} + {number}");
        };
        check("0.1", "0.2", "0.3");
        check("10.5", "0.1", "10.6");
        check("3", "1.1", "4.1");
        check("1e17", "0.5", "100000000000000000.5");
        check("18446744073709551615", "1", "18446744073709551616");
        check("18446744073709551616", "1", "18446744073709551616");
        check("1e30", "1", "1000000000000000000024696061952");
        check("9007199254740993", "0.25", "9007199254740993.25");
        check("1", "1e-4950", "1");
        check("1", "5e-18", "1");
        check("1", "5.1e-18", "1.00000000000000001");
        check("-1.5", "1.5", "0");
        check("-1e-30", "0", "0");
        check("-0", "-0", "0");
        check("0x1.8p1", "+0X.8", "3.5");
    }

    #[test]
    fn texts_are_rounded_to_64_bits() {
        let check = |text: &str, expect: &str| assert_eq!(sum(text, "0").as_deref(), Some(expect), "{text}");
        check("0.000000000000000005", "0");
        check("0.000000000000000015", "0.00000000000000002");
        check("123456789012345678901234567890.5", "123456789012345678899921813504");
        check("0x8000000000000000800000000000000000", "43556142965880123323311949751266331066368");
        check("0x8000000000000001800000000000000000", "43556142965880123332756682717005621493760");
        check("1.7976931348623157e308", &sum("1797693134862315700e290", "0").unwrap());
        assert_eq!(sum("1e4932", "17").unwrap().len(), 4933);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let invalid = "|.|-|+|e1|1e|1e+|1e1.5|1 | 1|1x|--1|+-1|0x|0x.|0x1p|0x1g|nan|in|infinit|1e4933|1e-4960|0x1p16384";
        for text in invalid.split('|') {
            assert_eq!(Parsed::parse(text.as_bytes()), None, "{text:?}");
        }
        for text in ["inf", "-INF", "+Infinity"] {
            assert_eq!(Parsed::parse(text.as_bytes()), Some(Parsed::Infinite), "{text}");
        }
        assert_eq!(sum("1e4932", "1e4932"), None);
        assert!(Parsed::parse(&[b'1'; 4_900]).is_some());
        assert_eq!(Parsed::parse(&[b'0'; TEXT_MAX_BYTES + 1]), None);
    }

    #[test]
    fn the_smallest_numbers_are_told_from_zero() {
        for (text, expect) in
            [("0x1p-16445", true), ("0x1.8p-16446", true), ("0x1p-16446", false), ("0x0p-99999", true)]
        {
            assert_eq!(Parsed::parse(text.as_bytes()).is_some(), expect, "{text}");
        }
    }
}
