//! How long this node may still act as what the cluster takes it for: owner of its partitions, leader, holder of locks.
//!
//! The leader frees what a node holds [`SESSION`] after it last *heard* from it. The node itself stops [`MARGIN`] before
//! [`SESSION`] has passed since it *sent* the sign of life that the leader confirmed; so it has stopped before anybody
//! else can begin, however long messages take, and however long the node was paused: its clock goes on meanwhile.
//! The margin is for clocks that run at different speeds, up to a tenth.
//!
//! One writer, the service core; read by everybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::sessions::SESSION;

/// How much earlier than the leader the node itself takes its session to be over.
pub const MARGIN: Duration = Duration::from_millis(120);

/// Until when the node may act. *Node*.
#[derive(Debug, Default)]
pub struct Tenure {
    /// Ms since the machine's boot.
    until_ms: AtomicU64,
    /// How often it has run out.
    lapses: AtomicU64,
    /// What a core must know of before it acts: the version of the state at the first confirmation after the last lapse.
    version: AtomicU64,
}

impl Tenure {
    /// A sign of life that was sent at `sent` has been confirmed, which is known at `now`, both since the machine's boot;
    /// the state of who confirmed it had `version`.
    pub(super) fn extend(&self, sent: Duration, now: Duration, version: u64) {
        let until_ms = millis(sent + SESSION - MARGIN);
        let before = self.until_ms.load(Ordering::Acquire);
        if until_ms <= before {
            return;
        }
        if millis(now) >= before {
            // What was owned before may have been given to others meanwhile.
            self.version.store(version, Ordering::Release);
            // Whoever compares lapses with those of the moment it began must see this before the new end.
            self.lapses.fetch_add(1, Ordering::Release);
        }
        self.until_ms.store(until_ms, Ordering::Release);
    }

    /// The node leaves, or its life is over: it acts no more.
    pub(super) fn end(&self) {
        self.lapses.fetch_add(1, Ordering::Release);
        self.until_ms.store(0, Ordering::Release);
    }

    /// Until when the node may act, since the machine's boot.
    #[inline]
    #[must_use]
    pub fn until(&self) -> Duration {
        Duration::from_millis(self.until_ms.load(Ordering::Acquire))
    }

    /// Whether the node may act at `now`, since the machine's boot.
    #[inline]
    #[must_use]
    pub fn holds(&self, now: Duration) -> bool {
        now < self.until()
    }

    /// Whether a core that knows `version` of the state may act at `now`: it knows of all that was decided while the node
    /// was not heard.
    #[inline]
    #[must_use]
    pub fn holds_for(&self, now: Duration, version: u64) -> bool {
        self.holds(now) && version >= self.version.load(Ordering::Acquire)
    }

    /// How often it has run out: what was held before is lost when this has grown.
    #[must_use]
    pub fn lapses(&self) -> u64 {
        self.lapses.load(Ordering::Acquire)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_counts_from_when_the_sign_of_life_was_sent() {
        let tenure = Tenure::default();
        assert!(!tenure.holds(ms(0)));
        tenure.extend(ms(10_000), ms(10_900), 4);
        assert_eq!(tenure.lapses(), 1, "before the first there was none");
        assert!(tenure.holds(ms(11_079)) && !tenure.holds(ms(11_080)));
        tenure.extend(ms(11_000), ms(11_079), 9);
        assert_eq!((tenure.lapses(), tenure.until()), (1, ms(12_080)));
        tenure.extend(ms(10_500), ms(11_100), 9);
        assert_eq!(tenure.until(), ms(12_080), "an answer that was overtaken");
        assert!(tenure.holds_for(ms(12_000), 4), "without a lapse nothing can have been taken away");
    }

    #[test]
    fn a_node_that_was_paused_knows_that_it_lapsed() {
        let tenure = Tenure::default();
        tenure.extend(ms(1_000), ms(1_001), 4);
        tenure.extend(ms(60_000), ms(60_001), 9);
        assert_eq!(tenure.lapses(), 2);
        assert!(tenure.holds_for(ms(60_002), 9) && !tenure.holds_for(ms(60_002), 8));
        tenure.end();
        assert!(!tenure.holds(ms(60_002)));
        assert_eq!(tenure.lapses(), 3);
    }
}
