//! Fewer than half of those who vote: they decide nothing, serve nothing that others may have been given, and say so.

use std::time::Duration;

use mycorrhizal_tests::clock;
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::Server as _;
use mycorrhizal_tests::wire::{Connection, encode};

/// Longer than a change of what is agreed on is waited for.
const BOUND: Duration = Duration::from_secs(15);

/// The commands on connections of their own, sent before the first answer is read.
fn send(cluster: &Cluster, commands: &[&str]) -> Vec<Connection> {
    let send = |command: &&str| {
        let mut connection = cluster.nodes[0].connect();
        let words: Vec<&str> = command.split(' ').collect();
        connection.send(&encode(&words)).unwrap();
        connection
    };
    commands.iter().map(send).collect()
}

#[test]
fn a_minority_refuses_within_a_bounded_time_and_goes_on_when_the_others_do() {
    let cluster = Cluster::start(3);
    let mut leader = cluster.nodes[0].connect();
    let token = leader.say("ELECTION CAMPAIGN billing").as_integer();
    for number in 0..100 {
        assert_eq!(leader.say(&format!("SET key:{number} {number}")).as_text(), "OK");
    }
    for node in [1, 2] {
        cluster.nodes[node].signal("STOP");
    }
    cluster.wait("the end of its authority", |cluster| cluster.nodes[0].info("acts") == 0);
    let begun = clock::now();
    let changes = [
        "ELECTION CAMPAIGN other",
        "SEPTUM CREATE carts",
        "LOCK ACQUIRE job",
        "SEMAPHORE ACQUIRE pool 2",
        "SERVICE REGISTER mail smtp ADDRESS 10.0.0.1:25",
        "NODOSUM DRAIN node-1",
    ];
    let data: Vec<String> = (0..30).map(|number| format!("SET key:{number} late")).collect();
    let mut connections = send(&cluster, &changes);
    connections.extend(send(&cluster, &data.iter().map(String::as_str).collect::<Vec<_>>()));
    let asked = changes.iter().map(ToString::to_string).chain(data);
    for (command, mut connection) in asked.zip(connections) {
        let answer = connection.read().unwrap_or_else(|error| panic!("{command}: {error}")).reply;
        let text = answer.as_text();
        assert!(answer.is_error(), "{command}: {answer}");
        assert!(text.starts_with("CLUSTERDOWN") || text.starts_with("UNKNOWN"), "{command}: {text}");
    }
    assert!(clock::now() - begun < BOUND, "{:?}", clock::now() - begun);
    assert_eq!(cluster.nodes[0].connect().say("PING").as_text(), "PONG");
    assert!(cluster.nodes[0].connect().say("CLUSTER INFO").as_text().starts_with("cluster_state:fail"));
    for node in [1, 2] {
        cluster.nodes[node].signal("CONT");
    }
    cluster.wait("all of them", |cluster| {
        cluster.nodes.iter().all(|node| node.info("members_present") == 3 && node.info("acts") == 1)
    });
    cluster.wait_balanced();
    for (number, node) in cluster.nodes.iter().enumerate() {
        assert_eq!(node.connect().say(&format!("SET after:{number} x")).as_text(), "OK");
    }
    let again = cluster.nodes[1].connect().say("ELECTION CAMPAIGN after").as_integer();
    assert!(again > token, "{again} > {token}");
}
