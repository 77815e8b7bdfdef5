//! `pulse septum`: septa, their limits and their keys.

use std::io::Write;

use mycorrhizal_net::resp::Value;
use serde_json::{Value as Json, json};

use crate::pulse::amount::{bytes, count};
use crate::pulse::args::{Limits, SeptumAction};
use crate::pulse::console::Console;
use crate::pulse::error::PulseError;
use crate::pulse::grid::Grid;
use crate::pulse::json;
use crate::pulse::record::{Record, items, text_of};

pub(super) fn run<W: Write>(console: &mut Console<W>, action: SeptumAction) -> Result<(), PulseError> {
    match action {
        SeptumAction::List => {
            let names: Vec<String> = items(&console.ask(&["SEPTUM", "LIST"])?)?.iter().map(text_of).collect();
            show(console, &names)
        }
        SeptumAction::Info { name } => show(console, &[name]),
        SeptumAction::Create { name, limits } => change(console, "CREATE", &name, &limits, "is there now"),
        SeptumAction::Alter { name, limits } => {
            change(console, "ALTER", &name, &limits, "has these limits now")
        }
        SeptumAction::Drop { name } => {
            console.ask(&["SEPTUM", "DROP", &name])?;
            console.json(&json!({ "name": name, "dropped": true }))?;
            console.say(&format!("Septum {name} is no more, nor are its keys."))
        }
    }
}

fn show<W: Write>(console: &mut Console<W>, names: &[String]) -> Result<(), PulseError> {
    let mut septa = Vec::new();
    for name in names {
        septa.push(console.ask(&["SEPTUM", "INFO", name])?);
    }
    console.json(&septa.iter().map(json::of).collect::<Json>())?;
    let mut grid = Grid::new(&["name", "#keys", "#ttl", "#memory limit", "#key limit"]);
    for septum in &septa {
        grid.row(row(septum)?);
    }
    console.table(&grid)
}

fn row(septum: &Value) -> Result<[String; 5], PulseError> {
    let septum = Record::of(septum)?;
    let limit = |name: &str, show: &dyn Fn(u64) -> String| match septum.number(name) {
        0 => String::new(),
        limit => show(limit),
    };
    Ok([
        septum.text("name"),
        count(septum.number("keys")),
        limit("ttl", &|ms| format!("{} ms", count(ms))),
        limit("maxmemory", &bytes),
        limit("maxentries", &count),
    ])
}

fn change<W: Write>(
    console: &mut Console<W>,
    verb: &str,
    name: &str,
    limits: &Limits,
    done: &str,
) -> Result<(), PulseError> {
    let mut command = vec!["SEPTUM".to_owned(), verb.to_owned(), name.to_owned()];
    let options = [
        ("TTL", limits.ttl),
        ("MAXMEMORY", limits.maxmemory.map(|size| size.0)),
        ("MAXENTRIES", limits.maxentries),
    ];
    for (option, value) in options {
        if let Some(value) = value {
            command.extend([option.to_owned(), value.to_string()]);
        }
    }
    console.ask(&command)?;
    console.say(&format!("Septum {name} {done}."))?;
    show(console, &[name.to_owned()])
}
