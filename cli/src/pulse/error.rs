//! Why `pulse` ended without doing what it was asked, and with which exit code.

use std::io;
use std::process::ExitCode;

use super::session::SessionError;

/// The end of a run. Nothing is to be cleaned up after one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PulseError {
    /// There is no server to talk to, or no longer.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// What was printed, or read from stdin or the terminal, went wrong.
    #[error("{0}")]
    Terminal(#[from] io::Error),
    /// The server answered something that the caller cannot do anything with.
    #[error("{0}")]
    Unusable(String),
    /// Something on this machine is in the way.
    #[error("{0}")]
    Local(String),
    /// The user asked for what cannot be here.
    #[error("{0}")]
    Misused(&'static str),
}

impl PulseError {
    /// 1 for a server that answers, but not as asked; 2 without a server; 0 if the reader of our output went away.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Terminal(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Unusable(_) => ExitCode::from(1),
            _ => ExitCode::from(2),
        }
    }
}
