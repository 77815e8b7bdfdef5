//! Members: the nodes of the cluster, and where each of them is reached.

use std::net::{IpAddr, SocketAddr};

use mycorrhizal_net::identity::{Incarnation, NodeId};
use serde::{Deserialize, Serialize};

use super::word::words;

/// One core of one node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct CoreAddress {
    /// The node.
    pub node: NodeId,
    /// Its core, from 0.
    pub core: u16,
}

/// One life of a node: it holds leases and registrations, and they end with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The node.
    pub node: NodeId,
    /// Which of its lives.
    pub incarnation: Incarnation,
}

/// What a member is to the planner.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Standing {
    /// It holds partitions.
    Active,
    /// It gives its partitions away, and leaves when it has none.
    Draining,
}

words! {
    Standing: Active "active", Draining "draining"
}

/// Whether the leader hears from a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Presence {
    /// Its session is kept alive.
    Present,
    /// Its session has run out: it serves nothing and leads nothing until it is back.
    Absent,
}

words! {
    Presence: Present "present", Absent "absent"
}

/// A node of the cluster. *Cluster*: the same on every node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: NodeId,
    /// Its life.
    pub incarnation: Incarnation,
    /// What people call it.
    pub name: String,
    /// The address of all its ports.
    pub address: IpAddr,
    /// How many cores it has.
    pub cores: u16,
    /// Its share of the partitions, relative to the others'.
    pub weight: u32,
    /// UDP ports of its cores' gossip sockets.
    pub gossip_ports: Vec<u16>,
    /// TCP ports of its cores' links.
    pub link_ports: Vec<u16>,
    /// The plain port for clients, if it has one.
    pub plain_port: Option<u16>,
    /// The cores' own ports for clients; empty if it has none.
    pub core_ports: Vec<u16>,
    /// The host that clients are told instead of `address`.
    pub announce: Option<IpAddr>,
    /// What it is to the planner.
    pub standing: Standing,
    /// Whether the leader hears from it.
    pub presence: Presence,
}

impl Member {
    /// A member with so many cores, as much weight, no name and no ports: what is known of it beside that is filled in.
    #[must_use]
    pub fn new(session: Session, address: IpAddr, cores: u16) -> Self {
        Self {
            id: session.node,
            incarnation: session.incarnation,
            name: String::new(),
            address,
            cores,
            weight: u32::from(cores),
            gossip_ports: Vec::new(),
            link_ports: Vec::new(),
            plain_port: None,
            core_ports: Vec::new(),
            announce: None,
            standing: Standing::Active,
            presence: Presence::Present,
        }
    }

    /// Its present life.
    #[must_use]
    pub fn session(&self) -> Session {
        Session { node: self.id, incarnation: self.incarnation }
    }

    /// Its cores.
    pub fn core_addresses(&self) -> impl Iterator<Item = CoreAddress> + use<> {
        let node = self.id;
        (0..self.cores).map(move |core| CoreAddress { node, core })
    }

    /// Where the links of a core are accepted.
    #[must_use]
    pub fn link_address(&self, core: u16) -> Option<SocketAddr> {
        let port = self.link_ports.get(usize::from(core))?;
        Some(SocketAddr::new(self.address, *port))
    }

    /// Where the gossip of a core is received.
    #[must_use]
    pub fn gossip_address(&self, core: u16) -> Option<SocketAddr> {
        let port = self.gossip_ports.get(usize::from(core))?;
        Some(SocketAddr::new(self.address, *port))
    }

    /// Whether it can be given partitions.
    #[must_use]
    pub fn takes_partitions(&self) -> bool {
        self.standing == Standing::Active && self.presence == Presence::Present
    }
}
