//! Whole numbers in decimal.

/// Reads an `i64` that is written the one canonical way: digits without leading zero, or `-` and such digits.
/// Neither plus, space, `-0` nor anything beyond the range of `i64`.
#[must_use]
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let (&first, rest) = digits.split_first()?;
    let first = first.wrapping_sub(b'0');
    if first == 0 {
        return (rest.is_empty() && !negative).then_some(0);
    }
    // 19 digits never overflow a u64, and no i64 has more.
    if first > 9 || rest.len() > 18 {
        return None;
    }
    let mut number = u64::from(first);
    for &byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    if negative { 0i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() }
}

/// The decimal digits of an `i64`, on the stack.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    bytes: [u8; Decimal::MAX_BYTES],
    start: usize,
}

/// "00" to "99".
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut i = 0u8;
    while i < 100 {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            pairs[i as usize] = [b'0' + i / 10, b'0' + i % 10];
        }
        i += 1;
    }
    pairs
};

impl Decimal {
    /// The longest is `-9223372036854775808`.
    pub const MAX_BYTES: usize = 20;

    /// The digits of `value`.
    #[must_use]
    #[inline]
    pub fn new(value: i64) -> Decimal {
        let mut decimal = Decimal::unsigned(value.unsigned_abs());
        if value < 0 {
            // An i64 has at most 19 digits, so there is room in front.
            decimal.start = decimal.start.saturating_sub(1);
            if let Some(first) = decimal.bytes.get_mut(decimal.start) {
                *first = b'-';
            }
        }
        decimal
    }

    /// The digits of `value`.
    #[must_use]
    #[inline]
    pub fn unsigned(mut value: u64) -> Decimal {
        let mut decimal = Decimal { bytes: [b'0'; Decimal::MAX_BYTES], start: Decimal::MAX_BYTES };
        let (pairs, _) = decimal.bytes.as_chunks_mut::<2>();
        for pair in pairs.iter_mut().rev() {
            *pair = PAIRS.get((value % 100) as usize).copied().unwrap_or_default();
            decimal.start -= 2;
            if value < 100 {
                decimal.start += usize::from(value < 10);
                break;
            }
            value /= 100;
        }
        decimal
    }

    /// The digits, with a minus in front where it is due.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}
