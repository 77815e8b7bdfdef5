//! `pulse services`: which instances of services run where.

use std::io::Write;

use crate::pulse::console::Console;
use crate::pulse::error::PulseError;
use crate::pulse::grid::Grid;
use crate::pulse::json;
use crate::pulse::record::{Record, text_of};

use super::member::{members, name_of};

pub(super) fn list<W: Write>(console: &mut Console<W>, name: Option<&str>) -> Result<(), PulseError> {
    let mut command = vec!["SERVICE", "LIST"];
    command.extend(name);
    let reply = console.ask(&command)?;
    console.json(&json::of(&reply))?;
    if console.is_json() {
        return Ok(());
    }
    let members = members(console)?;
    let mut grid = Grid::new(&["service", "instance", "address", "health", "node", "metadata"]);
    for service in Record::all(&reply)? {
        grid.row([
            service.text("name"),
            service.text("instance"),
            service.text("address"),
            service.text("health"),
            name_of(&members, &service.text("node")),
            metadata(&service)?,
        ]);
    }
    console.table(&grid)
}

fn metadata(service: &Record) -> Result<String, PulseError> {
    let maps = service.fields().filter(|(name, _)| *name == "metadata").map(|(_, value)| Record::of(value));
    let maps = maps.collect::<Result<Vec<_>, _>>()?;
    let pairs = maps.iter().flat_map(Record::fields);
    Ok(pairs.map(|(key, value)| format!("{key}={}", text_of(value))).collect::<Vec<_>>().join(" "))
}
