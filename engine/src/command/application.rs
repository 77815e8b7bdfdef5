//! APPLICATION: which applications listen on which nodes, and messages to them.

use std::time::Duration;

use mycorrhizal_net::identity::NodeId;
use mycorrhizal_net::resp::{Args, Reply};

use super::coordination::{find_member, number, text};
use super::{Command, CommandError, Group, Run};
use crate::cytoplasm::{Demand, Outcome};
use crate::node::Caller;
use crate::node::applications::Parcel;

/// The commands of this group.
pub(super) const COMMANDS: &[Command] = &[APPLICATION];

/// How long a request waits for its answer, unless it says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

const APPLICATION: Command = Command {
    name: "application",
    summary: "Lists applications, and sends them messages.",
    subcommands: SUBCOMMANDS,
    group: Group::Application,
    since: "0.2.0",
    complexity: "Depends on subcommand.",
    arity: -2,
    ..Command::ROW
};

const SUBCOMMAND: Command = Command {
    group: Group::Application,
    since: "0.2.0",
    complexity: "O(1)",
    arity: 2,
    flags: super::Flags::NOSCRIPT,
    ..Command::ROW
};

const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "help",
        summary: "Lists the subcommands.",
        run: Run::Session(super::help::answer),
        ..SUBCOMMAND
    },
    Command {
        name: "list",
        summary: "Lists the applications that listen, by node, and what they declare to be capable of.",
        syntax: "[application]",
        arity: -2,
        run: Run::Session(list),
        ..SUBCOMMAND
    },
    Command {
        name: "request",
        summary: "Sends a message to an application on a node and replies with its answer.",
        syntax: "application node message [TIMEOUT milliseconds]",
        arity: -5,
        run: Run::Node(|caller, args, reply| Box::pin(request(caller, args, reply))),
        ..SUBCOMMAND
    },
    Command {
        name: "route",
        summary: "Sends a message to an application on any node that is capable, and replies with its answer.",
        syntax: "application capability message [TIMEOUT milliseconds]",
        arity: -5,
        run: Run::Node(|caller, args, reply| Box::pin(route(caller, args, reply))),
        ..SUBCOMMAND
    },
    Command {
        name: "send",
        summary: "Sends a message to an application on a node, or on all (*) where it listens; replies when it was taken.",
        syntax: "application <node | *> message",
        arity: 5,
        run: Run::Node(|caller, args, reply| Box::pin(send(caller, args, reply))),
        ..SUBCOMMAND
    },
];

fn list(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let wanted = match args.len() {
        2 => None,
        3 => Some(text(args.get(2))?),
        _ => return Err(CommandError::Syntax),
    };
    let state = caller.core.directory.state();
    let of_node = |(session, manifest)| {
        let (session, manifest): (crate::nodosum::state::Session, &_) = (session, manifest);
        let manifest: &std::collections::BTreeMap<String, std::collections::BTreeSet<String>> = manifest;
        manifest.iter().map(move |(name, capabilities)| (name, session.node, capabilities))
    };
    let mut listed: Vec<_> = state.registry().manifests().flat_map(of_node).collect();
    listed.retain(|(name, ..)| wanted.as_ref().is_none_or(|wanted| wanted == *name));
    listed.sort_unstable();
    reply.array(listed.len());
    for (name, node, capabilities) in listed {
        reply.map(3);
        reply.bulk(b"application");
        reply.bulk(name.as_bytes());
        reply.bulk(b"node");
        reply.bulk(node.to_string().as_bytes());
        reply.bulk(b"capabilities");
        reply.array(capabilities.len());
        capabilities.iter().for_each(|capability| reply.bulk(capability.as_bytes()));
    }
    Ok(())
}

async fn send(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let application = text(args.get(2))?;
    let body = args.get(4);
    if args.get(3) != b"*" {
        let node = find_member(&caller.core.directory.state(), &text(args.get(3))?)?.id;
        let outcome = caller.core.transmit(parcel(&application, node, Demand::Take, body, None)).await;
        taken(outcome)?;
        reply.ok();
        return Ok(());
    }
    let nodes: Vec<NodeId> = caller.core.directory.state().registry().listening(&application).collect();
    let mut outcomes = Vec::with_capacity(nodes.len());
    for node in nodes {
        outcomes
            .push((node, caller.core.transmit(parcel(&application, node, Demand::Take, body, None)).await));
    }
    reply.array(outcomes.len());
    for (node, outcome) in outcomes {
        reply.map(2);
        reply.bulk(b"node");
        reply.bulk(node.to_string().as_bytes());
        reply.bulk(b"outcome");
        match taken(outcome) {
            Ok(_) => reply.bulk(b"ok"),
            Err(error) => reply.bulk(error.to_string().as_bytes()),
        }
    }
    Ok(())
}

async fn request(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let (application, timeout) = (text(args.get(2))?, timeout(args)?);
    let node = find_member(&caller.core.directory.state(), &text(args.get(3))?)?.id;
    let parcel = parcel(&application, node, Demand::Answer, args.get(4), Some(timeout));
    reply.bulk(&taken(caller.core.transmit(parcel).await)?);
    Ok(())
}

async fn route(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let (application, capability, timeout) = (text(args.get(2))?, text(args.get(3))?, timeout(args)?);
    let state = caller.core.directory.state();
    let capable = state.registry().capable(&application, &capability).map(|session| session.node).collect();
    let mut refused = Outcome::Failed(format!("no node's '{application}' is capable of '{capability}'"));
    for node in caller.core.node.in_turn(capable) {
        let parcel = parcel(&application, node, Demand::Answer, args.get(4), Some(timeout));
        match caller.core.transmit(parcel).await {
            Outcome::Failed(reason) => refused = Outcome::Failed(reason),
            outcome => {
                reply.bulk(&taken(outcome)?);
                return Ok(());
            }
        }
    }
    taken(refused).map(drop)
}

fn parcel(application: &str, node: NodeId, demand: Demand, body: &[u8], timeout: Option<Duration>) -> Parcel {
    Parcel { application: application.to_owned(), node, demand, body: body.to_vec(), timeout }
}

fn timeout(args: Args<'_>) -> Result<Duration, CommandError> {
    match args.len() {
        5 => Ok(TIMEOUT),
        7 if args.get(5).eq_ignore_ascii_case(b"timeout") => Ok(Duration::from_millis(number(args.get(6))?)),
        _ => Err(CommandError::Syntax),
    }
}

fn taken(outcome: Outcome) -> Result<Vec<u8>, CommandError> {
    match outcome {
        Outcome::Ok(answer) => Ok(answer),
        Outcome::Failed(reason) => Err(CommandError::Message(format!("FAILED {reason}"))),
        Outcome::Unknown(reason) => Err(CommandError::Message(format!("UNKNOWN {reason}"))),
    }
}
