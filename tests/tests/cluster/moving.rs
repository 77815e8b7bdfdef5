//! Partitions move under load: nothing acknowledged is lost, nothing is done twice.

use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::{Daemon, Server as _};

use crate::counting::{Counted, Counting};

fn check(counted: &[Counted], port: u16) {
    for counted in counted {
        assert!(counted.errors.is_empty(), "{:?}", &counted.errors[..counted.errors.len().min(3)]);
        assert!(counted.acknowledged() > 0);
        counted.check(port);
    }
}

#[test]
fn nodes_join_and_leave_under_load() {
    let mut cluster = Cluster::start(2);
    let ports: Vec<u16> = cluster.nodes.iter().map(Daemon::port).collect();
    let mut connection = cluster.nodes[0].connect();
    for number in 0..2_000 {
        connection.say(&format!("SET kept:{number} {number} EX 3600"));
    }
    let counting = Counting::begin(&ports);
    let third = cluster.options(2).flag("--leave=on");
    cluster.add(2, third);
    cluster.wait_balanced();
    assert!(cluster.nodes[2].info("partitions_moved_in") >= 340);

    let mut third = cluster.nodes.remove(2);
    third.process().signal("TERM");
    assert!(third.process().wait().success(), "{}", third.log());
    cluster.wait_balanced();
    check(&counting.end(), ports[1]);

    assert_eq!(cluster.nodes[0].info("members"), 2);
    assert_eq!(cluster.nodes[0].info("partitions_lost"), 0);
    for number in 0..2_000 {
        let left = connection.say(&format!("TTL kept:{number}")).as_integer();
        assert!((3_400..=3_600).contains(&left), "kept:{number} has {left} s left");
    }
}

#[test]
fn a_drained_node_is_empty_and_may_come_back() {
    let cluster = Cluster::start(2);
    let mut connection = cluster.nodes[0].connect();
    let counting = Counting::begin(&[cluster.nodes[0].port()]);
    assert_eq!(connection.say("NODOSUM DRAIN node-1").as_text(), "OK");
    cluster.wait("an empty node", |cluster| cluster.nodes[1].info("partitions_owned") == 0);
    assert!(connection.say("NODOSUM DRAIN node-0").as_text().contains("no other member"));
    assert_eq!(connection.say("NODOSUM DRAIN node-1 OFF").as_text(), "OK");
    cluster.wait_balanced();
    check(&counting.end(), cluster.nodes[1].port());
}
