//! What a core knows of who owns what: the cluster's partition map in the core's own numbers. *Core*.
//!
//! A core numbers the cores that it talks to: those of its own node by their number, and then those of other nodes as they
//! come to be known. The owner of a slot is one load away; everything else is looked up in the state of the cluster, which
//! a node that belongs to none has as well: with itself as the only member.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use mycorrhizal_net::identity::NodeId;

use crate::mycel::{PARTITIONS, SLOTS_PER_PARTITION, Slot};
use crate::nodosum::state::{ClusterState, CoreAddress, Presence};

/// A core of this node, counted from 0 in the order of the core set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CoreId(pub(crate) u16);

impl CoreId {
    /// The core's place in arrays of all cores.
    #[inline]
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A core of this node or of another, by the number that this core has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerId(u16);

impl PeerId {
    /// The owner of what nobody owns.
    pub(crate) const NOBODY: PeerId = PeerId(u16::MAX);

    /// Its place in arrays of all peers.
    #[inline]
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl From<CoreId> for PeerId {
    #[inline]
    fn from(core: CoreId) -> Self {
        Self(core.0)
    }
}

impl PartialEq<CoreId> for PeerId {
    #[inline]
    fn eq(&self, core: &CoreId) -> bool {
        self.0 == core.0
    }
}

/// The partition map as one core sees it.
pub(crate) struct Directory {
    node: NodeId,
    cores: u16,
    owners: Box<[Cell<PeerId>; PARTITIONS]>,
    remotes: RefCell<Vec<CoreAddress>>,
    state: RefCell<Arc<ClusterState>>,
    version: Cell<u64>,
    /// Which core of the node this is, and how many partitions it owns.
    core: CoreId,
    owned: Cell<usize>,
}

impl Directory {
    /// As `state` has it, seen from `core` of `node`, which has `cores` cores.
    pub(crate) fn new(node: NodeId, core: CoreId, cores: u16, state: Arc<ClusterState>) -> Self {
        let directory = Self {
            node,
            cores,
            owners: Box::new(std::array::from_fn(|_| Cell::new(PeerId::NOBODY))),
            remotes: RefCell::default(),
            state: RefCell::default(),
            version: Cell::new(0),
            core,
            owned: Cell::new(0),
        };
        directory.set_state(state);
        directory
    }

    /// Sees another state from here on.
    pub(crate) fn set_state(&self, state: Arc<ClusterState>) {
        // Most changes of the state are not about who owns what.
        if state.map().epoch() != self.state.borrow().map().epoch() {
            for (partition, entry) in state.map().iter() {
                let owner = entry.owner.map_or(PeerId::NOBODY, |owner| self.peer(owner));
                self.owners[partition.index()].set(owner);
            }
            self.owned.set(self.owners.iter().filter(|owner| owner.get() == self.core).count());
        }
        self.version.set(state.version());
        *self.state.borrow_mut() = state;
    }

    /// The state of the cluster.
    pub(crate) fn state(&self) -> Arc<ClusterState> {
        Arc::clone(&self.state.borrow())
    }

    /// The version of that state.
    pub(crate) fn version(&self) -> u64 {
        self.version.get()
    }

    /// How many partitions this core owns.
    #[inline]
    pub(crate) fn owned_partitions(&self) -> usize {
        self.owned.get()
    }

    /// The core that owns a slot.
    #[inline]
    pub(crate) fn owner(&self, slot: Slot) -> PeerId {
        self.owners[slot.partition()].get()
    }

    /// The number of a core, given to it now if it has none yet.
    pub(crate) fn peer(&self, address: CoreAddress) -> PeerId {
        if address.node == self.node {
            return PeerId(address.core);
        }
        let mut remotes = self.remotes.borrow_mut();
        let known = remotes.iter().position(|known| *known == address);
        let at = known.unwrap_or_else(|| {
            remotes.push(address);
            remotes.len() - 1
        });
        let number = usize::from(self.cores) + at;
        PeerId(u16::try_from(number).expect("a core talks to fewer than 65,535 others in its life"))
    }

    /// The core behind a number.
    pub(crate) fn address(&self, peer: PeerId) -> CoreAddress {
        match peer.index().checked_sub(usize::from(self.cores)) {
            None => CoreAddress { node: self.node, core: peer.0 },
            Some(at) => self.remotes.borrow()[at],
        }
    }

    /// The core of this node behind a number, if it is one.
    #[inline]
    pub(crate) fn local(&self, peer: PeerId) -> Option<CoreId> {
        (peer.0 < self.cores).then_some(CoreId(peer.0))
    }

    /// Whether two peers are cores of one node.
    pub(crate) fn same_node(&self, one: PeerId, other: PeerId) -> bool {
        self.address(one).node == self.address(other).node
    }

    /// Everybody who owns something, this node's cores among them.
    pub(crate) fn owners(&self) -> Vec<PeerId> {
        let mut owners: Vec<PeerId> = self.owners.iter().map(Cell::get).collect();
        owners.sort_unstable();
        owners.dedup();
        owners.retain(|owner| *owner != PeerId::NOBODY);
        owners
    }

    /// The other nodes that own something, each by one of its cores.
    pub(crate) fn other_nodes(&self) -> Vec<PeerId> {
        let mut others = self.owners();
        others.retain(|peer| self.local(*peer).is_none());
        others.sort_by_key(|peer| self.address(*peer));
        others.dedup_by_key(|peer| self.address(*peer).node);
        others
    }

    /// The other members that are present, each by its first core.
    pub(crate) fn other_members(&self) -> Vec<PeerId> {
        let state = self.state();
        let others = state.members().filter(|member| member.id != self.node);
        let present = others.filter(|member| member.presence == Presence::Present);
        present.map(|member| self.peer(CoreAddress { node: member.id, core: 0 })).collect()
    }

    /// The slots of a core, as inclusive ranges.
    pub(crate) fn slots_of(&self, peer: PeerId) -> Vec<(u16, u16)> {
        let partitions = self.owners.iter().enumerate().filter(|(_, owner)| owner.get() == peer);
        ranges(partitions.map(|(partition, _)| partition))
    }

    /// The owner of a slot, and the slot after the last of its run of slots around it.
    pub(crate) fn run_of(&self, slot: Slot) -> (PeerId, usize) {
        let owner = self.owner(slot);
        let rest = &self.owners[slot.partition()..];
        let length = rest.iter().take_while(|other| other.get() == owner).count();
        (owner, (slot.partition() + length) * SLOTS_PER_PARTITION)
    }
}

/// The slots of partitions, as inclusive ranges.
pub(crate) fn ranges(partitions: impl Iterator<Item = usize>) -> Vec<(u16, u16)> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for partition in partitions {
        let first = Slot::at(partition, 0).number();
        let last = Slot::at(partition, SLOTS_PER_PARTITION - 1).number();
        match ranges.last_mut() {
            Some(range) if range.1 + 1 == first => range.1 = last,
            _ => ranges.push((first, last)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use mycorrhizal_net::identity::Incarnation;

    use crate::node::shared::tests::{member, state_of};
    use crate::nodosum::state::{Command, MapChange, PartitionId, Request, RequestId, Session};

    #[test]
    fn every_slot_has_one_owner_and_ranges_cover_all() {
        for cores in [1, 2, 3, 7, 64] {
            let me = NodeId([7; 20]);
            let directory = Directory::new(me, CoreId(0), cores, state_of(&[member(me, cores)]));
            let mut covered = 0;
            for core in (0..cores).map(CoreId) {
                for (first, last) in directory.slots_of(core.into()) {
                    covered += u32::from(last - first) + 1;
                    let owner = |slot| directory.owner(Slot::new(slot).unwrap());
                    assert!((first..=last).all(|slot| owner(slot) == core));
                }
            }
            assert_eq!(covered, 16_384);
            let (owner, end) = directory.run_of(Slot::at(0, 0));
            assert_eq!((owner, end), (PeerId(0), usize::from(directory.slots_of(PeerId(0))[0].1) + 1));
        }
    }

    #[test]
    fn cores_of_other_nodes_keep_their_numbers() {
        let (me, other) = (NodeId([7; 20]), NodeId([8; 20]));
        let directory = Directory::new(me, CoreId(0), 2, state_of(&[member(me, 2), member(other, 1)]));
        let theirs = CoreAddress { node: other, core: 0 };
        let peer = directory.peer(theirs);
        assert_eq!((directory.local(peer), directory.address(peer)), (None, theirs));
        assert_eq!(directory.owners(), [PeerId(0), PeerId(1), peer]);
        let mut alone = (*state_of(&[member(me, 2)])).clone();
        let lost = MapChange::Lose { partition: PartitionId(0), from: CoreAddress { node: me, core: 0 } };
        let session = Session { node: me, incarnation: Incarnation(1) };
        let request = Request { id: RequestId { session, number: 1 }, command: Command::Map(vec![lost]) };
        alone.apply(&request).unwrap();
        directory.set_state(Arc::new(alone));
        assert_eq!(directory.peer(theirs), peer);
        assert_eq!(directory.owners(), [PeerId(0), PeerId(1)]);
    }
}
