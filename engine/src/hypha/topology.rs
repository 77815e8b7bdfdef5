//! Which core owns which partition, and where each core is reached. *Node*, immutable once the node has started.

use std::net::{IpAddr, SocketAddr};

use crate::mycel::{PARTITIONS, SLOTS_PER_PARTITION, Slot};

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

/// What CLUSTER SLOTS, SHARDS and NODES publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Endpoints {
    /// Every core's own port: cluster clients reach the owning core with no hop.
    #[default]
    Core,
    /// The plain port for all slots: fewer connections, one hop between cores.
    Node,
}

/// The partition map of one node.
#[derive(Debug)]
pub(crate) struct Topology {
    owners: Box<[CoreId; PARTITIONS]>,
    cores: u16,
    /// The plain port, if the node listens at all.
    pub(crate) plain_port: Option<u16>,
    /// The port of each core; empty if core ports are off.
    pub(crate) core_ports: Vec<u16>,
    /// What is published.
    pub(crate) endpoints: Endpoints,
    /// The address to publish instead of the one that the asking client connected to.
    pub(crate) announce: Option<IpAddr>,
    /// Twenty random bytes drawn at start.
    run_id: [u8; 20],
}

/// What a client needs to reach one published endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// 40 hex digits.
    pub(crate) id: String,
    /// Its port.
    pub(crate) port: u16,
    /// Its slots, as inclusive ranges.
    pub(crate) slots: Vec<(u16, u16)>,
    /// Its cores.
    pub(crate) cores: Vec<CoreId>,
}

impl Topology {
    pub(crate) fn new(cores: u16, run_id: [u8; 20]) -> Self {
        let owner = |partition: usize| {
            let core = partition * usize::from(cores) / PARTITIONS;
            CoreId(u16::try_from(core).expect("a core's number is below their count"))
        };
        Self {
            owners: Box::new(std::array::from_fn(owner)),
            cores,
            plain_port: None,
            core_ports: Vec::new(),
            endpoints: Endpoints::default(),
            announce: None,
            run_id,
        }
    }

    /// The core that owns a slot.
    #[inline]
    pub(crate) fn owner(&self, slot: Slot) -> CoreId {
        self.owners[slot.partition()]
    }

    /// All cores.
    pub(crate) fn cores(&self) -> impl DoubleEndedIterator<Item = CoreId> + use<> {
        (0..self.cores).map(CoreId)
    }

    /// How many cores there are.
    pub(crate) fn core_count(&self) -> usize {
        usize::from(self.cores)
    }

    /// The node's id for one life of the process, 40 hex digits.
    pub(crate) fn run_id(&self) -> String {
        self.run_id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The published id of a core, 40 hex digits.
    pub(crate) fn core_node_id(&self, core: CoreId) -> String {
        let mut id = self.run_id;
        let [high, low] = core.0.to_be_bytes();
        id[18] ^= high;
        id[19] ^= low;
        id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The slots of a core, as inclusive ranges.
    pub(crate) fn slots_of(&self, core: CoreId) -> Vec<(u16, u16)> {
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for (partition, _) in self.owners.iter().enumerate().filter(|(_, owner)| **owner == core) {
            let first = Slot::at(partition, 0).number();
            let last = Slot::at(partition, SLOTS_PER_PARTITION - 1).number();
            match ranges.last_mut() {
                Some(range) if range.1 + 1 == first => range.1 = last,
                _ => ranges.push((first, last)),
            }
        }
        ranges
    }

    /// The owner of a slot, and the slot after the last of its run of slots around it.
    pub(crate) fn run_of(&self, slot: Slot) -> (CoreId, usize) {
        let owner = self.owner(slot);
        let length = self.owners[slot.partition()..].iter().take_while(|other| **other == owner).count();
        (owner, (slot.partition() + length) * SLOTS_PER_PARTITION)
    }

    /// What is published: every core, or the node as one.
    pub(crate) fn published(&self) -> Vec<Endpoint> {
        if self.endpoints == Endpoints::Core && !self.core_ports.is_empty() {
            let ports = self.cores().zip(&self.core_ports);
            return ports
                .map(|(core, &port)| Endpoint {
                    id: self.core_node_id(core),
                    port,
                    slots: self.slots_of(core),
                    cores: vec![core],
                })
                .collect();
        }
        vec![Endpoint {
            id: self.core_node_id(CoreId(0)),
            port: self.plain_port.unwrap_or(0),
            slots: vec![(0, 16_383)],
            cores: self.cores().collect(),
        }]
    }

    /// The address at which a client that connected to `local` reaches a core's own port.
    pub(crate) fn core_address(&self, core: CoreId, local: Option<SocketAddr>) -> (String, u16) {
        let port = self.core_ports.get(core.index()).copied().or(self.plain_port).unwrap_or(0);
        (self.host(local), port)
    }

    /// The host to publish to a client that connected to `local`.
    pub(crate) fn host(&self, local: Option<SocketAddr>) -> String {
        self.announce.or(local.map(|address| address.ip())).map(|ip| ip.to_string()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_one_owner_and_ranges_cover_all() {
        for cores in [1, 2, 3, 7, 64] {
            let topology = Topology::new(cores, [7; 20]);
            let mut covered = 0;
            for core in topology.cores() {
                for (first, last) in topology.slots_of(core) {
                    covered += u32::from(last - first) + 1;
                    assert!((first..=last).all(|slot| topology.owner(Slot::new(slot).unwrap()) == core));
                }
            }
            assert_eq!(covered, 16_384);
            let ids: std::collections::BTreeSet<String> =
                topology.cores().map(|core| topology.core_node_id(core)).collect();
            assert_eq!(ids.len(), usize::from(cores));
        }
    }
}
