//! What the nodes agree on: septa, elections, locks, services.

use std::time::Duration;

use mycorrhizal_tests::clock::{now, wait_for};
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::{Daemon, Server as _};
use mycorrhizal_tests::wire::Reply;

#[test]
fn septa_are_the_same_on_all_nodes_and_keep_their_keys_apart() {
    let cluster = Cluster::start(2);
    let (mut one, mut other) = (cluster.nodes[0].connect(), cluster.nodes[1].connect());
    assert_eq!(one.say("SEPTUM CREATE carts TTL 60000 MAXENTRIES 100").as_text(), "OK");
    assert!(one.say("SEPTUM CREATE carts").as_text().contains("exists already"));
    assert_eq!(one.say("SEPTUM USE carts").as_text(), "OK");
    for number in 0..40 {
        assert_eq!(one.say(&format!("SET cart:{number} {number}")).as_text(), "OK");
    }
    assert_eq!(other.say("DBSIZE").as_integer(), 0, "database 0 is another septum");
    assert_eq!(other.say("SEPTUM USE carts").as_text(), "OK");
    assert_eq!(other.say("GET cart:7").as_text(), "7");
    let left = other.say("PTTL cart:7").as_integer();
    assert!((50_000..=60_000).contains(&left), "{left}");
    let full: Vec<_> =
        (0..200).map(|number| one.say(&format!("SET more:{number} x"))).filter(Reply::is_error).collect();
    assert!(full.len() >= 100 && full[0].as_text().starts_with("OOM"), "{}", full.len());
    assert_eq!(other.say("SEPTUM DROP carts").as_text(), "OK");
    assert!(other.say("SEPTUM INFO carts").as_text().contains("no such septum"));
    assert!(one.say("SEPTUM DROP 3").as_text().contains("cannot be dropped"));
}

#[test]
fn a_lock_is_held_by_one_connection_until_it_ends() {
    let cluster = Cluster::start(2);
    let (mut one, mut other) = (cluster.nodes[0].connect(), cluster.nodes[1].connect());
    let first = one.say("LOCK ACQUIRE job").as_integer();
    assert!(other.say("LOCK ACQUIRE job TIMEOUT 50").is_null());
    drop(one);
    let second = other.say("LOCK ACQUIRE job").as_integer();
    assert!(second > first);
    assert_eq!(other.say("LOCK RELEASE job").as_integer(), 1);
    assert_eq!(other.say("LOCK RELEASE job").as_integer(), 0);
    let mut third = cluster.nodes[0].connect();
    assert!(third.say("SEMAPHORE ACQUIRE pool 2").as_integer() > second);
    assert!(other.say("SEMAPHORE ACQUIRE pool 2").as_integer() > second);
    assert!(cluster.nodes[0].connect().say("SEMAPHORE ACQUIRE pool 2 TIMEOUT 20").is_null());
}

#[test]
fn a_leased_claim_outlives_its_connection_by_what_was_promised_and_no_more() {
    let cluster = Cluster::start(2);
    let (mut one, mut other) = (cluster.nodes[0].connect(), cluster.nodes[1].connect());
    let promise = |reply: &Reply| (reply.items[0].as_integer(), reply.items[1].as_integer());
    let first = one.say("LOCK ACQUIRE job LEASE");
    for _ in 0..10 {
        assert!(other.say("LOCK ACQUIRE job TIMEOUT 150 LEASE").is_null(), "its place is kept");
        let again = one.say("LOCK ACQUIRE job TIMEOUT 0 LEASE");
        assert_eq!(promise(&again).0, promise(&first).0);
        assert!((1..=1_080).contains(&promise(&again).1), "{again}");
    }
    let sent = now();
    let (token, promised) = promise(&one.say("LOCK ACQUIRE job TIMEOUT 0 LEASE"));
    drop(one);
    let mut granted = other.say("LOCK ACQUIRE job TIMEOUT 150 LEASE");
    while granted.is_null() {
        granted = other.say("LOCK ACQUIRE job TIMEOUT 150 LEASE");
    }
    assert!(sent.elapsed() >= Duration::from_millis(promised.unsigned_abs()), "{:?}", sent.elapsed());
    assert!(promise(&granted).0 > token);
    // Not asked for again, it is given up though the connection is there.
    let third = cluster.nodes[0].connect().say("LOCK ACQUIRE job").as_integer();
    assert!(third > promise(&granted).0);
    assert!(other.say("LOCK ACQUIRE job LEASE").as_text().contains("the claim has ended"));
    assert_eq!(other.say("LOCK RELEASE job").as_integer(), 0);
    assert!(!other.say("LOCK ACQUIRE job LEASE").is_error());
    assert_eq!(other.say("LOCK RELEASE job").as_integer(), 1);
}

#[test]
fn a_node_that_remembers_nothing_keeps_the_promises_of_its_last_life() {
    let mut node = Daemon::on_cores("0");
    let mut one = node.connect();
    let _first = one.say("LOCK ACQUIRE job LEASE");
    let sent = now();
    let promised = one.say("LOCK ACQUIRE job TIMEOUT 0 LEASE").items[1].as_integer();
    node.process().signal("KILL");
    node.process().wait();
    let next = Daemon::on_cores("0");
    assert!(next.connect().say("LOCK ACQUIRE job").as_integer() > 0);
    assert!(sent.elapsed() >= Duration::from_millis(promised.unsigned_abs()), "{:?}", sent.elapsed());
}

#[test]
fn a_candidate_that_goes_away_waits_no_longer() {
    let node = Daemon::on_cores("0");
    let mut leader = node.connect();
    assert!(leader.say("ELECTION CAMPAIGN jobs").as_integer() > 0);
    let waiting = |expected: &str| {
        wait_for(expected, || {
            let info = node.connect().say("ELECTION INFO jobs").to_string();
            info.contains(expected).then_some(())
        });
    };
    let mut candidate = node.connect();
    candidate.send(b"ELECTION CAMPAIGN jobs\r\n").expect("it is there");
    waiting("waiting, 1]");
    drop(candidate);
    waiting("waiting, 0]");
}

#[test]
fn services_are_found_on_every_node_and_go_with_theirs() {
    let mut cluster = Cluster::start(3);
    let registered = cluster.nodes[2]
        .connect()
        .say("SERVICE REGISTER mail smtp-1 ADDRESS 10.0.0.1:25 HEALTH warning META zone a");
    assert_eq!(registered.as_text(), "OK");
    cluster.wait("the service", |cluster| {
        cluster.nodes[0].connect().say("SERVICE LIST mail").to_string().contains("10.0.0.1:25")
    });
    let mut dead = cluster.nodes.remove(2);
    dead.process().signal("KILL");
    dead.process().wait();
    cluster.wait("its end", |cluster| cluster.nodes[0].connect().say("SERVICE LIST").to_string() == "[]");
}

#[test]
fn whoever_waits_for_a_change_is_told_of_it_and_what_is_asked_then_has_it() {
    let node = Daemon::on_cores("0,1");
    let (mut waiting, mut other) = (node.connect(), node.connect());
    let version = waiting.say("NODOSUM WAIT 0 0").as_integer();
    assert_eq!(waiting.say(&format!("NODOSUM WAIT {version} 50")).as_integer(), version);
    let words = format!("NODOSUM WAIT {version} 600000\r\nSERVICE LIST mail\r\n");
    waiting.send(words.as_bytes()).unwrap();
    assert_eq!(other.say("SERVICE REGISTER mail smtp-1").as_text(), "OK");
    assert!(waiting.read().unwrap().reply.as_integer() > version);
    assert!(waiting.read().unwrap().reply.to_string().contains("smtp-1"));
    assert!(waiting.say("NODOSUM WAIT x 1").is_error() && waiting.say("NODOSUM WAIT 1 -1").is_error());
}

#[test]
fn whoever_waits_by_a_node_that_is_alone_is_told_so() {
    let cluster = Cluster::start(3);
    let mut waiting = cluster.nodes[0].connect();
    assert!(waiting.say("NODOSUM WAIT 0 0").as_integer() > 0);
    cluster.nodes[1..].iter().for_each(|node| node.signal("STOP"));
    let told = waiting.say(&format!("NODOSUM WAIT {} 60000", i64::MAX)).as_text();
    assert!(told.starts_with("CLUSTERDOWN"), "{told}");
    cluster.nodes[1..].iter().for_each(|node| node.signal("CONT"));
}

#[test]
fn a_node_that_belongs_to_no_cluster_agrees_with_itself() {
    let node = Daemon::on_cores("0,1");
    let mut connection = node.connect();
    assert_eq!(connection.say("SEPTUM CREATE carts").as_text(), "OK");
    assert_eq!(connection.say("SEPTUM USE carts").as_text(), "OK");
    for number in 0..50 {
        assert_eq!(connection.say(&format!("SET key:{number} x")).as_text(), "OK");
    }
    assert_eq!(connection.say("DBSIZE").as_integer(), 50);
    let token = connection.say("ELECTION CAMPAIGN jobs").as_integer();
    assert_eq!(connection.say("ELECTION RESIGN jobs").as_integer(), 1);
    assert!(connection.say("ELECTION CAMPAIGN jobs").as_integer() > token);
    assert!(connection.say("NODOSUM FOUND").as_text().contains("belongs to no cluster"));
}

#[test]
fn a_connection_whose_septum_was_dropped_writes_nowhere() {
    let cluster = Cluster::start(2);
    let (mut one, mut other) = (cluster.nodes[0].connect(), cluster.nodes[1].connect());
    let mut third = cluster.nodes[1].connect();
    assert_eq!(one.say("SEPTUM CREATE carts").as_text(), "OK");
    assert_eq!(other.say("SEPTUM USE carts").as_text(), "OK");
    for connection in [&mut one, &mut third] {
        for words in ["SELECT 16", "COPY a {a}b DB 16", "COPY a {a}b DB 17", "MOVE a 16"] {
            let refused = connection.say(words);
            assert!(refused.as_text().contains("DB index is out of range"), "{words}: {refused}");
        }
    }
    assert_eq!(other.say("SET cart:1 full").as_text(), "OK");
    assert_eq!(third.say("SEPTUM DROP carts").as_text(), "OK");
    // So many that a number is used again.
    for number in 0..20 {
        assert_eq!(third.say(&format!("SEPTUM CREATE more:{number}")).as_text(), "OK");
        if number < 18 {
            assert_eq!(third.say(&format!("SEPTUM DROP more:{number}")).as_text(), "OK");
        }
    }
    for words in ["SET cart:2 x", "GET cart:1", "DBSIZE", "FLUSHDB", "MSETNX a 1 b 2", "SCAN 0"] {
        let refused = other.say(words);
        assert!(refused.as_text().starts_with("NOSEPTUM"), "{words}: {refused}");
    }
    assert!(other.say("SEPTUM USE carts").as_text().starts_with("NOSEPTUM"));
    assert!(other.say("PING").as_text() == "PONG");
    assert_eq!(other.say("SELECT 0").as_text(), "OK");
    assert_eq!(other.say("DBSIZE").as_integer(), 0);
    for number in 18..20 {
        assert_eq!(third.say(&format!("SEPTUM USE more:{number}")).as_text(), "OK");
        assert_eq!(third.say("DBSIZE").as_integer(), 0);
    }
}
