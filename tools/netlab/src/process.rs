//! A program inside a host, and the signals by which a scenario stops, continues and kills it.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

use mycorrhizal_tests::clock;
use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Context as _, LabError};

/// A child that ends with its handle. Owned by the scenario.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self, LabError> {
        let shown = log.display().to_string();
        let file = OpenOptions::new().create(true).append(true).open(log).context(shown.as_str())?;
        command.stdout(file.try_clone().context(shown)?).stderr(file);
        let child = command.spawn().map_err(|error| LabError::LocalStart {
            command: command.get_program().to_string_lossy().into_owned(),
            error,
        })?;
        Ok(Process { child, log: log.to_owned() })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it and its predecessors with the same log have written.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_else(|error| format!("no log: {error}"))
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When it is not there any more.
    pub fn signal(&self, signal: Signal) {
        let sent = kill_process(Pid::from_child(&self.child), signal);
        sent.unwrap_or_else(|error| panic!("cannot signal {}: {error}\n{}", self.pid(), self.log()));
    }

    /// Stops it where it is (SIGSTOP): to its peers it is a node that is very slow.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn cont(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends it without a word (SIGKILL).
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL);
        self.wait()
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it has not in time.
    pub fn wait(&mut self) -> ExitStatus {
        clock::wait_for("a process to end", || self.ended())
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    /// Never: it is a child of ours.
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
