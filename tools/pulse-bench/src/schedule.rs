//! When operations are due, and when there are no more of them.
//!
//! In a closed loop an operation is due as soon as a connection is free. In an open loop operation `i` of a
//! thread is due at `start + offset + i * step`, whatever the server does: what is late was still meant for then, and its
//! latency counts from there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many requests a thread takes out of the common budget at once.
const CLAIM: u64 = 64;

/// The requests that are left of a run, shared by its threads.
#[derive(Debug)]
pub struct Budget {
    left: AtomicU64,
}

impl Budget {
    /// A budget of so many requests.
    pub fn new(requests: u64) -> Self {
        Self { left: AtomicU64::new(requests) }
    }

    fn claim(&self) -> u64 {
        let take = |left: u64| Some(left.saturating_sub(CLAIM));
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(left) | Err(left) => left.min(CLAIM),
        }
    }
}

/// What ends the run.
#[derive(Clone, Debug)]
pub enum End {
    /// A time, in nanoseconds of the run's clock.
    At(u64),
    /// A number of requests.
    Requests(Arc<Budget>),
}

/// Closed or open loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as the replies come.
    Closed,
    /// At a rate.
    Open {
        /// Between two operations of this thread, in nanoseconds.
        step_ns: f64,
        /// From the start to the first operation of this thread, in nanoseconds.
        offset_ns: f64,
    },
}

impl Pace {
    /// The pace of load thread `thread` of `threads` that reach `rate` operations a second together.
    pub fn of(rate: Option<f64>, thread: u64, threads: u64) -> Self {
        match rate {
            None => Self::Closed,
            Some(rate) => {
                Self::Open { step_ns: threads as f64 * 1e9 / rate, offset_ns: thread as f64 * 1e9 / rate }
            }
        }
    }
}

/// Permission to start one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// From when its latency counts, in nanoseconds of the run's clock.
    pub start_ns: u64,
    /// Whether it counts; it does not during the warm-up.
    pub counted: bool,
}

/// The operations of one load thread in one phase.
#[derive(Debug)]
pub struct Schedule {
    pace: Pace,
    start_ns: u64,
    record_from_ns: u64,
    end: End,
    /// Operations that were permitted so far.
    permitted: u64,
    /// What is left of the last claim on the budget.
    claimed: u64,
    exhausted: bool,
}

impl Schedule {
    /// A schedule that starts at `start_ns` and counts what starts from `record_from_ns` on.
    pub fn new(pace: Pace, start_ns: u64, record_from_ns: u64, end: End) -> Self {
        Self { pace, start_ns, record_from_ns, end, permitted: 0, claimed: 0, exhausted: false }
    }

    /// When the warm-up is over.
    pub fn record_from_ns(&self) -> u64 {
        self.record_from_ns
    }

    /// Whether latencies count from a schedule rather than from the write.
    pub fn is_open(&self) -> bool {
        self.pace != Pace::Closed
    }

    /// Permits one operation, if one is due.
    #[inline]
    pub fn take(&mut self, now_ns: u64) -> Option<Start> {
        if self.exhausted {
            return None;
        }
        let start_ns = match self.pace {
            Pace::Closed => now_ns,
            Pace::Open { .. } => self.due_ns(),
        };
        if start_ns > now_ns || !self.admit(start_ns) {
            return None;
        }
        self.permitted += 1;
        Some(Start { start_ns, counted: start_ns >= self.record_from_ns })
    }

    /// Asks the end of the run about an operation that starts then.
    #[inline]
    fn admit(&mut self, start_ns: u64) -> bool {
        match &self.end {
            End::At(end_ns) => self.exhausted = start_ns >= *end_ns,
            End::Requests(_) if start_ns < self.record_from_ns => {}
            End::Requests(budget) => {
                if self.claimed == 0 {
                    self.claimed = budget.claim();
                }
                self.exhausted = self.claimed == 0;
                self.claimed = self.claimed.saturating_sub(1);
            }
        }
        !self.exhausted
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float to int casts saturate"
    )]
    fn due_ns(&self) -> u64 {
        match self.pace {
            Pace::Closed => self.start_ns,
            Pace::Open { step_ns, offset_ns } => {
                self.start_ns + (offset_ns + self.permitted as f64 * step_ns) as u64
            }
        }
    }

    /// When the next operation of an open loop is due; `None` if nothing ever will be, or time does not matter.
    pub fn next_due_ns(&self) -> Option<u64> {
        (self.is_open() && !self.exhausted).then(|| self.due_ns())
    }

    /// Whether no operation will be permitted any more.
    pub fn is_finished(&mut self, now_ns: u64) -> bool {
        if let End::At(end_ns) = self.end {
            let next_ns = if self.is_open() { self.due_ns() } else { now_ns };
            self.exhausted |= next_ns >= end_ns;
        }
        self.exhausted
    }

    /// When the run was to end, if a time ends it.
    pub fn end_ns(&self) -> Option<u64> {
        match self.end {
            End::At(end_ns) => Some(end_ns),
            End::Requests(_) => None,
        }
    }

    /// Operations of an open loop that were due before the end and have not been permitted.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float to int casts saturate"
    )]
    pub fn unsent(&self) -> u64 {
        match (self.pace, self.end_ns()) {
            (Pace::Open { step_ns, .. }, Some(end_ns)) if !self.exhausted => {
                (end_ns.saturating_sub(self.due_ns()) as f64 / step_ns).ceil() as u64
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Budget, End, Pace, Schedule, Start};

    #[test]
    fn threads_share_a_rate() {
        let starts = |thread| {
            let mut schedule = Schedule::new(Pace::of(Some(1e6), thread, 2), 1_000, 0, End::At(9_000));
            std::iter::from_fn(|| schedule.take(u64::MAX - 1)).map(|start| start.start_ns).collect::<Vec<_>>()
        };
        assert_eq!(starts(0), [1_000, 3_000, 5_000, 7_000]);
        assert_eq!(starts(1), [2_000, 4_000, 6_000, 8_000]);
    }

    #[test]
    fn an_open_loop_keeps_its_intended_starts() {
        let mut schedule = Schedule::new(Pace::of(Some(1e9 / 100.0), 0, 1), 0, 0, End::At(1_000));
        assert_eq!(schedule.take(0), Some(Start { start_ns: 0, counted: true }));
        assert_eq!(schedule.take(99), None);
        assert_eq!(schedule.next_due_ns(), Some(100));
        assert_eq!(schedule.take(777), Some(Start { start_ns: 100, counted: true }));
        assert_eq!(schedule.unsent(), 8);
        assert!(!schedule.is_finished(5_000));
        while schedule.take(5_000).is_some() {}
        assert!(schedule.is_finished(5_000));
        assert_eq!((schedule.unsent(), schedule.next_due_ns()), (0, None));
    }

    #[test]
    fn a_budget_is_spent_to_the_last_request() {
        let budget = Arc::new(Budget::new(1_000));
        let mut threads =
            [0, 1, 2].map(|_| Schedule::new(Pace::Closed, 0, 50, End::Requests(Arc::clone(&budget))));
        assert_eq!(threads[0].take(49), Some(Start { start_ns: 49, counted: false }));
        let mut taken = 0;
        while threads.iter_mut().any(|thread| !thread.is_finished(60)) {
            let starts = threads.iter_mut().filter_map(|thread| thread.take(60));
            taken += starts.filter(|start| start.counted).count();
        }
        assert_eq!(taken, 1_000);
    }

    #[test]
    fn a_closed_loop_ends_at_its_time() {
        let mut schedule = Schedule::new(Pace::Closed, 0, 0, End::At(100));
        assert!(schedule.take(99).is_some());
        assert!(!schedule.is_finished(99));
        assert!(schedule.take(100).is_none());
        assert!(schedule.is_finished(100));
    }
}
