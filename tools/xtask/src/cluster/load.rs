//! The load on a cluster: pulse-bench on the machine's second core.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::failure::{Context, Failure, Outcome};
use crate::{shell, workspace};

/// What a run reported. Latencies in µs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    pub(super) operations: f64,
    pub(super) p99_us: f64,
    pub(super) max_us: f64,
}

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
    read(&report)
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
        read(&workspace::root().join("target/cluster/meanwhile.json"))
    }
}

fn read(report: &Path) -> Outcome<Report> {
    let text = std::fs::read_to_string(report).context("reading the load's report")?;
    let failed = || Failure::Expectation(format!("the load failed, or its report is not understood: {text}"));
    let report: Value = serde_json::from_str(&text).map_err(|_| failed())?;
    let run = &report["runs"][0];
    if run["errors"].as_u64() != Some(0) || run["unanswered"].as_u64() != Some(0) {
        return Err(failed());
    }
    let latency = |name: &str| run["latency_us"][name].as_f64().ok_or_else(failed);
    Ok(Report {
        operations: run["operations"].as_f64().ok_or_else(failed)?,
        p99_us: latency("p99")?,
        max_us: latency("max")?,
    })
}
