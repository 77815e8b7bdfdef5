//! Harness of the tests that cross crates: starts real servers, speaks raw RESP to them, replays transcripts.
//!
//! The bytes on the wire are read here by code of its own ([`wire`]), so that a fault of the project's codec cannot
//! hide itself. Redis 7.0 is the oracle: what it answers is right unless a transcript says why not.

pub mod client;
pub mod clock;
pub mod cluster;
pub mod differential;
pub mod pulse;
pub mod random;
pub mod server;
pub mod transcript;
pub mod wire;
