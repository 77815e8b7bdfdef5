//! Live rebalancing in the simulator: nodes with keyspaces, a log that all of them apply, clients that write meanwhile, and
//! what must hold.
//!
//! ```text
//!  client ─ask─▶ node ─(routing::route)─▶ node ─▶ keyspace ─▶ Applied ─▶ Checker, against one model of all keys
//!                 ▲  ◀──── Export / Import ────▶
//!                 ├─ entries ─ log: ClusterState, sessions
//!                 └─ proposals ─▶  who plans among them, elected by all
//! ```
//!
//! Each node has one core. The log stands for consensus: it never fails, but is late for everybody by as much as chance
//! has it, and may be cut off.

mod checker;
mod client;
mod log;
mod message;
mod node;
mod scenario;

pub use checker::Checker;
pub use client::Client;
pub use log::Log;
pub use message::{Action, Event, Note, Operation, Outcome};
pub use node::{Flaw, Node};
pub use scenario::{Options, Report, replay, run};

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mycorrhizal::nodosum::Time;
use mycorrhizal::nodosum::state::{Command, MapChange, Member, PartitionId, Session};
use mycorrhizal_net::identity::{Incarnation, NodeId};

use crate::machine::{Effects, Machine};

/// What a world of this is made of.
#[expect(clippy::large_enum_variant, reason = "there are a dozen of them")]
pub enum Role {
    /// The log, the first of the world.
    Log(Log),
    /// A node.
    Node(Node),
    /// A client.
    Client(Client),
}

/// What machines want done.
pub type Out = Effects<Note, Event>;

/// Where the log is.
pub const LOG: usize = 0;

/// How long the log takes a node for alive that it does not hear.
const SESSION: Duration = Duration::from_millis(1_200);
/// How much earlier the node itself takes its session to be over.
const MARGIN: Duration = Duration::from_millis(120);
/// How long until what an unheard node owned is given to others, empty.
const GIVEN_UP: Duration = Duration::from_millis(4_000);

impl Machine for Role {
    type Message = Note;
    type Event = Event;

    fn on_message(&mut self, now: Time, from: SocketAddr, message: &Note, out: &mut Out) {
        let from = index_of(from);
        match self {
            Role::Log(log) => log.on_message(now, from, message, out),
            Role::Node(node) => node.on_message(now, from, message, out),
            Role::Client(client) => client.on_message(message, out),
        }
    }

    fn on_link_lost(&mut self, now: Time, peer: SocketAddr, out: &mut Out) {
        if let Role::Node(node) = self {
            node.on_link_lost(now, index_of(peer), out);
        }
    }

    fn on_deadline(&mut self, now: Time, out: &mut Out) {
        match self {
            Role::Log(log) => log.on_deadline(now, out),
            Role::Node(node) => node.on_deadline(now, out),
            Role::Client(client) => client.on_deadline(now, out),
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        match self {
            Role::Log(log) => log.next_deadline(),
            Role::Node(node) => Some(node.next_deadline()),
            Role::Client(client) => client.next_deadline(),
        }
    }
}

/// The address of a place in the world.
pub fn address_of(index: usize) -> SocketAddr {
    let last = u8::try_from(index).expect("there are not so many");
    SocketAddr::from((Ipv4Addr::new(10, 0, 0, last), 1))
}

fn index_of(address: SocketAddr) -> usize {
    match address.ip() {
        std::net::IpAddr::V4(ip) => usize::from(ip.octets()[3]),
        std::net::IpAddr::V6(_) => usize::MAX,
    }
}

/// The id of the node at a place in the world.
pub fn id_of(index: usize) -> NodeId {
    NodeId([u8::try_from(index).expect("there are not so many"); 20])
}

/// The place of a node in the world.
fn index_of_id(id: NodeId) -> usize {
    usize::from(id.0[0])
}

/// The partitions that a command may say something of.
fn partitions_of(command: &Command) -> Vec<PartitionId> {
    match command {
        Command::Map(changes) | Command::Rebalance { changes, .. } => {
            changes.iter().map(partition_of).collect()
        }
        Command::Form { .. } | Command::Join(_) => PartitionId::all().collect(),
        _ => Vec::new(),
    }
}

fn partition_of(change: &MapChange) -> PartitionId {
    match *change {
        MapChange::Assign { partition, .. }
        | MapChange::BeginMove { partition, .. }
        | MapChange::FinishMove { partition, .. }
        | MapChange::AbortMove { partition, .. }
        | MapChange::Lose { partition, .. } => partition,
    }
}

/// The member that the node at a place is in one of its lives.
pub fn member(index: usize, incarnation: u64) -> Member {
    Member {
        name: format!("node-{index}"),
        ..Member::new(
            Session { node: id_of(index), incarnation: Incarnation(incarnation) },
            address_of(index).ip(),
            1,
        )
    }
}

#[cfg(test)]
mod tests;
