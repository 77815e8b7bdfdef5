//! What comes over the network and is none of the cluster's, or makes no sense: it is dropped, counted and told of once,
//! and everybody else is served as if nothing were.

mod datagrams;
mod frames;
mod handshakes;

use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::{Daemon, Server as _};

use crate::stranger::Stranger;

const KEYS: usize = 100;

/// A cluster of one node with keys in it.
fn start() -> Cluster {
    let cluster = Cluster::start(1);
    let mut connection = cluster.nodes[0].connect();
    for number in 0..KEYS {
        assert_eq!(connection.say(&format!("SET kept:{number} {number}")).as_text(), "OK");
    }
    cluster
}

/// Nothing has changed: it answers, has its keys, and is a member among as many as before.
fn check_unharmed(cluster: &Cluster) {
    for node in &cluster.nodes {
        let mut connection = node.connect();
        assert_eq!(connection.say("PING").as_text(), "PONG");
        for number in 0..KEYS {
            assert_eq!(connection.say(&format!("GET kept:{number}")).as_text(), number.to_string());
        }
        assert_eq!(node.info("members_present"), i64::try_from(cluster.nodes.len()).unwrap());
        assert!(!node.log().contains("panicked at"), "{}", node.log());
    }
}

/// Somebody with the cluster's key.
fn insider(cluster: &Cluster) -> Stranger {
    Stranger::new(cluster.name(), &std::fs::read(cluster.key_file()).unwrap())
}

/// Somebody with another one.
fn outsider(cluster: &Cluster) -> Stranger {
    Stranger::new(cluster.name(), b"a key that no cluster of the tests has")
}

/// Lines of the log in which this stands.
fn lines(node: &Daemon, what: &str) -> usize {
    node.log().lines().filter(|line| line.contains(what)).count()
}
