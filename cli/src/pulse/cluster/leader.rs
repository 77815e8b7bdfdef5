//! `pulse leaders`: who leads elections, and who has locks and semaphores.

use std::io::Write;

use mycorrhizal_net::resp::Value;
use serde_json::{Map, Value as Json};

use crate::pulse::console::Console;
use crate::pulse::error::PulseError;
use crate::pulse::grid::Grid;
use crate::pulse::json;
use crate::pulse::record::Record;

const KINDS: [(&str, &str); 3] = [("election", "ELECTION"), ("lock", "LOCK"), ("semaphore", "SEMAPHORE")];

pub(super) fn list<W: Write>(console: &mut Console<W>, name: Option<&str>) -> Result<(), PulseError> {
    let mut grid = Grid::new(&["kind", "name", "held by", "#token", "#waiting"]);
    let mut all = Map::new();
    for (kind, command) in KINDS {
        let leases = ask(console, command, name)?;
        for lease in Record::all(&leases)? {
            add(&mut grid, kind, &lease)?;
        }
        all.insert(kind.to_owned(), json::of(&leases));
    }
    console.json(&Json::Object(all))?;
    console.table(&grid)
}

fn ask<W: Write>(console: &mut Console<W>, command: &str, name: Option<&str>) -> Result<Value, PulseError> {
    let Some(name) = name else { return console.ask(&[command, "LIST"]) };
    Ok(match console.ask(&[command, "INFO", name])? {
        Value::Null => Value::Array(Vec::new()),
        lease => Value::Array(vec![lease]),
    })
}

/// A row for each holder; one if there is none.
fn add(grid: &mut Grid, kind: &str, lease: &Record) -> Result<(), PulseError> {
    let mut row = |holder: String, token: String| {
        grid.row([kind.to_owned(), lease.text("name"), holder, token, lease.text("waiting")]);
    };
    let holders = lease.records("holders")?;
    if holders.is_empty() {
        row(String::new(), String::new());
    }
    for holder in holders {
        row(holder.text("node-name"), holder.text("token"));
    }
    Ok(())
}
