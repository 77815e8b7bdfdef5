//! Properties of all data commands: their records say all that they changed, and their rows tell the truth.
//!
//! Commands are made from the syntax of their rows, so that every option has its turn. After any sequence of them the
//! records, replayed into an empty keyspace, give the same contents; a refused command and a command that only
//! reads have left no record; and no function finds fault with the syntax of its own row.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;

use super::rehearsal::{DATABASES, Rehearsal, START_MS, Spreads};
use super::{Command, CommandError, Flags, Run, generic, string};
use crate::mycel::{Cause, Db, Record, RecordBuffer};

const KEYS: &[&str] = &["a", "b", "c", "{d}1", "{d}2"];
const VALUES: &[&str] = &["", "0", "7", "-1", "9223372036854775807", "3.25", "text", "\0\r\n"];
const COUNTS: &[&str] = &["0", "1", "-1", "5", "9223372036854775807", "-9223372036854775808"];

/// One step of a sequence, decided by one number: what shrinks is the sequence.
#[derive(Clone, Copy, Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ mixed >> 31) % sides as u64).unwrap()
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    /// A value for an argument of that name.
    fn argument(&mut self, name: &str) -> String {
        let one_of = |dice: &mut Self, choices| dice.one_of(choices).to_owned();
        match name {
            "key" | "key1" | "key2" | "newkey" | "source" | "destination" => one_of(self, KEYS),
            "value" | "comparison-value" => match self.below(12) {
                10 => "x".repeat(100),
                11 => "y".repeat(5_000),
                _ => one_of(self, VALUES),
            },
            "seconds" | "milliseconds" => one_of(self, &["-1", "0", "1", "2", "800", "1000000"]),
            "unix-time-seconds" => (START_MS / 1_000 + self.below(5) as u64 - 1).to_string(),
            "unix-time-milliseconds" => (START_MS + self.below(5_000) as u64 - 1_000).to_string(),
            "increment" | "decrement" => one_of(self, COUNTS),
            "offset" => one_of(self, &["0", "1", "5", "300"]),
            "start" | "end" => one_of(self, &["-100", "-2", "0", "1", "100"]),
            "db" | "destination-db" => self.below(usize::from(DATABASES) + 1).to_string(),
            "len" => self.below(4).to_string(),
            other => panic!("no value is known for the argument {other}"),
        }
    }

    /// Appends words that follow a syntax: optional parts or not, one of several alternatives.
    fn follow(&mut self, syntax: &str, words: &mut Vec<String>) {
        let mut rest = syntax.trim();
        while !rest.is_empty() {
            if let Some((part, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                if let Some(repeated) = part.strip_suffix("...") {
                    (0..self.below(3)).for_each(|_| self.follow(repeated, words));
                } else if self.below(3) == 0 {
                    let alternatives: Vec<&str> = part.split('|').collect();
                    let alternative = self.one_of(&alternatives);
                    self.follow(alternative, words);
                }
                rest = after.trim_start();
            } else {
                let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
                let is_token = word.starts_with(|letter: char| letter.is_ascii_uppercase());
                words.push(if is_token { word.to_owned() } else { self.argument(word) });
                rest = after.trim_start();
            }
        }
    }

    fn command(&mut self) -> (&'static Command, Vec<String>) {
        let rows: Vec<&'static Command> = generic::COMMANDS.iter().chain(string::COMMANDS).collect();
        let row = rows[self.below(rows.len())];
        let mut words = vec![row.name.to_owned()];
        let data: Vec<_> = row.subcommands.iter().filter(|row| matches!(row.run, Run::Data { .. })).collect();
        let row = if data.is_empty() { row } else { data[self.below(data.len())] };
        if !data.is_empty() {
            words.push(row.name.to_owned());
        }
        self.follow(row.syntax, &mut words);
        (row, words)
    }
}

/// Records but those of keys that passed away.
fn changes(records: &RefCell<RecordBuffer>) -> usize {
    let passed = |record: &Record<'_>| matches!(record, Record::Remove { cause: Cause::Expired, .. });
    records.borrow().iter().filter(|record| !passed(record)).count()
}

fn step(rehearsal: &mut Rehearsal, records: &RefCell<RecordBuffer>, mut dice: Dice) {
    match dice.below(16) {
        0 => {
            let now_ms = rehearsal.keyspace.now_ms() + dice.below(1_500) as u64;
            rehearsal.keyspace.set_now(now_ms);
        }
        1 => {
            rehearsal.keyspace.expire_due(2);
        }
        _ => {
            rehearsal.db = Db::new(u16::try_from(dice.below(usize::from(DATABASES))).unwrap());
            let (row, words) = dice.command();
            let before = changes(records);
            let bytes: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
            let result = rehearsal.run(&bytes);
            let line = words.join(" ");
            if let Err(error) = &result {
                let at_fault = matches!(error, CommandError::Syntax | CommandError::WrongArity(_));
                assert!(!at_fault, "{line}: {error}");
            }
            if result.is_err() || row.flags.has(Flags::READONLY) {
                assert_eq!(changes(records), before, "{line}");
            }
        }
    }
}

fn replays(steps: &[u64], spreads: Spreads) {
    let records = Rc::new(RefCell::new(RecordBuffer::new()));
    let mut rehearsal = Rehearsal { spreads, ..Rehearsal::new() };
    rehearsal.keyspace.set_sink(Some(Box::new(Rc::clone(&records))));
    for dice in steps {
        step(&mut rehearsal, &records, Dice(*dice));
    }
    let mut copy = Rehearsal::new();
    for record in &*records.borrow() {
        copy.keyspace.replay(&record).unwrap();
    }
    assert_eq!(copy.keyspace.digest_all(), rehearsal.keyspace.digest_all());
    for keyspace in [&copy.keyspace, &rehearsal.keyspace] {
        assert_eq!(keyspace.used_bytes(), keyspace.recount_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_replay_to_the_same_contents(steps in proptest::collection::vec(any::<u64>(), 0..500)) {
        replays(&steps, Spreads::Whole);
        replays(&steps, Spreads::Scattered);
    }
}

#[test]
fn every_data_command_had_its_turn() {
    let names =
        (0..20_000).map(|seed| Dice(seed).command().0.name).collect::<std::collections::BTreeSet<_>>();
    let rows = generic::COMMANDS.iter().chain(string::COMMANDS);
    let rows = rows
        .flat_map(|row| if row.subcommands.is_empty() { std::slice::from_ref(row) } else { row.subcommands });
    for row in rows.filter(|row| matches!(row.run, Run::Data { .. })) {
        assert!(names.contains(row.name), "{}", row.name);
    }
}
