//! ELECTION, LOCK and SEMAPHORE: what one, or a few, of all clients of the cluster may hold at a time.
//!
//! What a connection holds it holds until it gives it up or ends, or until its node is not heard any more. Every grant
//! has a fencing token, which is higher than that of any grant before.
//!
//! Names that begin with `mycel.` are reserved: ELECTION tells who leads the cluster's own
//! [subsystems](crate::nodosum::subsystem), and nobody else campaigns for them.

use std::time::Duration;

use mycorrhizal_net::resp::{Args, Reply};
use mycorrhizal_net::ring::Connection;

use super::{CONTAINER, HELP, SUBCOMMAND, number, text};
use crate::command::{Command, CommandError, Run};
use crate::node::{Caller, NOT_HEARD};
use crate::nodosum::state::{
    Candidate, ClusterState, Command as Change, Lease, LeaseClass, LeaseKind, LeaseName, LeaseStanding,
};

pub(super) const ELECTION: Command = Command {
    name: "election",
    summary: "Elects one of all who campaign for a name.",
    subcommands: ELECTION_SUBCOMMANDS,
    ..CONTAINER
};

pub(super) const LOCK: Command = Command {
    name: "lock",
    summary: "Gives a name to one at a time, in the order of asking.",
    subcommands: LOCK_SUBCOMMANDS,
    ..CONTAINER
};

pub(super) const SEMAPHORE: Command = Command {
    name: "semaphore",
    summary: "Gives a name to so many at a time, in the order of asking.",
    subcommands: SEMAPHORE_SUBCOMMANDS,
    ..CONTAINER
};

/// A subcommand that waits for a grant.
const ASK: Command = Command { syntax: "name [TIMEOUT milliseconds]", arity: -3, ..SUBCOMMAND };
/// A subcommand about one name.
const NAMED: Command = Command { syntax: "name", arity: 3, ..SUBCOMMAND };
/// A subcommand about all names.
const LIST: Command =
    Command { name: "list", summary: "Lists the names that somebody holds or waits for.", ..SUBCOMMAND };

const ELECTION_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "campaign",
        summary: "Waits until this connection is elected; replies with the fencing token, or null after the time-out.",
        run: Run::Node(|caller, args, reply| Box::pin(ask(caller, LeaseKind::Election, 3, args, reply))),
        ..ASK
    },
    HELP,
    Command {
        name: "info",
        summary: "Tells who leads.",
        run: Run::Session(|caller, args, reply| info(caller, LeaseClass::Election, args, reply)),
        ..NAMED
    },
    Command { run: Run::Session(|caller, _, reply| list(caller, LeaseClass::Election, reply)), ..LIST },
    Command {
        name: "resign",
        summary: "Gives up the lead, or the candidacy, of this connection.",
        run: Run::Node(|caller, args, reply| Box::pin(release(caller, LeaseClass::Election, args, reply))),
        ..NAMED
    },
];

const LOCK_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "acquire",
        summary: "Waits until this connection has the lock; replies with the fencing token, or null after the time-out.",
        run: Run::Node(|caller, args, reply| Box::pin(ask(caller, LeaseKind::Lock, 3, args, reply))),
        ..ASK
    },
    HELP,
    Command {
        name: "info",
        summary: "Tells who has the lock.",
        run: Run::Session(|caller, args, reply| info(caller, LeaseClass::Lock, args, reply)),
        ..NAMED
    },
    Command { run: Run::Session(|caller, _, reply| list(caller, LeaseClass::Lock, reply)), ..LIST },
    Command {
        name: "release",
        summary: "Gives up the lock, or waiting for it.",
        run: Run::Node(|caller, args, reply| Box::pin(release(caller, LeaseClass::Lock, args, reply))),
        ..NAMED
    },
];

const SEMAPHORE_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "acquire",
        summary: "Waits for one of the permits; replies with the fencing token, or null after the time-out.",
        syntax: "name permits [TIMEOUT milliseconds]",
        arity: -4,
        run: Run::Node(|caller, args, reply| Box::pin(acquire_permit(caller, args, reply))),
        ..SUBCOMMAND
    },
    HELP,
    Command {
        name: "info",
        summary: "Tells who has permits.",
        run: Run::Session(|caller, args, reply| info(caller, LeaseClass::Semaphore, args, reply)),
        ..NAMED
    },
    Command { run: Run::Session(|caller, _, reply| list(caller, LeaseClass::Semaphore, reply)), ..LIST },
    Command {
        name: "release",
        summary: "Gives up the permit, or waiting for one.",
        run: Run::Node(|caller, args, reply| Box::pin(release(caller, LeaseClass::Semaphore, args, reply))),
        ..NAMED
    },
];

/// How often a connection that waits for a grant looks whether it has come.
const LOOK: Duration = Duration::from_millis(5);

async fn acquire_permit(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let permits = u32::try_from(number(args.get(3))?).map_err(|_| CommandError::NotInteger)?;
    ask(caller, LeaseKind::Semaphore { permits }, 4, args, reply).await
}

/// Waits for a grant; the options begin at argument `options`.
async fn ask(
    caller: &Caller,
    kind: LeaseKind,
    options: usize,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let name = text(args.get(2))?;
    let timeout = match args.len() - options {
        0 => None,
        2 if args.get(options).eq_ignore_ascii_case(b"timeout") => {
            Some(Duration::from_millis(number(args.get(options + 1))?))
        }
        _ => return Err(CommandError::Syntax),
    };
    let candidate = candidate(caller);
    let deadline = timeout.map(|timeout| caller.core.ring.now() + timeout);
    caller.core.change(Change::Ask { name: name.clone(), kind, candidate }).await?;
    let key = LeaseName { class: kind.class(), name };
    caller.session.borrow_mut().leases.push(key.clone());
    loop {
        let state = caller.core.directory.state();
        let Some(standing) = state.leases().find(&key).and_then(|lease| lease.standing(candidate)) else {
            return Err(CommandError::Text(
                "ERR this node was not heard for a while: the candidacy has ended",
            ));
        };
        // What was granted to a node that has not been heard since may be another's by now.
        if let LeaseStanding::Granted(grant) = standing
            && caller.core.may_act()
        {
            reply.integer(i64::try_from(grant.token.0).unwrap_or(i64::MAX));
            return Ok(());
        }
        if caller.connection().is_some_and(Connection::receive_ended) {
            // What it asked for is given up with all else that it asked for.
            return Err(CommandError::Text("ERR the connection has ended"));
        }
        if deadline.is_some_and(|deadline| caller.core.ring.now() >= deadline) {
            caller.core.change(Change::Release { name: key, candidate }).await?;
            reply.null();
            return Ok(());
        }
        caller.core.ring.sleep_until(caller.core.ring.now() + LOOK).await;
    }
}

/// The connection, as one who asks for leases.
fn candidate(caller: &Caller) -> Candidate {
    Candidate { session: caller.core.session(), number: caller.session().id }
}

async fn release(
    caller: &Caller,
    class: LeaseClass,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let (name, candidate) = (LeaseName { class, name: text(args.get(2))? }, candidate(caller));
    let state = caller.core.directory.state();
    let had = state.leases().find(&name).and_then(|lease| lease.standing(candidate)).is_some();
    if had {
        caller.core.change(Change::Release { name: name.clone(), candidate }).await?;
    }
    caller.session.borrow_mut().leases.retain(|held| *held != name);
    reply.integer(i64::from(had));
    Ok(())
}

fn info(
    caller: &Caller,
    class: LeaseClass,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    check_authority(caller)?;
    let state = caller.core.directory.state();
    let name = LeaseName { class, name: text(args.get(2))? };
    match state.leases().find(&name) {
        None => reply.null(),
        Some(lease) => write(&state, &name, lease, reply),
    }
    Ok(())
}

fn list(caller: &Caller, class: LeaseClass, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    check_authority(caller)?;
    let state = caller.core.directory.state();
    let leases: Vec<_> = state.leases().iter().filter(|(name, _)| name.class == class).collect();
    reply.array(leases.len());
    leases.into_iter().for_each(|(name, lease)| write(&state, name, lease, reply));
    Ok(())
}

/// Whether this node may say who holds what: one that has stood still may take itself for what another is by now.
fn check_authority(caller: &Caller) -> Result<(), CommandError> {
    if caller.core.may_act() { Ok(()) } else { Err(CommandError::Text(NOT_HEARD)) }
}

fn write(state: &ClusterState, name: &LeaseName, lease: &Lease, reply: &mut Reply<'_>) {
    reply.map(3);
    reply.bulk(b"name");
    reply.bulk(name.name.as_bytes());
    reply.bulk(b"holders");
    reply.array(lease.grants.len());
    for grant in &lease.grants {
        let node = grant.candidate.session.node;
        reply.map(3);
        reply.bulk(b"node");
        reply.bulk(node.to_string().as_bytes());
        reply.bulk(b"node-name");
        reply.bulk(state.member(node).map_or("", |member| &member.name).as_bytes());
        reply.bulk(b"token");
        reply.integer(i64::try_from(grant.token.0).unwrap_or(i64::MAX));
    }
    reply.bulk(b"waiting");
    reply.integer(lease.queue.len() as i64);
}
