//! Scenarios: real daemons form a cluster, something happens to their network or to them, and the cluster is asked afterwards.
//!
//! As root these run in earnest; elsewhere each says what is missing and ends.

mod elections;
mod every_key;
mod formation;
mod healing;
mod hurting;
mod pauses;
