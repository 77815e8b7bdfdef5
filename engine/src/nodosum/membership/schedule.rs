//! The timers of a membership machine, on a clock that stands still while the process does.
//!
//! A process that is stopped for seconds finds, when it goes on, all of its timers overdue and the answers that came
//! meanwhile still unread. If it served the timers first it would take everybody for dead. So the time by which the
//! earliest timer is late, when that is more than a tolerance, is cut out of the clock: every timer has as long to go
//! as it had when the process stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::nodosum::Time;

/// Timers with what is due, `D`. Local moments go in, moments of the node come out.
#[derive(Clone, Debug)]
pub(super) struct Schedule<D> {
    timers: BTreeMap<(Time, u64), D>,
    sequence: u64,
    stalled: Duration,
}

impl<D> Schedule<D> {
    pub(super) fn new() -> Self {
        Self { timers: BTreeMap::new(), sequence: 0, stalled: Duration::ZERO }
    }

    /// The local moment that `now` is: without the time that the process stood still.
    pub(super) fn local(&self, now: Time) -> Time {
        now.before(self.stalled)
    }

    /// If the earliest timer is late by more than `tolerance`, the process stood still: for how long.
    pub(super) fn absorb_stall(&mut self, now: Time, tolerance: Duration) -> Option<Duration> {
        let earliest = self.timers.first_key_value()?.0.0;
        let late = self.local(now).since(earliest);
        if late <= tolerance {
            return None;
        }
        self.stalled += late;
        Some(late)
    }

    pub(super) fn push(&mut self, at: Time, due: D) {
        self.timers.insert((at, self.sequence), due);
        self.sequence += 1;
    }

    /// What is due at the local moment, the earliest first.
    pub(super) fn pop_due(&mut self, local: Time) -> Option<D> {
        let entry = self.timers.first_entry()?;
        (entry.key().0 <= local).then(|| entry.remove())
    }

    /// When the node is to call again.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.timers.first_key_value().map(|((at, _), _)| *at + self.stalled)
    }

    pub(super) fn clear(&mut self) {
        self.timers.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Duration = Duration::from_millis(100);

    fn millis(millis: u64) -> Time {
        Time::from_micros(millis * 1000)
    }

    #[test]
    fn timers_come_in_the_order_of_their_moments() {
        let mut schedule = Schedule::new();
        schedule.push(millis(20), "b");
        schedule.push(millis(10), "a");
        schedule.push(millis(20), "c");
        assert_eq!(schedule.next_deadline(), Some(millis(10)));
        assert_eq!(schedule.pop_due(millis(9)), None);
        assert_eq!(schedule.pop_due(millis(20)), Some("a"));
        assert_eq!(schedule.pop_due(millis(20)), Some("b"));
        assert_eq!(schedule.pop_due(millis(20)), Some("c"));
        assert_eq!(schedule.next_deadline(), None);
    }

    #[test]
    fn a_pause_moves_every_timer() {
        let mut schedule = Schedule::new();
        schedule.push(millis(1_000), "first");
        schedule.push(millis(1_050), "second");
        assert_eq!(schedule.absorb_stall(millis(1_080), TOLERANCE), None, "a little late is no pause");
        assert_eq!(schedule.absorb_stall(millis(4_000), TOLERANCE), Some(Duration::from_secs(3)));
        let local = schedule.local(millis(4_000));
        assert_eq!(schedule.pop_due(local), Some("first"));
        assert_eq!(schedule.pop_due(local), None, "the second has its 50 ms still");
        assert_eq!(schedule.next_deadline(), Some(millis(4_050)));
    }
}
