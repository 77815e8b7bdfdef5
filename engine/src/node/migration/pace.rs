//! How fast partitions leave a core.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Bytes that a core sends in a second.
const BYTES_PER_SECOND: i64 = 16 << 20;

/// Bytes that a core may send in one turn: what it has not sent for a while it does not make up for.
const TURN_BYTES: i64 = 8 << 10;

/// What a core may send now. *Core*.
#[derive(Default)]
pub(super) struct Pace {
    /// Bytes; below zero when more was sent, for a message is sent whole.
    left: Cell<i64>,
    /// When that was worked out.
    at: Cell<Option<Instant>>,
}

impl Pace {
    /// What may be sent in this turn, in bytes.
    pub(super) fn budget(&self, now: Instant) -> usize {
        let since = self.at.replace(Some(now)).map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let nanos = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        let earned = BYTES_PER_SECOND.saturating_mul(nanos) / 1_000_000_000;
        self.left.set(self.left.get().saturating_add(earned).min(TURN_BYTES));
        usize::try_from(self.left.get()).unwrap_or(0)
    }

    /// So much was sent.
    pub(super) fn spend(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_sub_unsigned(bytes as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn messages_that_are_longer_than_what_is_left_do_not_make_it_faster() {
        let (pace, begun) = (Pace::default(), clock::monotonic());
        let mut sent = 0;
        for turn in 0..8_000 {
            if pace.budget(begun + Duration::from_micros(250) * turn) > 0 {
                pace.spend(100_000);
                sent += 100_000;
            }
        }
        let two_seconds = 2 * BYTES_PER_SECOND;
        assert!((two_seconds - 100_000..=two_seconds + 100_000).contains(&sent), "{sent}");
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let (pace, begun) = (Pace::default(), clock::monotonic());
        assert_eq!(pace.budget(begun), 0);
        assert_eq!(pace.budget(begun + Duration::from_secs(5)), 8 << 10);
    }
}
