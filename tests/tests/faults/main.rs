//! Bad input and faults: whatever a client or an operator does, the daemon says what is wrong, goes on for everybody
//! else, and keeps nothing of it.
//!
//! Wrong arity and integers at their edges are in `transcripts/arity.txt` and `transcripts/strings_numbers.txt`.
#![expect(clippy::unwrap_used, reason = "what the tests call is a test too")]

mod accounting;
mod bytes;
mod clients;
mod memory;
mod start;

use mycorrhizal_tests::clock;
use mycorrhizal_tests::server::{Daemon, Server};
use mycorrhizal_tests::wire::{Connection, Reply};

/// Asserts that somebody else is served as ever.
fn is_well(witness: &mut Connection) {
    assert_eq!(witness.say("PING").as_text(), "PONG");
    assert_eq!(witness.say("SET witness well").as_text(), "OK");
    assert_eq!(witness.say("GET witness").as_text(), "well");
}

/// Waits until this connection is the only one.
fn wait_until_alone(daemon: &Daemon, witness: &mut Connection) {
    clock::wait_for("all other connections to be gone", || {
        let info = witness.say("INFO clients").as_text();
        info.contains("connected_clients:1\r\n").then_some(())
    });
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
}

/// A field of MEMORY STATS.
fn memory_stat(connection: &mut Connection, field: &str) -> i64 {
    let stats = connection.say("MEMORY STATS");
    let found = stats.items.chunks(2).find(|pair| pair[0].as_text() == field);
    found.unwrap_or_else(|| panic!("MEMORY STATS has no {field}: {stats:?}"))[1].as_integer()
}

fn text(reply: &Reply) -> String {
    format!("{}{}", char::from(reply.kind), reply.as_text())
}
