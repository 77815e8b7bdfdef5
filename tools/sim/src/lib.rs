//! The simulator: the machines of many nodes under a seeded network and clock, on one thread.
//!
//! ```text
//!  scenario ─▶ World ─▶ queue of what happens ─▶ Machine ─▶ Effects ─┬─▶ network ─▶ queue
//!     ▲                                                              └─▶ events ─▶ checker
//!     └── start, kill, pause, cut, heal
//! ```
//!
//! The harness (`machine`, `network`, `queue`, `trace`, `world`) knows no protocol. A protocol is a [`Machine`] and the
//! scenarios and checks around it, as in `gossip` and `rebalance`. Everything random comes from the seed, so the same seed gives the
//! same trace.

pub mod figures;
pub mod gossip;
pub mod machine;
pub mod network;
pub mod queue;
pub mod rebalance;
pub mod trace;
pub mod world;

pub use machine::{Channel, Effects, Machine, Message};
pub use mycorrhizal::nodosum::Time;
pub use network::{Network, Weather};
pub use trace::Trace;
pub use world::{NodeIndex, World};
