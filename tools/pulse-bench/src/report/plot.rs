//! The plot of latencies: how many operations took how long, in plain ASCII.
//!
//! ```text
//!    latency up to      share  cumulative
//!        64.0 us      12.30 %   12.300 %  ##########
//!        90.5 us      45.12 %   57.420 %  ####################################
//! ```

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::table::duration;

/// Most rows of a plot.
const ROWS: u32 = 20;
/// Width of the longest bar.
const BAR: f64 = 50.0;

/// A plot of a histogram of nanoseconds: rows on a logarithmic scale between the smallest and the largest.
pub fn plot(latencies: &Histogram<u64>) -> String {
    if latencies.is_empty() {
        return String::new();
    }
    let rows = rows(latencies);
    let most = rows.iter().map(|row| row.1).max().unwrap_or(1) as f64;
    let all = latencies.len() as f64;
    let mut text = String::from("  latency up to      share  cumulative\n");
    let mut below = 0;
    for (up_to_ns, count) in rows {
        below += count;
        let (share, cumulative) = (count as f64 * 100.0 / all, below as f64 * 100.0 / all);
        let bar = "#".repeat(bar_length(count as f64 / most));
        let up_to = duration(up_to_ns as f64 / 1e3);
        let line = format!("  {up_to:>13}  {share:>7.3} %  {cumulative:>8.4} %  {bar}");
        writeln!(text, "{}", line.trim_end()).expect("writing to a string does not fail");
    }
    text
}

/// Upper bounds in nanoseconds, with the counts up to them and above the bound before.
fn rows(latencies: &Histogram<u64>) -> Vec<(u64, u64)> {
    let (min, max) = (latencies.min().max(1), latencies.max().max(2));
    // Steps of at least the square root of two: finer ones would show the histogram's own grain.
    let step = (max as f64 / min as f64).powf(1.0 / f64::from(ROWS)).max(std::f64::consts::SQRT_2);
    let mut rows = Vec::new();
    let (mut from, mut bound) = (0, min as f64);
    while from <= max {
        bound *= step;
        let up_to = ceiling(bound).clamp(from, max);
        rows.push((up_to, latencies.count_between(from, up_to)));
        from = latencies.highest_equivalent(up_to) + 1;
    }
    rows
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float to int casts saturate")]
fn ceiling(bound: f64) -> u64 {
    bound.ceil() as u64
}

/// A bar for a part of the longest one; what is not nothing is seen.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the width")]
fn bar_length(part: f64) -> usize {
    (part * BAR).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::{plot, rows};
    use crate::tally::latencies;

    #[test]
    fn every_latency_is_in_one_row() {
        let mut histogram = latencies();
        for number in 1..5_000_u64 {
            histogram.record(number * number * 17).unwrap();
        }
        let rows = rows(&histogram);
        assert!(rows.len() <= 22, "{}", rows.len());
        assert_eq!(rows.iter().map(|row| row.1).sum::<u64>(), histogram.len());
        assert!(rows.is_sorted_by_key(|row| row.0));
    }

    #[test]
    fn a_plot_of_one_value_is_one_full_bar() {
        let mut histogram = latencies();
        histogram.record_n(1_000, 5).unwrap();
        let plot = plot(&histogram);
        assert_eq!(plot.lines().count(), 2, "{plot}");
        assert!(plot.contains("100.0000 %") && plot.contains(&"#".repeat(50)), "{plot}");
        assert!(plot.is_ascii());
    }

    #[test]
    fn nothing_makes_no_plot() {
        assert_eq!(plot(&latencies()), "");
    }
}
