//! Nodosum: the coordination layer. Who is a member, who owns which partition, who leads what, and which septa there are.
//!
//! ```text
//!   datagrams ──▶ membership: who is alive ──▶ service
//!   commands ──▶ consensus (log) ──▶ state::ClusterState::apply ──▶ the same state on every member
//!   members, partition map ──▶ planner ──▶ changes of the map ──▶ commands
//!   members, elections ──▶ subsystem: which node does what for all, the planner's work among it ──▶ commands
//! ```
//!
//! [`membership`], [`state`], [`planner`], [`subsystem`], [`digest`] and [`routing`] are machines: time, randomness and input
//! are arguments, and the node and the simulator run the same code. What needs time in the state (leases that run out,
//! members that fall silent) is decided by the consensus leader and reaches the state as a command.

pub mod consensus;
pub mod digest;
pub mod membership;
pub mod planner;
pub mod routing;
pub mod rpc;
pub mod service;
pub mod state;
pub mod subsystem;
pub mod time;

pub use membership::{MemberIdentity, Membership};
pub use time::Time;
