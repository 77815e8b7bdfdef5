//! Consensus: the log of commands that all members apply, by openraft, kept in redb.
//!
//! ```text
//!   Raft (openraft) ──▶ log    : LogStore    vote and entries, on disk before they count
//!                   ──▶ machine: Machine     ClusterState, published to whoever watches
//!                   ──▶ network: Peers       calls to the same layer of other nodes
//! ```
//!
//! Runs on the service core. Source: Ongaro, Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014.

mod log;
mod machine;
mod network;
mod store;

pub use log::LogStore;
pub use machine::{Applied, Machine};
pub use network::{Call, Network, answer};
pub use store::{Durability, Store, StoreError};

use std::time::Duration;

use mycorrhizal_net::identity::NodeId;

use super::state::{Outcome, Request};

openraft::declare_raft_types!(
    /// What consensus is about.
    pub Types:
        D = Request,
        R = Outcome,
        NodeId = NodeId,
        Node = openraft::EmptyNode,
        Entry = openraft::Entry<Types>,
        SnapshotData = Vec<u8>,
        AsyncRuntime = openraft::TokioRuntime,
);

/// One node's part in consensus.
pub type Raft = openraft::Raft<Types>;

/// How long an answer of another node's consensus is awaited, in ms: the longest that a message there and back may take in
/// a cluster. openraft takes its heartbeat interval for this, and looks after its elections every one and a half of it; the
/// heartbeats themselves are sent from outside, every [`HEARTBEAT`].
const ANSWER_MS: u64 = 300;

/// How long a follower without a leader waits before it stands for election, in ms. A leader counts as there for the longest
/// of these after it was heard.
const ELECTION_TIMEOUT_MS: std::ops::Range<u64> = 320..600;

/// How often a leader says that it leads.
pub const HEARTBEAT: Duration = Duration::from_millis(150);

/// Entries after which the state is written as a snapshot, and the log before it dropped.
const SNAPSHOT_ENTRIES: u64 = 1000;

/// The settings of openraft.
#[must_use]
pub fn config(cluster: &str) -> openraft::Config {
    openraft::Config {
        cluster_name: cluster.to_owned(),
        election_timeout_min: ELECTION_TIMEOUT_MS.start,
        election_timeout_max: ELECTION_TIMEOUT_MS.end,
        heartbeat_interval: ANSWER_MS,
        enable_heartbeat: false,
        install_snapshot_timeout: 5_000,
        snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(SNAPSHOT_ENTRIES),
        max_in_snapshot_log_to_keep: SNAPSHOT_ENTRIES,
        replication_lag_threshold: 2 * SNAPSHOT_ENTRIES,
        ..openraft::Config::default()
    }
}

#[cfg(test)]
mod tests;
