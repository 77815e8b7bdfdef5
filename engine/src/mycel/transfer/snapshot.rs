//! How far the snapshot of a partition has come: slot after slot, in each slot database after database.

use super::super::keyspace::{Db, Keyspace};
use super::super::record::Record;
use super::super::slot::{SLOTS_PER_PARTITION, Slot};

/// Where the scan of one database has come to within the current slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reached {
    /// The next home to visit: 0 at the start.
    Home(u32),
    End,
}

/// What one step has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// There is more to do in the current slot.
    Part,
    /// The current slot is done.
    Slot(Slot),
}

/// The place that a snapshot has reached. Owned by an export.
pub(super) struct Snapshot {
    partition: usize,
    /// The number of slots that were begun: all but the last of them are done, and that too after the last step.
    begun: usize,
    done: usize,
    /// By database, for the slot that is begun and not done. It goes with the content when databases are swapped.
    reached: Vec<Reached>,
}

impl Snapshot {
    pub(super) fn new(partition: usize) -> Snapshot {
        Snapshot { partition, begun: 0, done: 0, reached: Vec::new() }
    }

    /// The number of slots that are done.
    pub(super) fn slots_done(&self) -> usize {
        self.done
    }

    pub(super) fn is_done(&self) -> bool {
        self.done == SLOTS_PER_PARTITION
    }

    /// Whether changes in a slot must be sent as records.
    pub(super) fn has_begun(&self, slot: Slot) -> bool {
        slot.within() < self.begun
    }

    /// Two databases have changed places.
    pub(super) fn on_swap(&mut self, first: Db, second: Db) {
        if self.begun > self.done {
            self.reach(first.index().max(second.index()) + 1);
            self.reached.swap(first.index(), second.index());
        }
    }

    /// Goes on by about `budget_bytes`, or to the end of a slot; `put` is given what the keys hold and says how many
    /// bytes that is. Not to be called when it is done.
    pub(super) fn step(
        &mut self,
        keyspace: &Keyspace,
        budget_bytes: usize,
        mut put: impl FnMut(&Record<'_>) -> usize,
    ) -> Step {
        if self.begun == self.done {
            self.begun += 1;
            self.reached.clear();
        }
        let slot = Slot::at(self.partition, self.done);
        self.reach(usize::from(keyspace.databases()));
        let mut left = budget_bytes;
        for db in (0..keyspace.databases()).map(Db::new) {
            let Reached::Home(home) = self.reached[db.index()] else { continue };
            if left == 0 {
                return Step::Part;
            }
            let mut visit = |view: super::super::access::View<'_>| {
                let (value, deadline_ms) = (view.copy(), view.deadline_ms());
                let bytes = put(&Record::Put { db, key: view.key(), value, deadline_ms });
                left = left.saturating_sub(bytes);
                left > 0
            };
            match keyspace.walk_slot(db, slot, home, budget_bytes, &mut visit) {
                Some(home) => {
                    self.reached[db.index()] = Reached::Home(home);
                    return Step::Part;
                }
                None => self.reached[db.index()] = Reached::End,
            }
        }
        self.done += 1;
        Step::Slot(slot)
    }

    fn reach(&mut self, databases: usize) {
        if self.reached.len() < databases {
            self.reached.resize(databases, Reached::Home(0));
        }
    }
}
