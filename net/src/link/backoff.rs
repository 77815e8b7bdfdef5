//! How long to wait before dialling again: longer each time, and never as long as everybody else.
//!
//! Source: "Exponential Backoff And Jitter" (AWS Architecture Blog), the variant with full jitter.

use std::time::Duration;

/// The shortest wait.
pub const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// The longest wait.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// The waits between attempts to reach one peer.
///
/// ```
/// use mycorrhizal_net::link::backoff::{BACKOFF_MIN, BACKOFF_MAX, Backoff};
///
/// let mut backoff = Backoff::new();
/// assert!(backoff.next_wait(u64::MAX) <= 2 * BACKOFF_MIN);
/// for _ in 0..100 {
///     assert!((BACKOFF_MIN..=BACKOFF_MAX).contains(&backoff.next_wait(u64::MAX)));
/// }
/// backoff.on_success();
/// assert!(backoff.next_wait(u64::MAX) <= 2 * BACKOFF_MIN);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Before the first attempt.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An attempt failed: how long to wait before the next. `random` is any number, drawn anew each time; the wait is
    /// spread evenly from [`BACKOFF_MIN`] to a bound that doubles with each failure, up to [`BACKOFF_MAX`].
    pub fn next_wait(&mut self, random: u64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let spread = BACKOFF_MIN.saturating_mul(factor).min(BACKOFF_MAX) - BACKOFF_MIN;
        // The high half of the product is evenly spread below the spread.
        let micros = (u128::from(random) * (spread.as_micros() + 1)) >> 64;
        BACKOFF_MIN + Duration::from_micros(u64::try_from(micros).expect("less than the longest wait"))
    }

    /// An attempt succeeded: the next failure is the first again.
    pub fn on_success(&mut self) {
        self.failures = 0;
    }

    /// Attempts that failed since the last that succeeded.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_longest() {
        let mut backoff = Backoff::new();
        for longest_ms in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            assert_eq!(backoff.clone().next_wait(0), BACKOFF_MIN);
            assert_eq!(backoff.next_wait(u64::MAX), Duration::from_millis(longest_ms));
        }
        for _ in 0..100 {
            assert_eq!(backoff.next_wait(u64::MAX), BACKOFF_MAX);
        }
        assert_eq!(backoff.failures(), 108);
        backoff.on_success();
        assert_eq!(backoff.next_wait(u64::MAX / 2 + 1), Duration::from_micros(75_000));
    }

    #[test]
    fn waits_are_spread() {
        let mut backoff = Backoff { failures: 20 };
        let waits: Vec<Duration> = (0..8).map(|eighth| backoff.next_wait(eighth << 61)).collect();
        assert!(waits.windows(2).all(|pair| pair[1] - pair[0] > Duration::from_millis(600)), "{waits:?}");
    }
}
