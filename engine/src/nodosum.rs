//! Nodosum: what the nodes of a cluster agree on, beginning with who is a member.
//!
//! Everything that decides here is a machine: time, randomness and input are arguments, effects come out through an
//! outbox. The node and the simulator run the same code.

pub mod membership;
pub mod time;

pub use membership::{MemberIdentity, Membership};
pub use time::Time;
