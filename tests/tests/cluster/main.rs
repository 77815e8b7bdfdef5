//! Several daemons as one: formation, routing, moving, failing, and what they agree on.
#![expect(clippy::unwrap_used, reason = "what the tests call is a test too")]

mod announced;
mod bus;
mod clocks;
mod coordination;
mod counting;
mod discretion;
mod disk;
mod failure;
mod formation;
mod hostile;
mod keys;
mod killing;
mod messages;
mod minority;
mod moving;
mod routing;
mod stranger;
mod subsystems;
