//! Several daemons on this host that form a cluster of their own, found by multicast on the loopback interface.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::clock;
use crate::server::{Daemon, DaemonOptions, Launched, Server as _};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The key of every cluster, unless a test wants another.
const KEY: &str = "a key that only the tests know";

/// The members of one cluster, and where they keep what they must not forget.
#[derive(Debug)]
pub struct Cluster {
    name: String,
    directory: TempDir,
    /// The daemons, in the order in which they were started.
    pub nodes: Vec<Daemon>,
}

impl Cluster {
    /// Starts so many nodes of one core and waits until they are one cluster.
    ///
    /// # Panics
    /// When they do not become one.
    #[must_use]
    pub fn start(nodes: usize) -> Self {
        Self::start_on(nodes, "0")
    }

    /// Starts so many nodes, each on these cores, and waits until they are one cluster.
    ///
    /// # Panics
    /// When they do not become one.
    #[must_use]
    pub fn start_on(nodes: usize, cores: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        std::fs::write(directory.path().join("key"), KEY).expect("a file can be written");
        let name = directory.path().display().to_string();
        let mut cluster = Self { name, directory, nodes: Vec::new() };
        let launched: Vec<Launched> = (0..nodes)
            .map(|number| cluster.options(number).with("--cores", cores).with("--expect", &nodes.to_string()))
            .map(DaemonOptions::launch)
            .collect();
        cluster.nodes = launched.into_iter().map(ready).collect();
        cluster
    }

    /// The flags of node `number` of this cluster.
    #[must_use]
    pub fn options(&self, number: usize) -> DaemonOptions {
        DaemonOptions::new()
            .with("--cluster", &self.name)
            .with("--cluster-key-file", &self.key_file().display().to_string())
            .with("--gossip-port", "0")
            .with("--link-port", "0")
            .with("--node-name", &format!("node-{number}"))
            .with("--dir", &self.data_directory(number).display().to_string())
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file with the cluster's key.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.directory.path().join("key")
    }

    /// Where node `number` keeps what it must not forget.
    #[must_use]
    pub fn data_directory(&self, number: usize) -> PathBuf {
        self.directory.path().join(format!("node-{number}"))
    }

    /// Starts one more node, or one that was stopped, and waits until it is a member.
    ///
    /// # Panics
    /// When it does not become one.
    pub fn add(&mut self, number: usize, options: DaemonOptions) {
        let node = ready(options.launch());
        self.nodes.insert(number.min(self.nodes.len()), node);
    }

    /// Waits until `holds` of the cluster.
    ///
    /// # Panics
    /// When it does not come to hold.
    pub fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waited = clock::wait_at_most(PATIENCE, || holds(self).then_some(()));
        assert!(
            waited.is_some(),
            "waited in vain for: {what}\n{}",
            self.nodes[0].connect().say("INFO nodosum").as_text()
        );
    }

    /// Waits until nothing moves and every node owns its share of the partitions.
    ///
    /// # Panics
    /// When that does not come.
    pub fn wait_balanced(&self) {
        let share = 1024 / self.nodes.len();
        self.wait("balance", |cluster| {
            cluster.nodes.iter().all(|node| {
                node.info("partitions_moving") == 0
                    && node.info("partitions_owned").abs_diff(i64::try_from(share).unwrap_or(0)) <= 2
            })
        });
    }
}

fn ready(launched: Launched) -> Daemon {
    launched.wait().unwrap_or_else(|ended| panic!("a member did not start: {ended:?}"))
}
