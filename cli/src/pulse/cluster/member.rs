//! `pulse members`, `pulse join`.

use std::io::Write;

use crate::pulse::console::Console;
use crate::pulse::error::PulseError;
use crate::pulse::grid::Grid;
use crate::pulse::json;
use crate::pulse::record::Record;

/// Digits of an id that are shown to people.
const ID_SHOWN: usize = 8;

/// All members, as the node knows them.
pub(super) fn members<W: Write>(console: &mut Console<W>) -> Result<Vec<Record>, PulseError> {
    Record::all(&console.ask(&["NODOSUM", "MEMBERS"])?)
}

pub(super) fn list<W: Write>(console: &mut Console<W>) -> Result<(), PulseError> {
    let reply = console.ask(&["NODOSUM", "MEMBERS"])?;
    console.json(&json::of(&reply))?;
    let headings = [
        "name",
        "id",
        "presence",
        "standing",
        "#cores",
        "#weight",
        "#partitions",
        "#port",
        "gossip",
        "links",
    ];
    let mut grid = Grid::new(&headings);
    for member in Record::all(&reply)? {
        let mark = if member.number("self") == 1 { " *" } else { "" };
        grid.row([
            format!("{}{mark}", member.text("name")),
            short(&member.text("id")).to_owned(),
            member.text("presence"),
            member.text("standing"),
            member.text("cores"),
            member.text("weight"),
            member.text("partitions"),
            member.text("port"),
            member.text("gossip"),
            member.text("links"),
        ]);
    }
    console.table(&grid)
}

/// The beginning of an id.
pub(super) fn short(id: &str) -> &str {
    id.get(..ID_SHOWN).unwrap_or(id)
}

/// What people call a node: its name, or the beginning of its id if it is no member.
pub(super) fn name_of(members: &[Record], id: &str) -> String {
    let known = members.iter().find(|member| member.text("id") == id);
    known.map_or_else(|| short(id).to_owned(), |member| member.text("name"))
}

pub(super) fn join<W: Write>(console: &mut Console<W>, seeds: &[String]) -> Result<(), PulseError> {
    let mut command = vec!["NODOSUM", "JOIN"];
    command.extend(seeds.iter().map(String::as_str));
    let reply = console.ask(&command)?;
    console.json(&json::of(&reply))?;
    console.say("The node makes contact with them from now on; `pulse members` shows who is in the cluster.")
}
