//! The partition map: which core of which node owns each of the 1,024 partitions, and what is on the move.
//!
//! The epoch grows with every change of an owner or a move, so that of two maps of one cluster the higher is the later.
//! At one epoch a partition has at most one owner; while it moves, the source is its owner until the move is finished.

use mycorrhizal_net::identity::NodeId;
use serde::{Deserialize, Serialize};

use super::member::CoreAddress;
use crate::mycel::PARTITIONS;

/// The number of a partition, below [`PARTITIONS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PartitionId(pub u16);

impl PartitionId {
    /// Its place in the map.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = PartitionId> {
        (0..PARTITIONS).map(|index| PartitionId(u16::try_from(index).expect("there are 1,024 partitions")))
    }
}

/// One partition in the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ownership {
    /// Who owns it; nobody before it was dealt, or after its owner was lost.
    pub owner: Option<CoreAddress>,
    /// Where it moves to.
    pub moving_to: Option<CoreAddress>,
    /// The epoch of the map at which this last changed.
    pub epoch: u64,
    /// The epoch of the map at which it got its owner: one that lost it and got it again got it anew, and empty.
    pub since: u64,
}

/// A change of the map. Each names what it starts from, so that one that was planned on an older map changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum MapChange {
    /// A partition without an owner gets one; it is empty.
    Assign {
        /// The partition.
        partition: PartitionId,
        /// Its new owner.
        to: CoreAddress,
    },
    /// A partition begins to move.
    BeginMove {
        /// The partition.
        partition: PartitionId,
        /// Its owner.
        from: CoreAddress,
        /// Its next owner.
        to: CoreAddress,
    },
    /// All of a partition has arrived: the owner changes.
    FinishMove {
        /// The partition.
        partition: PartitionId,
        /// Its owner.
        from: CoreAddress,
        /// Its next owner.
        to: CoreAddress,
        /// The epoch of the partition at which the move began.
        begun: u64,
    },
    /// A move ends where it began.
    AbortMove {
        /// The partition.
        partition: PartitionId,
        /// The epoch of the partition at which the move began.
        begun: u64,
    },
    /// The owner is lost, and with it what the partition held.
    Lose {
        /// The partition.
        partition: PartitionId,
        /// The lost owner.
        from: CoreAddress,
    },
}

impl MapChange {
    /// Whether it is for the planner to decide; the others say what has happened.
    #[must_use]
    pub fn is_planned(&self) -> bool {
        match self {
            Self::Assign { .. } | Self::BeginMove { .. } | Self::AbortMove { .. } => true,
            Self::FinishMove { .. } | Self::Lose { .. } => false,
        }
    }
}

/// Why a change of the map was refused: the map is another than the one that it was planned on. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[error("the partition map has changed meanwhile")]
pub struct StaleChange;

/// Who owns what. *Cluster*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PartitionMap {
    epoch: u64,
    partitions: Vec<Ownership>,
}

impl Default for PartitionMap {
    fn default() -> Self {
        Self { epoch: 0, partitions: vec![Ownership::default(); PARTITIONS] }
    }
}

impl PartitionMap {
    /// Grows with every change.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// One partition.
    #[must_use]
    pub fn ownership(&self, partition: PartitionId) -> Ownership {
        self.partitions[partition.index()]
    }

    /// All partitions, in order.
    pub fn iter(&self) -> impl Iterator<Item = (PartitionId, Ownership)> {
        PartitionId::all().zip(self.partitions.iter().copied())
    }

    /// The partitions of a core.
    pub fn owned_by(&self, core: CoreAddress) -> impl Iterator<Item = PartitionId> {
        self.iter().filter(move |(_, entry)| entry.owner == Some(core)).map(|(partition, _)| partition)
    }

    /// How many partitions a node owns, on all of its cores.
    #[must_use]
    pub fn owned_count(&self, node: NodeId) -> usize {
        self.iter().filter(|(_, entry)| entry.owner.is_some_and(|owner| owner.node == node)).count()
    }

    /// The partitions that a node owns, or that move to it.
    pub fn involving(&self, node: NodeId) -> impl Iterator<Item = (PartitionId, Ownership)> {
        let involves = move |entry: &Ownership| {
            [entry.owner, entry.moving_to].into_iter().flatten().any(|core| core.node == node)
        };
        self.iter().filter(move |(_, entry)| involves(entry))
    }

    /// Deals all partitions to `cores` in runs, before anything is stored: `shares` says how many each gets.
    pub(super) fn deal(&mut self, shares: &[(CoreAddress, usize)]) {
        self.epoch += 1;
        let owners = shares.iter().flat_map(|(core, count)| std::iter::repeat_n(*core, *count));
        for (entry, owner) in self.partitions.iter_mut().zip(owners) {
            *entry = Ownership { owner: Some(owner), moving_to: None, epoch: self.epoch, since: self.epoch };
        }
    }

    /// Applies one change.
    ///
    /// # Errors
    /// The map is not the one that the change starts from.
    pub fn apply(&mut self, change: MapChange) -> Result<(), StaleChange> {
        let epoch = self.epoch + 1;
        let (partition, next) = match change {
            MapChange::Assign { partition, to } => {
                self.expect(partition, |entry| entry.owner.is_none())?;
                (partition, Ownership { owner: Some(to), moving_to: None, epoch, since: epoch })
            }
            MapChange::BeginMove { partition, from, to } => {
                self.expect(partition, |entry| {
                    entry.owner == Some(from) && entry.moving_to.is_none() && from != to
                })?;
                let since = self.ownership(partition).since;
                (partition, Ownership { owner: Some(from), moving_to: Some(to), epoch, since })
            }
            MapChange::FinishMove { partition, from, to, begun } => {
                self.expect(partition, |entry| {
                    entry.owner == Some(from) && entry.moving_to == Some(to) && entry.epoch == begun
                })?;
                (partition, Ownership { owner: Some(to), moving_to: None, epoch, since: epoch })
            }
            MapChange::AbortMove { partition, begun } => {
                self.expect(partition, |entry| entry.moving_to.is_some() && entry.epoch == begun)?;
                let Ownership { owner, since, .. } = self.ownership(partition);
                (partition, Ownership { owner, moving_to: None, epoch, since })
            }
            MapChange::Lose { partition, from } => {
                self.expect(partition, |entry| entry.owner == Some(from))?;
                (partition, Ownership { owner: None, moving_to: None, epoch, since: epoch })
            }
        };
        self.epoch = epoch;
        self.partitions[partition.index()] = next;
        Ok(())
    }

    fn expect(
        &self,
        partition: PartitionId,
        holds: impl FnOnce(&Ownership) -> bool,
    ) -> Result<(), StaleChange> {
        match self.partitions.get(partition.index()) {
            Some(entry) if holds(entry) => Ok(()),
            _ => Err(StaleChange),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: CoreAddress = CoreAddress { node: NodeId([1; 20]), core: 0 };
    const B: CoreAddress = CoreAddress { node: NodeId([2; 20]), core: 1 };
    const P: PartitionId = PartitionId(7);

    #[test]
    fn a_partition_has_one_owner_until_its_move_is_finished() {
        let mut map = PartitionMap::default();
        map.apply(MapChange::Assign { partition: P, to: A }).unwrap();
        map.apply(MapChange::BeginMove { partition: P, from: A, to: B }).unwrap();
        let begun = map.ownership(P).epoch;
        assert_eq!(map.ownership(P), Ownership { owner: Some(A), moving_to: Some(B), epoch: 2, since: 1 });
        map.apply(MapChange::FinishMove { partition: P, from: A, to: B, begun }).unwrap();
        assert_eq!(map.ownership(P), Ownership { owner: Some(B), moving_to: None, epoch: 3, since: 3 });
        assert_eq!(
            map.apply(MapChange::FinishMove { partition: P, from: A, to: B, begun }),
            Err(StaleChange)
        );
    }

    #[test]
    fn a_change_that_was_planned_on_an_older_map_changes_nothing() {
        let mut map = PartitionMap::default();
        map.apply(MapChange::Assign { partition: P, to: A }).unwrap();
        map.apply(MapChange::BeginMove { partition: P, from: A, to: B }).unwrap();
        let begun = map.ownership(P).epoch;
        map.apply(MapChange::AbortMove { partition: P, begun }).unwrap();
        map.apply(MapChange::BeginMove { partition: P, from: A, to: B }).unwrap();
        let before = map.clone();
        for stale in [
            MapChange::FinishMove { partition: P, from: A, to: B, begun },
            MapChange::AbortMove { partition: P, begun },
            MapChange::Assign { partition: P, to: B },
            MapChange::BeginMove { partition: P, from: A, to: B },
            MapChange::Lose { partition: P, from: B },
            MapChange::Assign { partition: PartitionId(1024), to: A },
        ] {
            assert_eq!(map.apply(stale), Err(StaleChange), "{stale:?}");
            assert_eq!(map, before);
        }
    }
}
