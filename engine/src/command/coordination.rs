//! What the nodes of a cluster agree on, as commands: septa, elections, locks, services, and the members themselves.
//!
//! A node that belongs to no cluster agrees with itself: all of this works there too.

mod key;
mod lease;
mod member;
mod partition;
mod septum;
mod service;

pub(super) use member::find as find_member;

use super::{Command, CommandError, Flags, Group, Run, argument};
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::{Refusal, SeptumError};

/// The commands of this group.
pub(super) const COMMANDS: &[Command] =
    &[lease::ELECTION, lease::LOCK, lease::SEMAPHORE, member::NODOSUM, septum::SEPTUM, service::SERVICE];

/// A container of this group.
const CONTAINER: Command = Command {
    group: Group::Coordination,
    since: "0.2.0",
    complexity: "Depends on subcommand.",
    arity: -2,
    ..Command::ROW
};

/// A subcommand of this group.
const SUBCOMMAND: Command = Command {
    group: Group::Coordination,
    since: "0.2.0",
    complexity: "O(1)",
    arity: 2,
    flags: Flags::NOSCRIPT,
    ..Command::ROW
};

/// HELP, for each of the containers.
const HELP: Command = Command {
    name: "help",
    summary: "Lists the subcommands.",
    run: Run::Session(super::help::answer),
    ..SUBCOMMAND
};

impl From<ProposeError> for CommandError {
    fn from(error: ProposeError) -> Self {
        let code = match error {
            ProposeError::Refused(Refusal::Septum(SeptumError::PeerUnknown(_))) => "NOSEPTUM",
            // The node is on its way into its cluster, or back into it.
            ProposeError::Refused(Refusal::PeerSessionOver | Refusal::PeerUnformed) => "CLUSTERDOWN",
            ProposeError::Refused(_) | ProposeError::PeerRefused(_) => "ERR",
            ProposeError::NoLeader | ProposeError::Stopping => "CLUSTERDOWN",
            ProposeError::Unknown => "UNKNOWN",
        };
        Self::Message(format!("{code} {error}"))
    }
}

/// An argument that is text.
pub(super) fn text(bytes: &[u8]) -> Result<String, CommandError> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| CommandError::Text("ERR a name must be valid UTF-8"))?;
    Ok(text.to_owned())
}

/// An argument that is a number, not below zero.
pub(super) fn number(bytes: &[u8]) -> Result<u64, CommandError> {
    u64::try_from(argument::integer(bytes)?).map_err(|_| CommandError::NotInteger)
}
