//! ELECTION, LOCK and SEMAPHORE: what one, or a few, of all clients of the cluster may hold at a time.
//!
//! What a connection holds it holds until it gives it up or ends, or until its node is not heard any more. Every grant
//! has a fencing token, which is higher than that of any grant before.
//!
//! Names that begin with `mycel.` are reserved: ELECTION tells who leads the cluster's own
//! [subsystems](crate::nodosum::subsystem), and nobody else campaigns for them.
//!
//! With LEASE, a claim is for a holder that is to know by its own clock that it has lost, whatever becomes of the
//! connection ([`crate::node::claim`] says how):
//!
//! ```text
//!   ELECTION CAMPAIGN jobs TIMEOUT 300 LEASE      null: not yet; the place in the queue is kept
//!   ELECTION CAMPAIGN jobs TIMEOUT 300 LEASE      [token, ms]: nobody else has it for so long after this was sent
//!   ELECTION CAMPAIGN jobs TIMEOUT 300 LEASE      [token, ms]: the same for longer
//! ```
//!
//! A claim that is not asked for again for 1.2 s is given up; RELEASE takes note of that, and it may be asked for anew.

use std::time::{Duration, Instant};

use mycorrhizal_net::resp::{Args, Reply};
use mycorrhizal_net::ring::Connection;

use super::{CONTAINER, HELP, SUBCOMMAND, number, text};
use crate::command::{Command, CommandError, Run};
use crate::node::claim::{Claim, Life};
use crate::node::{Caller, NOT_HEARD};
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::{
    ClusterState, Command as Change, Grant, Lease, LeaseClass, LeaseKind, LeaseName, LeaseStanding,
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
const ASK: Command = Command { syntax: "name [TIMEOUT milliseconds] [LEASE]", arity: -3, ..SUBCOMMAND };
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
        syntax: "name permits [TIMEOUT milliseconds] [LEASE]",
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
    let Wish { deadline, leased } = Wish::parse(caller, options, args)?;
    let key = LeaseName { class: kind.class(), name };
    let (claim, is_new) = match caller.claimed(&key) {
        Some(claim) => (claim, false),
        None => (caller.claim(key, leased), true),
    };
    if leased && claim.life.is_none() {
        return Err(CommandError::Text("ERR this connection has claimed it without LEASE"));
    }
    if claim.life.as_ref().is_some_and(|life| life.is_over()) {
        return Err(ENDED);
    }
    claim.life.iter().for_each(|life| life.begin_asking());
    // A leased claim is asked for once, and then renewed.
    let joined = if is_new || claim.life.is_none() { join(caller, kind, &claim).await } else { Ok(()) };
    if is_new && joined.as_ref().is_err_and(|error| *error != ProposeError::Unknown) {
        caller.unclaim(&claim);
    }
    let waited = match joined {
        Ok(()) => wait(caller, &claim, deadline, reply).await,
        Err(error) => Err(error.into()),
    };
    claim.life.iter().for_each(|life| life.end_asking());
    waited
}

/// Joins the queue.
async fn join(caller: &Caller, kind: LeaseKind, claim: &Claim) -> Result<(), ProposeError> {
    let ask = Change::Ask { name: claim.name.name.clone(), kind, candidate: claim.candidate };
    caller.core.change(ask).await
}

/// How a grant is asked for.
struct Wish {
    deadline: Option<Instant>,
    /// Whether the claim is to live only as long as it is asked for again.
    leased: bool,
}

impl Wish {
    fn parse(caller: &Caller, mut at: usize, args: Args<'_>) -> Result<Self, CommandError> {
        let mut wish = Self { deadline: None, leased: false };
        while at < args.len() {
            if args.get(at).eq_ignore_ascii_case(b"lease") {
                wish.leased = true;
                at += 1;
            } else if args.get(at).eq_ignore_ascii_case(b"timeout") && at + 1 < args.len() {
                let timeout = Duration::from_millis(number(args.get(at + 1))?);
                wish.deadline = Some(caller.core.ring.now() + timeout);
                at += 2;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(wish)
    }
}

/// The claim is not in any queue any more.
const ENDED: CommandError = CommandError::Text(
    "TRYAGAIN the claim has ended: this node was not heard for a while, or was not asked again in time",
);

async fn wait(
    caller: &Caller,
    claim: &Claim,
    deadline: Option<Instant>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let core = &caller.core;
    loop {
        let Some(standing) = standing(caller, claim) else { return Err(ENDED) };
        // What was granted to a node that has not been heard since may be another's by now.
        if let LeaseStanding::Granted(grant) = standing
            && core.may_act()
            && answer(caller, grant, claim.life.as_deref(), reply)
        {
            return Ok(());
        }
        if caller.connection().is_some_and(Connection::receive_ended) {
            // What it asked for is given up with all else that it asked for.
            return Err(CommandError::Text("ERR the connection has ended"));
        }
        if deadline.is_some_and(|deadline| core.ring.now() >= deadline) {
            if claim.life.is_none() {
                core.change(claim.release()).await?;
                caller.unclaim(claim);
            }
            reply.null();
            return Ok(());
        }
        core.ring.sleep_until(core.ring.now() + LOOK).await;
    }
}

fn standing(caller: &Caller, claim: &Claim) -> Option<LeaseStanding> {
    caller.core.directory.state().leases().find(&claim.name)?.standing(claim.candidate)
}

/// Tells of a grant; `false`: nothing can be promised of it yet.
fn answer(caller: &Caller, grant: Grant, life: Option<&Life>, reply: &mut Reply<'_>) -> bool {
    let token = i64::try_from(grant.token.0).unwrap_or(i64::MAX);
    let Some(life) = life else {
        reply.integer(token);
        return true;
    };
    let Some(promised) = caller.core.promise(life) else { return false };
    reply.array(2);
    reply.integer(token);
    reply.integer(i64::try_from(promised.as_millis()).unwrap_or(i64::MAX));
    true
}

async fn release(
    caller: &Caller,
    class: LeaseClass,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let name = LeaseName { class, name: text(args.get(2))? };
    let Some(claim) = caller.claimed(&name) else {
        reply.integer(0);
        return Ok(());
    };
    // What has ended is had no more, also while this node has yet to apply that.
    let ended = claim.life.as_ref().is_some_and(|life| life.is_over());
    let had = !ended && standing(caller, &claim).is_some();
    match &claim.life {
        // It is being given up.
        Some(_) if ended => {}
        Some(life) => {
            life.end();
            caller.core.give_up(claim.release()).await;
        }
        None if had => caller.core.change(claim.release()).await?,
        None => {}
    }
    caller.unclaim(&claim);
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
