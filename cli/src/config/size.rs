//! Sizes in bytes, written as Redis writes them.
//!
//! | suffix | bytes | | suffix | bytes |
//! |---|---|---|---|---|
//! | `b` or none | 1 | | | |
//! | `k` | 1000 | | `kb` | 1024 |
//! | `m` | 1000² | | `mb` | 1024² |
//! | `g` | 1000³ | | `gb` | 1024³ |
//!
//! The case of the suffix does not matter; there are no fractions.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteSize(pub u64);

/// Suffixes with their factors; a longer one stands before those that it ends in.
const SUFFIXES: [(&str, u64); 7] = [
    ("kb", 1 << 10),
    ("mb", 1 << 20),
    ("gb", 1 << 30),
    ("k", 1_000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("b", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let (digits, factor) = SUFFIXES
            .iter()
            .find_map(|(suffix, factor)| lower.strip_suffix(suffix).map(|digits| (digits, *factor)))
            .unwrap_or((&lower, 1));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("`{text}` is no size: write bytes or 64kb, 100mb, 2gb"));
        }
        let size = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        size.map(Self).ok_or_else(|| format!("`{text}` is more than 64 bits hold"))
    }
}

impl fmt::Display for ByteSize {
    /// The shortest exact form: `100mb`, `64kb`, `1000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = [("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)]
            .into_iter()
            .find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        match exact {
            Some((suffix, factor)) => write!(f, "{}{suffix}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_redis_reads_them() {
        let table = [
            ("0", 0),
            ("1024", 1024),
            ("12b", 12),
            ("1k", 1000),
            ("1kb", 1024),
            ("100mb", 100 << 20),
            ("100MB", 100 << 20),
            ("2m", 2_000_000),
            ("1gb", 1 << 30),
            (" 1Gb ", 1 << 30),
            ("3g", 3_000_000_000),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, bytes) in table {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "",
            "b",
            "gb",
            "-1",
            "+1",
            "1.5gb",
            "1tb",
            "1 gb",
            "ten",
            "18446744073709551616",
            "99999999999gb",
        ] {
            let error = text.parse::<ByteSize>().expect_err(text);
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn a_printed_size_reads_back_the_same() {
        for bytes in [0, 1, 1000, 1024, 1536, 100 << 20, 1 << 30, (1 << 30) + 1, u64::MAX] {
            assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }
        assert_eq!(ByteSize(100 << 20).to_string(), "100mb");
    }
}
