//! SLOWLOG: the slow commands of all cores, as if one core had run them.

use mycorrhizal_net::resp::number::parse_i64;
use mycorrhizal_net::resp::{Args, Reply};

use super::super::{Command, CommandError, Flags, Group, Run, Tip, help};
use crate::node::slowlog::SlowCommand;
use crate::node::{Caller, CoreId};

const ROW: Command = Command {
    group: Group::Server,
    since: "2.2.12",
    arity: 2,
    flags: Flags::ADMIN.with(Flags::LOADING).with(Flags::STALE),
    ..Command::ROW
};

/// The subcommands of SLOWLOG.
pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "get",
        summary: "Lists slow commands, the latest first: 10 if no number is given, all with -1.",
        syntax: "[count]",
        complexity: "O(N log N) where N is the number of entries",
        arity: -2,
        tips: &[Tip::AllNodes, Tip::AnyOutput],
        run: Run::Node(|caller, args, reply| Box::pin(get(caller, args, reply))),
        ..ROW
    },
    Command {
        name: "help",
        summary: "Lists the subcommands.",
        since: "6.2.0",
        flags: Flags::LOADING.with(Flags::STALE),
        run: Run::Session(help::answer),
        ..ROW
    },
    Command {
        name: "len",
        summary: "Counts the slow commands that are kept.",
        complexity: "O(N) where N is the number of cores",
        tips: &[Tip::AllNodes, Tip::Sum, Tip::AnyOutput],
        run: Run::Node(|caller, _, reply| Box::pin(len(caller, reply))),
        ..ROW
    },
    Command {
        name: "reset",
        summary: "Forgets all slow commands.",
        complexity: "O(N) where N is the number of entries",
        tips: &[Tip::AllNodes, Tip::AllSucceeded],
        run: Run::Node(|caller, _, reply| Box::pin(reset(caller, reply))),
        ..ROW
    },
];

async fn get(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let count = match (args.len(), parse_i64(args.get(2))) {
        (2, _) => 10,
        (3, Some(-1)) => usize::MAX,
        (3, Some(count)) if count >= 0 => usize::try_from(count).unwrap_or(usize::MAX),
        (3, _) => return Err(CommandError::Text("ERR count should be greater than or equal to -1")),
        _ => return Err(CommandError::no_such_form(args)),
    };
    let cores = all_cores(caller);
    let logs = caller
        .core
        .call_all(&cores, |core| core.slow_log.borrow().entries().cloned().collect::<Vec<SlowCommand>>());
    let logs = logs.await;
    let mut entries: Vec<(u64, SlowCommand)> = cores
        .iter()
        .zip(logs)
        .flat_map(|(core, log)| {
            let count = cores.len() as u64;
            log.into_iter().map(move |entry| (entry.number * count + u64::from(core.0), entry))
        })
        .collect();
    entries.sort_unstable_by_key(|(id, entry)| std::cmp::Reverse((entry.unix_us, *id)));
    entries.truncate(count.min(caller.core.settings().slowlog_max_len));
    reply.array(entries.len());
    for (id, entry) in &entries {
        write(*id, entry, reply);
    }
    Ok(())
}

fn write(id: u64, entry: &SlowCommand, reply: &mut Reply<'_>) {
    reply.array(6);
    for number in [id, entry.unix_us / 1_000_000, entry.micros] {
        reply.integer(number.cast_signed());
    }
    reply.array(entry.args.len());
    entry.args.iter().for_each(|arg| reply.bulk(arg));
    reply.bulk(entry.address.as_bytes());
    reply.bulk(&entry.name);
}

async fn len(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let lens = caller.core.call_all(&all_cores(caller), |core| core.slow_log.borrow().entries().len()).await;
    let len = lens.into_iter().sum::<usize>().min(caller.core.settings().slowlog_max_len);
    reply.integer((len as u64).cast_signed());
    Ok(())
}

async fn reset(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    caller.core.call_all(&all_cores(caller), |core| core.slow_log.borrow_mut().clear()).await;
    reply.ok();
    Ok(())
}

fn all_cores(caller: &Caller) -> Vec<CoreId> {
    caller.core.node.cores().collect()
}
