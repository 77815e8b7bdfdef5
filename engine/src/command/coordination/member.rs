//! NODOSUM: the members of the cluster, what each of them owns, and how they come and go.

use mycorrhizal_net::resp::{Args, Reply};

use super::{CONTAINER, HELP, SUBCOMMAND, text};
use crate::command::{Command, CommandError, Flags, Run};
use crate::node::Caller;
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
];

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

/// Whether a member is there, in a word.
pub(super) fn presence(member: &Member) -> &'static str {
    match member.presence {
        Presence::Present => "present",
        Presence::Absent => "absent",
    }
}

fn write_member(state: &ClusterState, member: &Member, is_me: bool, reply: &mut Reply<'_>) {
    let standing = match member.standing {
        Standing::Active => "active",
        Standing::Draining => "draining",
    };
    let address =
        |address: Option<std::net::SocketAddr>| address.map(|it| it.to_string()).unwrap_or_default();
    let texts = [
        ("id", member.id.to_string()),
        ("name", member.name.clone()),
        ("gossip", address(member.gossip_address(0))),
        ("links", address(member.link_address(0))),
        ("presence", presence(member).to_owned()),
        ("standing", standing.to_owned()),
    ];
    let numbers = [
        ("incarnation", member.incarnation.0),
        ("cores", u64::from(member.cores)),
        ("weight", u64::from(member.weight)),
        ("port", u64::from(member.plain_port.unwrap_or(0))),
        ("partitions", state.map().owned_count(member.id) as u64),
        ("self", u64::from(is_me)),
    ];
    reply.map(texts.len() + numbers.len());
    for (name, value) in texts {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    for (name, value) in numbers {
        reply.bulk(name.as_bytes());
        reply.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }
}
