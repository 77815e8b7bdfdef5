//! MEMORY: what keys take, and where the memory of the node is.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::keys::{Access, KeySpec};
use super::super::{Command, CommandError, DataContext, Flags, Group, Run, Spread, Tip, argument, help};
use super::info::{human, rss_bytes};
use crate::mycel::Db;
use crate::node::sampler::ratio;
use crate::node::{Caller, CoreId};

const ROW: Command = Command { group: Group::Server, since: "4.0.0", arity: 2, ..Command::ROW };

/// The subcommands of MEMORY.
pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "doctor",
        summary: "Says in words how the node does for memory.",
        tips: &[Tip::AnyOutput, Tip::AllShards, Tip::SpecialReply],
        run: Run::Session(doctor),
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
        name: "malloc-stats",
        summary: "Tells what the memory allocator says of itself, if it says anything.",
        tips: &[Tip::AnyOutput, Tip::AllShards, Tip::SpecialReply],
        run: Run::Session(|_, _, reply| {
            reply.verbatim("txt", "Stats not supported for the current allocator");
            Ok(())
        }),
        ..ROW
    },
    Command {
        name: "purge",
        summary: "Asks the allocator to give memory back; the one in use does so by itself.",
        tips: &[Tip::AllShards, Tip::AllSucceeded],
        run: Run::Session(|_, _, reply| {
            reply.ok();
            Ok(())
        }),
        ..ROW
    },
    Command {
        name: "stats",
        summary: "Tells where the memory of the node is.",
        complexity: "O(N) where N is the number of databases",
        tips: &[Tip::AnyOutput, Tip::AllShards, Tip::SpecialReply],
        run: Run::Node(|caller, _, reply| Box::pin(stats(caller, reply))),
        ..ROW
    },
    Command {
        name: "usage",
        summary: "Tells how many bytes a key and its value take.",
        syntax: "key [SAMPLES count]",
        arity: -3,
        flags: Flags::READONLY,
        keys: &[KeySpec::at(2, Access::LOOK)],
        run: Run::Data { apply: usage, spread: Spread::Single },
        ..ROW
    },
];

fn usage(context: &mut DataContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let mut options = args.skip(3);
    while !options.is_empty() {
        if options.len() < 2 || !options.get(0).eq_ignore_ascii_case(b"samples") {
            return Err(CommandError::Syntax);
        }
        if argument::integer(options.get(1))? < 0 {
            return Err(CommandError::Syntax);
        }
        options = options.skip(2);
    }
    let key = context.first_key(args.get(2));
    match context.keyspace.look(context.db, &key) {
        Some(view) => reply.integer((view.memory_bytes() as u64).cast_signed()),
        None => reply.null(),
    }
    Ok(())
}

/// One value of MEMORY STATS.
enum Figure {
    Count(u64),
    Signed(i64),
    Ratio(f64),
}

async fn stats(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let node = &caller.core.node;
    let cores: Vec<CoreId> = node.cores().collect();
    let databases = caller.core.settings().databases;
    let lens = caller.core.call_all(&cores, move |core| {
        let keyspace = &core.data.borrow().keyspace;
        (0..databases).map(|number| keyspace.len(Db::new(number)) as u64).sum::<u64>()
    });
    let keys: u64 = lens.await.into_iter().sum();
    let startup = node.sum(|core| core.startup_bytes.read());
    let data = node.sum(|core| core.data_bytes.read()) - startup;
    let buffers = node.sum(|core| core.buffer_bytes.read());
    let (used, rss) = (startup + data + buffers, rss_bytes());
    let peak = node.peak_bytes().max(used);
    let figures = [
        ("peak.allocated", Figure::Count(peak)),
        ("total.allocated", Figure::Count(used)),
        ("startup.allocated", Figure::Count(startup)),
        ("replication.backlog", Figure::Count(0)),
        ("clients.slaves", Figure::Count(0)),
        ("clients.normal", Figure::Count(buffers)),
        ("cluster.links", Figure::Count(0)),
        ("aof.buffer", Figure::Count(0)),
        ("overhead.total", Figure::Count(startup + buffers)),
        ("keys.count", Figure::Count(keys)),
        ("keys.bytes-per-key", Figure::Count(data.checked_div(keys).unwrap_or(0))),
        ("dataset.bytes", Figure::Count(data)),
        ("dataset.percentage", Figure::Ratio(ratio(data, (used - startup).max(1)) * 100.0)),
        ("peak.percentage", Figure::Ratio(ratio(used, peak.max(1)) * 100.0)),
        ("fragmentation", Figure::Ratio(ratio(rss, used.max(1)))),
        ("fragmentation.bytes", Figure::Signed(rss.cast_signed() - used.cast_signed())),
    ];
    reply.map(figures.len());
    for (name, figure) in figures {
        reply.bulk(name.as_bytes());
        match figure {
            Figure::Count(count) => reply.integer(count.cast_signed()),
            Figure::Signed(number) => reply.integer(number),
            Figure::Ratio(ratio) => reply.double(ratio),
        }
    }
    Ok(())
}

fn doctor(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let node = &caller.core.node;
    let used = node.used_bytes();
    let peak = node.peak_bytes().max(used);
    reply.verbatim("txt", &diagnosis(used, peak, rss_bytes(), caller.core.settings().maxmemory));
    Ok(())
}

/// Below this much data, in bytes, the process itself outweighs it and no ratio means anything.
const LITTLE_BYTES: u64 = 5 * 1024 * 1024;

fn diagnosis(used: u64, peak: u64, rss: u64, maxmemory: u64) -> String {
    if used < LITTLE_BYTES {
        return "The node holds too little data for a diagnosis.\n".to_owned();
    }
    let mut findings = Vec::new();
    if maxmemory > 0 && used > maxmemory / 10 * 9 {
        findings.push(format!(
            "{} of {} (maxmemory) are used: beyond it, commands that need memory are refused.",
            human(used),
            human(maxmemory)
        ));
    }
    if peak > used + used / 2 {
        findings.push(format!(
            "{} were used at the peak and {} are now: what the process holds beyond that is from then.",
            human(peak),
            human(used)
        ));
    }
    if rss > used + used / 2 {
        findings.push(format!(
            "the process takes {} for {} of data and buffers: the rest is the program, free memory that the allocator \
             keeps, and fragmentation.",
            human(rss),
            human(used)
        ));
    }
    if findings.is_empty() {
        return "No memory problem was found.\n".to_owned();
    }
    let findings: String = findings.iter().map(|finding| format!("- {finding}\n")).collect();
    format!("What was found:\n\n{findings}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagnosis_names_what_it_found() {
        let mib = 1 << 20;
        assert!(diagnosis(mib, 9 * mib, 9 * mib, 0).contains("too little"));
        assert_eq!(diagnosis(100 * mib, 110 * mib, 120 * mib, 0), "No memory problem was found.\n");
        assert!(diagnosis(100 * mib, 110 * mib, 120 * mib, 105 * mib).contains("maxmemory"));
        assert!(diagnosis(100 * mib, 200 * mib, 120 * mib, 0).contains("at the peak"));
        assert!(diagnosis(100 * mib, 110 * mib, 220 * mib, 0).contains("fragmentation"));
    }
}
