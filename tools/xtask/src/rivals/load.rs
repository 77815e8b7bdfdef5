//! The load: pulse-bench, the same for every server, and what its report says.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::sample::Setting;
use super::server::{Binaries, Server};
use crate::failure::Outcome;
use crate::measuring::Report;
use crate::{shell, workspace};

/// Connections of each load thread.
const CONNECTIONS: usize = 50;
const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 64;

/// Bytes of a key and its value.
pub(super) const ENTRY_BYTES: usize = KEY_BYTES + VALUE_BYTES;

/// A load against one server.
pub(super) struct Load<'a> {
    bench: &'a Path,
    port: u16,
    cluster: bool,
    cores: &'static str,
    keyspace: u64,
    report: PathBuf,
}

impl<'a> Load<'a> {
    /// A load as the setting has it.
    pub(super) fn new(server: &Server, setting: &Setting, keyspace: u64, binaries: &'a Binaries) -> Self {
        let port = if setting.cluster { server.core_port().unwrap_or(server.port()) } else { server.port() };
        let report = workspace::root().join("target/rivals/load.json");
        Load {
            bench: &binaries.bench,
            port,
            cluster: setting.cluster,
            cores: setting.load_cores,
            keyspace,
            report,
        }
    }

    /// Sets every key once.
    pub(super) fn fill(&self) -> Outcome<Report> {
        let requests = self.keyspace.to_string();
        self.measure(
            &["--mix", "set:1", "--dist", "sequential", "--requests", &requests, "--pipeline", "16"],
            8,
        )
    }

    /// GET and SET together for so long.
    pub(super) fn run(&self, pipeline: usize, seconds: f64) -> Outcome<Report> {
        let (pipeline, seconds) = (pipeline.to_string(), seconds.to_string());
        self.measure(&["--mix", "get:1,set:1", "--duration", &seconds, "--pipeline", &pipeline], CONNECTIONS)
    }

    fn measure(&self, arguments: &[&str], connections: usize) -> Outcome<Report> {
        let mut command = Command::new(self.bench);
        command.args(["--port", &self.port.to_string(), "--keyspace", &self.keyspace.to_string()]);
        let threads = self.cores.split(',').count();
        command.args(["--threads", &threads.to_string(), "--pin", self.cores]);
        command.args(["--connections", &(threads * connections).to_string()]);
        command.args(["--key-size", &KEY_BYTES.to_string(), "--value-size", &VALUE_BYTES.to_string()]);
        command.arg("--json").arg(&self.report).args(arguments);
        if self.cluster {
            command.arg("--cluster");
        }
        shell::read(&mut command)?;
        Report::read(&self.report)
    }
}
