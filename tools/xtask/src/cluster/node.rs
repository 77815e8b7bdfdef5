//! The nodes of a cluster under measurement.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::failure::{Context, Failure, Outcome};
use crate::process::Process;
use crate::{measuring, prerequisites, workspace};

/// How often it is looked whether something has come about.
const LOOK: Duration = Duration::from_millis(20);
/// Looks after which it is given up.
const LOOKS: usize = 15_000;

/// Where the programs lie.
pub(super) struct Binaries {
    daemon: PathBuf,
    pub(super) bench: PathBuf,
    pub(super) redis: PathBuf,
}

impl Binaries {
    pub(super) fn find() -> Outcome<Self> {
        Ok(Binaries {
            daemon: workspace::built("mycorrhizald")?,
            bench: workspace::built("pulse-bench")?,
            redis: prerequisites::redis_server()?,
        })
    }
}

/// A node of one core.
pub(super) struct Node {
    pub(super) process: Process,
    pub(super) port: u16,
}

/// Starts so many nodes of a new cluster, and waits until each of them serves.
pub(super) fn start(name: &str, count: usize, binaries: &Binaries) -> Outcome<Vec<Node>> {
    let directory = workspace::root().join("target/cluster").join(name);
    std::fs::create_dir_all(&directory).context("making a directory")?;
    let key_file = directory.join("key");
    std::fs::write(&key_file, "a key that only this measurement knows").context("writing a key")?;
    let (key_file, expect) = (key_file.display().to_string(), count.to_string());
    let start = |number: usize| {
        let port = measuring::free_port()?;
        let (port_text, name) = (port.to_string(), directory.display().to_string());
        let node_name = format!("node-{number}");
        let mut arguments = vec!["--port", &port_text, "--core-ports", "0", "--cores", "0", "--dir", "data"];
        arguments.extend(["--cluster", &name, "--cluster-key-file", &key_file, "--expect", &expect]);
        arguments.extend(["--gossip-port", "0", "--link-port", "0", "--node-name", &node_name]);
        arguments.extend(["--log-level", "warn"]);
        let arguments: Vec<String> = arguments.into_iter().map(ToOwned::to_owned).collect();
        let process = Process::start(&binaries.daemon, &arguments, "0", &directory.join(&node_name))?;
        Ok(Node { process, port })
    };
    let nodes: Vec<Node> = (0..count).map(start).collect::<Outcome<_>>()?;
    for node in &nodes {
        wait("a cluster", || Ok(node.info("members_present").is_ok_and(|present| present == count as u64)))?;
    }
    Ok(nodes)
}

impl Node {
    /// A number of INFO.
    pub(super) fn info(&self, field: &str) -> Outcome<u64> {
        let info = measuring::ask(self.port, &["INFO", "everything"])?;
        let value = info.lines().find_map(|line| line.trim().strip_prefix(field)?.strip_prefix(':'));
        let number = value.and_then(|value| value.parse().ok());
        number.ok_or_else(|| Failure::Expectation(format!("INFO has no number {field}")))
    }

    /// Has everything that a node owns moved away, or lets it own something again.
    pub(super) fn order_drain(&self, name: &str, on: bool) -> Outcome {
        measuring::ask(self.port, &["NODOSUM", "DRAIN", name, if on { "ON" } else { "OFF" }]).map(drop)
    }

    /// Waits until this node owns so many partitions, and nothing moves.
    pub(super) fn wait_owned(&self, partitions: u64) -> Outcome {
        wait("partitions", || {
            Ok(self.info("partitions_owned")? == partitions && self.info("partitions_moving")? == 0)
        })
    }
}

/// Waits until `holds`.
pub(super) fn wait(what: &str, mut holds: impl FnMut() -> Outcome<bool>) -> Outcome {
    for _ in 0..LOOKS {
        if holds()? {
            return Ok(());
        }
        thread::park_timeout(LOOK);
    }
    Err(Failure::Expectation(format!("waited in vain for {what}")))
}
