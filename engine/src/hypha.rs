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

mod batch;
mod call;
pub(crate) mod caller;
pub(crate) mod clock;
mod connection;
pub(crate) mod core;
pub(crate) mod counter;
mod dispatch;
mod engine;
mod execution;
mod gather;
mod handle;
mod intent;
mod isolation;
mod lifetime;
mod mesh;
mod node;
pub(crate) mod sampler;
pub(crate) mod settings;
pub(crate) mod slowlog;
mod stopwatch;
mod stretch;
pub(crate) mod topology;

pub use caller::Caller;
pub(crate) use core::Core;
pub use engine::{Addresses, Builder, Engine, StartError, Stopper};
pub use handle::{BlockingHandle, CallError, Condition, Handle, SetOptions};
pub(crate) use isolation::run_on_all;
pub use mycorrhizal_net::executor::{CoreError, CoreSet, CoreSetError};
pub use topology::Endpoints;
pub(crate) use topology::{CoreId, Endpoint};
