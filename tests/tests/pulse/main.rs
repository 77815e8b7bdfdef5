//! The command line against real servers.
#![expect(clippy::unwrap_used, reason = "what the tests call is a test too")]

mod bus;
mod certificates;
mod cluster;
