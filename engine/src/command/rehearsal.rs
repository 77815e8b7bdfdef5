//! Runs data commands on a keyspace of their own, without a node: what the tests of the groups stand on.

use mycorrhizal_net::resp::{Args, Protocol, Reply, Span};

use super::{Apply, Command, CommandError, DataContext, Merge, Run, Spread, generic, string};
use crate::mycel::{Db, Hasher, Keyspace, KeyspaceConfig};

/// The moment at which a rehearsal begins: a round number of seconds, so that deadlines in tests can be read.
pub(super) const START_MS: u64 = 1_000_000_000_000;
/// `proto-max-bulk-len` of a rehearsal.
pub(super) const VALUE_BYTES_MAX: usize = 1 << 20;
/// Databases of a rehearsal.
pub(super) const DATABASES: u16 = 4;

/// A keyspace, a database that is selected, and what was counted.
pub(super) struct Rehearsal {
    pub(super) keyspace: Keyspace,
    pub(super) db: Db,
    pub(super) protocol: Protocol,
    pub(super) spreads: Spreads,
    pub(super) hits: u64,
    pub(super) misses: u64,
}

/// How commands over several keys are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spreads {
    /// As if one core owned all keys.
    Whole,
    /// As if every key had an owner of its own.
    Scattered,
}

impl Rehearsal {
    pub(super) fn new() -> Self {
        let mut keyspace =
            Keyspace::new(KeyspaceConfig { databases: DATABASES, hasher: Hasher::new([1, 2]) });
        keyspace.set_now(START_MS);
        let (protocol, spreads) = (Protocol::Resp2, Spreads::Whole);
        Self { keyspace, db: Db::default(), protocol, spreads, hits: 0, misses: 0 }
    }

    /// Runs a command and gives its reply.
    pub(super) fn run(&mut self, words: &[&[u8]]) -> Result<Vec<u8>, CommandError> {
        let command = find(words).expect("the test names a command of these groups");
        if !command.accepts(words.len()) {
            return Err(CommandError::WrongArity(command.name.into()));
        }
        let Run::Data { apply, spread } = command.run else { panic!("{} is no data command", command.name) };
        if let (Spread::Each { element, merge }, Spreads::Scattered) = (spread, self.spreads) {
            return self.scatter(command, element, merge, words);
        }
        self.apply(apply, words)
    }

    fn apply(&mut self, apply: Apply, words: &[&[u8]]) -> Result<Vec<u8>, CommandError> {
        let mut at = 0;
        let spans = words.iter().map(|word| {
            let start = at;
            at += u32::try_from(word.len()).unwrap();
            Span { start, end: at }
        });
        let (spans, buffer) = (spans.collect::<Vec<_>>(), words.concat());
        let mut context = DataContext {
            keyspace: &mut self.keyspace,
            db: self.db,
            no_touch: false,
            value_bytes_max: VALUE_BYTES_MAX,
            hits: 0,
            misses: 0,
            first_key: None,
        };
        let mut out = Vec::new();
        apply(&mut context, Args::new(&buffer, &spans), &mut Reply::new(&mut out, self.protocol))?;
        self.hits += context.hits;
        self.misses += context.misses;
        Ok(out)
    }

    fn scatter(
        &mut self,
        command: &Command,
        element: Apply,
        merge: Merge,
        words: &[&[u8]],
    ) -> Result<Vec<u8>, CommandError> {
        let spec = command.keys[0];
        let elements = spec.positions(words.len()).map(|at| {
            let end = (at + usize::from(spec.step)).min(words.len());
            [&words[..1], &words[at..end]].concat()
        });
        let replies: Vec<Vec<u8>> =
            elements.map(|words| self.apply(element, &words)).collect::<Result<_, _>>()?;
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, self.protocol);
        match merge {
            Merge::Ok => reply.ok(),
            Merge::Sum => reply.integer(replies.iter().map(|reply| sum_part(reply)).sum()),
            Merge::Array => {
                reply.array(replies.len());
                replies.iter().for_each(|part| reply.raw(part));
            }
        }
        Ok(out)
    }

    /// Runs a line of words apart by spaces (`""` is an empty one) and gives its reply as a line, spaces for line ends.
    pub(super) fn line(&mut self, line: &str) -> String {
        let words: Vec<&[u8]> =
            line.split(' ').map(|word| if word == "\"\"" { "" } else { word }.as_bytes()).collect();
        match self.run(&words) {
            Ok(reply) => String::from_utf8_lossy(&reply).trim_end().replace("\r\n", " "),
            Err(error) => format!("-{error}"),
        }
    }

    /// Runs lines and compares the replies.
    pub(super) fn check(&mut self, lines: &[(&str, &str)]) {
        for (line, expect) in lines {
            assert_eq!(self.line(line), *expect, "{line}");
        }
    }
}

/// Runs lines on an empty keyspace and compares the replies.
pub(super) fn check(lines: &[(&str, &str)]) {
    Rehearsal::new().check(lines);
}

/// The row of a command of these groups, or of the subcommand.
pub(super) fn find(words: &[&[u8]]) -> Option<&'static Command> {
    let mut rows = generic::COMMANDS.iter().chain(string::COMMANDS);
    let row = rows.find(|row| row.name.as_bytes().eq_ignore_ascii_case(words[0]))?;
    if row.subcommands.is_empty() { Some(row) } else { row.subcommand(words.get(1)?) }
}

fn sum_part(reply: &[u8]) -> i64 {
    std::str::from_utf8(reply).unwrap().trim_start_matches(':').trim_end().parse().unwrap()
}
