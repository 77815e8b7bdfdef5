//! Numbers for people: counts with their thousands apart, bytes, spans of time, shares.

/// `1234567` as `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the largest unit that leaves a whole part: `1.50 GB` (powers of 1024, as everywhere in Redis).
pub(crate) fn bytes(number: u64) -> String {
    let units = [("TB", 1_u64 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)];
    match units.into_iter().find(|(_, factor)| number >= *factor) {
        Some((unit, factor)) => format!("{:.2} {unit}", float(number) / float(factor)),
        None => format!("{number} B"),
    }
}

/// Seconds as `3d 04:05:06`.
pub(crate) fn span(seconds: u64) -> String {
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match seconds / 86_400 {
        0 => clock,
        days => format!("{days}d {clock}"),
    }
}

/// Microseconds as `850 µs`, `1.25 ms` or `3.00 s`.
pub(crate) fn latency(micros: f64) -> String {
    match micros {
        ..1_000.0 => format!("{micros:.0} µs"),
        ..1_000_000.0 => format!("{:.2} ms", micros / 1_000.0),
        _ => format!("{:.2} s", micros / 1_000_000.0),
    }
}

/// A share of one as `98.7 %`, a dash where there is nothing to share.
pub(crate) fn share(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1} %", share * 100.0))
}

/// A count as the nearest float.
#[expect(clippy::cast_precision_loss, reason = "rates and shares are shown with three digits")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1023, 1024, 3 << 29].map(bytes), ["0 B", "1023 B", "1.00 KB", "1.50 GB"]);
        assert_eq!([0, 61, 86_400 * 3 + 3_661].map(span), ["00:00:00", "00:01:01", "3d 01:01:01"]);
        assert_eq!([0.0, 850.4, 1_250.0, 3e6].map(latency), ["0 µs", "850 µs", "1.25 ms", "3.00 s"]);
        assert_eq!((share(Some(0.987)), share(None)), ("98.7 %".into(), "-".into()));
    }
}
