//! The servers that are compared, and how each is started.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::sample::Setting;
use crate::failure::{Failure, Outcome};
use crate::process::Process;
use crate::{measuring, prerequisites, workspace};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `mycorrhizald`.
    Ours,
    /// Debian's Redis 7.0.
    Redis,
    /// Valkey 9.1.
    Valkey,
    /// The ring alone, answering from a constant: what no server on it can beat.
    Floor,
}

/// Where the programs lie.
pub(super) struct Binaries {
    daemon: PathBuf,
    floor: PathBuf,
    pub(super) bench: PathBuf,
    redis: PathBuf,
    valkey: PathBuf,
}

impl Binaries {
    /// The built ones in cargo's target directory, the others where they were installed.
    pub(super) fn find() -> Outcome<Self> {
        Ok(Binaries {
            daemon: workspace::built("mycorrhizald")?,
            floor: workspace::built("floor")?,
            bench: workspace::built("pulse-bench")?,
            redis: prerequisites::redis_server()?,
            valkey: prerequisites::valkey_server()?,
        })
    }
}

/// A running server.
pub(super) struct Server {
    process: Process,
    port: u16,
    core_port: Option<u16>,
}

impl Server {
    /// Starts one on the setting's cores and waits until it listens.
    pub(super) fn start(setting: &Setting, binaries: &Binaries) -> Outcome<Self> {
        let (kind, cores) = (setting.kind, setting.cores);
        let port = measuring::free_port()?;
        let directory = workspace::root().join(format!("target/rivals/{kind:?}-{port}").to_lowercase());
        let own = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let port_text = port.to_string();
        let (program, arguments) = match kind {
            Kind::Ours => (
                &binaries.daemon,
                own(&["--port", &port_text, "--core-ports", "0", "--cores", cores, "--dir", "data"])
                    .into_iter()
                    .chain(own(&["--ready-file", "ready.json", "--log-level", "warn"]))
                    .collect(),
            ),
            Kind::Floor => (&binaries.floor, own(&["--port", &port_text])),
            Kind::Redis | Kind::Valkey => (
                if kind == Kind::Redis { &binaries.redis } else { &binaries.valkey },
                own(&["--port", &port_text, "--save", "", "--appendonly", "no"]),
            ),
        };
        let process = Process::start(program, &arguments, cores, &directory)?;
        let mut server = Server { process, port, core_port: None };
        server.wait(&directory)?;
        if kind == Kind::Ours {
            server.core_port = Some(core_port(&directory.join("ready.json"))?);
        }
        Ok(server)
    }

    /// The child.
    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    /// Any key may be asked here.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The port of one core, from which a cluster client finds the others.
    pub(super) fn core_port(&self) -> Option<u16> {
        self.core_port
    }

    fn wait(&mut self, directory: &Path) -> Outcome {
        const LOOKS: usize = 5_000;
        for _ in 0..LOOKS {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.process.ended() {
                let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
                return Err(Failure::Expectation(format!("the server ended with {status}: {log}")));
            }
            thread::park_timeout(Duration::from_millis(2));
        }
        Err(Failure::Expectation(format!("nobody listens on port {}", self.port)))
    }
}

/// The ready file appears when clients are served, which may be a moment after the port is open.
fn core_port(ready_file: &Path) -> Outcome<u16> {
    for _ in 0..1_000 {
        if let Ok(text) = std::fs::read_to_string(ready_file) {
            let ready: Value = serde_json::from_str(&text).unwrap_or_default();
            let port = ready["core_ports"][0].as_u64().and_then(|port| u16::try_from(port).ok());
            return port
                .ok_or_else(|| Failure::Expectation(format!("no core port in the ready file: {text}")));
        }
        thread::park_timeout(Duration::from_millis(2));
    }
    Err(Failure::Expectation("the daemon wrote no ready file".to_owned()))
}
