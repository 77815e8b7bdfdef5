//! OBJECT: how a value is kept, and how it has been used.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::keys::{Access, KeySpec};
use super::super::{Categories, Command, CommandError, DataContext, Flags, Group, Run, Spread, Tip, help};
use crate::mycel::View;

/// The subcommands of OBJECT.
pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "encoding",
        summary: "Tells how the value of a key is kept in memory.",
        syntax: "key",
        since: "2.2.3",
        tips: &[Tip::AnyOutput],
        run: Run::Data { apply: encoding, spread: Spread::Single },
        ..ROW
    },
    Command {
        name: "freq",
        summary: "Tells how often a key has been used lately, under an LFU policy of eviction.",
        syntax: "key",
        since: "4.0.0",
        tips: &[Tip::AnyOutput],
        run: Run::Data { apply: freq, spread: Spread::Single },
        ..ROW
    },
    Command {
        name: "idletime",
        summary: "Tells how many seconds ago a key was last used.",
        syntax: "key",
        since: "2.2.3",
        tips: &[Tip::AnyOutput],
        run: Run::Data { apply: idletime, spread: Spread::Single },
        ..ROW
    },
    Command {
        name: "refcount",
        summary: "Counts the references to the value of a key.",
        syntax: "key",
        since: "2.2.3",
        tips: &[Tip::AnyOutput],
        run: Run::Data { apply: refcount, spread: Spread::Single },
        ..ROW
    },
    Command {
        name: "help",
        summary: "Lists the subcommands.",
        since: "6.2.0",
        arity: 2,
        flags: Flags::LOADING.with(Flags::STALE),
        keys: &[],
        run: Run::Session(help::answer),
        ..ROW
    },
];

const ROW: Command = Command {
    group: Group::Generic,
    arity: 3,
    flags: Flags::READONLY,
    categories: Categories::KEYSPACE,
    keys: &[KeySpec::at(2, Access::LOOK)],
    ..Command::ROW
};

fn encoding(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    match look(context, args) {
        Some(view) => reply.bulk(view.encoding().name().as_bytes()),
        None => reply.null(),
    }
    Ok(())
}

fn freq(context: &mut DataContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    if look(context, args).is_none() {
        reply.null();
        return Ok(());
    }
    Err(CommandError::Text(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
         between policies at runtime LRU and LFU data will take some time to adjust.",
    ))
}

fn idletime(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    match look(context, args).map(|view| view.clock()) {
        Some(clock) => reply.integer(context.keyspace.idle_seconds(clock).cast_signed()),
        None => reply.null(),
    }
    Ok(())
}

/// One key, one value: nothing is shared.
fn refcount(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    match look(context, args) {
        Some(_) => reply.integer(1),
        None => reply.null(),
    }
    Ok(())
}

fn look<'c>(context: &'c mut DataContext<'_>, args: Args<'_>) -> Option<View<'c>> {
    let key = context.first_key(args.get(2));
    context.look(&key)
}
