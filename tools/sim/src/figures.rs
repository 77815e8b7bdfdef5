//! Figures over many runs.

use std::fmt;
use std::time::Duration;

/// Durations, some of them without end.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    known: Vec<Duration>,
    /// What did not end while somebody looked.
    pub endless: usize,
}

impl Durations {
    /// One more.
    pub fn push(&mut self, duration: Duration) {
        self.known.push(duration);
    }

    /// All of another.
    pub fn extend(&mut self, other: &Self) {
        self.known.extend_from_slice(&other.known);
        self.endless += other.endless;
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.known.len() + self.endless
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The longest; without end if one is.
    pub fn max(&self) -> Option<Duration> {
        self.quantile(1_000_000)
    }

    /// How many are not longer.
    pub fn count_within(&self, limit: Duration) -> usize {
        self.known.iter().filter(|duration| **duration <= limit).count()
    }

    /// The shortest duration that so many in a million do not exceed; without end if that is.
    pub fn quantile(&self, in_a_million: usize) -> Option<Duration> {
        let mut sorted = self.known.clone();
        sorted.sort_unstable();
        let rank = (self.len() * in_a_million).div_ceil(1_000_000).max(1);
        sorted.get(rank - 1).copied()
    }
}

impl fmt::Display for Durations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return formatter.write_str("none");
        }
        let text = |in_a_million| match self.quantile(in_a_million) {
            Some(duration) => format!("{:.3} s", duration.as_secs_f64()),
            None => "never".to_owned(),
        };
        write!(
            formatter,
            "{} of them: p50 {}, p99 {}, p99.99 {}, max {}",
            self.len(),
            text(500_000),
            text(990_000),
            text(999_900),
            text(1_000_000)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_count_what_never_ends() {
        let mut durations = Durations::default();
        (1..=99).for_each(|seconds| durations.push(Duration::from_secs(seconds)));
        durations.endless = 1;
        assert_eq!(durations.quantile(500_000), Some(Duration::from_secs(50)));
        assert_eq!(durations.quantile(990_000), Some(Duration::from_secs(99)));
        assert_eq!(durations.max(), None);
    }
}
