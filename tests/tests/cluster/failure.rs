//! Nodes that die, and nodes that are paused.

use std::time::Duration;

use mycorrhizal_tests::clock;
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::Server as _;

use crate::counting::Counting;

#[test]
fn what_a_dead_node_owned_is_given_to_others_and_survivors_keep_theirs() {
    let mut cluster = Cluster::start(3);
    let mut connection = cluster.nodes[0].connect();
    for number in 0..900 {
        connection.say(&format!("SET key:{number} {number}"));
    }
    let held = |node: &mycorrhizal_tests::server::Daemon| {
        mycorrhizal_tests::wire::Connection::open(&node.core_address(0)).unwrap().say("DBSIZE").as_integer()
    };
    let survivors: i64 = cluster.nodes[..2].iter().map(held).sum();
    let mut dead = cluster.nodes.remove(2);
    dead.process().signal("KILL");
    dead.process().wait();
    cluster.wait("new owners", |cluster| {
        cluster.nodes[0].connect().say("CLUSTER INFO").as_text().starts_with("cluster_state:ok")
            && cluster.nodes[0].info("partitions_lost") > 0
    });
    assert_eq!(connection.say("DBSIZE").as_integer(), survivors);
    let lost = cluster.nodes[0].info("partitions_lost");
    assert!((341..=342).contains(&lost), "{lost}");
    cluster.add(2, cluster.options(2));
    cluster.wait_balanced();
    assert_eq!(connection.say("DBSIZE").as_integer(), survivors);
}

#[test]
fn an_election_passes_on_with_a_higher_token_when_its_leader_dies() {
    let mut cluster = Cluster::start(3);
    let token = cluster.nodes[2].connect();
    let mut leader = token;
    let first = leader.say("ELECTION CAMPAIGN billing").as_integer();
    let mut follower = cluster.nodes[0].connect();
    assert!(follower.say("ELECTION CAMPAIGN billing TIMEOUT 50").is_null());
    follower.send(b"ELECTION CAMPAIGN billing\r\n").unwrap();
    cluster.wait("a candidate in the queue", |cluster| {
        cluster.nodes[1].connect().say("ELECTION INFO billing").to_string().contains("waiting, 1")
    });
    let mut dead = cluster.nodes.remove(2);
    dead.process().signal("KILL");
    dead.process().wait();
    let died = clock::now();
    let second = follower.read().unwrap();
    let after = clock::now() - died;
    let second: i64 = String::from_utf8_lossy(&second.bytes).trim().trim_start_matches(':').parse().unwrap();
    assert!(second > first, "{second} > {first}");
    assert!(after < Duration::from_secs(10), "{after:?}");
}

#[test]
fn a_node_that_was_paused_serves_nothing_that_others_were_given() {
    let cluster = Cluster::start(3);
    let counting = Counting::begin(&[cluster.nodes[0].port()]);
    let mut connection = cluster.nodes[2].connect();
    connection.say("SET before 1");
    signal(&cluster, 2, "STOP");
    cluster.wait("new owners", |cluster| {
        cluster.nodes[0].connect().say("CLUSTER INFO").as_text().starts_with("cluster_state:ok")
            && cluster.nodes[0].info("partitions_lost") > 0
    });
    let mut other = cluster.nodes[0].connect();
    for number in 0..200 {
        assert_eq!(other.say(&format!("SET after:{number} {number}")).as_text(), "OK");
    }
    signal(&cluster, 2, "CONT");
    cluster.wait("its return", |cluster| cluster.nodes[0].info("members_present") == 3);
    cluster.wait_balanced();
    let mut again = cluster.nodes[2].connect();
    for number in 0..200 {
        assert_eq!(again.say(&format!("GET after:{number}")).as_text(), number.to_string());
    }
    counting.end();
}

fn signal(cluster: &Cluster, node: usize, name: &str) {
    cluster.nodes[node].signal(name);
}

#[test]
fn of_two_processes_with_one_id_one_stays() {
    let mut cluster = Cluster::start(3);
    let mut node = cluster.nodes.remove(2);
    node.process().signal("TERM");
    node.process().wait();
    let (original, copy) = (cluster.data_directory(2), cluster.data_directory(9));
    std::fs::create_dir_all(&copy).unwrap();
    for file in std::fs::read_dir(&original).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    cluster.add(2, cluster.options(2));
    let refused = cluster.options(9).launch().wait().unwrap_err();
    assert!(refused.stderr.contains("has the id of this node"), "{}", refused.stderr);
    cluster.wait("a clear line", |cluster| cluster.nodes[2].log().contains("has the id of this node"));
    cluster.wait_balanced();
    for number in 0..200 {
        assert_eq!(cluster.nodes[0].connect().say(&format!("SET key:{number} x")).as_text(), "OK");
    }
    assert_eq!(cluster.nodes[1].connect().say("DBSIZE").as_integer(), 200);
}
