//! Nodosum: the coordination layer. Who is a member, who owns which partition, who leads what, and which septa there are.
//!
//! ```text
//!   commands ──▶ consensus (log) ──▶ state::ClusterState::apply ──▶ the same state on every member
//!   members, partition map ──▶ planner ──▶ changes of the map ──▶ commands
//! ```
//!
//! [`state`] is a deterministic machine: no clock, no chance, no I/O. What needs time (leases that run out, members that
//! fall silent) is decided by the consensus leader and reaches the state as a command.

pub mod consensus;
pub mod planner;
pub mod routing;
pub mod rpc;
pub mod service;
pub mod state;
