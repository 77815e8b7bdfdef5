//! A row as COMMAND and COMMAND INFO write it: ten values, from the name to the subcommands.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::super::keys::Access;
use super::super::super::table::{self, Row};
use super::super::super::{Categories, Command, CommandError, Flags, Group, KeySpec};
use crate::node::Caller;

pub(super) fn info(_: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    if args.len() == 2 {
        reply.array(table::all().count());
        table::all().for_each(|row| write(row, reply));
        return Ok(());
    }
    reply.array(args.len() - 2);
    for name in args.iter().skip(2) {
        match table::find_full(name) {
            Some(row) => write(row, reply),
            None => reply.null(),
        }
    }
    Ok(())
}

pub(super) fn write(row: &Row, reply: &mut Reply<'_>) {
    let command = row.command;
    let (first, last, step) = legacy_range(command.keys);
    reply.array(10);
    reply.bulk(row.full_name.as_bytes());
    reply.integer(i64::from(command.arity));
    write_set(command.flags.names().map(str::to_owned), reply);
    [first, last, step].into_iter().for_each(|number| reply.integer(number));
    write_set(categories(command).names().map(|name| format!("@{name}")), reply);
    reply.set(command.tips.len());
    command.tips.iter().for_each(|tip| reply.bulk(tip.name().as_bytes()));
    reply.set(command.keys.len());
    command.keys.iter().for_each(|spec| write_key_spec(spec, reply));
    // As Redis has it: an array, but an empty set.
    match row.subcommands.len() {
        0 => reply.set(0),
        count => reply.array(count),
    }
    row.subcommands.iter().for_each(|row| write(row, reply));
}

fn write_set(members: impl Iterator<Item = String>, reply: &mut Reply<'_>) {
    let members: Vec<String> = members.collect();
    reply.set(members.len());
    members.iter().for_each(|member| reply.simple(member));
}

/// All ACL categories of a command: those of its row, and those that follow from its flags and its group.
pub(super) fn categories(command: &Command) -> Categories {
    let of_flags = [
        (Flags::WRITE, Categories::WRITE),
        (Flags::READONLY, Categories::READ),
        (Flags::ADMIN, Categories::ADMIN.with(Categories::DANGEROUS)),
        (Flags::PUBSUB, Categories::PUBSUB),
        (Flags::FAST, Categories::FAST),
        (Flags::BLOCKING, Categories::BLOCKING),
    ];
    let group = match command.group {
        Group::Connection => Categories::CONNECTION,
        Group::String => Categories::STRING,
        Group::Generic
        | Group::Server
        | Group::Cluster
        | Group::Coordination
        | Group::Application
        | Group::Pubsub => Categories::NONE,
    };
    let implied = of_flags.into_iter().filter(|(flag, _)| command.flags.has(*flag));
    let all = implied.fold(command.categories.with(group), |all, (_, categories)| all.with(categories));
    if all.has(Categories::FAST) { all } else { all.with(Categories::SLOW) }
}

/// First key, last key and step, as clients read them that know no key specifications. Specifications that follow
/// one another count as one range.
fn legacy_range(specs: &[KeySpec]) -> (i64, i64, i64) {
    let Some((first, rest)) = specs.split_first() else { return (0, 0, 0) };
    let mut last = i64::from(first.last);
    for spec in rest {
        if first.step == 1 && last >= 0 && i64::from(spec.first) == last + 1 {
            last = i64::from(spec.last);
        }
    }
    (i64::from(first.first), last, i64::from(first.step))
}

fn write_key_spec(spec: &KeySpec, reply: &mut Reply<'_>) {
    // Counted from the first key, unless it is counted from the end.
    let last = i64::from(spec.last);
    let last = if last < 0 { last } else { last - i64::from(spec.first) };
    reply.map(3 + usize::from(!spec.note.is_empty()));
    if !spec.note.is_empty() {
        write_text("notes", spec.note, reply);
    }
    reply.bulk(b"flags");
    write_access(spec.access, reply);
    reply.bulk(b"begin_search");
    reply.map(2);
    write_text("type", "index", reply);
    reply.bulk(b"spec");
    reply.map(1);
    write_number("index", i64::from(spec.first), reply);
    reply.bulk(b"find_keys");
    reply.map(2);
    write_text("type", "range", reply);
    reply.bulk(b"spec");
    reply.map(3);
    write_number("lastkey", last, reply);
    write_number("keystep", i64::from(spec.step), reply);
    write_number("limit", 0, reply);
}

/// What is done to a key, as a set.
pub(super) fn write_access(access: Access, reply: &mut Reply<'_>) {
    reply.set(1 + access.value.len());
    reply.simple(access.mode);
    access.value.iter().for_each(|flag| reply.simple(flag));
}

fn write_text(name: &str, value: &str, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

fn write_number(name: &str, value: i64, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    reply.integer(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_clients_that_know_no_specifications() {
        let check = |specs: &[KeySpec], expect| assert_eq!(legacy_range(specs), expect);
        check(&[], (0, 0, 0));
        check(&[KeySpec::one(Access::READ)], (1, 1, 1));
        check(&[KeySpec::rest(2, Access::OVERWRITE)], (1, -1, 2));
        check(&[KeySpec::at(1, Access::READ), KeySpec::at(2, Access::OVERWRITE)], (1, 2, 1));
        check(&[KeySpec::at(2, Access::LOOK)], (2, 2, 1));
    }

    #[test]
    fn categories_follow_from_flags_and_group() {
        let check = |name: &str, expect: &[&str]| {
            let row = table::find_full(name.as_bytes()).unwrap();
            assert_eq!(categories(row.command).names().collect::<Vec<_>>(), expect, "{name}");
        };
        check("get", &["read", "string", "fast"]);
        check("ping", &["fast", "connection"]);
        check("config|set", &["admin", "slow", "dangerous"]);
        check("command", &["slow", "connection"]);
        check("client|list", &["admin", "slow", "dangerous", "connection"]);
    }
}
