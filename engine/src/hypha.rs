//! The node: cores that own partitions, connections and what they ask for, and the handle that applications hold.
//!
//! ```text
//!   connection task ──bytes──▶ batch (parse, plan) ──▶ dispatch ──┬─ here: apply
//!                                                                 ├─ another core: mesh ──▶ apply there ──▶ gather
//!                                                                 └─ several, all or nothing: intent + isolation
//! ```
//!
//! Everything in here belongs to one core unless its doc says *node*: then it is shared by all cores and immutable,
//! or made of single-writer counters.

mod authority;
mod batch;
mod builder;
mod call;
pub(crate) mod caller;
mod cluster;
mod connection;
pub(crate) mod core;
pub(crate) mod counter;
pub(crate) mod directory;
mod dispatch;
mod endpoint;
mod engine;
mod execution;
mod gather;
mod gossip;
mod handle;
mod held;
mod intent;
mod isolation;
mod lifetime;
mod links;
mod mesh;
mod migration;
mod node;
mod presence;
pub(crate) mod sampler;
pub(crate) mod settings;
pub(crate) mod slowlog;
mod start;
mod stopwatch;
mod stretch;

pub use builder::Builder;
pub use caller::Caller;
pub use cluster::{ClusterOptions, GOSSIP_PORT, LINK_PORT};
pub(crate) use core::Core;
pub(crate) use directory::{CoreId, PeerId};
pub(crate) use endpoint::Endpoint;
pub use endpoint::Endpoints;
pub use engine::{Addresses, Engine, LeaveError, NotReady, Stopper};
pub use handle::{BlockingHandle, CallError, Condition, Handle, SetOptions};
pub(crate) use isolation::{run_on_all, run_on_one};
pub(crate) use mesh::Manner;
pub use mycorrhizal_net::executor::{CoreError, CoreSet, CoreSetError};
pub use start::StartError;
