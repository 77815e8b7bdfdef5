//! CLUSTER: the node shown as a cluster whose nodes are its cores.
//!
//! Every core with a port of its own is an endpoint that owns a run of slots, so that a cluster client sends each key
//! straight to the core that has it.

use mycorrhizal_net::resp::{Args, Reply, number::parse_i64};

use super::{Command, CommandError, Flags, Group, Run, Tip};
use crate::hypha::{Caller, Endpoint};
use crate::mycel::Slot;

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "cluster",
    summary: "Tells how slots are dealt to the cores.",
    group: Group::Cluster,
    since: "3.0.0",
    complexity: "Depends on subcommand.",
    arity: -2,
    subcommands: SUBCOMMANDS,
    ..Command::ROW
}];

const SUBCOMMAND: Command =
    Command { group: Group::Cluster, since: "3.0.0", arity: 2, flags: Flags::STALE, ..Command::ROW };

const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "countkeysinslot",
        summary: "Counts the keys of a slot.",
        syntax: "slot",
        arity: 3,
        run: Run::Node(|caller, args, reply| Box::pin(countkeysinslot(caller, args, reply))),
        ..SUBCOMMAND
    },
    Command {
        name: "getkeysinslot",
        summary: "Lists keys of a slot.",
        syntax: "slot count",
        complexity: "O(N) where N is the number of keys asked for",
        arity: 4,
        tips: &[Tip::AnyOutput],
        run: Run::Node(|caller, args, reply| Box::pin(getkeysinslot(caller, args, reply))),
        ..SUBCOMMAND
    },
    Command {
        name: "help",
        summary: "Lists the subcommands.",
        since: "5.0.0",
        flags: Flags::LOADING.with(Flags::STALE),
        run: Run::Session(super::help::answer),
        ..SUBCOMMAND
    },
    Command {
        name: "info",
        summary: "Tells the state of the cluster.",
        tips: &[Tip::AnyOutput],
        run: Run::Session(info),
        ..SUBCOMMAND
    },
    Command {
        name: "keyslot",
        summary: "Tells the slot of a key.",
        syntax: "key",
        complexity: "O(N) where N is the length of the key",
        arity: 3,
        run: Run::Session(keyslot),
        ..SUBCOMMAND
    },
    Command {
        name: "myid",
        summary: "Tells the id of the core that is asked.",
        run: Run::Session(myid),
        ..SUBCOMMAND
    },
    Command {
        name: "nodes",
        summary: "Lists the endpoints and their slots, a line each.",
        complexity: "O(N) where N is the number of endpoints",
        tips: &[Tip::AnyOutput],
        run: Run::Session(nodes),
        ..SUBCOMMAND
    },
    Command {
        name: "shards",
        summary: "Lists the shards, their slots and endpoints.",
        since: "7.0.0",
        complexity: "O(N) where N is the number of endpoints",
        tips: &[Tip::AnyOutput],
        run: Run::Session(shards),
        ..SUBCOMMAND
    },
    Command {
        name: "slots",
        summary: "Lists the ranges of slots and who serves them.",
        complexity: "O(N) where N is the number of endpoints",
        tips: &[Tip::AnyOutput],
        run: Run::Session(slots),
        ..SUBCOMMAND
    },
];

fn slot_argument(args: Args<'_>) -> Result<Slot, CommandError> {
    let number = parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
    u16::try_from(number).ok().and_then(Slot::new).ok_or(CommandError::Text("ERR Invalid slot"))
}

async fn countkeysinslot(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let slot = slot_argument(args)?;
    let (owner, db) = (caller.core.node.topology.owner(slot), caller.session().db);
    let count = caller.core.call(owner, move |core| core.data.borrow().keyspace.slot_len(db, slot)).await;
    reply.integer(count as i64);
    Ok(())
}

async fn getkeysinslot(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let slot = slot_argument(args)?;
    let count = parse_i64(args.get(3)).ok_or(CommandError::NotInteger)?;
    let count = usize::try_from(count).map_err(|_| CommandError::Text("ERR Invalid number of keys"))?;
    let (owner, db) = (caller.core.node.topology.owner(slot), caller.session().db);
    let keys = caller
        .core
        .call(owner, move |core| {
            let mut keys: Vec<Vec<u8>> = Vec::new();
            core.data
                .borrow()
                .keyspace
                .for_each_in_slot(db, slot, count, |view| keys.push(view.key().to_vec()));
            keys
        })
        .await;
    reply.array(keys.len());
    keys.iter().for_each(|key| reply.bulk(key));
    Ok(())
}

fn info(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let endpoints = caller.core.node.topology.published().len();
    let text = format!(
        "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\ncluster_slots_pfail:0\r\n\
         cluster_slots_fail:0\r\ncluster_known_nodes:{endpoints}\r\ncluster_size:{endpoints}\r\n\
         cluster_current_epoch:1\r\ncluster_my_epoch:1\r\ncluster_stats_messages_sent:0\r\n\
         cluster_stats_messages_received:0\r\ntotal_cluster_links_buffer_limit_exceeded:0\r\n"
    );
    reply.verbatim("txt", &text);
    Ok(())
}

fn keyslot(_: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    reply.integer(i64::from(Slot::of(args.get(2)).number()));
    Ok(())
}

fn myid(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let endpoint =
        caller.core.node.topology.published().into_iter().find(|endpoint| is_mine(caller, endpoint));
    reply.bulk(endpoint.expect("every core is published").id.as_bytes());
    Ok(())
}

fn nodes(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let host = caller.core.node.topology.host(caller.local_address());
    let mut text = String::new();
    for endpoint in caller.core.node.topology.published() {
        let (id, port) = (&endpoint.id, endpoint.port);
        let myself = if is_mine(caller, &endpoint) { "myself," } else { "" };
        text.push_str(&format!("{id} {host}:{port}@{port} {myself}master - 0 0 1 connected"));
        for (first, last) in &endpoint.slots {
            text.push_str(&format!(" {first}-{last}"));
        }
        text.push('\n');
    }
    reply.verbatim("txt", &text);
    Ok(())
}

fn shards(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let host = caller.core.node.topology.host(caller.local_address());
    let endpoints = caller.core.node.topology.published();
    reply.array(endpoints.len());
    for endpoint in endpoints {
        reply.map(2);
        reply.bulk(b"slots");
        reply.array(endpoint.slots.len() * 2);
        for (first, last) in &endpoint.slots {
            reply.integer(i64::from(*first));
            reply.integer(i64::from(*last));
        }
        reply.bulk(b"nodes");
        reply.array(1);
        write_shard_node(&endpoint, &host, reply);
    }
    Ok(())
}

fn write_shard_node(endpoint: &Endpoint, host: &str, reply: &mut Reply<'_>) {
    reply.map(7);
    let mut field = |name: &str, value: &str| {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    };
    field("id", &endpoint.id);
    field("ip", host);
    field("endpoint", host);
    field("role", "master");
    field("health", "online");
    for (name, value) in [("port", i64::from(endpoint.port)), ("replication-offset", 0)] {
        reply.bulk(name.as_bytes());
        reply.integer(value);
    }
}

fn slots(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let host = caller.core.node.topology.host(caller.local_address());
    let endpoints = caller.core.node.topology.published();
    reply.array(endpoints.iter().map(|endpoint| endpoint.slots.len()).sum());
    for endpoint in &endpoints {
        for (first, last) in &endpoint.slots {
            reply.array(3);
            reply.integer(i64::from(*first));
            reply.integer(i64::from(*last));
            reply.array(4);
            reply.bulk(host.as_bytes());
            reply.integer(i64::from(endpoint.port));
            reply.bulk(endpoint.id.as_bytes());
            reply.array(0);
        }
    }
    Ok(())
}

fn is_mine(caller: &Caller, endpoint: &Endpoint) -> bool {
    endpoint.cores.contains(&caller.core.id)
}
