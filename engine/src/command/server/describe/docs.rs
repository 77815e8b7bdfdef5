//! COMMAND DOCS: what a command is for, and the tree of its arguments.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::super::CommandError;
use super::super::super::syntax::{self, Argument, Kind, Repeat};
use super::super::super::table::{self, Row};
use crate::node::Caller;

pub(super) fn docs(_: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let rows: Vec<&Row> = if args.len() == 2 {
        table::all().collect()
    } else {
        args.iter().skip(2).filter_map(table::find_full).collect()
    };
    write_all(&rows, reply);
    Ok(())
}

fn write_all(rows: &[&Row], reply: &mut Reply<'_>) {
    reply.map(rows.len());
    for row in rows {
        reply.bulk(row.full_name.as_bytes());
        write(row, reply);
    }
}

fn write(row: &Row, reply: &mut Reply<'_>) {
    let command = row.command;
    let arguments = syntax::parse(command.syntax).expect("a test reads the syntax of every row");
    reply.map(4 + usize::from(!arguments.is_empty()) + usize::from(!row.subcommands.is_empty()));
    let words = [
        ("summary", command.summary),
        ("since", command.since),
        ("group", command.group.name()),
        ("complexity", command.complexity),
    ];
    words.into_iter().for_each(|(name, text)| write_text(name, text, reply));
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        let mut keys = Keys { seen: 0, specs: command.keys.len() };
        write_arguments(&arguments, &mut keys, reply);
    }
    if !row.subcommands.is_empty() {
        reply.bulk(b"subcommands");
        write_all(&row.subcommands.iter().collect::<Vec<_>>(), reply);
    }
}

/// Which key specification the next key argument belongs to.
struct Keys {
    seen: usize,
    specs: usize,
}

impl Keys {
    fn next(&mut self) -> usize {
        self.seen += 1;
        self.seen.min(self.specs) - 1
    }
}

fn write_arguments(arguments: &[Argument], keys: &mut Keys, reply: &mut Reply<'_>) {
    reply.array(arguments.len());
    arguments.iter().for_each(|argument| write_argument(argument, keys, reply));
}

fn write_argument(argument: &Argument, keys: &mut Keys, reply: &mut Reply<'_>) {
    let is_group = matches!(argument.kind, Kind::OneOf | Kind::Block);
    let key_spec = (argument.kind == Kind::Key && keys.specs > 0).then(|| keys.next());
    let flags = flags(argument);
    let optional = [!is_group, key_spec.is_some(), argument.token.is_some(), !flags.is_empty(), is_group];
    reply.map(2 + optional.into_iter().filter(|present| *present).count());
    write_text("name", &argument.name, reply);
    write_text("type", argument.kind.name(), reply);
    if !is_group {
        write_text("display_text", &argument.name, reply);
    }
    if let Some(index) = key_spec {
        reply.bulk(b"key_spec_index");
        reply.integer((index as u64).cast_signed());
    }
    if let Some(token) = argument.token {
        write_text("token", token, reply);
    }
    if !flags.is_empty() {
        reply.bulk(b"flags");
        reply.set(flags.len());
        flags.iter().for_each(|flag| reply.simple(flag));
    }
    if is_group {
        reply.bulk(b"arguments");
        write_arguments(&argument.members, keys, reply);
    }
}

fn flags(argument: &Argument) -> Vec<&'static str> {
    let multiple: &[&str] = match argument.multiple {
        Repeat::No => &[],
        Repeat::Value => &["multiple"],
        Repeat::WithToken => &["multiple", "multiple_token"],
    };
    let optional = argument.optional.then_some("optional");
    optional.into_iter().chain(multiple.iter().copied()).collect()
}

fn write_text(name: &str, text: &str, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    reply.bulk(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use mycorrhizal_net::resp::{Decoder, Protocol, ReplyLimits};

    use super::*;

    #[test]
    fn the_whole_table_is_one_well_formed_reply() {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let mut bytes = Vec::new();
            let mut reply = Reply::new(&mut bytes, protocol);
            write_all(&table::all().collect::<Vec<_>>(), &mut reply);
            table::all().for_each(|row| super::super::entry::write(row, &mut reply));
            let mut at = 0;
            for _ in 0..=table::all().count() {
                let decoded = Decoder::new(ReplyLimits::default()).decode(&bytes, at).unwrap();
                at = decoded.expect("a value per row and one for the documents").1;
            }
            assert_eq!(at, bytes.len());
        }
    }
}
