//! NODOSUM PARTITIONS: who owns what, and how far what moves has come.

use std::collections::BTreeMap;

use mycorrhizal_net::resp::{Args, Reply, Value};

use crate::command::CommandError;
use crate::node::caller::PortKind;
use crate::node::{Caller, CoreId, Manner};
use crate::nodosum::digest::Load;
use crate::nodosum::state::{ClusterState, CoreAddress, Member, PartitionId};

/// Slots read so far of each partition on its way out, by its number.
type Progress = BTreeMap<u16, u16>;

pub(super) async fn partitions(
    caller: &Caller,
    _: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let mut progress = own_progress(caller).await;
    if caller.port == PortKind::Node {
        // Another node asks for what it cannot know.
        reply.array(progress.len() * 2);
        for (partition, slots) in progress {
            reply.integer(i64::from(partition));
            reply.integer(i64::from(slots));
        }
        return Ok(());
    }
    let state = caller.core.directory.state();
    progress.extend(progress_of_others(caller, &state).await);
    reply.map(4);
    reply.bulk(b"epoch");
    reply.integer(i64::try_from(state.map().epoch()).unwrap_or(i64::MAX));
    reply.bulk(b"lost");
    reply.integer(i64::try_from(state.partitions_lost()).unwrap_or(i64::MAX));
    let loads = loads(caller).await;
    write_owners(caller, &state, &loads, reply);
    write_moves(&state, &progress, reply);
    Ok(())
}

/// How far the moves away from this node have come.
async fn own_progress(caller: &Caller) -> Progress {
    let cores: Vec<CoreId> = caller.core.node.cores().collect();
    let parts = caller.core.call_all(&cores, |core| core.migration.progress()).await;
    parts.into_iter().flatten().collect()
}

/// How far the moves away from other nodes have come, as far as they say so.
async fn progress_of_others(caller: &Caller, state: &ClusterState) -> Progress {
    let me = caller.core.node.id;
    let mut sources: Vec<_> = moves(state).map(|(_, from, _)| from.node).filter(|node| *node != me).collect();
    sources.sort_unstable();
    sources.dedup();
    let mut progress = Progress::new();
    for node in sources {
        let peer = caller.core.directory.peer(CoreAddress { node, core: 0 });
        let answer = caller.ask(peer, Manner::OfNode, &[b"NODOSUM", b"PARTITIONS"]).await;
        // A node that does not answer says nothing of its progress.
        let Ok(Value::Array(numbers)) = answer else { continue };
        let number = |value: &Value| value.as_integer().and_then(|number| u16::try_from(number).ok());
        for pair in numbers.chunks_exact(2) {
            if let (Some(partition), Some(slots)) = (number(&pair[0]), number(&pair[1])) {
                progress.insert(partition, slots);
            }
        }
    }
    progress
}

fn moves(state: &ClusterState) -> impl Iterator<Item = (PartitionId, CoreAddress, CoreAddress)> {
    state.map().iter().filter_map(|(partition, entry)| Some((partition, entry.owner?, entry.moving_to?)))
}

/// What is in the partitions of each core: of this node's as it is, of others' as far as gossip has told.
async fn loads(caller: &Caller) -> BTreeMap<CoreAddress, Load> {
    let cores: Vec<CoreId> = caller.core.node.cores().collect();
    let mut loads: BTreeMap<CoreAddress, Load> = BTreeMap::new();
    for (of, load) in caller.core.call_all(&cores, |core| core.loads()).await.into_iter().flatten() {
        let known = loads.entry(of).or_default();
        known.partitions += load.partitions;
        known.keys += load.keys;
        known.bytes += load.bytes;
    }
    loads
}

fn write_owners(
    caller: &Caller,
    state: &ClusterState,
    loads: &BTreeMap<CoreAddress, Load>,
    reply: &mut Reply<'_>,
) {
    let directory = &caller.core.directory;
    reply.bulk(b"owners");
    let owners: Vec<CoreAddress> = state.members().flat_map(Member::core_addresses).collect();
    reply.array(owners.len());
    for core in owners {
        reply.map(6);
        write_core(core, reply);
        reply.bulk(b"node-name");
        reply.bulk(state.member(core.node).map_or("", |member| &member.name).as_bytes());
        let load = loads.get(&core).copied().unwrap_or_default();
        reply.bulk(b"keys");
        reply.integer(i64::try_from(load.keys).unwrap_or(i64::MAX));
        reply.bulk(b"bytes");
        reply.integer(i64::try_from(load.bytes).unwrap_or(i64::MAX));
        reply.bulk(b"slots");
        let ranges = directory.slots_of(directory.peer(core));
        reply.array(ranges.len() * 2);
        for (first, last) in ranges {
            reply.integer(i64::from(first));
            reply.integer(i64::from(last));
        }
    }
}

fn write_moves(state: &ClusterState, progress: &Progress, reply: &mut Reply<'_>) {
    reply.bulk(b"moves");
    reply.array(moves(state).count());
    for (partition, from, to) in moves(state) {
        reply.map(6);
        reply.bulk(b"partition");
        reply.integer(i64::from(partition.0));
        for (name, core) in [("from", from), ("to", to)] {
            reply.bulk(name.as_bytes());
            reply.bulk(core.node.to_string().as_bytes());
            reply.bulk(format!("{name}-core").as_bytes());
            reply.integer(i64::from(core.core));
        }
        reply.bulk(b"slots-done");
        reply.integer(progress.get(&partition.0).copied().unwrap_or(0).into());
    }
}

/// Node and core, as two pairs of a map.
fn write_core(CoreAddress { node, core }: CoreAddress, reply: &mut Reply<'_>) {
    reply.bulk(b"node");
    reply.bulk(node.to_string().as_bytes());
    reply.bulk(b"core");
    reply.integer(i64::from(core));
}
