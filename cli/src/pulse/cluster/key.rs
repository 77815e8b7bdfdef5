//! `pulse keys`: which member has which keys, and a new key for the old ones while the cluster runs.
//!
//! ```text
//!   install ─▶ all members have it ─▶ use ─▶ all members seal with it ─▶ remove the others ─▶ no member has them
//! ```
//!
//! Each step may be repeated: a rotation that was broken off goes on where it was when it is run again with the same
//! file. The text of a key is never printed.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use mycorrhizal_net::secret::{Secret, Secrets};
use serde_json::json;

use crate::clock;
use crate::pulse::certificate;
use crate::pulse::console::Console;
use crate::pulse::error::PulseError;
use crate::pulse::grid::Grid;
use crate::pulse::json;
use crate::pulse::record::{Record, text_of};

use super::member::short;

/// How often the members are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long a step may take until all members confirm it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a member says of its keys.
struct Holder {
    name: String,
    present: bool,
    used: String,
    keys: BTreeSet<String>,
    trouble: String,
}

fn holders<W: Write>(console: &mut Console<W>) -> Result<Vec<Holder>, PulseError> {
    let holder = |member: &Record| Holder {
        name: member.text("name"),
        present: member.text("presence") == "present",
        used: member.text("used"),
        keys: member.list("keys").iter().map(text_of).collect(),
        trouble: member.text("trouble"),
    };
    Ok(Record::all(&console.ask(&["NODOSUM", "KEYS", "LIST"])?)?.iter().map(holder).collect())
}

pub(super) fn list<W: Write>(console: &mut Console<W>) -> Result<(), PulseError> {
    let reply = console.ask(&["NODOSUM", "KEYS", "LIST"])?;
    console.json(&json::of(&reply))?;
    let mut grid = Grid::new(&["name", "id", "presence", "in use", "accepted as well", "trouble"]);
    for member in Record::all(&reply)? {
        let used = member.text("used");
        let others: Vec<String> =
            member.list("keys").iter().map(text_of).filter(|key| *key != used).collect();
        grid.row([
            member.text("name"),
            short(&member.text("node")).to_owned(),
            member.text("presence"),
            used,
            others.join(" "),
            member.text("trouble"),
        ]);
    }
    console.table(&grid)
}

pub(super) fn rotate<W: Write>(
    console: &mut Console<W>,
    file: &Path,
    keep_old: bool,
) -> Result<(), PulseError> {
    let before = holders(console)?;
    let secret = new_key(file)?;
    let id = secret.id().to_string();
    let others: BTreeSet<String> =
        before.iter().flat_map(|holder| holder.keys.iter().cloned()).filter(|key| *key != id).collect();
    if others.is_empty() && before.iter().all(|holder| !holder.present || holder.used == id) {
        let file = file.display();
        return Err(PulseError::Local(format!(
            "the key in {file} is the only one in use already: name another file"
        )));
    }
    if !console.session.is_local() {
        eprintln!(
            "pulse: the new key goes to {} as it is: nobody must listen there",
            console.session.address()
        );
    }
    let reply = console.ask(&[&b"NODOSUM"[..], b"KEYS", b"INSTALL", secret.reveal()])?;
    if text_of(&reply) != id {
        return Err(PulseError::Unusable("the node calls the key by another id".to_owned()));
    }
    confirm(console, "install", |holder| holder.keys.contains(&id))?;
    console.ask(&["NODOSUM", "KEYS", "USE", &id])?;
    confirm(console, "use", |holder| holder.used == id)?;
    if !keep_old {
        for other in &others {
            console.ask(&["NODOSUM", "KEYS", "REMOVE", other])?;
        }
        confirm(console, "remove", |holder| holder.keys.is_disjoint(&others))?;
    }
    report(console, &id, &others, file, keep_old)
}

fn report<W: Write>(
    console: &mut Console<W>,
    id: &str,
    others: &BTreeSet<String>,
    file: &Path,
    keep_old: bool,
) -> Result<(), PulseError> {
    let after = holders(console)?;
    let names = |present: bool| -> Vec<String> {
        after.iter().filter(|holder| holder.present == present).map(|holder| holder.name.clone()).collect()
    };
    let (present, absent) = (names(true), names(false));
    let removed: Vec<&String> = if keep_old { Vec::new() } else { others.iter().collect() };
    console.json(&json!({
        "used": id, "removed": removed, "members": present, "absent": absent, "file": file.display().to_string(),
    }))?;
    console.say(&format!("All {} present members seal with key {id} now.", present.len()))?;
    if keep_old {
        console
            .say("The old keys are accepted as well; run this again without --keep-old to remove them.")?;
    } else {
        console.say(&format!("Removed: {}.", others.iter().cloned().collect::<Vec<_>>().join(", ")))?;
    }
    console.say(&format!(
        "Now put the key in {} into the --cluster-key-file of every node, as its first line: a node reads that file when \
         it starts, and one that has a removed key only is not let in.",
        file.display()
    ))?;
    if !absent.is_empty() {
        console.say(&format!("Absent, and to be given it before they start: {}.", absent.join(", ")))?;
    }
    Ok(())
}

/// The key in the file; a new one, written there, if there is no such file.
fn new_key(file: &Path) -> Result<Secret, PulseError> {
    let local = |error: &dyn std::fmt::Display| PulseError::Local(format!("{}: {error}", file.display()));
    if !file.exists() {
        let secret = Secret::draw();
        certificate::write(file, &[secret.reveal(), b"\n"].concat(), 0o600)?;
        return Ok(secret);
    }
    let text = fs::read(file).map_err(|error| local(&error))?;
    let secrets = Secrets::parse(&text).map_err(|error| local(&error))?;
    let used = secrets.find(secrets.used()).expect("the one in use is there");
    Ok(used.clone())
}

/// Waits until `holds` of all present members.
fn confirm<W: Write>(
    console: &mut Console<W>,
    step: &'static str,
    holds: impl Fn(&Holder) -> bool,
) -> Result<(), PulseError> {
    let due = clock::now() + PATIENCE;
    let bar = console.bar(step, 0);
    loop {
        let holders: Vec<Holder> = holders(console)?.into_iter().filter(|holder| holder.present).collect();
        let open: Vec<&Holder> = holders.iter().filter(|holder| !holds(holder)).collect();
        bar.set_length(holders.len() as u64);
        bar.set_position((holders.len() - open.len()) as u64);
        let Some(first) = open.first() else { break };
        bar.set_message(format!("waiting for {}", first.name));
        let late = clock::now() >= due;
        if late || !console.pause(LOOK) {
            bar.finish_and_clear();
            let trouble =
                if first.trouble.is_empty() { String::new() } else { format!(" ({})", first.trouble) };
            return Err(PulseError::Unusable(format!(
                "{} has not confirmed the step `{step}`{trouble}; run this again with the same file to go on",
                first.name
            )));
        }
    }
    bar.finish_and_clear();
    console.say(&format!("{step}: confirmed by all present members"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_made_with_a_new_key_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("new.key");
        let drawn = new_key(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(new_key(&file).unwrap(), drawn, "and is taken as it is from then on");
        fs::write(&file, "short").unwrap();
        let error = new_key(&file).unwrap_err().to_string();
        assert!(error.contains("at least 16 bytes") && !error.contains("short"), "{error}");
    }
}
