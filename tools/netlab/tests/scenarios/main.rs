//! Scenarios: real daemons form a cluster, something happens to their network or to them, and the cluster is asked afterwards.
//!
//! As root these run in earnest; elsewhere each says what is missing and ends.
#![expect(clippy::unwrap_used, reason = "what the tests call is a test too")]

mod elections;
mod every_key;
mod formation;
mod healing;
mod hurting;
mod pauses;
