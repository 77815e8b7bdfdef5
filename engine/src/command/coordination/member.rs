//! NODOSUM: the members of the cluster, what each of them owns, and how they come and go.

use std::net::SocketAddr;
use std::time::Duration;

use mycorrhizal_net::resp::{Args, Reply};
use mycorrhizal_net::ring::Connection;

use super::{CONTAINER, HELP, SUBCOMMAND, number, text};
use crate::command::{Command, CommandError, Flags, Run};
use crate::node::{Caller, NOT_HEARD};
use crate::nodosum::state::{ClusterState, Command as Change, Member, Presence, Standing};

pub(super) const NODOSUM: Command = Command {
    name: "nodosum",
    summary: "Tells of the members of the cluster, and lets them come and go.",
    subcommands: SUBCOMMANDS,
    ..CONTAINER
};

const ADMIN: Command = Command { flags: Flags::ADMIN, ..SUBCOMMAND };

const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "drain",
        summary: "Moves everything that a member owns to others, or lets it own something again.",
        syntax: "node [ON|OFF]",
        arity: -3,
        run: Run::Node(|caller, args, reply| Box::pin(drain(caller, args, reply))),
        ..ADMIN
    },
    Command {
        name: "forget",
        summary: "Makes an absent member none any more; its id is retired.",
        syntax: "node",
        arity: 3,
        run: Run::Node(|caller, args, reply| Box::pin(forget(caller, args, reply))),
        ..ADMIN
    },
    Command {
        name: "found",
        summary: "Founds the cluster now, with the fresh nodes that are there.",
        run: Run::Node(|caller, _, reply| Box::pin(found(caller, reply))),
        ..ADMIN
    },
    HELP,
    Command {
        name: "join",
        summary: "Makes contact with nodes at gossip addresses.",
        syntax: "host:port [host:port ...]",
        arity: -3,
        run: Run::Node(|caller, args, reply| Box::pin(join(caller, args, reply))),
        ..ADMIN
    },
    super::key::KEYS,
    Command { name: "members", summary: "Lists the members.", run: Run::Session(members), ..SUBCOMMAND },
    Command {
        name: "partitions",
        summary: "Tells who owns how many partitions, and which of them move.",
        run: Run::Node(|caller, args, reply| Box::pin(super::partition::partitions(caller, args, reply))),
        ..SUBCOMMAND
    },
    Command {
        name: "wait",
        summary: "Waits until this node knows of a later version of what all nodes agree on; replies with the one it knows, also after the time-out.",
        syntax: "version milliseconds",
        arity: 4,
        run: Run::Node(|caller, args, reply| Box::pin(wait(caller, args, reply))),
        ..SUBCOMMAND
    },
];

/// How often a connection that waits for a change looks whether it has ended.
const LOOK: Duration = Duration::from_millis(250);

/// A member by its id, the beginning of its id, or its name.
pub(in crate::command) fn find(state: &ClusterState, wanted: &str) -> Result<Member, CommandError> {
    let matches = |member: &&Member| {
        member.name == wanted || wanted.len() >= 4 && member.id.to_string().starts_with(wanted)
    };
    let mut found = state.members().filter(matches);
    match (found.next(), found.next()) {
        (Some(member), None) => Ok(member.clone()),
        (None, _) => Err(CommandError::Message(format!("ERR no such member '{wanted}'"))),
        (Some(_), Some(_)) => Err(CommandError::Message(format!("ERR '{wanted}' is more than one member"))),
    }
}

async fn drain(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let standing = match args.len() {
        3 => Standing::Draining,
        4 if args.get(3).eq_ignore_ascii_case(b"on") => Standing::Draining,
        4 if args.get(3).eq_ignore_ascii_case(b"off") => Standing::Active,
        _ => return Err(CommandError::Syntax),
    };
    let state = caller.core.directory.state();
    let node = find(&state, &text(args.get(2))?)?.id;
    let others = state.members().any(|member| member.id != node && member.takes_partitions());
    if standing == Standing::Draining && !others {
        return Err(CommandError::Text("ERR no other member can take what it owns"));
    }
    caller.core.change(Change::Stand { node, standing }).await?;
    reply.ok();
    Ok(())
}

async fn forget(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let member = find(&caller.core.directory.state(), &text(args.get(2))?)?;
    if member.presence == Presence::Present {
        return Err(CommandError::Text("ERR the member is there: drain it, and end it with --leave"));
    }
    caller.core.change(Change::Leave(member.id)).await?;
    reply.ok();
    Ok(())
}

async fn found(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let Some(cluster) = &caller.core.node.cluster else { return Err(ALONE) };
    if caller.core.directory.state().cluster().is_some() {
        return Err(CommandError::Text("ERR the cluster exists already"));
    }
    let service = cluster.service.clone();
    caller.core.on_service(&cluster.service, async move { service.found().await }).await;
    reply.ok();
    Ok(())
}

pub(super) const ALONE: CommandError = CommandError::Text("ERR this node belongs to no cluster");

async fn join(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    if caller.core.node.cluster.is_none() {
        return Err(ALONE);
    }
    let seeds = (2..args.len()).map(|at| text(args.get(at))).collect::<Result<Vec<_>, _>>()?;
    if let Some((seed, error)) = caller.core.meet_names(seeds).await.failures.first() {
        return Err(CommandError::Message(format!("ERR '{seed}' has no address: {error}")));
    }
    reply.ok();
    Ok(())
}

fn members(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let state = caller.core.directory.state();
    reply.array(state.members().count());
    for member in state.members() {
        write_member(&state, member, member.id == caller.core.node.id, reply);
    }
    Ok(())
}

/// What is asked on this connection after the reply is answered by that version, or a later one.
async fn wait(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let core = &caller.core;
    let (seen, timeout) = (number(args.get(2))?, Duration::from_millis(number(args.get(3))?));
    let deadline = core.ring.now().checked_add(timeout).ok_or(CommandError::NotInteger)?;
    let ended = || caller.connection().is_some_and(Connection::receive_ended);
    while core.directory.version() <= seen && core.ring.now() < deadline && core.may_act() && !ended() {
        core.wait_for_change(deadline.min(core.ring.now() + LOOK)).await;
    }
    if !core.may_act() {
        // The others may have gone on without it.
        return Err(CommandError::Text(NOT_HEARD));
    }
    reply.integer(i64::try_from(core.directory.version()).unwrap_or(i64::MAX));
    Ok(())
}

fn write_member(state: &ClusterState, member: &Member, is_me: bool, reply: &mut Reply<'_>) {
    let address = |address: Option<SocketAddr>| address.map(|it| it.to_string()).unwrap_or_default();
    let texts = [
        ("id", member.id.to_string()),
        ("name", member.name.clone()),
        ("gossip", address(member.gossip_address(0))),
        ("links", address(member.link_address(0))),
        ("address", member.address.to_string()),
        ("announce", member.announce.map(|it| it.to_string()).unwrap_or_default()),
        ("presence", member.presence.word().to_owned()),
        ("standing", member.standing.word().to_owned()),
    ];
    let numbers = [
        ("incarnation", member.incarnation.0),
        ("cores", u64::from(member.cores)),
        ("weight", u64::from(member.weight)),
        ("port", u64::from(member.plain_port.unwrap_or(0))),
        ("partitions", state.map().owned_count(member.id) as u64),
        ("self", u64::from(is_me)),
    ];
    let ports = [
        ("gossip-ports", &member.gossip_ports),
        ("link-ports", &member.link_ports),
        ("core-ports", &member.core_ports),
    ];
    reply.map(texts.len() + numbers.len() + ports.len());
    for (name, value) in texts {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    for (name, value) in numbers {
        reply.bulk(name.as_bytes());
        reply.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }
    for (name, ports) in ports {
        reply.bulk(name.as_bytes());
        reply.array(ports.len());
        ports.iter().for_each(|port| reply.integer(i64::from(*port)));
    }
}
