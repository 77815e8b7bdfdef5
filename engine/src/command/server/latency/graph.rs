//! LATENCY GRAPH: the spikes of an event as a picture of characters, oldest left, each with its age below.
//!
//! ```text
//! command - high 500 ms, low 101 ms (all time high 500 ms)
//! --------------------------------------------------------
//!    #_
//!  _ ||
//! _||||_
//!
//! 543321
//! 09814
//! sssss
//! ```

use crate::node::slowlog::LatencyEvent;

/// Characters across.
const COLUMNS: usize = 80;
/// Characters down; each has two steps.
const ROWS: u64 = 4;

/// Draws the spikes as of `now`, in Unix seconds.
pub(super) fn draw(name: &str, event: &LatencyEvent, now: u64) -> String {
    let skipped = event.spikes.len().saturating_sub(COLUMNS);
    let spikes: Vec<(u64, u64)> = event.spikes.iter().skip(skipped).copied().collect();
    let high = spikes.iter().map(|(_, millis)| *millis).max().unwrap_or(0);
    let low = spikes.iter().map(|(_, millis)| *millis).min().unwrap_or(0);
    let headline = format!("{name} - high {high} ms, low {low} ms (all time high {} ms)", event.max_ms);
    let rule = "-".repeat(headline.len());
    let mut lines = vec![headline, rule];
    for row in (0..ROWS).rev() {
        lines.push(spikes.iter().map(|(_, millis)| mark(height(*millis, low, high), row)).collect());
    }
    lines.push(String::new());
    lines.extend(labels(&spikes.iter().map(|(at, _)| age(now.saturating_sub(*at))).collect::<Vec<_>>()));
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The height of a spike in half rows, from 1.
fn height(millis: u64, low: u64, high: u64) -> u64 {
    let span = (high - low).max(1);
    1 + (millis - low) * (ROWS * 2 - 1) / span
}

/// What a column of that height shows in a row counted from below.
fn mark(height: u64, row: u64) -> char {
    match height.saturating_sub(row * 2) {
        0 => ' ',
        1 => '_',
        2 => '#',
        _ => '|',
    }
}

/// A time span in its largest unit.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Labels written downwards, one below each column.
fn labels(labels: &[String]) -> Vec<String> {
    let depth = labels.iter().map(String::len).max().unwrap_or(0);
    let letter = |label: &String, line: usize| label.chars().nth(line).unwrap_or(' ');
    (0..depth).map(|line| labels.iter().map(|label| letter(label, line)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spikes_are_drawn_with_their_ages() {
        let spikes = [(1_000, 100), (1_050, 300), (1_055, 500)].into();
        let event = LatencyEvent { spikes, max_ms: 900 };
        let expect = "command - high 500 ms, low 100 ms (all time high 900 ms)\n\
                      --------------------------------------------------------\n  \
                      #\n  \
                      |\n #|\n_||\n\n\
                      115\nm0s\n s\n";
        assert_eq!(draw("command", &event, 1_060), expect);
    }

    #[test]
    fn one_spike_is_a_dash() {
        let event = LatencyEvent { spikes: [(10, 7)].into(), max_ms: 7 };
        assert!(draw("command", &event, 10).contains("\n_\n"));
    }
}
