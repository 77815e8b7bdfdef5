//! SEPTUM: named keyspaces, each with its own policy.

use mycorrhizal_net::resp::{Args, Reply};

use super::{CONTAINER, HELP, SUBCOMMAND, number, text};
use crate::command::{Command, CommandError, Flags, Run};
use crate::mycel::Db;
use crate::node::Caller;
use crate::nodosum::state::{Command as Change, Policy, Septum, SeptumError};

pub(super) const SEPTUM: Command = Command {
    name: "septum",
    summary: "Creates, changes, lists and selects septa.",
    subcommands: SUBCOMMANDS,
    ..CONTAINER
};

const POLICY_SYNTAX: &str = "name [TTL milliseconds] [MAXMEMORY bytes] [MAXENTRIES count]";

const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "alter",
        summary: "Changes the policy of a septum; what is not named stays, 0 takes a limit away.",
        syntax: POLICY_SYNTAX,
        arity: -3,
        flags: Flags::ADMIN,
        run: Run::Node(|caller, args, reply| Box::pin(alter(caller, args, reply))),
        ..SUBCOMMAND
    },
    Command {
        name: "create",
        summary: "Creates a septum.",
        syntax: POLICY_SYNTAX,
        arity: -3,
        flags: Flags::ADMIN,
        run: Run::Node(|caller, args, reply| Box::pin(create(caller, args, reply))),
        ..SUBCOMMAND
    },
    Command {
        name: "drop",
        summary: "Removes a septum with all its keys.",
        syntax: "name",
        arity: 3,
        flags: Flags::ADMIN,
        run: Run::Node(|caller, args, reply| Box::pin(drop_septum(caller, args, reply))),
        ..SUBCOMMAND
    },
    HELP,
    Command {
        name: "info",
        summary: "Tells the policy and the keys of a septum.",
        syntax: "name",
        arity: 3,
        run: Run::Node(|caller, args, reply| Box::pin(info(caller, args, reply))),
        ..SUBCOMMAND
    },
    Command { name: "list", summary: "Lists the names of all septa.", run: Run::Session(list), ..SUBCOMMAND },
    Command {
        name: "use",
        summary: "Selects a septum for the connection.",
        syntax: "name",
        arity: 3,
        run: Run::Session(use_septum),
        ..SUBCOMMAND
    },
];

/// The policy that the options say, on top of `policy`.
fn policy(args: Args<'_>, mut policy: Policy) -> Result<Policy, CommandError> {
    let options = &args.spans[3..];
    if !options.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    for at in (3..args.len()).step_by(2) {
        let (name, value) = (args.get(at), number(args.get(at + 1))?);
        let value = (value > 0).then_some(value);
        if name.eq_ignore_ascii_case(b"ttl") {
            policy.default_ttl_ms = value;
        } else if name.eq_ignore_ascii_case(b"maxmemory") {
            policy.memory_bytes_max = value;
        } else if name.eq_ignore_ascii_case(b"maxentries") {
            policy.entries_max = value;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(policy)
}

fn find(caller: &Caller, name: &str) -> Result<Septum, CommandError> {
    let state = caller.core.directory.state();
    let found = state.catalogue().find(name).cloned();
    found.ok_or_else(|| {
        CommandError::Message(format!("NOSEPTUM {}", SeptumError::PeerUnknown(name.to_owned())))
    })
}

/// Has a change decided, and returns when all cores of all nodes that serve know of it: what is said anywhere after that
/// meets it.
async fn change(caller: &Caller, change: Change) -> Result<(), CommandError> {
    caller.core.change_for_all(change).await?;
    caller.wait_until_all_know().await;
    Ok(())
}

async fn create(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let (name, policy) = (text(args.get(2))?, policy(args, Policy::default())?);
    change(caller, Change::CreateSeptum { name, policy }).await?;
    reply.ok();
    Ok(())
}

async fn alter(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let name = text(args.get(2))?;
    let policy = policy(args, find(caller, &name)?.policy)?;
    change(caller, Change::AlterSeptum { name, policy }).await?;
    reply.ok();
    Ok(())
}

async fn drop_septum(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let name = text(args.get(2))?;
    change(caller, Change::DropSeptum { name }).await?;
    reply.ok();
    Ok(())
}

async fn info(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let septum = find(caller, &text(args.get(2))?)?;
    let keys = keys_of(caller, septum.db()).await?;
    let limits = [
        ("ttl", septum.policy.default_ttl_ms),
        ("maxmemory", septum.policy.memory_bytes_max),
        ("maxentries", septum.policy.entries_max),
    ];
    reply.map(2 + limits.len());
    reply.bulk(b"name");
    reply.bulk(septum.name.as_bytes());
    for (name, limit) in limits {
        reply.bulk(name.as_bytes());
        reply.integer(limit.map_or(0, |limit| i64::try_from(limit).unwrap_or(i64::MAX)));
    }
    reply.bulk(b"keys");
    reply.integer(keys);
    Ok(())
}

/// How many keys a septum has, on all nodes that the caller sees.
async fn keys_of(caller: &Caller, db: Db) -> Result<i64, CommandError> {
    let selected = std::mem::replace(&mut caller.session.borrow_mut().db, db);
    let keys = crate::command::keyspace::key_count(caller).await;
    caller.session.borrow_mut().db = selected;
    keys
}

fn list(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let state = caller.core.directory.state();
    reply.array(state.catalogue().iter().count());
    state.catalogue().iter().for_each(|septum| reply.bulk(septum.name.as_bytes()));
    Ok(())
}

fn use_septum(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let septum = find(caller, &text(args.get(2))?)?;
    caller.session.borrow_mut().select(septum.db(), septum.id);
    reply.ok();
    Ok(())
}
