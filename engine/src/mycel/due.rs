//! The earliest deadline of each partition of a database, and the earliest of all.
//!
//! ```text
//!  partitions [u64; 1024]   earliest deadline in the partition, NEVER without one
//!  groups     [u64; 32]     least of 32 partitions each
//!  first      u64           least of the groups
//! ```
//!
//! Setting one costs at most two passes over 32 numbers, and that only when the least of its group goes up.
//! 8.5 KiB, so a database without deadlines has none of it.

use super::slot::PARTITIONS;

/// The deadline of what has none.
pub(super) const NEVER: u64 = u64::MAX;
const GROUP: usize = 32;
const GROUPS: usize = PARTITIONS / GROUP;

/// The earliest deadlines of one database. Owned by it.
pub(super) struct Due {
    first: u64,
    groups: [u64; GROUPS],
    partitions: [u64; PARTITIONS],
}

impl Due {
    pub(super) fn new() -> Box<Due> {
        Box::new(Due { first: NEVER, groups: [NEVER; GROUPS], partitions: [NEVER; PARTITIONS] })
    }

    /// The earliest deadline of all.
    #[inline]
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// A partition that has the earliest deadline of all.
    pub(super) fn first_partition(&self) -> Option<usize> {
        if self.first == NEVER {
            return None;
        }
        let group = self.groups.iter().position(|least| *least == self.first)?;
        let within = self.group(group).iter().position(|least| *least == self.first)?;
        Some(group * GROUP + within)
    }

    /// Notes the earliest deadline of a partition.
    pub(super) fn set(&mut self, partition: usize, deadline_ms: u64) {
        self.partitions[partition] = deadline_ms;
        let group = partition / GROUP;
        self.groups[group] = least(self.group(group));
        self.first = least(&self.groups);
    }

    fn group(&self, group: usize) -> &[u64] {
        &self.partitions[group * GROUP..][..GROUP]
    }
}

fn least(deadlines: &[u64]) -> u64 {
    deadlines.iter().copied().min().unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_plain_minimum(steps in proptest::collection::vec((0..PARTITIONS, 0u64..50), 1..200)) {
            let (mut due, mut model) = (Due::new(), vec![NEVER; PARTITIONS]);
            for (partition, deadline_ms) in steps {
                let deadline_ms = if deadline_ms == 0 { NEVER } else { deadline_ms };
                due.set(partition, deadline_ms);
                model[partition] = deadline_ms;
                let least = least(&model);
                prop_assert_eq!(due.first(), least);
                prop_assert_eq!(due.first_partition().map_or(NEVER, |at| model[at]), least);
                prop_assert_eq!(due.first_partition().is_none(), least == NEVER);
            }
        }
    }
}
