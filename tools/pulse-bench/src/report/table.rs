//! The table at the end of a run.

use std::fmt::Write as _;

use super::RunReport;

/// The figures of a run as lines.
pub fn table(run: &RunReport) -> String {
    let mut lines = String::new();
    let mut row = |name: &str, text: String| {
        writeln!(lines, "  {name:<14} {text}").expect("writing to a string does not fail");
    };
    row("operations", format!("{} in {:.3} s", grouped(run.operations), run.elapsed_seconds));
    row("throughput", format!("{} ops/s", grouped(rounded(run.operations_per_second))));
    let latency = &run.latency_us;
    let named = [
        ("min", latency.min),
        ("mean", latency.mean),
        ("p50", latency.p50),
        ("p90", latency.p90),
        ("p99", latency.p99),
        ("p99.9", latency.p99_9),
        ("p99.99", latency.p99_99),
        ("max", latency.max),
    ];
    for (name, us) in named {
        row(name, duration(us));
    }
    row("sent", bytes(run.bytes_out, run.elapsed_seconds));
    row("received", bytes(run.bytes_in, run.elapsed_seconds));
    row("client cpu", format!("{:.3} us/op", run.client_cpu_us_per_operation));
    if let Some(us) = run.server_cpu_us_per_operation {
        row("server cpu", format!("{us:.3} us/op"));
    }
    for (name, count) in [("null replies", run.null_replies), ("redirects", run.redirects)] {
        if count > 0 {
            row(name, grouped(count));
        }
    }
    row("errors", grouped(run.errors));
    for (text, &count) in &run.errors_by_text {
        row("", format!("{} x {text}", grouped(count)));
    }
    if run.unanswered > 0 {
        row(
            "unanswered",
            format!("{} requests had no reply when the run was given up", grouped(run.unanswered)),
        );
    }
    if run.unsent > 0 {
        row(
            "unsent",
            format!("{} due operations: the server does not keep up with this load", grouped(run.unsent)),
        );
    }
    lines
}

/// Microseconds in the unit that fits.
pub fn duration(us: f64) -> String {
    match us {
        us if us < 1e3 => format!("{us:.1} us"),
        us if us < 1e6 => format!("{:.3} ms", us / 1e3),
        us => format!("{:.3} s", us / 1e6),
    }
}

/// A number with commas between the thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float to int casts saturate")]
fn rounded(number: f64) -> u64 {
    number.round() as u64
}

fn bytes(count: u64, seconds: f64) -> String {
    let mib = count as f64 / f64::from(1 << 20);
    let rate = if seconds > 0.0 { mib / seconds } else { 0.0 };
    format!("{mib:.1} MiB, {rate:.1} MiB/s")
}

#[cfg(test)]
mod tests {
    use super::{duration, grouped};

    #[test]
    fn numbers_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(duration(12.34), "12.3 us");
        assert_eq!(duration(1_234.5), "1.234 ms");
        assert_eq!(duration(2_500_000.0), "2.500 s");
    }
}
