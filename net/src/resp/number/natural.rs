//! Whole numbers of any size: as much arithmetic as reading and printing long floating point numbers takes.

use std::cmp::Ordering;

/// A whole number in words of 32 bits, the least significant first, without leading zero words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Natural {
    words: Vec<u32>,
}

impl Natural {
    /// The number that decimal digits make.
    pub(super) fn from_digits(digits: impl Iterator<Item = u8>) -> Natural {
        let mut number = Natural::default();
        for digit in digits {
            number.multiply_add(10, u32::from(digit.wrapping_sub(b'0')));
        }
        number
    }

    /// The number `mantissa * 2^by`.
    #[expect(clippy::cast_possible_truncation, reason = "splits a mantissa into words")]
    pub(super) fn from_shifted(mantissa: u64, by: u32) -> Natural {
        let mut number = Natural { words: vec![mantissa as u32, (mantissa >> 32) as u32] };
        number.shift_left(by);
        number
    }

    /// The value times 10 to the power of `power`.
    pub(super) fn multiply_by_power_of_ten(&mut self, power: u32) {
        for _ in 0..power / 9 {
            self.multiply_add(1_000_000_000, 0);
        }
        self.multiply_add(10u32.pow(power % 9), 0);
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low word; the high one is carried")]
    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for word in &mut self.words {
            carry += u64::from(*word) * u64::from(factor);
            *word = carry as u32;
            carry >>= 32;
        }
        self.words.push(carry as u32);
        self.trim();
    }

    /// Divides by `divisor`, which is not 0, and returns the remainder.
    #[expect(clippy::cast_possible_truncation, reason = "quotient and remainder are below 2^32")]
    fn divide(&mut self, divisor: u32) -> u32 {
        let mut rest = 0u64;
        for word in self.words.iter_mut().rev() {
            rest = rest << 32 | u64::from(*word);
            *word = (rest / u64::from(divisor)) as u32;
            rest %= u64::from(divisor);
        }
        self.trim();
        rest as u32
    }

    pub(super) fn shift_left(&mut self, by: u32) {
        self.multiply_add(1 << (by % 32), 0);
        let zeros = std::iter::repeat_n(0, (by / 32) as usize);
        self.words.splice(0..0, zeros);
        self.trim();
    }

    fn subtract(&mut self, other: &Natural) {
        let mut borrow = false;
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        for (word, other) in self.words.iter_mut().zip(others) {
            let (rest, under) = word.overflowing_sub(other);
            let (rest, under_again) = rest.overflowing_sub(u32::from(borrow));
            *word = rest;
            borrow = under || under_again;
        }
        self.trim();
    }

    /// The number of binary digits.
    pub(super) fn bits(&self) -> u32 {
        let top = self.words.last().map_or(0, |word| 32 - word.leading_zeros());
        u32::try_from(self.words.len().saturating_sub(1)).unwrap_or(u32::MAX / 64) * 32 + top
    }

    /// The top 128 bits, shifted so that the highest is set, and how many bits lie below them (negative: how far the
    /// value was shifted up). The lowest bit of the result also stands for all bits below it.
    pub(super) fn top(&self) -> (u128, i32) {
        let mut top = 0u128;
        let mut words = self.words.iter().rev();
        for _ in 0..5 {
            let word = words.next().copied().unwrap_or(0);
            let room = top.leading_zeros().min(32);
            // The fifth word fills what the leading zeros of the first have left.
            let wide = u64::from(word) << room;
            top = top << room | u128::from(wide >> 32) | u128::from(wide.trailing_zeros() < 32);
        }
        let sticky = words.any(|&word| word != 0);
        (top | u128::from(sticky), i32::try_from(self.bits()).unwrap_or(i32::MAX) - 128)
    }

    /// The first 128 bits of `self / divisor` as in [`Natural::top`], and the power of two to multiply them by.
    pub(super) fn quotient(mut self, mut divisor: Natural) -> (u128, i32) {
        // With dividend and divisor of as many bits, the quotient is in 1/2 .. 2, and one bit of it comes per step.
        let (dividend_bits, divisor_bits) = (self.bits(), divisor.bits());
        self.shift_left(divisor_bits.saturating_sub(dividend_bits));
        divisor.shift_left(dividend_bits.saturating_sub(divisor_bits));
        let mut power = i32::try_from(dividend_bits).unwrap_or(0) - i32::try_from(divisor_bits).unwrap_or(0);
        let mut bits = 0u128;
        while bits >> 127 == 0 {
            bits <<= 1;
            if self.compare(&divisor) != Ordering::Less {
                self.subtract(&divisor);
                bits |= 1;
            }
            self.shift_left(1);
            power -= 1;
        }
        (bits | u128::from(!self.words.is_empty()), power + 1)
    }

    fn compare(&self, other: &Natural) -> Ordering {
        let by_length = self.words.len().cmp(&other.words.len());
        by_length.then_with(|| self.words.iter().rev().cmp(other.words.iter().rev()))
    }

    /// The decimal digits.
    pub(super) fn into_digits(mut self) -> Vec<u8> {
        let mut reversed = Vec::new();
        while !self.words.is_empty() {
            let mut group = self.divide(1_000_000_000);
            for _ in 0..9 {
                reversed.push(b'0' + u8::try_from(group % 10).unwrap_or(0));
                group /= 10;
            }
        }
        while reversed.last() == Some(&b'0') {
            reversed.pop();
        }
        if reversed.is_empty() {
            reversed.push(b'0');
        }
        reversed.reverse();
        reversed
    }

    fn trim(&mut self) {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }
}
