//! The daemon under test: starts `mycorrhizald` on free ports and knows when it is ready.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ChildStdout;

use serde_json::Value;

use super::{Process, Server, binary, fresh_directory};
use crate::clock;
use crate::wire::Address;

/// A running `mycorrhizald`.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    port: u16,
    core_ports: Vec<u16>,
    ready: Value,
}

/// How it is to be started.
#[derive(Debug, Default)]
pub struct DaemonOptions {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl DaemonOptions {
    /// One core, free ports.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a flag with its value, or gives it another.
    #[must_use]
    pub fn with(mut self, flag: &str, value: &str) -> Self {
        match self.arguments.iter().position(|argument| argument == flag) {
            Some(at) => value.clone_into(&mut self.arguments[at + 1]),
            None => self.arguments.extend([flag.to_owned(), value.to_owned()]),
        }
        self
    }

    /// Adds a flag that holds its value itself, or has none.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.arguments.push(flag.to_owned());
        self
    }

    /// Gives its environment a variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits for its ready line.
    ///
    /// # Panics
    /// When it ends before it is ready.
    #[must_use]
    pub fn start(self) -> Daemon {
        self.try_start().unwrap_or_else(|ended| panic!("mycorrhizald did not start: {ended:?}"))
    }

    /// Starts it; when it ends before it is ready, says how.
    ///
    /// # Errors
    /// What a person would have seen of a start that failed.
    ///
    /// # Panics
    /// When it can not be run at all.
    pub fn try_start(self) -> Result<Daemon, FailedStart> {
        self.launch().wait()
    }

    /// Starts it, and does not wait until it is ready: a member of a cluster may wait for others.
    ///
    /// # Panics
    /// When it can not be run at all.
    #[must_use]
    pub fn launch(self) -> Launched {
        let directory = fresh_directory();
        let ready_file = directory.path().join("ready.json");
        let arguments = self.all_arguments(&ready_file);
        let mut process =
            Process::start(directory, binary::daemon_binary(), &arguments, &self.environment, true)
                .expect("mycorrhizald can be started");
        let stdout = process.child.stdout.take().expect("its output is piped");
        Launched { process, stdout, ready_file }
    }

    fn all_arguments(&self, ready_file: &std::path::Path) -> Vec<String> {
        let ready_file = ready_file.display().to_string();
        let defaults = [
            ("--port", "0"),
            ("--core-ports", "0"),
            ("--cores", "0"),
            ("--dir", "data"),
            ("--ready-file", &ready_file),
        ];
        let given = |flag: &str| self.arguments.iter().any(|argument| argument == flag);
        let defaults = defaults.iter().filter(|(flag, _)| !given(flag));
        let defaults = defaults.flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]);
        defaults.chain(self.arguments.iter().cloned()).collect()
    }
}

/// A daemon that was started and may not be ready yet.
#[derive(Debug)]
pub struct Launched {
    process: Process,
    stdout: ChildStdout,
    ready_file: PathBuf,
}

impl Launched {
    /// Waits until it is ready; when it ends before, says how.
    ///
    /// # Errors
    /// What a person would have seen of a start that failed.
    ///
    /// # Panics
    /// When what it says of itself is not what a daemon says.
    pub fn wait(self) -> Result<Daemon, FailedStart> {
        let Self { mut process, stdout, ready_file } = self;
        let mut lines = BufReader::new(stdout);
        let mut printed = String::new();
        while !printed.contains("Ready: ") {
            if lines.read_line(&mut printed).expect("its output is text") == 0 {
                let status = process.wait();
                return Err(FailedStart { code: status.code(), stderr: process.log() });
            }
        }
        drain(lines.into_inner());
        let ready =
            std::fs::read_to_string(&ready_file).expect("the ready file is there before the ready line");
        let ready: Value = serde_json::from_str(&ready).expect("the ready file is JSON");
        assert_eq!(ready["pid"], process.pid(), "the ready file names the process itself");
        let core_ports = ready["core_ports"].as_array().map_or(&[][..], Vec::as_slice);
        let core_ports = core_ports.iter().map(port).collect();
        Ok(Daemon { port: port(&ready["port"]), core_ports, process, ready })
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The child itself, to signal it or to wait for it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// A start that did not become a daemon.
#[derive(Debug)]
pub struct FailedStart {
    /// The exit code, if it exited.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Daemon {
    /// Starts one on these cores, with defaults.
    #[must_use]
    pub fn on_cores(cores: &str) -> Self {
        DaemonOptions::new().with("--cores", cores).start()
    }

    /// The plain port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The ports of the single cores, by core.
    #[must_use]
    pub fn core_ports(&self) -> &[u16] {
        &self.core_ports
    }

    /// Where one core listens.
    #[must_use]
    pub fn core_address(&self, core: usize) -> Address {
        Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, self.core_ports[core])))
    }

    /// Where a core hears gossip.
    #[must_use]
    pub fn gossip_address(&self, core: usize) -> SocketAddr {
        address(&self.ready["gossip"][core])
    }

    /// Where a core takes links.
    #[must_use]
    pub fn link_address(&self, core: usize) -> SocketAddr {
        address(&self.ready["links"][core])
    }

    /// Its id, 40 hex digits.
    #[must_use]
    pub fn id(&self) -> &str {
        self.ready["node_id"].as_str().unwrap_or_default()
    }

    /// The child itself, to signal it or to wait for it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Sends it a signal by name, for example `STOP`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Its data directory.
    #[must_use]
    pub fn data_directory(&self) -> PathBuf {
        self.process.directory().join("data")
    }

    /// Resident memory in bytes.
    ///
    /// # Panics
    /// When the process is gone.
    #[must_use]
    pub fn resident_bytes(&self) -> usize {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.pid())).expect("it runs");
        let kilobytes =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        1024 * kilobytes
            .and_then(|kilobytes| kilobytes.parse::<usize>().ok())
            .expect("the kernel tells VmRSS")
    }

    /// One field of INFO, as a number.
    ///
    /// # Panics
    /// When INFO does not have it.
    #[must_use]
    pub fn info(&self, field: &str) -> i64 {
        // A node that has just lost its leader may close connections rather than answer.
        let ask = || self.connect().command(&["INFO", "everything"]).ok();
        let info = clock::wait_for("INFO", ask).reply.as_text();
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let value = value.unwrap_or_else(|| panic!("INFO has no {field}:\n{info}"));
        value.parse().unwrap_or_else(|_| panic!("{field} is no number: {value}"))
    }
}

impl Drop for Daemon {
    /// Whatever a test does, the daemon never panics.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let log = self.log();
            assert!(!log.contains("panicked at"), "the daemon panicked:\n{log}");
        }
    }
}

impl Server for Daemon {
    fn address(&self) -> Address {
        Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))
    }

    fn log(&self) -> String {
        self.process.log()
    }
}

fn address(value: &Value) -> SocketAddr {
    let address = value.as_str().and_then(|address| address.parse().ok());
    address.unwrap_or_else(|| panic!("{value} is no address"))
}

fn port(value: &Value) -> u16 {
    let port = value.as_u64().and_then(|port| u16::try_from(port).ok());
    port.unwrap_or_else(|| panic!("{value} is no port"))
}

/// Reads what else it prints, so that it never blocks on a full pipe.
fn drain(mut output: impl Read + Send + 'static) {
    let drain = std::thread::Builder::new().name("drain".into());
    drain.spawn(move || std::io::copy(&mut output, &mut std::io::sink())).expect("a thread can be started");
}
