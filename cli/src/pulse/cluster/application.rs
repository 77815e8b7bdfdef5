//! `pulse apps`, `pulse send`: which applications listen where, and messages to them.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStringExt as _;

use serde_json::json;

use crate::pulse::args::SendTo;
use crate::pulse::console::Console;
use crate::pulse::error::PulseError;
use crate::pulse::grid::Grid;
use crate::pulse::json;
use crate::pulse::record::{Record, text_of};

use super::member::{members, name_of};

pub(super) fn list<W: Write>(console: &mut Console<W>, name: Option<&str>) -> Result<(), PulseError> {
    let mut command = vec!["APPLICATION", "LIST"];
    command.extend(name);
    let reply = console.ask(&command)?;
    console.json(&json::of(&reply))?;
    if console.is_json() {
        return Ok(());
    }
    let members = members(console)?;
    let mut grid = Grid::new(&["application", "node", "capabilities"]);
    for application in Record::all(&reply)? {
        let capabilities: Vec<String> = application.list("capabilities").iter().map(text_of).collect();
        let node = name_of(&members, &application.text("node"));
        grid.row([application.text("application"), node, capabilities.join(" ")]);
    }
    console.table(&grid)
}

pub(super) fn send<W: Write>(
    console: &mut Console<W>,
    application: &str,
    message: OsString,
    to: &SendTo,
) -> Result<(), PulseError> {
    let message = message.into_vec();
    let timeout = to.answer_timeout.to_string();
    let exchange = |verb: &str, to: &str| {
        let words = [b"APPLICATION", verb.as_bytes(), application.as_bytes(), to.as_bytes(), &message];
        let mut command: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
        command.extend([b"TIMEOUT".to_vec(), timeout.clone().into_bytes()]);
        command
    };
    match (&to.to, &to.capable, to.request) {
        (Some(node), _, true) => answer(console, &exchange("REQUEST", node)),
        (_, Some(capability), _) => answer(console, &exchange("ROUTE", capability)),
        (Some(node), None, false) => {
            let words = [b"APPLICATION", &b"SEND"[..], application.as_bytes(), node.as_bytes(), &message];
            console.ask(&words)?;
            console.json(&json!({ "taken": 1 }))?;
            console.say("taken")
        }
        (None, None, _) => {
            send_to_all(console, &[b"APPLICATION", b"SEND", application.as_bytes(), b"*", &message])
        }
    }
}

/// Prints what the application has answered.
fn answer<W: Write>(console: &mut Console<W>, command: &[Vec<u8>]) -> Result<(), PulseError> {
    let reply = console.ask(command)?;
    console.json(&json!({ "answer": json::of(&reply) }))?;
    console.say(&text_of(&reply))
}

fn send_to_all<W: Write>(console: &mut Console<W>, command: &[&[u8]]) -> Result<(), PulseError> {
    let reply = console.ask(command)?;
    console.json(&json::of(&reply))?;
    if console.is_json() {
        return Ok(());
    }
    let members = members(console)?;
    let outcomes = Record::all(&reply)?;
    if outcomes.is_empty() {
        return console.say("the application listens nowhere");
    }
    let mut grid = Grid::new(&["node", "outcome"]);
    for outcome in outcomes {
        grid.row([name_of(&members, &outcome.text("node")), outcome.text("outcome")]);
    }
    console.table(&grid)
}
