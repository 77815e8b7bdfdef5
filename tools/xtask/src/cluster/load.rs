//! The load on a cluster: pulse-bench on the machine's second core.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::failure::{Context, Failure, Outcome};
use crate::measuring::Report;
use crate::{shell, workspace};

fn command(bench: &Path, port: u16, arguments: &[&str], report: &Path) -> Command {
    let mut command = Command::new(bench);
    command.args(["--port", &port.to_string(), "--pin", "1", "--value-size", "64"]);
    command.args(arguments).arg("--json").arg(report).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Runs a load to its end.
pub(super) fn run(bench: &Path, port: u16, arguments: &[&str]) -> Outcome<Report> {
    let report = workspace::root().join("target/cluster/load.json");
    shell::read(&mut command(bench, port, arguments, &report))?;
    Report::read(&report)
}

/// A load that goes on meanwhile.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn start(bench: &Path, port: u16, arguments: &[&str]) -> Outcome<Self> {
        let report = workspace::root().join("target/cluster/meanwhile.json");
        let child = command(bench, port, arguments, &report).spawn();
        child.map(Self).map_err(|error| Failure::LocalStart { command: bench.display().to_string(), error })
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Waits for its end.
    pub(super) fn end(mut self) -> Outcome<Report> {
        self.0.wait().context("waiting for the load")?;
        Report::read(&workspace::root().join("target/cluster/meanwhile.json"))
    }
}
