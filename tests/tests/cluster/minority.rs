//! Fewer than half of those who vote: they decide nothing, serve nothing that others may have been given, and say so.

use std::time::Duration;

use mycorrhizal_tests::clock;
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::{Daemon, Server as _};
use mycorrhizal_tests::wire::{Connection, encode};

use crate::counting::Counting;

/// Longer than a change of what is agreed on is waited for.
const BOUND: Duration = Duration::from_secs(15);

/// The commands on connections of their own, sent before the first answer is read.
fn send(node: &Daemon, commands: &[&str]) -> Vec<Connection> {
    let send = |command: &&str| {
        let mut connection = node.connect();
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
    let mut connections = send(&cluster.nodes[0], &changes);
    connections.extend(send(&cluster.nodes[0], &data.iter().map(String::as_str).collect::<Vec<_>>()));
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

#[test]
fn two_of_five_serve_nothing_and_all_five_have_everything_again() {
    const KEYS: usize = 60;
    let cluster = Cluster::start(5);
    let counting = Counting::begin(&[0, 1, 4].map(|node: usize| cluster.nodes[node].port()));
    let mut connection = cluster.nodes[0].connect();
    for number in 0..KEYS {
        assert_eq!(connection.say(&format!("SET key:{number} {number}")).as_text(), "OK");
    }
    cluster.nodes[2..].iter().for_each(|node| node.signal("STOP"));
    cluster.wait("the end of their authority", |cluster| {
        cluster.nodes[..2].iter().all(|it| it.info("acts") == 0)
    });
    let begun = clock::now();
    // Writes that certainly were not done.
    let mut undone = Vec::new();
    let asked = cluster.nodes[..2].iter().enumerate().map(|(asked, node)| {
        let reads = (0..KEYS).map(|number| format!("GET key:{number}"));
        let writes = (0..KEYS).map(|number| format!("SET late:{asked}:{number} x"));
        let commands: Vec<String> = reads.chain(writes).collect();
        let sent = send(node, &commands.iter().map(String::as_str).collect::<Vec<_>>());
        (node, commands, sent)
    });
    for (node, commands, sent) in asked.collect::<Vec<_>>() {
        for (command, mut connection) in commands.into_iter().zip(sent) {
            let answer = connection.read().unwrap_or_else(|error| panic!("{command}: {error}")).reply;
            let code = answer.as_text().split(' ').next().unwrap_or_default().to_owned();
            assert!(answer.is_error(), "{command}: {answer}");
            match code.as_str() {
                "CLUSTERDOWN" | "TRYAGAIN" => undone.push(command),
                "UNKNOWN" => assert!(command.starts_with("SET"), "{command}: {answer}"),
                _ => panic!("{command}: {answer}"),
            }
        }
        assert!(node.connect().say("CLUSTER INFO").as_text().starts_with("cluster_state:fail"));
    }
    assert!(clock::now() - begun < BOUND, "{:?}", clock::now() - begun);
    cluster.nodes[2..].iter().for_each(|node| node.signal("CONT"));
    cluster.wait("all of them", |cluster| {
        cluster.nodes.iter().all(|node| node.info("members_present") == 5 && node.info("acts") == 1)
    });
    let counted = counting.end();
    for (node, counted) in cluster.nodes.iter().zip(&counted) {
        assert!(counted.acknowledged() > 0);
        counted.check(node.port());
    }
    for node in &cluster.nodes {
        let mut connection = node.connect();
        for number in 0..KEYS {
            assert_eq!(connection.say(&format!("GET key:{number}")).as_text(), number.to_string());
        }
        for key in undone.iter().filter_map(|command| command.strip_prefix("SET ")?.strip_suffix(" x")) {
            assert!(connection.say(&format!("GET {key}")).is_null(), "{key}");
        }
        assert_eq!(node.info("partitions_lost"), 0);
    }
}
