//! What can end a run. Error replies cannot: they are counted.

use std::io;
use std::path::PathBuf;

use mycorrhizal_net::resp::DecodeError;
use thiserror::Error;

use crate::link::Endpoint;

/// Why a run ended early. No variant is worth a retry by itself: each names what a person has to change.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The flags contradict each other.
    #[error("{0}")]
    ConfigUsage(String),
    /// No connection could be made.
    #[error("cannot connect to {endpoint}: {cause}")]
    PeerUnreachable {
        /// The server.
        endpoint: Endpoint,
        /// Why not.
        cause: String,
    },
    /// The server said no to a command that the run depends on.
    #[error("{endpoint} refused {command}: {text}")]
    PeerRefused {
        /// The server.
        endpoint: Endpoint,
        /// What was asked.
        command: String,
        /// What it answered.
        text: String,
    },
    /// A connection broke.
    #[error("{endpoint} closed a connection after {operations} replies of this thread: {cause}")]
    PeerClosed {
        /// The server.
        endpoint: Endpoint,
        /// Replies that the load thread had by then.
        operations: u64,
        /// How it broke.
        cause: String,
    },
    /// The bytes of a reply are not RESP.
    #[error("{endpoint} does not speak RESP: {source}")]
    PeerProtocol {
        /// The server.
        endpoint: Endpoint,
        /// What is wrong with them.
        source: DecodeError,
    },
    /// Nothing came for longer than `--timeout`.
    #[error(
        "{endpoint} has not answered for {seconds} s (--timeout) while {outstanding} requests were in flight"
    )]
    PeerSilent {
        /// One of the servers that owe a reply.
        endpoint: Endpoint,
        /// The limit, in seconds.
        seconds: f64,
        /// Requests without a reply.
        outstanding: u64,
    },
    /// The cluster has no owner for a slot.
    #[error("the cluster at {endpoint} has no owner for slot {slot}")]
    PeerUncovered {
        /// The node that was asked.
        endpoint: Endpoint,
        /// The first slot without an owner.
        slot: usize,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    LocalFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The operating system refused something.
    #[error("cannot {action}: {source}")]
    LocalSystem {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl BenchError {
    /// The exit code of the process: 2 for flags (as clap has it), 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::ConfigUsage(_) => 2,
            _ => 1,
        }
    }

    /// A [`BenchError::LocalSystem`].
    pub fn local(action: &str, source: impl Into<io::Error>) -> Self {
        Self::LocalSystem { action: action.to_owned(), source: source.into() }
    }
}
