//! Several daemons as one: formation, routing, moving, failing, and what they agree on.
#![expect(clippy::unwrap_used, reason = "what the tests call is a test too")]

mod coordination;
mod counting;
mod failure;
mod formation;
mod hostile;
mod keys;
mod messages;
mod moving;
mod routing;
mod stranger;
