//! The library as programs embed it: nodes in this process, clients of daemons, under several executors.
#![expect(clippy::unwrap_used, reason = "what the tests call is a test too")]

mod alone;
mod client;
mod examples;
mod executors;
mod nodes;
mod together;
