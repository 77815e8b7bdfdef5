//! `pulse-bench`: a load tool for any server that speaks RESP.
//!
//! ```text
//!   cli ── Plan ──> session ──┬── worker (one per thread): feed ─> connections ─> replies ─> Tally
//!                             └── progress                                          │
//!   compare (two servers, interleaved rounds) ── report: table, plot, JSON, HdrHistogram log
//! ```
//!
//! The command line is in [`cli`]; what a run does in [`session`]; one load thread in [`worker`].
//! The tool is a binary; this library exists so that its parts can be tested.

pub mod cli;
pub mod clock;
pub mod cluster;
pub mod distribution;
pub mod error;
pub mod generator;
pub mod key;
pub mod link;
pub mod mix;
pub mod plan;
pub mod program;
pub mod progress;
pub mod random;
pub mod report;
pub mod schedule;
pub mod server_cpu;
pub mod session;
pub mod size;
pub mod slot;
pub mod tally;
pub mod template;
pub mod worker;
