//! `pulse partitions`: the 1,024 partitions as a picture.
//!
//! ```text
//!       0 AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBB…     a letter for each core that owns some, in the colour of its node;
//!      64 AAAA»»»»…                             » is on its way out of its owner, · is owned by nobody
//! ```

use std::io::Write;
use std::time::Duration;

use mycorrhizal_net::resp::Value;

use crate::pulse::amount::{float, share};
use crate::pulse::console::Console;
use crate::pulse::error::PulseError;
use crate::pulse::grid::Grid;
use crate::pulse::json;
use crate::pulse::print::Colours;
use crate::pulse::record::Record;

/// Partitions of a cluster.
const PARTITIONS: usize = 1024;
/// Slots of a partition.
const SLOTS: u64 = 16;
/// Partitions in a line.
const LINE: usize = 64;
/// Moves that are listed one by one.
const MOVES_SHOWN: usize = 8;
/// Characters of a bar.
const BAR: u64 = 16;
/// How often the picture is drawn anew.
const LOOK: Duration = Duration::from_millis(500);
/// Looks in a row that have to find nothing moving: a move that follows another is planned meanwhile.
const QUIET_LOOKS: u32 = 3;
/// Backgrounds of nodes, of the 256 colours.
const BACKGROUNDS: [u8; 10] = [25, 28, 94, 90, 30, 88, 60, 64, 130, 53];
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A core that may own partitions.
struct Owner {
    node: String,
    name: String,
    core: u64,
    partitions: usize,
}

/// A partition on its way.
struct Move {
    partition: usize,
    from: (String, u64),
    to: (String, u64),
    slots_done: u64,
}

/// Who owns what.
struct Picture {
    epoch: u64,
    lost: u64,
    owners: Vec<Owner>,
    cells: Vec<Option<usize>>,
    moves: Vec<Move>,
}

impl Picture {
    fn of(reply: &Value) -> Result<Self, PulseError> {
        let reply = Record::of(reply)?;
        let mut cells = vec![None; PARTITIONS];
        let mut owners = Vec::new();
        for owner in reply.records("owners")? {
            let numbers: Vec<usize> = owner
                .list("slots")
                .iter()
                .filter_map(|value| usize::try_from(value.as_integer()?).ok())
                .collect();
            let mut partitions = 0;
            for range in numbers.chunks_exact(2) {
                let slots = usize::try_from(SLOTS).unwrap_or(1);
                for cell in cells.iter_mut().take(range[1] / slots + 1).skip(range[0] / slots) {
                    *cell = Some(owners.len());
                    partitions += 1;
                }
            }
            let (node, name, core) = (owner.text("node"), owner.text("node-name"), owner.number("core"));
            owners.push(Owner { node, name, core, partitions });
        }
        let side = |record: &Record, name: &str| (record.text(name), record.number(&format!("{name}-core")));
        let moves = reply.records("moves")?.into_iter().map(|record| Move {
            partition: usize::try_from(record.number("partition")).unwrap_or(PARTITIONS),
            from: side(&record, "from"),
            to: side(&record, "to"),
            slots_done: record.number("slots-done").min(SLOTS),
        });
        let moves = moves.collect();
        Ok(Self { epoch: reply.number("epoch"), lost: reply.number("lost"), owners, cells, moves })
    }

    /// The number of an owner's node among the nodes, in the order of the reply.
    fn node(&self, owner: usize) -> usize {
        let node = &self.owners[owner].node;
        let earlier = self.owners[..owner].iter().map(|owner| &owner.node);
        let mut nodes: Vec<&String> = earlier.collect();
        nodes.dedup();
        nodes.iter().position(|known| *known == node).unwrap_or(nodes.len())
    }

    fn letter(owner: usize) -> char {
        LETTERS[owner % LETTERS.len()].into()
    }

    fn block(&self, owner: usize, text: &str, colours: Colours) -> String {
        match colours {
            Colours::Off => text.to_owned(),
            Colours::On => {
                let background = BACKGROUNDS[self.node(owner) % BACKGROUNDS.len()];
                format!("\x1b[97;48;5;{background}m{text}\x1b[0m")
            }
        }
    }

    fn lines(&self, colours: Colours) -> Vec<String> {
        let mut lines = vec![format!(
            "epoch {}  owned {} of {PARTITIONS}  moving {}  lost so far {}",
            self.epoch,
            self.cells.iter().flatten().count(),
            self.moves.len(),
            self.lost
        )];
        lines.extend(self.cells.chunks(LINE).enumerate().map(|(line, cells)| {
            let cells = cells.iter().enumerate().map(|(at, cell)| match cell {
                None => "·".to_owned(),
                Some(owner) if self.moves.iter().any(|moving| moving.partition == line * LINE + at) => {
                    self.block(*owner, "»", colours)
                }
                Some(owner) => self.block(*owner, &Self::letter(*owner).to_string(), colours),
            });
            format!("{:>5} {}", line * LINE, cells.collect::<String>())
        }));
        lines
    }

    fn legend(&self) -> Grid {
        let mut grid =
            Grid::new(&["", "node", "id", "#core", "#partitions", "#share", "#moving out", "#moving in"]);
        for (number, owner) in self.owners.iter().enumerate() {
            let is_it = |side: &(String, u64)| side.0 == owner.node && side.1 == owner.core;
            grid.row([
                Self::letter(number).to_string(),
                owner.name.clone(),
                super::member::short(&owner.node).to_owned(),
                owner.core.to_string(),
                owner.partitions.to_string(),
                share(Some(float(owner.partitions as u64) / float(PARTITIONS as u64))),
                self.moves.iter().filter(|moving| is_it(&moving.from)).count().to_string(),
                self.moves.iter().filter(|moving| is_it(&moving.to)).count().to_string(),
            ]);
        }
        grid
    }

    fn name(&self, (node, core): &(String, u64)) -> String {
        let known = self.owners.iter().find(|owner| owner.node == *node).map(|owner| owner.name.as_str());
        format!("{}/{core}", known.unwrap_or(super::member::short(node)))
    }

    fn moving(&self) -> Vec<String> {
        let shown = self.moves.iter().take(MOVES_SHOWN).map(|moving| {
            let filled = usize::try_from(moving.slots_done * BAR / SLOTS).unwrap_or(0);
            let bar = format!("{:<width$}", "=".repeat(filled), width = usize::try_from(BAR).unwrap_or(0));
            format!(
                "partition {:>4}  {} → {}  [{bar}] {} of {SLOTS} slots",
                moving.partition,
                self.name(&moving.from),
                self.name(&moving.to),
                moving.slots_done
            )
        });
        let more = self.moves.len().saturating_sub(MOVES_SHOWN);
        shown.chain((more > 0).then(|| format!("and {more} more"))).collect()
    }
}

pub(super) fn show<W: Write>(console: &mut Console<W>, watch: bool) -> Result<(), PulseError> {
    let mut quiet = 0;
    loop {
        let reply = console.ask(&["NODOSUM", "PARTITIONS"])?;
        console.json(&json::of(&reply))?;
        let picture = Picture::of(&reply)?;
        if watch && console.colours() == Colours::On {
            // Home, and nothing below.
            console.say("\x1b[H\x1b[2J")?;
        }
        draw(console, &picture)?;
        quiet = if picture.moves.is_empty() { quiet + 1 } else { 0 };
        if !watch || quiet == QUIET_LOOKS || !console.pause(LOOK) {
            return Ok(());
        }
    }
}

fn draw<W: Write>(console: &mut Console<W>, picture: &Picture) -> Result<(), PulseError> {
    for line in picture.lines(console.colours()) {
        console.say(&line)?;
    }
    console.table(&picture.legend())?;
    for line in picture.moving() {
        console.say(&line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.into())
    }

    fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
        Value::Map(pairs.into_iter().map(|(name, value)| (bulk(name), value)).collect())
    }

    fn owner(node: &str, core: i64, slots: &[i64]) -> Value {
        let slots = slots.iter().map(|slot| Value::Integer(*slot)).collect();
        map([
            ("node", bulk(node)),
            ("node-name", bulk(&format!("name-{node}"))),
            ("core", Value::Integer(core)),
            ("slots", Value::Array(slots)),
        ])
    }

    fn picture() -> Picture {
        let owners = vec![owner("aa", 0, &[0, 8191]), owner("aa", 1, &[8192, 8207]), owner("bb", 0, &[])];
        let moving = map([
            ("partition", Value::Integer(1)),
            ("from", bulk("aa")),
            ("from-core", Value::Integer(0)),
            ("to", bulk("bb")),
            ("to-core", Value::Integer(0)),
            ("slots-done", Value::Integer(4)),
        ]);
        let reply = map([
            ("epoch", Value::Integer(7)),
            ("lost", Value::Integer(0)),
            ("owners", Value::Array(owners)),
            ("moves", Value::Array(vec![moving])),
        ]);
        Picture::of(&reply).unwrap()
    }

    #[test]
    fn every_partition_has_its_place() {
        let lines = picture().lines(Colours::Off);
        assert_eq!(lines.len(), 17);
        assert_eq!(lines[0], "epoch 7  owned 513 of 1024  moving 1  lost so far 0");
        assert_eq!(lines[1], format!("    0 A»{}", "A".repeat(62)));
        assert_eq!(lines[9], format!("  512 B{}", "·".repeat(63)));
    }

    #[test]
    fn nodes_differ_in_colour_and_cores_in_letter() {
        let picture = picture();
        assert_eq!([picture.node(0), picture.node(1), picture.node(2)], [0, 0, 1]);
        assert_eq!(picture.block(1, "B", Colours::On), "\x1b[97;48;5;25mB\x1b[0m");
        let legend = picture.legend().lines();
        assert!(legend[1].contains("name-aa") && legend[1].contains("512"), "{legend:?}");
    }

    #[test]
    fn moves_show_how_far_they_are() {
        let expected = "partition    1  name-aa/0 → name-bb/0  [====            ] 4 of 16 slots";
        assert_eq!(picture().moving(), [expected]);
    }
}
