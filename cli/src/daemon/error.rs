//! Why the daemon ended without being told to; each is one sentence for the operator.

use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;

/// What stopped the daemon, with its exit code. Nothing is served any more when one of these is returned.
#[derive(Debug, thiserror::Error)]
pub(super) enum DaemonError {
    /// The configuration cannot be used; correct it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory cannot be created, opened or locked.
    #[error("cannot use the directory {}: {source}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    /// Another daemon holds the data directory.
    #[error("the directory {} is in use by another daemon{}", path.display(), pid(*holder))]
    Locked { path: PathBuf, holder: Option<u32> },
    /// The handlers of SIGTERM and SIGINT cannot be set up.
    #[error("cannot handle signals: {0}")]
    Signals(io::Error),
    /// The ready file cannot be written.
    #[error("cannot write the ready file {}: {source}", path.display())]
    ReadyFile { path: PathBuf, source: io::Error },
    /// Nobody reads stdout.
    #[error("cannot write to stdout: {0}")]
    Stdout(io::Error),
    /// The engine did not start.
    #[error(transparent)]
    Start(#[from] mycorrhizal::StartError),
    /// The node cannot join its cluster.
    #[error(transparent)]
    NotReady(#[from] mycorrhizal::NotReady),
    /// A core panicked; what it held is gone.
    #[error(transparent)]
    Core(mycorrhizal::CoreError),
}

impl DaemonError {
    /// 2 for what the operator wrote wrong, the engine's own code for its part, 1 for the rest.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Start(error) => error.exit_code(),
            _ => 1,
        }
    }
}

fn pid(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}
