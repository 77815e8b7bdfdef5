//! Reads the values of parameters, with the error texts that Redis has for them.

use std::fmt::Display;
use std::ops::RangeInclusive;

use mycorrhizal_net::resp::number::parse_i64;

use super::OutputLimit;

/// Units of memory, longer suffixes before those that they end in.
const UNITS: [(&[u8], u64); 7] = [
    (b"kb", 1 << 10),
    (b"mb", 1 << 20),
    (b"gb", 1 << 30),
    (b"k", 1_000),
    (b"m", 1_000_000),
    (b"g", 1_000_000_000),
    (b"b", 1),
];

/// An amount of memory in bytes: `1024`, `64kb`, `2g`.
pub(super) fn memory(text: &[u8]) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let unit = UNITS.iter().find_map(|(suffix, factor)| Some((lower.strip_suffix(*suffix)?, *factor)));
    let (digits, factor) = unit.unwrap_or((&lower, 1));
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse::<u64>().ok()?.checked_mul(factor)
}

/// An amount of memory within a range.
pub(super) fn memory_in(text: &[u8], range: &RangeInclusive<u64>) -> Result<u64, String> {
    within(memory(text).ok_or("argument must be a memory value")?, range)
}

/// A whole number within a range.
pub(super) fn integer_in<T>(text: &[u8], range: &RangeInclusive<T>) -> Result<T, String>
where
    T: TryFrom<i64> + PartialOrd + Display,
{
    let number = parse_i64(text).ok_or("argument couldn't be parsed into an integer")?;
    let number = T::try_from(number).ok().filter(|number| range.contains(number));
    number.ok_or_else(|| outside(range))
}

fn within<T: PartialOrd + Display>(number: T, range: &RangeInclusive<T>) -> Result<T, String> {
    if range.contains(&number) { Ok(number) } else { Err(outside(range)) }
}

fn outside<T: Display>(range: &RangeInclusive<T>) -> String {
    format!("argument must be between {} and {} inclusive", range.start(), range.end())
}

/// `yes` or `no`.
pub(super) fn yes_no(text: &[u8]) -> Result<bool, String> {
    match text {
        _ if text.eq_ignore_ascii_case(b"yes") => Ok(true),
        _ if text.eq_ignore_ascii_case(b"no") => Ok(false),
        _ => Err("argument must be 'yes' or 'no'".to_owned()),
    }
}

/// Percentiles, separated by spaces.
pub(super) fn percentiles(text: &[u8]) -> Result<Vec<f64>, String> {
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<f64>().ok());
            let number = number.filter(|number| (0.0..=100.0).contains(number));
            number.ok_or_else(|| {
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".to_owned()
            })
        })
        .collect()
}

/// The class of clients that an output limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientClass {
    Normal,
    Replica,
    Pubsub,
}

/// `class hard soft seconds`, any number of times.
pub(super) fn output_limits(text: &[u8]) -> Result<Vec<(ClientClass, OutputLimit)>, String> {
    let words: Vec<&[u8]> = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    let (groups, rest) = words.as_chunks::<4>();
    if groups.is_empty() || !rest.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    groups.iter().map(output_limit).collect()
}

fn output_limit([class, hard, soft, seconds]: &[&[u8]; 4]) -> Result<(ClientClass, OutputLimit), String> {
    let class = match class.to_ascii_lowercase().as_slice() {
        b"normal" => ClientClass::Normal,
        b"slave" | b"replica" => ClientClass::Replica,
        b"pubsub" => ClientClass::Pubsub,
        _ => return Err("Invalid client class specified in buffer limit configuration.".to_owned()),
    };
    let seconds = parse_i64(seconds).and_then(|seconds| u64::try_from(seconds).ok());
    match (memory(hard), memory(soft), seconds) {
        (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) => {
            Ok((class, OutputLimit { hard_bytes, soft_bytes, soft_seconds }))
        }
        _ => Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".to_owned()),
    }
}
