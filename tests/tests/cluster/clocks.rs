//! A node whose clock is wrong by a day: nothing that is agreed on depends on it, and what is to expire does so in time.

use std::path::Path;
use std::process::Command;

use mycorrhizal_tests::client::program;
use mycorrhizal_tests::clock;
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::Server as _;

const DAY: i64 = 24 * 60 * 60;

/// Makes the library that shifts the clock of a process.
fn library(directory: &Path) -> String {
    let library = directory.join("skewed_clock.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults/skewed_clock.c");
    let _ = program(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source));
    library.display().to_string()
}

/// The Unix time of a node, in seconds.
fn time(cluster: &Cluster, node: usize) -> i64 {
    let time = cluster.nodes[node].connect().say("TIME").to_string();
    let digits: String =
        time.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{time}"))
}

/// One node a day ahead, or behind.
fn check(skew: i64) {
    let directory = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(2);
    let mut connection = cluster.nodes[0].connect();
    for number in 0..300 {
        connection.say(&format!("SET long:{number} x EX 3600"));
    }
    let written = clock::now();
    for number in 0..300 {
        connection.say(&format!("SET short:{number} x PX 20000"));
    }
    let wrong = cluster
        .options(2)
        .environment("LD_PRELOAD", &library(directory.path()))
        .environment("SKEW_SECONDS", &skew.to_string());
    cluster.add(2, wrong);
    assert!((time(&cluster, 2) - time(&cluster, 0) - skew).abs() < 60, "its clock is not wrong");
    cluster.wait_balanced();
    assert!(cluster.nodes[2].info("partitions_moved_in") > 300);
    let mut other = cluster.nodes[2].connect();
    for number in 0..300 {
        let left = connection.say(&format!("PTTL long:{number}")).as_integer();
        assert!((3_500_000..=3_601_000).contains(&left), "long:{number} has {left} ms left");
        let left = other.say(&format!("TTL long:{number}")).as_integer();
        assert!((3_500..=3_601).contains(&left), "long:{number} has {left} s left");
    }
    let still =
        (0..300).filter(|number| connection.say(&format!("GET short:{number}")).as_text() == "x").count();
    assert!(still == 300 || clock::now() - written > std::time::Duration::from_secs(18), "{still} of 300");

    // Leases and sessions know nothing of the wall's clock.
    let token = other.say("ELECTION CAMPAIGN jobs").as_integer();
    assert!(connection.say("ELECTION CAMPAIGN jobs TIMEOUT 2000").is_null());
    assert_eq!(other.say("ELECTION RESIGN jobs").as_integer(), 1);
    assert!(connection.say("ELECTION CAMPAIGN jobs").as_integer() > token);
    assert_eq!(cluster.nodes[0].info("partitions_lost"), 0);
    assert_eq!(cluster.nodes[0].info("members_present"), 3);
    cluster.wait("what was to expire", |_| connection_is_empty(&cluster));
    assert!(clock::now() - written < std::time::Duration::from_secs(60));
    // And back, with the clock of another node.
    cluster.nodes[0].connect().say("NODOSUM DRAIN node-2");
    cluster.wait("an empty node", |cluster| cluster.nodes[2].info("partitions_owned") == 0);
    for number in 0..300 {
        let left = other.say(&format!("TTL long:{number}")).as_integer();
        assert!((3_400..=3_601).contains(&left), "long:{number} has {left} s left");
    }
}

fn connection_is_empty(cluster: &Cluster) -> bool {
    let mut connection = cluster.nodes[0].connect();
    (0..300).all(|number| connection.say(&format!("GET short:{number}")).is_null())
}

#[test]
fn a_node_whose_clock_is_a_day_ahead_is_a_member_like_others() {
    check(DAY);
}

#[test]
fn a_node_whose_clock_is_a_day_behind_is_a_member_like_others() {
    check(-DAY);
}
