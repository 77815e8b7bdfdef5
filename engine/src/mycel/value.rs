//! Values as commands see them, and what the storage is handed to keep.
//!
//! A string that is the canonical decimal form of an `i64` (no sign but a minus, no leading zero, at most 20
//! characters) is kept as that number where the command says so, as Redis keeps it: INCR then costs no parse.

/// The type of what a key holds. Only strings exist so far; the numbers are part of the record encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A string or a number.
    String = 0,
}

impl Kind {
    /// The name that TYPE answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
        }
    }
}

/// How a value is kept, in the words of OBJECT ENCODING.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// A 64-bit number.
    Int,
    /// At most 44 bytes that were written whole.
    Embstr,
    /// Longer than that, or built by APPEND or SETRANGE.
    Raw,
}

impl Encoding {
    /// The longest string that is called `embstr`, in bytes.
    pub const EMBSTR_MAX_BYTES: usize = 44;

    /// The name that OBJECT ENCODING answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Int => "int",
            Encoding::Embstr => "embstr",
            Encoding::Raw => "raw",
        }
    }
}

/// A value that is being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// A string.
    Bytes(&'a [u8]),
    /// A string that is kept as a number.
    Int(i64),
}

impl<'a> Value<'a> {
    /// The string, with `decimal` as the place for the digits of a number.
    #[inline]
    #[must_use]
    pub fn bytes<'b>(self, decimal: &'b mut Decimal) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Value::Bytes(bytes) => bytes,
            Value::Int(number) => decimal.write(number),
        }
    }

    /// The length of the string, in bytes.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Value::Bytes(bytes) => bytes.len(),
            Value::Int(number) => Decimal::new().write(number).len(),
        }
    }

    /// Whether the string has no bytes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        matches!(self, Value::Bytes([]))
    }

    /// The value as a number, if it is one in canonical form.
    #[inline]
    #[must_use]
    pub fn as_int(self) -> Option<i64> {
        match self {
            Value::Bytes(bytes) => parse_int(bytes),
            Value::Int(number) => Some(number),
        }
    }
}

/// A value to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewValue<'a> {
    /// A string from a client: kept as a number if it is one in canonical form.
    Text(&'a [u8]),
    /// A string that stays a string.
    Bytes(&'a [u8]),
    /// A string that was put together by an edit, so that its encoding is `raw` whatever its length.
    Raw(&'a [u8]),
    /// A number.
    Int(i64),
}

impl<'a> NewValue<'a> {
    /// The value as it will be kept: `Text` decided.
    #[inline]
    #[must_use]
    pub fn decided(self) -> NewValue<'a> {
        match self {
            NewValue::Text(bytes) => parse_int(bytes).map_or(NewValue::Bytes(bytes), NewValue::Int),
            other => other,
        }
    }

    /// The value as a reader would see it.
    #[inline]
    #[must_use]
    pub fn as_value(self) -> Value<'a> {
        match self.decided() {
            NewValue::Int(number) => Value::Int(number),
            NewValue::Text(bytes) | NewValue::Bytes(bytes) | NewValue::Raw(bytes) => Value::Bytes(bytes),
        }
    }
}

/// What becomes of a key's deadline when its value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deadline {
    /// The key shall live for ever.
    None,
    /// What the key had, it keeps; a new key lives for ever.
    Keep,
    /// The key shall be gone after this moment, in ms since the Unix epoch.
    At(u64),
}

impl Deadline {
    /// The deadline to write: `default_ms` says which one a key gets that is written without one.
    #[inline]
    pub(super) fn resolve(
        self,
        current_ms: Option<u64>,
        default_ms: impl FnOnce() -> Option<u64>,
    ) -> Option<u64> {
        match self {
            Deadline::None => default_ms(),
            Deadline::Keep => current_ms,
            Deadline::At(at_ms) => Some(at_ms),
        }
    }
}

impl From<Option<u64>> for Deadline {
    fn from(at_ms: Option<u64>) -> Self {
        at_ms.map_or(Deadline::None, Deadline::At)
    }
}

/// Room for the digits of an `i64`, on the stack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decimal {
    digits: [u8; Self::MAX_BYTES],
}

impl Decimal {
    /// The longest decimal form of an `i64`, in bytes.
    pub const MAX_BYTES: usize = 20;

    /// Empty room.
    #[inline]
    #[must_use]
    pub fn new() -> Decimal {
        Decimal::default()
    }

    /// Writes `number` and gives its digits.
    #[inline]
    pub fn write(&mut self, number: i64) -> &[u8] {
        let mut rest = number.unsigned_abs();
        let mut at = Self::MAX_BYTES;
        loop {
            at -= 1;
            self.digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            at -= 1;
            self.digits[at] = b'-';
        }
        &self.digits[at..]
    }
}

/// The number that `bytes` is the canonical decimal form of.
#[inline]
#[must_use]
pub fn parse_int(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', rest @ ..] if rest.len() < Decimal::MAX_BYTES => {}
        _ => return None,
    }
    let mut number = 0i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Counted downwards: the negative range reaches one further.
        number = number.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(number) } else { number.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_canonical_numbers_are_numbers() {
        let check =
            |text: &str, expect: Option<i64>| assert_eq!(parse_int(text.as_bytes()), expect, "{text:?}");
        check("0", Some(0));
        check("-1", Some(-1));
        check("9223372036854775807", Some(i64::MAX));
        check("-9223372036854775808", Some(i64::MIN));
        check("9223372036854775808", None);
        check("-9223372036854775809", None);
        for text in
            ["", "-", "-0", "00", "01", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "99999999999999999999", "a"]
        {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn digits_round_trip(number in any::<i64>()) {
            let mut decimal = Decimal::new();
            let text = decimal.write(number).to_vec();
            prop_assert_eq!(&text, &number.to_string().into_bytes());
            prop_assert_eq!(parse_int(&text), Some(number));
            prop_assert_eq!(Value::Int(number).len(), text.len());
        }

        #[test]
        fn parsing_agrees_with_printing(text in "[-+ 0-9]{0,21}") {
            let expect = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
            prop_assert_eq!(parse_int(text.as_bytes()), expect);
        }
    }
}
