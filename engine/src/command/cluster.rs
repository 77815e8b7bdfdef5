//! CLUSTER: nodes and cores, shown as a Redis Cluster whose nodes are the cores.
//!
//! Every core with a port of its own is an endpoint that owns a run of slots, so that a cluster client sends each key
//! straight to the core that has it.

use std::rc::Rc;

use mycorrhizal_net::resp::{Args, Reply, Value, number::parse_i64};

use super::{Command, CommandError, Flags, Group, Run, Tip};
use crate::mycel::{SLOTS_PER_PARTITION, Slot};
use crate::node::{Caller, Core, CoreId, Endpoint, Manner, PeerId};
use crate::nodosum::state::{PartitionId, Presence};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "cluster",
        summary: "Tells how slots are dealt to the cores.",
        group: Group::Cluster,
        since: "3.0.0",
        complexity: "Depends on subcommand.",
        arity: -2,
        subcommands: SUBCOMMANDS,
        ..Command::ROW
    },
    Command {
        name: "asking",
        summary: "Says that the next command follows an ASK.",
        group: Group::Cluster,
        since: "3.0.0",
        complexity: "O(1)",
        arity: 1,
        flags: Flags::FAST,
        run: Run::Session(asking),
        ..Command::ROW
    },
];

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

fn asking(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    caller.session.borrow_mut().asking = true;
    reply.ok();
    Ok(())
}

fn slot_argument(args: Args<'_>) -> Result<Slot, CommandError> {
    let number = parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
    u16::try_from(number).ok().and_then(Slot::new).ok_or(CommandError::Text("ERR Invalid slot"))
}

/// Where the keys of a slot are, for a caller.
enum Whereabouts {
    /// On a core of this node.
    Here(CoreId),
    /// On a core of another node.
    There(PeerId),
    /// Nowhere that it sees.
    OutOfSight,
}

fn whereabouts(caller: &Caller, slot: Slot) -> Whereabouts {
    let directory = &caller.core.directory;
    let owner = directory.owner(slot);
    match directory.local(owner) {
        Some(core) if caller.visible_cores().contains(&core) => Whereabouts::Here(core),
        None if owner != PeerId::NOBODY && !caller.visible_nodes().is_empty() => Whereabouts::There(owner),
        _ => Whereabouts::OutOfSight,
    }
}

async fn ask(caller: &Caller, owner: PeerId, args: Args<'_>) -> Result<Value, CommandError> {
    let args: Vec<&[u8]> = args.iter().collect();
    caller.ask(owner, Manner::OfCore, &args).await
}

async fn countkeysinslot(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let slot = slot_argument(args)?;
    let db = caller.session().db;
    let count = match whereabouts(caller, slot) {
        Whereabouts::Here(owner) => {
            let work = move |core: &Rc<Core>| core.data.borrow().keyspace.slot_len(db, slot);
            caller.core.call(owner, work).await as i64
        }
        Whereabouts::There(owner) => match ask(caller, owner, args).await? {
            Value::Integer(count) => count,
            other => return Err(super::unexpected(&other)),
        },
        Whereabouts::OutOfSight => 0,
    };
    reply.integer(count);
    Ok(())
}

async fn getkeysinslot(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let slot = slot_argument(args)?;
    let count = parse_i64(args.get(3)).ok_or(CommandError::NotInteger)?;
    let count = usize::try_from(count).map_err(|_| CommandError::Text("ERR Invalid number of keys"))?;
    let db = caller.session().db;
    let keys = match whereabouts(caller, slot) {
        Whereabouts::Here(owner) => {
            let work = move |core: &Rc<Core>| {
                let mut keys: Vec<Vec<u8>> = Vec::new();
                let data = core.data.borrow();
                data.keyspace.for_each_in_slot(db, slot, count, |view| keys.push(view.key().to_vec()));
                keys
            };
            caller.core.call(owner, work).await
        }
        Whereabouts::There(owner) => super::bulks(ask(caller, owner, args).await?)?,
        Whereabouts::OutOfSight => Vec::new(),
    };
    reply.array(keys.len());
    keys.iter().for_each(|key| reply.bulk(key));
    Ok(())
}

fn info(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let endpoints = caller.endpoints();
    let slots = |which: &dyn Fn(&Endpoint) -> bool| -> u32 {
        let ranges = endpoints.iter().filter(|endpoint| which(endpoint)).flat_map(|endpoint| &endpoint.slots);
        ranges.map(|(first, last)| u32::from(last - first) + 1).sum()
    };
    let (assigned, failed) = (slots(&|_| true), slots(&|endpoint| endpoint.presence == Presence::Absent));
    let serves = !caller.core.suspended.get() && assigned == 16_384 && failed == 0;
    let state = if serves { "ok" } else { "fail" };
    let size = endpoints.iter().filter(|endpoint| !endpoint.slots.is_empty()).count();
    let (known, epoch) = (endpoints.len(), caller.core.directory.state().map().epoch());
    let text = format!(
        "cluster_state:{state}\r\ncluster_slots_assigned:{assigned}\r\ncluster_slots_ok:{}\r\n\
         cluster_slots_pfail:0\r\ncluster_slots_fail:{failed}\r\ncluster_known_nodes:{known}\r\n\
         cluster_size:{size}\r\ncluster_current_epoch:{epoch}\r\ncluster_my_epoch:{epoch}\r\ncluster_stats_messages_sent:0\r\n\
         cluster_stats_messages_received:0\r\ntotal_cluster_links_buffer_limit_exceeded:0\r\n",
        assigned - failed
    );
    reply.verbatim("txt", &text);
    Ok(())
}

fn keyslot(_: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    reply.integer(i64::from(Slot::of(args.get(2)).number()));
    Ok(())
}

fn myid(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let endpoint = caller.endpoints().into_iter().find(|endpoint| is_mine(caller, endpoint));
    reply.bulk(endpoint.expect("every core is published").id.as_bytes());
    Ok(())
}

fn nodes(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let epoch = caller.core.directory.state().map().epoch();
    let mut text = String::new();
    for endpoint in caller.endpoints() {
        let Endpoint { id, host, port, .. } = &endpoint;
        let mine = is_mine(caller, &endpoint);
        let myself = if mine { "myself," } else { "" };
        let (flags, link) = match endpoint.presence {
            Presence::Present => ("master", "connected"),
            Presence::Absent => ("master,fail", "disconnected"),
        };
        text.push_str(&format!("{id} {host}:{port}@{port} {myself}{flags} - 0 0 {epoch} {link}"));
        for (first, last) in &endpoint.slots {
            text.push_str(&format!(" {first}-{last}"));
        }
        if mine {
            write_moves(&endpoint, &mut text);
        }
        text.push('\n');
    }
    reply.verbatim("txt", &text);
    Ok(())
}

/// The slots on the move, as an endpoint tells of its own.
fn write_moves(endpoint: &Endpoint, text: &mut String) {
    let slots = |partition: PartitionId| {
        (0..SLOTS_PER_PARTITION).map(move |within| Slot::at(partition.index(), within).number())
    };
    for (partition, to) in &endpoint.leaving {
        slots(*partition).for_each(|slot| text.push_str(&format!(" [{slot}->-{to}]")));
    }
    for (partition, from) in &endpoint.arriving {
        slots(*partition).for_each(|slot| text.push_str(&format!(" [{slot}-<-{from}]")));
    }
}

fn shards(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let endpoints = caller.endpoints();
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
        write_shard_node(&endpoint, reply);
    }
    Ok(())
}

fn write_shard_node(endpoint: &Endpoint, reply: &mut Reply<'_>) {
    reply.map(7);
    let mut field = |name: &str, value: &str| {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    };
    field("id", &endpoint.id);
    field("ip", &endpoint.host);
    field("endpoint", &endpoint.host);
    field("role", "master");
    field("health", if endpoint.presence == Presence::Present { "online" } else { "fail" });
    for (name, value) in [("port", i64::from(endpoint.port)), ("replication-offset", 0)] {
        reply.bulk(name.as_bytes());
        reply.integer(value);
    }
}

fn slots(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let endpoints = caller.endpoints();
    reply.array(endpoints.iter().map(|endpoint| endpoint.slots.len()).sum());
    for endpoint in &endpoints {
        for (first, last) in &endpoint.slots {
            reply.array(3);
            reply.integer(i64::from(*first));
            reply.integer(i64::from(*last));
            reply.array(4);
            reply.bulk(endpoint.host.as_bytes());
            reply.integer(i64::from(endpoint.port));
            reply.bulk(endpoint.id.as_bytes());
            reply.array(0);
        }
    }
    Ok(())
}

fn is_mine(caller: &Caller, endpoint: &Endpoint) -> bool {
    endpoint.node == caller.core.node.id && endpoint.cores.contains(&caller.core.id.0)
}
