//! The deadline queue: what is due next, and everything that is due by now.
//!
//! Pure: time is an argument. Two entries with the same deadline come out in the order in which they went in.

use std::collections::BTreeMap;
use std::time::Instant;

/// Names one entry of a [`Deadlines`]; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeadlineId {
    at: Instant,
    sequence: u64,
}

/// Values by the time they are due. Owned by a core.
#[derive(Debug)]
pub(super) struct Deadlines<T> {
    entries: BTreeMap<DeadlineId, T>,
    sequence: u64,
}

impl<T> Deadlines<T> {
    pub(super) fn new() -> Self {
        Self { entries: BTreeMap::new(), sequence: 0 }
    }

    pub(super) fn insert(&mut self, at: Instant, value: T) -> DeadlineId {
        let id = DeadlineId { at, sequence: self.sequence };
        self.sequence += 1;
        self.entries.insert(id, value);
        id
    }

    pub(super) fn find_mut(&mut self, id: DeadlineId) -> Option<&mut T> {
        self.entries.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: DeadlineId) -> Option<T> {
        self.entries.remove(&id)
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|(id, _)| id.at)
    }

    /// Takes out the earliest entry that is due at `now`.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<T> {
        let entry = self.entries.first_entry()?;
        if entry.key().at <= now { Some(entry.remove()) } else { None }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::clock;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn equal_deadlines_keep_their_order() {
        let now = clock::read();
        let mut deadlines = Deadlines::new();
        for value in 0..5 {
            deadlines.insert(now, value);
        }
        let due: Vec<_> = std::iter::from_fn(|| deadlines.pop_due(now)).collect();
        assert_eq!(due, [0, 1, 2, 3, 4]);
    }

    proptest! {
        #[test]
        fn what_is_due_comes_out_in_order(delays in proptest::collection::vec(0u64..50, 0..100), cut in 0u64..60, drop in any::<usize>()) {
            let start = clock::read();
            let mut deadlines = Deadlines::new();
            let ids: Vec<_> = delays.iter().map(|delay| deadlines.insert(start + Duration::from_millis(*delay), *delay)).collect();
            let mut expected = delays.clone();
            if !ids.is_empty() {
                let dropped = drop % ids.len();
                prop_assert_eq!(deadlines.remove(ids[dropped]), Some(delays[dropped]));
                prop_assert_eq!(deadlines.remove(ids[dropped]), None);
                expected.remove(dropped);
            }
            expected.sort_unstable();
            prop_assert_eq!(deadlines.next(), expected.first().map(|delay| start + Duration::from_millis(*delay)));
            let now = start + Duration::from_millis(cut);
            let due: Vec<_> = std::iter::from_fn(|| deadlines.pop_due(now)).collect();
            let expected_due: Vec<_> = expected.iter().copied().filter(|delay| *delay <= cut).collect();
            prop_assert_eq!(due, expected_due);
        }
    }
}
