//! The node: cores that own partitions and connections, and what is between them.
//!
//! ```text
//!   connection task ──bytes──▶ batch (parse, plan) ──▶ dispatch ──┬─ here: apply
//!                                                                 ├─ another core: mesh ──▶ apply there ──▶ gather
//!                                                                 └─ several, all or nothing: intent + isolation
//! ```
//!
//! Everything in here belongs to one core unless its doc says *node*: then it is shared by all cores and immutable,
//! or made of single-writer counters.

mod announced;
pub(crate) mod applications;
mod authority;
mod batch;
mod call;
pub(crate) mod caller;
pub(crate) mod claim;
mod cluster;
mod connection;
pub(crate) mod core;
pub(crate) mod counter;
pub(crate) mod cytoplasm;
mod data;
pub(crate) mod directory;
mod dispatch;
mod endpoint;
mod errand;
mod execution;
mod gather;
mod gossip;
mod held;
mod intent;
mod isolation;
pub(crate) mod keys;
mod lifetime;
mod links;
pub(crate) mod mesh;
mod migration;
mod presence;
pub(crate) mod sampler;
mod seeds;
pub(crate) mod settings;
pub(crate) mod shared;
pub(crate) mod slowlog;
pub(crate) mod start;
mod stopwatch;
mod stretch;
mod watcher;

pub use caller::Caller;
pub(crate) use cluster::ClusterOptions;
pub use cluster::{GOSSIP_PORT, LINK_PORT};
pub(crate) use core::Core;
pub(crate) use cytoplasm::in_process;
pub(crate) use directory::{CoreId, PeerId};
pub(crate) use endpoint::Endpoint;
pub use endpoint::Endpoints;
pub(crate) use errand::Unanswered;
pub(crate) use execution::run_as;
pub(crate) use isolation::{run_on_all, run_on_one};
pub(crate) use mesh::Manner;
pub use mycorrhizal_net::executor::{CoreError, CoreSet, CoreSetError};
pub(crate) use presence::NOT_HEARD;
pub use start::{StartError, node_id};
