//! LATENCY: spikes above `latency-monitor-threshold`, and how long commands take.

mod advice;
mod graph;

use std::collections::BTreeMap;

use mycorrhizal_net::resp::{Args, Reply};

use super::super::table::{self, Row};
use super::super::{Command, CommandError, Flags, Group, Run, Tip, help};
use crate::node::slowlog::LatencyEvent;
use crate::node::{Caller, CoreId};

const ROW: Command = Command {
    group: Group::Server,
    since: "2.8.13",
    arity: 2,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE),
    ..Command::ROW
};

/// The subcommands of LATENCY.
pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "doctor",
        summary: "Says in words what the spikes look like, and what may help.",
        tips: &[Tip::AnyOutput, Tip::AllNodes, Tip::SpecialReply],
        run: Run::Node(|caller, _, reply| Box::pin(doctor(caller, reply))),
        ..ROW
    },
    Command {
        name: "graph",
        summary: "Draws the spikes of an event.",
        syntax: "event",
        arity: 3,
        tips: &[Tip::AnyOutput, Tip::AllNodes, Tip::SpecialReply],
        run: Run::Node(|caller, args, reply| Box::pin(draw(caller, args, reply))),
        ..ROW
    },
    Command {
        name: "help",
        summary: "Lists the subcommands.",
        flags: Flags::LOADING.with(Flags::STALE),
        run: Run::Session(help::answer),
        ..ROW
    },
    Command {
        name: "histogram",
        summary: "Tells how many calls of commands took how long at most.",
        syntax: "[command ...]",
        since: "7.0.0",
        complexity: "O(N) where N is the number of commands",
        arity: -2,
        tips: &[Tip::AnyOutput, Tip::AllNodes, Tip::SpecialReply],
        run: Run::Session(histogram),
        ..ROW
    },
    Command {
        name: "history",
        summary: "Lists the spikes of an event with their times.",
        syntax: "event",
        arity: 3,
        tips: &[Tip::AnyOutput, Tip::AllNodes, Tip::SpecialReply],
        run: Run::Node(|caller, args, reply| Box::pin(history(caller, args, reply))),
        ..ROW
    },
    Command {
        name: "latest",
        summary: "Tells the latest spike of every event, and its longest.",
        tips: &[Tip::AnyOutput, Tip::AllNodes, Tip::SpecialReply],
        run: Run::Node(|caller, _, reply| Box::pin(latest(caller, reply))),
        ..ROW
    },
    Command {
        name: "reset",
        summary: "Forgets the spikes of events, or of all.",
        syntax: "[event ...]",
        arity: -2,
        tips: &[Tip::AllNodes, Tip::AllSucceeded],
        run: Run::Node(|caller, args, reply| Box::pin(reset(caller, args, reply))),
        ..ROW
    },
];

/// The spikes of all cores by event.
type Events = BTreeMap<&'static str, LatencyEvent>;

async fn events(caller: &Caller) -> Events {
    let cores: Vec<CoreId> = caller.core.node.cores().collect();
    let of_cores = caller.core.call_all(&cores, |core| {
        let events = core.latency_events.borrow();
        events.iter().map(|(name, event)| (name, event.clone())).collect::<Vec<_>>()
    });
    let mut merged = Events::new();
    for (name, event) in of_cores.await.into_iter().flatten() {
        merge(merged.entry(name).or_default(), &event);
    }
    merged
}

/// Adds the spikes of another core: of those in one second, the longest counts.
fn merge(into: &mut LatencyEvent, from: &LatencyEvent) {
    into.max_ms = into.max_ms.max(from.max_ms);
    for &(at, millis) in &from.spikes {
        match into.spikes.binary_search_by_key(&at, |(second, _)| *second) {
            Ok(place) => into.spikes[place].1 = into.spikes[place].1.max(millis),
            Err(place) => into.spikes.insert(place, (at, millis)),
        }
    }
}

async fn latest(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let events = events(caller).await;
    reply.array(events.len());
    for (name, event) in &events {
        let (at, millis) = event.spikes.back().copied().unwrap_or_default();
        reply.array(4);
        reply.bulk(name.as_bytes());
        [at, millis, event.max_ms].into_iter().for_each(|number| reply.integer(number.cast_signed()));
    }
    Ok(())
}

async fn history(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let events = events(caller).await;
    let spikes = named(&events, args.get(2)).map(|(_, event)| event.spikes.clone()).unwrap_or_default();
    reply.array(spikes.len());
    for (at, millis) in spikes {
        reply.array(2);
        reply.integer(at.cast_signed());
        reply.integer(millis.cast_signed());
    }
    Ok(())
}

fn named<'e>(events: &'e Events, name: &[u8]) -> Option<(&'static str, &'e LatencyEvent)> {
    let mut events = events.iter().map(|(known, event)| (*known, event));
    events.find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
}

async fn reset(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let names: Vec<Vec<u8>> = args.iter().skip(2).map(<[u8]>::to_ascii_lowercase).collect();
    let cores: Vec<CoreId> = caller.core.node.cores().collect();
    let forgotten = caller.core.call_all(&cores, move |core| {
        let mut events = core.latency_events.borrow_mut();
        let chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name.as_bytes());
        let before: Vec<&'static str> = events.iter().map(|(name, _)| name).collect();
        events.reset(chosen);
        before.into_iter().filter(|name| chosen(name)).collect::<Vec<_>>()
    });
    let mut forgotten: Vec<&str> = forgotten.await.into_iter().flatten().collect();
    forgotten.sort_unstable();
    forgotten.dedup();
    reply.integer((forgotten.len() as u64).cast_signed());
    Ok(())
}

async fn draw(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let events = events(caller).await;
    let Some((name, event)) = named(&events, args.get(2)) else {
        let name = String::from_utf8_lossy(args.get(2));
        return Err(CommandError::Message(format!("ERR No samples available for event '{name}'")));
    };
    reply.verbatim("txt", &graph::draw(name, event, caller.core.now_ms() / 1000));
    Ok(())
}

async fn doctor(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let events = events(caller).await;
    reply.verbatim("txt", &advice::write(&events, &caller.core.settings()));
    Ok(())
}

fn histogram(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let node = &caller.core.node;
    let chosen: Vec<&Row> = if args.len() == 2 {
        table::all().flat_map(Row::with_subcommands).collect()
    } else {
        let rows = args.iter().skip(2).filter_map(table::find_full);
        rows.flat_map(Row::with_subcommands).collect()
    };
    let used = chosen.into_iter().map(|row| (row, node.durations(row))).filter(|(_, all)| all.total() > 0);
    let used: Vec<_> = used.collect();
    reply.map(used.len());
    for (row, durations) in used {
        let points = durations.cumulative_micros();
        reply.bulk(row.full_name.as_bytes());
        reply.map(2);
        reply.bulk(b"calls");
        reply.integer(durations.total().cast_signed());
        reply.bulk(b"histogram_usec");
        reply.map(points.len());
        for (micros, count) in points {
            reply.integer(micros.cast_signed());
            reply.integer(count.cast_signed());
        }
    }
    Ok(())
}
