//! `pulse drain`: empties a node, and shows how far that is.

use std::io::Write;
use std::time::Duration;

use serde_json::json;

use crate::pulse::console::Console;
use crate::pulse::error::PulseError;
use crate::pulse::record::Record;

use super::member::members;

/// How often the node is looked at.
const LOOK: Duration = Duration::from_millis(200);

pub(super) fn drain<W: Write>(console: &mut Console<W>, node: &str) -> Result<(), PulseError> {
    console.ask(&["NODOSUM", "DRAIN", node])?;
    let Some(member) = find(&members(console)?, node) else { return Ok(()) };
    let (id, name, total) = (member.text("id"), member.text("name"), member.number("partitions"));
    let bar = console.bar("draining", total);
    let mut most = total;
    let left = loop {
        let left = find(&members(console)?, &id).map_or(0, |member| member.number("partitions"));
        // What was on its way to it arrives there first.
        most = most.max(left);
        bar.set_length(most);
        bar.set_position(most - left);
        if left == 0 || !console.pause(LOOK) {
            break left;
        }
    };
    bar.finish_and_clear();
    console.json(&json!({ "node": id, "name": name, "moved": most - left, "left": left }))?;
    if left == 0 {
        return console.say(&format!(
            "{name} owns nothing any more: {most} partitions have moved. `pulse drain {name} --off` lets it own some again."
        ));
    }
    console.say(&format!(
        "{name} owns {left} of {most} partitions still, and the drain goes on. `pulse drain {name} --off` ends it."
    ))
}

pub(super) fn undo<W: Write>(console: &mut Console<W>, node: &str) -> Result<(), PulseError> {
    console.ask(&["NODOSUM", "DRAIN", node, "OFF"])?;
    console.json(&json!({ "node": node, "standing": "active" }))?;
    console.say(&format!("{node} takes partitions again."))
}

/// A member as the server finds it: by its name, its id, or the beginning of that.
fn find(members: &[Record], wanted: &str) -> Option<Record> {
    let is_it = |member: &&Record| {
        member.text("name") == wanted || wanted.len() >= 4 && member.text("id").starts_with(wanted)
    };
    members.iter().find(is_it).cloned()
}
