//! When which frame leaves a lane of the relay: time, frames and a seed in, frames out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use mycorrhizal_tests::random::Random;

use crate::fault::Impairment;

/// Frames that wait at most; what comes on top is lost.
const FRAMES_MAX: usize = 10_000;

/// What waits, the next one first; frames that are due at one instant leave as they came.
#[derive(Debug)]
pub(super) struct Schedule {
    impairment: Impairment,
    random: Random,
    waiting: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    next_number: u64,
}

impl Schedule {
    pub(super) fn new(impairment: Impairment, seed: u64) -> Self {
        Schedule { impairment, random: Random::new(seed), waiting: BinaryHeap::new(), next_number: 0 }
    }

    /// Takes a frame in, once or twice.
    pub(super) fn on_frame(&mut self, now: Instant, frame: &[u8]) {
        let copies = if self.chance(self.impairment.duplicate_percent) { 2 } else { 1 };
        for _ in 0..copies {
            let due = now + self.delay();
            if self.waiting.len() < FRAMES_MAX {
                self.waiting.push(Reverse((due, self.next_number, frame.to_vec())));
                self.next_number += 1;
            }
        }
    }

    /// A frame whose time has come.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.next_deadline().filter(|due| *due <= now)?;
        self.waiting.pop().map(|Reverse((_, _, frame))| frame)
    }

    /// When the next frame leaves.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse((due, _, _))| *due)
    }

    fn delay(&mut self) -> Duration {
        let Impairment { delay, jitter, reorder_percent, .. } = self.impairment;
        if self.chance(reorder_percent) {
            return Duration::ZERO;
        }
        let span_ns = usize::try_from(2 * jitter.as_nanos()).expect("a jitter of less than centuries");
        let drawn_ns = self.random.below(span_ns + 1);
        (delay + Duration::from_nanos(drawn_ns as u64)).saturating_sub(jitter)
    }

    /// Draws also where the outcome is certain, so that one percentage does not shift the draws of another.
    fn chance(&mut self, percent: u32) -> bool {
        self.random.below(100) < percent as usize
    }
}

#[cfg(test)]
mod tests {
    use mycorrhizal_tests::clock;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Feeds a frame each millisecond and returns (when it left, which it was), in the order of leaving.
    fn run(impairment: Impairment, frames: u8, seed: u64) -> Vec<(Duration, u8)> {
        let mut schedule = Schedule::new(impairment, seed);
        let start = clock::now();
        for number in 0..frames {
            schedule.on_frame(start + MS * number.into(), &[number]);
        }
        let mut left = Vec::new();
        while let Some(due) = schedule.next_deadline() {
            assert_eq!(schedule.pop_due(due - Duration::from_nanos(1)), None, "none leaves early");
            let frame = schedule.pop_due(due).expect("its time has come");
            left.push((due - start, frame[0]));
        }
        left
    }

    #[test]
    fn delay_keeps_the_order() {
        let left = run(Impairment { delay: 20 * MS, ..Impairment::default() }, 100, 1);
        let expected: Vec<_> = (0..100).map(|number| (MS * (20 + u32::from(number)), number)).collect();
        assert_eq!(left, expected);
    }

    #[test]
    fn jitter_stays_in_its_bounds_and_changes_places() {
        let impairment = Impairment { delay: 20 * MS, jitter: 10 * MS, ..Impairment::default() };
        let left = run(impairment, 100, 1);
        let late = |(at, number): &(Duration, u8)| *at - MS * u32::from(*number);
        assert!(left.iter().all(|one| (10 * MS..=30 * MS).contains(&late(one))));
        assert!(left.iter().map(late).max() > Some(25 * MS) && left.iter().map(late).min() < Some(15 * MS));
        assert!(!left.is_sorted_by_key(|(_, number)| *number));
    }

    #[test]
    fn reordered_frames_overtake() {
        let impairment = Impairment { delay: 20 * MS, reorder_percent: 25, ..Impairment::default() };
        let left = run(impairment, 100, 1);
        let at_once = left.iter().filter(|(at, number)| *at == MS * u32::from(*number)).count();
        assert!((10..=40).contains(&at_once), "{at_once}");
        assert_eq!(left.len(), 100);
    }

    #[test]
    fn duplicates_come_twice_and_the_same_seed_gives_the_same_fate() {
        let impairment = Impairment { duplicate_percent: 50, ..Impairment::default() };
        let left = run(impairment, 100, 7);
        assert!((130..=170).contains(&left.len()), "{}", left.len());
        assert_eq!(left, run(impairment, 100, 7));
        assert_ne!(left, run(impairment, 100, 8));
    }

    #[test]
    fn a_full_lane_loses_what_comes_on_top() {
        let mut schedule = Schedule::new(Impairment { delay: MS, ..Impairment::default() }, 1);
        let start = clock::now();
        (0..=FRAMES_MAX).for_each(|_| schedule.on_frame(start, &[]));
        assert_eq!(schedule.waiting.len(), FRAMES_MAX);
    }
}
