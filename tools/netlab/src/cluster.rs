//! A daemon on every host: the cluster that a scenario starts, hurts, and asks.
//!
//! Each daemon has its host's address, the same ports, and a directory that outlives it, so that what was killed can
//! be started again. They find each other by multicast. A connection to a node starts on the node's own host, so that
//! no fault between hosts stands between the scenario and the node that it asks.

use std::fs;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Duration;

use mycorrhizal_tests::clock;
use mycorrhizal_tests::server::daemon_binary;
use redis::{IntoConnectionInfo as _, RedisConnectionInfo};
use serde_json::Value;
use tempfile::TempDir;

use crate::host::Host;
use crate::lab::Lab;
use crate::process::Process;

/// Where every daemon listens, at its host's own address.
pub const PORT: u16 = 6379;

const GOSSIP_PORT: u16 = 7946;
const LINK_PORT: u16 = 7947;

/// 32 bytes in hexadecimal; a lab has no secrets.
const KEY: &str = "6d79636f7272687a616c206e6574776f726b206c61622c206e6f207365637265";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How a cluster is to be started.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    nodes: usize,
    name: String,
    flags: Vec<(String, String)>,
    relation: Relation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Together,
    Apart,
}

impl ClusterOptions {
    /// So many nodes, one core each, that wait for all of them before they form a cluster.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        ClusterOptions { nodes, name: "lab".to_owned(), flags: Vec::new(), relation: Relation::Together }
    }

    /// Calls the cluster so.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Gives every daemon a flag, instead of the one that it would have been given.
    #[must_use]
    pub fn with(mut self, flag: &str, value: &str) -> Self {
        self.flags.push((flag.to_owned(), value.to_owned()));
        self
    }

    /// Daemons that are told nothing of each other.
    #[must_use]
    pub fn apart(mut self) -> Self {
        self.relation = Relation::Apart;
        self
    }

    /// Starts all daemons at once and waits until all are ready; `None`, with a sentence, where there can be no lab.
    ///
    /// # Panics
    /// When a daemon does not become ready.
    #[must_use]
    pub fn start(self) -> Option<Cluster> {
        let lab = Lab::where_possible(self.nodes)?;
        let directory = tempfile::Builder::new().prefix("mycorrhizal-lab-").tempdir();
        let directory = directory.expect("a temporary directory can be made");
        fs::write(directory.path().join("key"), KEY).expect("a file can be written there");
        let nodes = (0..self.nodes).map(|_| None).collect();
        let mut cluster = Cluster { nodes, lab, options: self, directory };
        cluster.start_all();
        Some(cluster)
    }

    /// What the daemon on a host is told, but for what [`with`](Self::with) tells it instead.
    fn arguments(&self, host: &Host, shared: &Path, own: &Path) -> Vec<String> {
        let cpus = thread::available_parallelism().map_or(1, NonZero::get);
        let path = |path: PathBuf| path.display().to_string();
        let mut flags = vec![
            ("--bind", host.address().to_string()),
            ("--port", PORT.to_string()),
            ("--core-ports", "auto".to_owned()),
            ("--cores", (host.number() % cpus).to_string()),
            ("--dir", path(own.join("data"))),
            ("--ready-file", path(own.join("ready.json"))),
        ];
        if self.relation == Relation::Together {
            flags.extend([
                ("--cluster", self.name.clone()),
                ("--cluster-key-file", path(shared.join("key"))),
                ("--expect", self.nodes.to_string()),
                ("--gossip-port", GOSSIP_PORT.to_string()),
                ("--link-port", LINK_PORT.to_string()),
                ("--node-name", format!("node-{}", host.number())),
            ]);
        }
        flags.retain(|(flag, _)| !self.flags.iter().any(|(given, _)| given == flag));
        let given = self.flags.iter().map(|(flag, value)| (flag.as_str(), value.clone()));
        flags.into_iter().chain(given).map(|(flag, value)| format!("{flag}={value}")).collect()
    }
}

/// Running daemons, one per host; node `n` is on host `n`. Owned by one scenario.
#[derive(Debug)]
pub struct Cluster {
    // In the order of dropping: the daemons end before their network.
    nodes: Vec<Option<Process>>,
    lab: Lab,
    options: ClusterOptions,
    directory: TempDir,
}

impl Cluster {
    /// Starts so many nodes as one cluster; `None`, with a sentence, where there can be no lab.
    ///
    /// # Panics
    /// When a daemon does not become ready.
    #[must_use]
    pub fn start(nodes: usize) -> Option<Self> {
        ClusterOptions::new(nodes).start()
    }

    /// The network under it, to look at.
    #[must_use]
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The network under it, to hurt.
    pub fn lab_mut(&mut self) -> &mut Lab {
        &mut self.lab
    }

    /// A node's process: to stop, to continue, to signal.
    ///
    /// # Panics
    /// When it is not running.
    pub fn process(&mut self, node: usize) -> &mut Process {
        self.nodes[node].as_mut().unwrap_or_else(|| panic!("node {node} is not running"))
    }

    /// Kills a node (SIGKILL); its directory stays.
    pub fn kill(&mut self, node: usize) {
        self.process(node).kill();
        self.bury(node);
    }

    /// Asks a node to end (SIGTERM) and returns how it did; its directory stays.
    pub fn terminate(&mut self, node: usize) -> ExitStatus {
        let status = self.process(node).terminate();
        self.bury(node);
        status
    }

    /// The kernel tears down the rings of a process, and the sockets in them, after the process has been waited for.
    fn bury(&mut self, node: usize) {
        self.nodes[node] = None;
        let host = self.lab.host(node);
        let at = |port| SocketAddr::from((host.address(), port));
        clock::wait_for("the ports of a node that ended", || {
            let listeners = [PORT, LINK_PORT].map(|port| host.tcp_listen(at(port)));
            let free = listeners.iter().all(Result::is_ok) && host.udp(at(GOSSIP_PORT)).is_ok();
            free.then_some(())
        });
    }

    /// Starts a node that is not running, with the directory that it had. It may take its peers to become ready, so
    /// this does not wait for it.
    ///
    /// # Panics
    /// When it runs already or cannot be started at all.
    pub fn launch(&mut self, node: usize) {
        assert!(self.nodes[node].is_none(), "node {node} is running");
        let own = self.own_directory(node);
        fs::create_dir_all(&own).expect("a directory can be made");
        let host = self.lab.host(node);
        let mut command = Command::new(daemon_binary());
        command.args(self.options.arguments(host, self.directory.path(), &own)).current_dir(&own);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MYCORRHIZAL_") {
                command.env_remove(name);
            }
        }
        let process = host.spawn(&command, &own.join("log"));
        self.nodes[node] = Some(process.unwrap_or_else(|error| panic!("node {node}: {error}")));
    }

    /// Waits until a node is ready and returns what its ready file says.
    ///
    /// # Panics
    /// When it ends before it is, or takes too long.
    pub fn wait_ready(&mut self, node: usize) -> Value {
        let ready = clock::wait_at_most(clock::PATIENCE, || {
            let ended = self.process(node).ended();
            assert!(ended.is_none(), "node {node} ended with {ended:?}:\n{}", self.log(node));
            self.ready(node)
        });
        ready.unwrap_or_else(|| panic!("node {node} did not become ready:\n{}", self.log(node)))
    }

    /// What the ready file of a running node says, if it is ready.
    pub fn ready(&mut self, node: usize) -> Option<Value> {
        let text = fs::read_to_string(self.own_directory(node).join("ready.json")).ok()?;
        let ready: Value = serde_json::from_str(&text).expect("the ready file appears whole");
        // One that was killed leaves its file behind.
        (ready["pid"] == self.process(node).pid()).then_some(ready)
    }

    /// Starts a node again and waits until it is ready.
    ///
    /// # Panics
    /// As [`launch`](Self::launch) and [`wait_ready`](Self::wait_ready).
    pub fn restart(&mut self, node: usize) -> Value {
        self.launch(node);
        self.wait_ready(node)
    }

    /// Starts all that are not running, at once, and waits until all are ready.
    ///
    /// # Panics
    /// As [`launch`](Self::launch) and [`wait_ready`](Self::wait_ready).
    pub fn start_all(&mut self) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].is_none() {
                self.launch(node);
            }
        }
        for node in 0..self.nodes.len() {
            self.wait_ready(node);
        }
    }

    /// What a node has written since its first start.
    #[must_use]
    pub fn log(&self, node: usize) -> String {
        let log = fs::read_to_string(self.own_directory(node).join("log"));
        log.unwrap_or_else(|error| format!("no log: {error}"))
    }

    /// A node's data directory.
    #[must_use]
    pub fn data_directory(&self, node: usize) -> PathBuf {
        self.own_directory(node).join("data")
    }

    /// A connection to a node, from its own host.
    ///
    /// # Errors
    /// What connecting comes to.
    pub fn try_connect(&self, node: usize) -> redis::RedisResult<redis::Connection> {
        self.connect_from(node, node)
    }

    /// A connection to a node, from its own host.
    ///
    /// # Panics
    /// When it takes none.
    #[must_use]
    pub fn connect(&self, node: usize) -> redis::Connection {
        self.try_connect(node)
            .unwrap_or_else(|error| panic!("cannot connect to node {node}: {error}\n{}", self.log(node)))
    }

    /// A connection to a node from any host, which shares the faults between the two.
    ///
    /// # Errors
    /// What connecting comes to.
    pub fn connect_from(&self, host: usize, node: usize) -> redis::RedisResult<redis::Connection> {
        let at = format!("redis://{}:{PORT}/", self.lab.host(node).address());
        // Its first command would be waited for without a time-out.
        let nameless = RedisConnectionInfo::default().set_skip_set_lib_name();
        let client = redis::Client::open(at.into_connection_info()?.set_redis_settings(nameless))?;
        self.lab.host(host).enter(|| client.get_connection_with_timeout(CONNECT_TIMEOUT))
    }

    fn own_directory(&self, node: usize) -> PathBuf {
        self.directory.path().join(format!("node-{node}"))
    }
}

impl Drop for Cluster {
    /// Whatever a scenario does, no daemon panics; when the scenario itself does, the daemons' logs say what they saw.
    fn drop(&mut self) {
        for node in 0..self.nodes.len() {
            let log = self.log(node);
            if thread::panicking() {
                eprintln!("log of node {node}:\n{log}");
            } else {
                assert!(!log.contains("panicked at"), "node {node} panicked:\n{log}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_is_given_stands_instead_of_the_usual_one() {
        let Some(lab) = Lab::where_possible(2) else { return };
        let options = ClusterOptions::new(2).name("a").with("--cores", "1").with("--weight", "3");
        let arguments = options.arguments(lab.host(1), Path::new("shared"), Path::new("own"));
        let expected = "--bind=10.77.0.2 --port=6379 --core-ports=auto --dir=own/data --ready-file=own/ready.json \
                        --cluster=a --cluster-key-file=shared/key --expect=2 --gossip-port=7946 --link-port=7947 \
                        --node-name=node-1 --cores=1 --weight=3";
        assert_eq!(arguments.join(" "), expected);
        let apart =
            ClusterOptions::new(2).apart().arguments(lab.host(0), Path::new("shared"), Path::new("own"));
        assert!(!apart.iter().any(|argument| argument.starts_with("--cluster")));
    }
}
