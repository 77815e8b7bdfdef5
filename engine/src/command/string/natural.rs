//! Natural numbers of any size: just what reading and printing a floating-point number exactly needs.

#![deny(clippy::indexing_slicing)]

use std::cmp::Ordering;

/// The largest power of ten in a limb, and its exponent.
const TEN_TO_19: u64 = 10_000_000_000_000_000_000;
const LIMB_DIGITS: usize = 19;

/// A natural number: limbs of 64 bits, the least significant first, the last one not zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Natural {
    limbs: Vec<u64>,
}

impl Natural {
    /// The number that decimal digits spell. `digits` holds nothing else.
    pub(super) fn from_digits(digits: &[u8]) -> Self {
        let mut number = Self::default();
        for group in digits.chunks(LIMB_DIGITS) {
            let value = group.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
            let scale = group.iter().fold(1, |scale, _| scale * 10);
            number.multiply_add(scale, value);
        }
        number
    }

    /// `10^exponent`.
    pub(super) fn power_of_ten(exponent: usize) -> Self {
        let mut number = Self { limbs: vec![1] };
        number.multiply_by_power_of_ten(exponent);
        number
    }

    /// Multiplies by `10^exponent`.
    pub(super) fn multiply_by_power_of_ten(&mut self, exponent: usize) {
        for _ in 0..exponent / LIMB_DIGITS {
            self.multiply_add(TEN_TO_19, 0);
        }
        let rest = (0..exponent % LIMB_DIGITS).fold(1, |scale, _| scale * 10);
        self.multiply_add(rest, 0);
    }

    /// The number of bits without leading zeros.
    pub(super) fn bits(&self) -> usize {
        let top = self.limbs.last().map_or(0, |limb| limb.leading_zeros() as usize);
        self.limbs.len() * 64 - top
    }

    /// Multiplies by `2^bits`.
    pub(super) fn shift_left(&mut self, bits: usize) {
        if self.limbs.is_empty() {
            return;
        }
        if !bits.is_multiple_of(64) {
            self.multiply_add(1 << (bits % 64), 0);
        }
        self.limbs.splice(0..0, std::iter::repeat_n(0, bits / 64));
    }

    /// The top 128 bits at most, how many bits are below them, and whether any of those is set.
    pub(super) fn top(&self) -> (u128, usize, bool) {
        let below = self.bits().saturating_sub(128);
        let (limbs, bits) = (below / 64, below % 64);
        let limb = |at: usize| u128::from(self.limbs.get(limbs + at).copied().unwrap_or(0));
        let low = limb(0) | limb(1) << 64;
        let top = if bits == 0 { low } else { low >> bits | limb(2) << (128 - bits) };
        let cut = limb(0) & ((1 << bits) - 1) != 0;
        (top, below, cut || self.limbs.iter().take(limbs).any(|limb| *limb != 0))
    }

    /// Divides by `divisor`, which has as many bits: the bits of the quotient from `2^0` down to `2^-fraction`, and
    /// whether something is left below them.
    pub(super) fn divide(mut self, divisor: &Self, fraction: u32) -> (u128, bool) {
        let mut quotient = 0;
        for _ in 0..=fraction {
            quotient <<= 1;
            if self.compare(divisor) != Ordering::Less {
                self.subtract(divisor);
                quotient |= 1;
            }
            self.multiply_add(2, 0);
        }
        (quotient, !self.limbs.is_empty())
    }

    /// The decimal digits; none for zero.
    pub(super) fn into_digits(mut self) -> String {
        let mut groups = Vec::new();
        while !self.limbs.is_empty() {
            groups.push(self.divide_by_limb(TEN_TO_19));
        }
        let first = groups.pop().map_or_else(String::new, |group| group.to_string());
        groups.iter().rev().fold(first, |digits, group| digits + &format!("{group:019}"))
    }

    fn multiply_add(&mut self, factor: u64, addend: u64) {
        let mut carry = u128::from(addend);
        for limb in &mut self.limbs {
            carry += u128::from(*limb) * u128::from(factor);
            *limb = low(carry);
            carry >>= 64;
        }
        if carry > 0 {
            self.limbs.push(low(carry));
        }
    }

    fn divide_by_limb(&mut self, divisor: u64) -> u64 {
        let mut rest = 0;
        for limb in self.limbs.iter_mut().rev() {
            let part = u128::from(rest) << 64 | u128::from(*limb);
            *limb = low(part / u128::from(divisor));
            rest = low(part % u128::from(divisor));
        }
        self.trim();
        rest
    }

    /// Subtracts a number that is not greater.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        let others = other.limbs.iter().copied().chain(std::iter::repeat(0));
        for (limb, other) in self.limbs.iter_mut().zip(others) {
            let (difference, under) = limb.overflowing_sub(other);
            let (difference, under_again) = difference.overflowing_sub(u64::from(borrow));
            *limb = difference;
            borrow = under || under_again;
        }
        self.trim();
    }

    fn compare(&self, other: &Self) -> Ordering {
        let lengths = self.limbs.len().cmp(&other.limbs.len());
        lengths.then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev()))
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }
}

/// The low limb of two.
#[expect(clippy::cast_possible_truncation, reason = "the other limb is the carry, kept by the caller")]
fn low(wide: u128) -> u64 {
    wide as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shifting_multiplies_by_powers_of_two() {
        let mut number = Natural::from_digits(b"3");
        number.shift_left(130);
        assert_eq!(number.bits(), 132);
        assert_eq!(number.top(), (3 << 126, 4, false));
        assert_eq!(number.into_digits(), "4083388403051261561560495289181218537472");
        assert_eq!(Natural::power_of_ten(40).into_digits(), format!("1{}", "0".repeat(40)));
    }

    #[test]
    fn bits_below_the_top_are_not_forgotten() {
        let mut number = Natural::from_digits(b"1");
        number.shift_left(200);
        number.multiply_add(1, 1);
        assert_eq!(number.top(), (1 << 127, 73, true));
    }

    proptest! {
        #[test]
        fn digits_round_trip(digits in "[1-9][0-9]{0,200}") {
            prop_assert_eq!(Natural::from_digits(digits.as_bytes()).into_digits(), digits);
        }

        #[test]
        fn division_agrees_with_integers(dividend in (1_u128 << 99)..(1 << 100), divisor in (1_u128 << 99)..(1 << 100)) {
            let natural = |value: u128| Natural::from_digits(value.to_string().as_bytes());
            let (quotient, rest) = natural(dividend).divide(&natural(divisor), 27);
            prop_assert_eq!(quotient, (dividend << 27) / divisor);
            prop_assert_eq!(rest, !(dividend << 27).is_multiple_of(divisor));
        }
    }
}
