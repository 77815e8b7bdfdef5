//! PUBSUB: what is subscribed to, on all cores and nodes that the caller sees.
//!
//! A node that cannot be asked counts as one without subscribers: it will not hear of what is published either.

use std::collections::BTreeSet;

use mycorrhizal_net::resp::{Args, Reply, Value};

use super::super::{Command, CommandError, Flags, Group, Run, help};
use crate::cytoplasm::Kind;
use crate::mycel::{Case, glob_match};
use crate::node::caller::PortKind;
use crate::node::{Caller, Core};

const ROW: Command = Command {
    group: Group::Pubsub,
    since: "2.8.0",
    arity: -2,
    flags: Flags::PUBSUB.with(Flags::LOADING).with(Flags::STALE),
    ..Command::ROW
};

pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "channels",
        summary: "Lists the channels that have subscribers.",
        syntax: "[pattern]",
        complexity: "O(N) where N is the number of channels",
        run: Run::Node(|caller, args, reply| Box::pin(channels(caller, Kind::Channel, args, reply))),
        ..ROW
    },
    Command {
        name: "help",
        summary: "Lists the subcommands.",
        since: "6.2.0",
        arity: 2,
        flags: Flags::LOADING.with(Flags::STALE),
        run: Run::Session(help::answer),
        ..ROW
    },
    Command {
        name: "numpat",
        summary: "Counts the patterns that have subscribers.",
        arity: 2,
        run: Run::Session(numpat),
        ..ROW
    },
    Command {
        name: "numsub",
        summary: "Counts the subscribers of channels, those by patterns not among them.",
        syntax: "[channel [channel ...]]",
        complexity: "O(N) where N is the number of channels that are named",
        run: Run::Node(|caller, args, reply| Box::pin(numsub(caller, Kind::Channel, args, reply))),
        ..ROW
    },
    Command {
        name: "shardchannels",
        summary: "Lists the shard channels that have subscribers.",
        syntax: "[pattern]",
        since: "7.0.0",
        complexity: "O(N) where N is the number of shard channels",
        run: Run::Node(|caller, args, reply| Box::pin(channels(caller, Kind::Shard, args, reply))),
        ..ROW
    },
    Command {
        name: "shardnumsub",
        summary: "Counts the subscribers of shard channels.",
        syntax: "[shardchannel [shardchannel ...]]",
        since: "7.0.0",
        complexity: "O(N) where N is the number of shard channels that are named",
        run: Run::Node(|caller, args, reply| Box::pin(numsub(caller, Kind::Shard, args, reply))),
        ..ROW
    },
];

async fn channels(
    caller: &Caller,
    kind: Kind,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    if args.len() > 3 {
        return Err(CommandError::no_such_form(args));
    }
    let pattern = (args.len() == 3).then(|| args.get(2).to_vec());
    let names_on = move |core: &std::rc::Rc<Core>| {
        let subscriptions = core.cytoplasm.subscriptions.borrow();
        let is_chosen =
            |name: &[u8]| pattern.as_ref().is_none_or(|pattern| glob_match(pattern, name, Case::Exact));
        let names = subscriptions.subscribed(kind).filter(|name| is_chosen(name));
        names.map(|name| name.to_vec()).collect::<Vec<_>>()
    };
    let here = caller.core.call_all(&caller.visible_cores(), names_on).await;
    let mut names: BTreeSet<Vec<u8>> = here.into_iter().flatten().collect();
    for answer in others(caller, args).await {
        names.extend(super::super::bulks(answer)?);
    }
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name));
    Ok(())
}

async fn numsub(
    caller: &Caller,
    kind: Kind,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let names: Vec<Vec<u8>> = args.iter().skip(2).map(<[u8]>::to_vec).collect();
    let mut counts = vec![0; names.len()];
    let counts_on = {
        let names = names.clone();
        move |core: &std::rc::Rc<Core>| {
            let subscriptions = core.cytoplasm.subscriptions.borrow();
            let count = |name: &Vec<u8>| subscriptions.subscribers(kind, name).len() as u64;
            names.iter().map(count).collect::<Vec<u64>>()
        }
    };
    for here in caller.core.call_all(&caller.visible_cores(), counts_on).await {
        counts.iter_mut().zip(here).for_each(|(sum, count)| *sum += count.cast_signed());
    }
    if !names.is_empty() {
        for answer in others(caller, args).await {
            let Value::Array(items) = answer else { continue };
            let theirs = items.chunks(2).filter_map(|pair| match pair {
                [_, Value::Integer(count)] => Some(*count),
                _ => None,
            });
            counts.iter_mut().zip(theirs).for_each(|(sum, count)| *sum += count);
        }
    }
    reply.array(2 * names.len());
    for (name, count) in names.iter().zip(counts) {
        reply.bulk(name);
        reply.integer(count);
    }
    Ok(())
}

/// What the other nodes answer to the same command, each for itself.
async fn others(caller: &Caller, args: Args<'_>) -> Vec<Value> {
    let args: Vec<&[u8]> = args.iter().collect();
    caller.ask_members(&args).await
}

fn numpat(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let core = &caller.core;
    let count = match caller.port {
        PortKind::Core => core.cytoplasm.subscriptions.borrow().subscribed(Kind::Pattern).count(),
        PortKind::Node => core.cytoplasm.interest.borrow().count_here(Kind::Pattern),
        PortKind::Plain | PortKind::InProcess => core.cytoplasm.interest.borrow().count(Kind::Pattern),
    };
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}
