//! Real servers as child processes: the daemon under test, and Redis 7.0 as the oracle.
//!
//! Each has a directory of its own, writes its log there, and is killed when its handle is dropped, also when the
//! test process itself dies (`setpriv --pdeathsig`).

mod binary;
mod daemon;
mod oracle;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use tempfile::TempDir;

pub use binary::{daemon_binary, example_binary, pulse_binary, workspace_root};
pub use daemon::{Daemon, DaemonOptions, FailedStart, Launched};
pub use oracle::Oracle;

use crate::clock;
use crate::wire::{Address, Connection};

/// A server that is compared with another one.
pub trait Server {
    /// Where clients reach it.
    fn address(&self) -> Address;

    /// What it has logged so far.
    fn log(&self) -> String;

    /// A new connection to it.
    ///
    /// # Panics
    /// When it takes none.
    fn connect(&self) -> Connection {
        Connection::open(&self.address())
            .unwrap_or_else(|error| panic!("cannot connect to {:?}: {error}\n{}", self.address(), self.log()))
    }
}

/// A child that ends with its handle.
#[derive(Debug)]
pub struct Process {
    child: Child,
    directory: TempDir,
}

impl Process {
    /// Starts a program with its standard error in `log` inside a fresh directory.
    fn start(
        directory: TempDir,
        program: &Path,
        arguments: &[String],
        environment: &[(String, String)],
        keep_stdout: bool,
    ) -> io::Result<Self> {
        let log = File::create(directory.path().join("log"))?;
        let stdout = if keep_stdout { Stdio::piped() } else { Stdio::from(log.try_clone()?) };
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(arguments);
        command.current_dir(directory.path()).stdin(Stdio::null()).stdout(stdout).stderr(log);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MYCORRHIZAL_") {
                command.env_remove(name);
            }
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Ok(Process { child: command.spawn()?, directory })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The directory of its own.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What it wrote to its log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log"))
            .unwrap_or_else(|error| format!("no log: {error}"))
    }

    /// Sends a signal by name, for example `TERM`.
    ///
    /// # Panics
    /// When it is not there any more.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(status.expect("`kill` can be run").success(), "cannot signal {}\n{}", self.pid(), self.log());
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it has not in time.
    pub fn wait(&mut self) -> ExitStatus {
        clock::wait_for("a server to end", || self.child.try_wait().expect("a child of ours"))
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// The server that is compared with the oracle: the daemon, or with `MYCORRHIZAL_SUBJECT=redis` Redis itself, which
/// shows that a transcript is sound before the command that it covers exists. A path there names another daemon.
#[derive(Debug)]
pub enum Subject {
    /// Our own.
    Daemon(Daemon),
    /// A second Redis.
    Redis(Oracle),
}

impl Subject {
    /// Starts it on so many cores.
    #[must_use]
    pub fn start(cores: &str) -> Self {
        if Subject::is_redis() {
            Subject::Redis(Oracle::start())
        } else {
            Subject::Daemon(Daemon::on_cores(cores))
        }
    }

    /// Whether Redis stands in for the daemon.
    #[must_use]
    pub fn is_redis() -> bool {
        std::env::var("MYCORRHIZAL_SUBJECT").is_ok_and(|subject| subject == "redis")
    }
}

impl Server for Subject {
    fn address(&self) -> Address {
        match self {
            Subject::Daemon(daemon) => daemon.address(),
            Subject::Redis(oracle) => oracle.address(),
        }
    }

    fn log(&self) -> String {
        match self {
            Subject::Daemon(daemon) => daemon.log(),
            Subject::Redis(oracle) => oracle.log(),
        }
    }
}

fn fresh_directory() -> TempDir {
    tempfile::Builder::new().prefix("mycorrhizal-").tempdir().expect("a temporary directory can be made")
}

fn existing(path: PathBuf, advice: &str) -> PathBuf {
    assert!(path.exists(), "{} is missing: {advice}", path.display());
    path
}
