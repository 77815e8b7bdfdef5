//! Publish/subscribe over several nodes.

use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::{Daemon, Server as _};
use mycorrhizal_tests::wire::Connection;

fn read(connection: &mut Connection) -> String {
    connection.read().unwrap().reply.to_string()
}

fn connect_all(cluster: &Cluster) -> Vec<Connection> {
    cluster.nodes.iter().map(Daemon::connect).collect()
}

#[test]
fn any_node_publishes_and_any_node_hears() {
    let cluster = Cluster::start(3);
    let (mut hearers, mut speakers) = (connect_all(&cluster), connect_all(&cluster));
    for (node, hearer) in hearers.iter_mut().enumerate() {
        hearer.say("SUBSCRIBE news");
        hearer.say(&format!("PSUBSCRIBE only:{node}:*"));
        hearer.say("SSUBSCRIBE shard");
    }
    for (number, speaker) in speakers.iter_mut().enumerate() {
        assert_eq!(speaker.say(&format!("PUBLISH news {number}")).as_integer(), 3);
        assert_eq!(speaker.say(&format!("SPUBLISH shard {number}")).as_integer(), 3);
        for hearer in &mut hearers {
            assert_eq!(read(hearer), format!("[message, news, {number}]"));
            assert_eq!(read(hearer), format!("[smessage, shard, {number}]"));
        }
        for (node, hearer) in hearers.iter_mut().enumerate() {
            assert_eq!(speaker.say(&format!("PUBLISH only:{node}:x {number}")).as_integer(), 1);
            assert_eq!(read(hearer), format!("[pmessage, only:{node}:*, only:{node}:x, {number}]"));
        }
        assert_eq!(speaker.say("PUBLISH shard no").as_integer(), 0);
        assert_eq!(speaker.say("PUBSUB NUMSUB news shard").to_string(), "[news, 3, shard, 0]");
        assert_eq!(speaker.say("PUBSUB SHARDNUMSUB shard").to_string(), "[shard, 3]");
        assert_eq!(speaker.say("PUBSUB CHANNELS").to_string(), "[news]");
        assert_eq!(speaker.say("PUBSUB SHARDCHANNELS sh*").to_string(), "[shard]");
        assert_eq!(speaker.say("PUBSUB NUMPAT").as_integer(), 3);
    }
}

#[test]
fn the_order_of_one_publisher_is_kept() {
    const MESSAGES: usize = 20_000;
    let cluster = Cluster::start(2);
    let (mut hearer, mut speaker) = (cluster.nodes[0].connect(), cluster.nodes[1].connect());
    hearer.say("SUBSCRIBE c");
    let sender = std::thread::Builder::new().spawn(move || {
        for first in (0..MESSAGES).step_by(100) {
            let lines: String =
                (first..first + 100).map(|number| format!("PUBLISH c {number}\r\n")).collect();
            speaker.send(lines.as_bytes()).unwrap();
            (0..100).for_each(|_| assert_eq!(speaker.read().unwrap().reply.as_integer(), 1));
        }
    });
    for number in 0..MESSAGES {
        assert_eq!(read(&mut hearer), format!("[message, c, {number}]"));
    }
    sender.unwrap().join().unwrap();
}

#[test]
fn what_is_published_after_the_confirmation_arrives() {
    let cluster = Cluster::start(3);
    let (mut hearers, mut speakers) = (connect_all(&cluster), connect_all(&cluster));
    for number in 0..300 {
        let (hearer, speaker) = (&mut hearers[number % 3], &mut speakers[(number / 3) % 3]);
        match number % 2 {
            0 => hearer.say(&format!("SUBSCRIBE c:{number}")),
            _ => hearer.say(&format!("PSUBSCRIBE c:{number}*")),
        };
        assert_eq!(speaker.say(&format!("PUBLISH c:{number} hello")).as_integer(), 1, "{number}");
        assert!(read(hearer).ends_with(&format!("c:{number}, hello]")));
        hearer.say(if number % 2 == 0 { "UNSUBSCRIBE" } else { "PUNSUBSCRIBE" });
    }
}

#[test]
fn a_node_without_a_subscriber_gets_nothing() {
    let cluster = Cluster::start(3);
    let (mut hearer, mut speaker) = (cluster.nodes[1].connect(), cluster.nodes[0].connect());
    hearer.say("SUBSCRIBE c");
    let messages = |cluster: &Cluster, node: usize| cluster.nodes[node].info("total_forwarded_messages");
    for number in 0..100 {
        assert_eq!(speaker.say(&format!("PUBLISH c {number}")).as_integer(), 1);
        assert_eq!(speaker.say("PUBLISH nobody hears").as_integer(), 0);
    }
    assert_eq!([0, 1, 2].map(|node| messages(&cluster, node)), [0, 100, 0]);
    (0..100).for_each(|number| assert_eq!(read(&mut hearer), format!("[message, c, {number}]")));
    hearer.say("UNSUBSCRIBE c");
    cluster.wait("an end of interest", |_| speaker_hears_nobody(&cluster));
    let before = messages(&cluster, 1);
    speaker.say("PUBLISH c again");
    assert_eq!(messages(&cluster, 1), before);
}

fn speaker_hears_nobody(cluster: &Cluster) -> bool {
    let before = cluster.nodes[1].info("total_forwarded_messages");
    cluster.nodes[0].connect().say("PUBLISH c probe");
    cluster.nodes[1].info("total_forwarded_messages") == before
}

#[test]
fn nodes_that_come_and_go_hear_and_are_forgotten() {
    let mut cluster = Cluster::start(2);
    let mut hearers = connect_all(&cluster);
    hearers.iter_mut().for_each(|hearer| drop(hearer.say("SUBSCRIBE news")));
    cluster.add(2, cluster.options(2));
    let heard_by =
        |cluster: &Cluster, node: usize| cluster.nodes[node].connect().say("PUBLISH news x").as_integer();
    cluster.wait("what a new node is told", |cluster| heard_by(cluster, 2) == 2);
    let mut late = cluster.nodes[2].connect();
    late.say("SUBSCRIBE news");
    assert_eq!(heard_by(&cluster, 0), 3);
    assert_eq!(read(&mut late), "[message, news, x]");

    let mut dead = cluster.nodes.remove(2);
    dead.process().signal("KILL");
    dead.process().wait();
    // Who subscribes meanwhile is confirmed all the same.
    let mut another = cluster.nodes[1].connect();
    assert_eq!(another.say("SUBSCRIBE news").to_string(), "[subscribe, news, 1]");
    assert_eq!(heard_by(&cluster, 0), 3);
    cluster.wait("the end of a dead member", |cluster| cluster.nodes[0].info("members_present") == 2);
    assert_eq!(cluster.nodes[0].connect().say("PUBSUB NUMSUB news").to_string(), "[news, 3]");

    cluster.add(2, cluster.options(2));
    cluster.wait("what a node in its next life is told", |cluster| heard_by(cluster, 2) == 3);
    let mut again = cluster.nodes[2].connect();
    again.say("SUBSCRIBE news");
    assert_eq!(heard_by(&cluster, 1), 4);
}

#[test]
fn a_node_that_was_paused_hears_again() {
    let cluster = Cluster::start(3);
    let mut hearer = cluster.nodes[2].connect();
    hearer.say("SUBSCRIBE c");
    cluster.nodes[2].signal("STOP");
    cluster.wait("its absence", |cluster| cluster.nodes[0].info("members_present") == 2);
    let mut speaker = cluster.nodes[0].connect();
    let mut other = cluster.nodes[1].connect();
    assert_eq!(speaker.say("PUBLISH c lost").as_integer(), 0);
    other.say("SUBSCRIBE c");
    assert_eq!(speaker.say("PUBLISH c x").as_integer(), 1);
    cluster.nodes[2].signal("CONT");
    cluster.wait("its return", |cluster| cluster.nodes[0].connect().say("PUBLISH c y").as_integer() == 2);
    cluster
        .wait("what it is told", |cluster| cluster.nodes[2].connect().say("PUBLISH c z").as_integer() == 2);
}

#[test]
fn subscribers_stay_while_partitions_move() {
    let mut cluster = Cluster::start(2);
    let port = |cluster: &Cluster| cluster.nodes[0].core_address(0);
    let mut by_core_port = Connection::open(&port(&cluster)).unwrap();
    let mut by_plain_port = cluster.nodes[0].connect();
    let own: Vec<String> = (0..60)
        .map(|number| format!("s:{number}"))
        .filter(|name| !by_core_port.say(&format!("SSUBSCRIBE {name}")).is_error())
        .collect();
    assert!(own.len() > 10);
    for name in &own {
        by_plain_port.say(&format!("SSUBSCRIBE {name}"));
    }
    by_core_port.say("SUBSCRIBE news");
    cluster.add(2, cluster.options(2));
    cluster.wait_balanced();
    let mut gone = Vec::new();
    let mut check = Connection::open(&port(&cluster)).unwrap();
    for name in &own {
        match check.say(&format!("SPUBLISH {name} x")) {
            moved if moved.is_error() => {
                assert!(moved.as_text().starts_with("MOVED "));
                gone.push(name.clone());
            }
            heard => assert_eq!(heard.as_integer(), 2, "{name}"),
        }
    }
    assert!(!gone.is_empty() && gone.len() < own.len(), "{} of {}", gone.len(), own.len());
    let mut speaker = cluster.nodes[2].connect();
    for name in &gone {
        assert_eq!(speaker.say(&format!("SPUBLISH {name} y")).as_integer(), 1, "the plain port has all");
    }
    assert_eq!(speaker.say("PUBLISH news z").as_integer(), 1);
    let (mut told, mut heard) = (Vec::new(), 0);
    loop {
        let reply = by_core_port.read().unwrap().reply;
        match reply.items[0].as_text().as_str() {
            "sunsubscribe" => told.push(reply.items[1].as_text()),
            "smessage" => heard += 1,
            _ => break assert_eq!(reply.to_string(), "[message, news, z]"),
        }
    }
    told.sort();
    gone.sort();
    assert_eq!((told, heard), (gone.clone(), own.len() - gone.len()));
}
