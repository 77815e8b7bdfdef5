//! COMMAND: the command table, told to clients.
//!
//! | module | what it writes |
//! |---|---|
//! | here | COUNT, GETKEYS, GETKEYSANDFLAGS, HELP |
//! | `entry` | COMMAND, INFO |
//! | `docs` | DOCS |
//! | `list` | LIST |

mod docs;
mod entry;
mod list;

use mycorrhizal_net::resp::{Args, Reply};

use super::super::keys::Access;
use super::super::table::{self, Row};
use super::super::{Categories, Command, CommandError, Flags, Group, KeySpec, Run, Tip, help};
use crate::node::Caller;

const ROW: Command = Command {
    group: Group::Server,
    since: "7.0.0",
    complexity: "O(N) where N is the number of commands looked up",
    arity: -2,
    flags: Flags::LOADING.with(Flags::STALE),
    categories: Categories::CONNECTION,
    ..Command::ROW
};

const KEYS: Command = Command { arity: -4, complexity: "O(N) where N is the number of arguments", ..ROW };

/// The subcommands of COMMAND.
pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "count",
        summary: "Counts the commands.",
        since: "2.8.13",
        complexity: "O(1)",
        arity: 2,
        run: Run::Session(count),
        ..ROW
    },
    Command {
        name: "docs",
        summary: "Tells what commands are for, and which arguments they take.",
        syntax: "[command-name ...]",
        tips: &[Tip::AnyOrder],
        run: Run::Session(docs::docs),
        ..ROW
    },
    Command {
        name: "getkeys",
        summary: "Picks the keys out of a whole command.",
        syntax: "command [arg ...]",
        since: "2.8.13",
        run: Run::Session(getkeys),
        ..KEYS
    },
    Command {
        name: "getkeysandflags",
        summary: "Picks the keys out of a whole command, and tells what it does to them.",
        syntax: "command [arg ...]",
        run: Run::Session(getkeysandflags),
        ..KEYS
    },
    Command {
        name: "help",
        summary: "Lists the subcommands.",
        since: "5.0.0",
        complexity: "O(1)",
        arity: 2,
        run: Run::Session(help::answer),
        ..ROW
    },
    Command {
        name: "info",
        summary: "Tells arity, flags, keys and categories of commands.",
        syntax: "[command-name ...]",
        since: "2.8.13",
        tips: &[Tip::AnyOrder],
        run: Run::Session(entry::info),
        ..ROW
    },
    Command {
        name: "list",
        summary: "Lists the names of commands.",
        syntax: "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
        complexity: "O(N) where N is the number of commands",
        tips: &[Tip::AnyOrder],
        run: Run::Session(list::list),
        ..ROW
    },
];

pub(super) fn command(_: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    reply.array(table::all().count());
    table::all().for_each(|row| entry::write(row, reply));
    Ok(())
}

fn count(_: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    reply.integer((table::all().count() as u64).cast_signed());
    Ok(())
}

/// The row that a whole command line is of.
fn row_of(line: Args<'_>) -> Option<&'static Row> {
    let row = table::find(line.get(0))?;
    if row.subcommands.is_empty() || line.len() == 1 { Some(row) } else { row.subcommand(line.get(1)) }
}

/// The keys of a whole command line, each with its specification.
fn keys_of(line: Args<'_>) -> Result<Vec<(&[u8], &'static KeySpec)>, CommandError> {
    let row = row_of(line).ok_or(CommandError::Text("ERR Invalid command specified"))?;
    if row.command.keys.iter().all(|spec| spec.access == Access::NOT_KEY) {
        return Err(CommandError::Text("ERR The command has no key arguments"));
    }
    if !row.command.accepts(line.len()) {
        return Err(CommandError::Text("ERR Invalid number of arguments specified for command"));
    }
    let keys = |spec: &'static KeySpec| spec.positions(line.len()).map(move |at| (line.get(at), spec));
    Ok(row.command.keys.iter().flat_map(keys).collect())
}

fn getkeys(_: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let keys = keys_of(args.skip(2))?;
    reply.array(keys.len());
    keys.iter().for_each(|(key, _)| reply.bulk(key));
    Ok(())
}

fn getkeysandflags(_: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let line = args.skip(2);
    let keys = keys_of(line)?;
    reply.array(keys.len());
    for (key, spec) in keys {
        reply.array(2);
        reply.bulk(key);
        entry::write_access(spec.access_in(line), reply);
    }
    Ok(())
}
