//! Publish/subscribe between all cores of several nodes.

use std::collections::BTreeMap;

use mycorrhizal_tests::clock::wait_for;
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::{Daemon, Server as _};
use mycorrhizal_tests::wire::{Connection, Reply, encode};

/// Messages of each publisher to each channel.
const MESSAGES: usize = 600;
/// Sent before the first reply is read.
const AT_ONCE: usize = 50;

/// A connection to every core of every node.
fn connect_to_cores(cluster: &Cluster) -> Vec<Connection> {
    let cores = cluster.nodes.iter().flat_map(|node| [node.core_address(0), node.core_address(1)]);
    cores.map(|core| Connection::open(&core).unwrap()).collect()
}

/// Subscribes each core to a shard channel of its own, and returns the names.
fn subscribe_to_own_shards(hearers: &mut [Connection]) -> Vec<String> {
    let subscribe = |hearer: &mut Connection| {
        let mut names = (0..).map(|number| format!("shard:{number}"));
        names.find(|name| !hearer.say(&format!("SSUBSCRIBE {name}")).is_error()).unwrap()
    };
    hearers.iter_mut().map(subscribe).collect()
}

/// Publishes `name:0`, `name:1` … on every channel in turn; each is to have so many receivers.
fn speak(connection: &mut Connection, name: &str, channels: &[(&str, String, i64)]) {
    for first in (0..MESSAGES).step_by(AT_ONCE) {
        let mut commands = Vec::new();
        for number in first..first + AT_ONCE {
            for (command, channel, _) in channels {
                commands.extend(encode(&[*command, channel, &format!("{name}:{number}")]));
            }
        }
        connection.send(&commands).unwrap();
        for _ in 0..AT_ONCE {
            for (_, channel, receivers) in channels {
                assert_eq!(connection.read().unwrap().reply.as_integer(), *receivers, "{channel}");
            }
        }
    }
}

/// Reads until the end is announced, and counts what came of each kind on each channel by each publisher: in order, and
/// each once.
fn hear(connection: &mut Connection) -> BTreeMap<(String, String, String), usize> {
    let mut heard = BTreeMap::new();
    loop {
        let reply = connection.read().unwrap().reply;
        let words: Vec<String> = reply.items.iter().map(Reply::as_text).collect();
        let [kind, .., channel, message] = words.as_slice() else { panic!("{reply}") };
        let Some((speaker, number)) = message.split_once(':') else { return heard };
        let next = heard.entry((kind.clone(), channel.clone(), speaker.to_owned())).or_insert(0);
        assert_eq!(number, next.to_string(), "{reply}");
        *next += 1;
    }
}

#[test]
fn every_core_hears_every_core_once_and_in_order() {
    let cluster = Cluster::start_on(2, "0,1");
    let (mut hearers, speakers) = (connect_to_cores(&cluster), connect_to_cores(&cluster));
    let shards = subscribe_to_own_shards(&mut hearers);
    for hearer in &mut hearers {
        hearer.say("SUBSCRIBE news");
        hearer.say("PSUBSCRIBE n?ws*");
    }
    // By the plain port anybody hears all shards, and speaks to all.
    let mut anybody: Vec<Connection> = cluster.nodes.iter().map(Daemon::connect).collect();
    for hearer in &mut anybody {
        shards.iter().for_each(|shard| drop(hearer.say(&format!("SSUBSCRIBE {shard}"))));
        hearer.say("SUBSCRIBE end");
    }
    std::thread::scope(|scope| {
        for (core, mut speaker) in speakers.into_iter().enumerate() {
            let channels = [("PUBLISH", "news".to_owned(), 8), ("SPUBLISH", shards[core].clone(), 3)];
            scope.spawn(move || speak(&mut speaker, &core.to_string(), &channels));
        }
        for node in &cluster.nodes {
            let channels: Vec<_> = shards.iter().map(|shard| ("SPUBLISH", shard.clone(), 3)).collect();
            scope.spawn(move || speak(&mut node.connect(), node.id(), &channels));
        }
    });
    assert_eq!(cluster.nodes[1].connect().say("PUBLISH news end").as_integer(), 8);
    assert_eq!(cluster.nodes[1].connect().say("PUBLISH end end").as_integer(), 2);
    let names = cluster.nodes.iter().map(|node| node.id().to_owned());
    let entry = |kind: &str, channel: &str, speaker: String| {
        ((kind.to_owned(), channel.to_owned(), speaker), MESSAGES)
    };
    for (core, hearer) in hearers.iter_mut().enumerate() {
        let on_news = (0..4).flat_map(|speaker| ["message", "pmessage"].map(|kind| (kind, speaker)));
        let mut expected: BTreeMap<_, _> =
            on_news.map(|(kind, speaker)| entry(kind, "news", speaker.to_string())).collect();
        let on_shard = names.clone().chain([core.to_string()]);
        expected.extend(on_shard.map(|speaker| entry("smessage", &shards[core], speaker)));
        assert_eq!(hear(hearer), expected);
    }
    for hearer in &mut anybody {
        let by = |core: usize| names.clone().chain([core.to_string()]);
        let of = |core: usize| by(core).map(move |speaker| (core, speaker));
        let on_shards = (0..4).flat_map(of);
        let expected = on_shards.map(|(core, speaker)| entry("smessage", &shards[core], speaker)).collect();
        assert_eq!(hear(hearer), expected);
    }
}

#[test]
fn more_names_than_go_in_one_piece_are_told_to_every_core() {
    const NAMES: usize = 2_000;
    let mut cluster = Cluster::start_on(2, "0,1");
    let name = |number: usize| format!("{number:04}{}", "x".repeat(1_020));
    let names: Vec<String> = (0..NAMES).map(name).collect();
    let mut hearer = cluster.nodes[0].connect();
    let confirmed = |hearer: &mut Connection, command: &str, names: &[String]| {
        let words: Vec<&str> = std::iter::once(command).chain(names.iter().map(String::as_str)).collect();
        hearer.send(&encode(&words)).unwrap();
        names.iter().for_each(|_| drop(hearer.read().unwrap()));
    };
    confirmed(&mut hearer, "SUBSCRIBE", &names);
    // A node that has just come learns of the names in pieces.
    let publish = |cluster: &Cluster, hearer: &mut Connection, node: usize, is_new: bool| {
        for core in [0, 1] {
            let mut speaker = Connection::open(&cluster.nodes[node].core_address(core)).unwrap();
            for name in names.iter().step_by(97).chain(names.last()) {
                let mut say = || speaker.say(&format!("PUBLISH {name} {core}")).as_integer();
                let mut is_heard = || Some(say()).filter(|receivers| *receivers > 0);
                let receivers = if is_new { wait_for(name, is_heard) } else { is_heard().unwrap_or(0) };
                assert_eq!(receivers, 1, "{node}, {core}, {name}");
                assert_eq!(hearer.read().unwrap().reply.to_string(), format!("[message, {name}, {core}]"));
            }
        }
    };
    publish(&cluster, &mut hearer, 1, false);

    cluster.add(2, cluster.options(2).with("--cores", "0,1"));
    publish(&cluster, &mut hearer, 2, true);

    confirmed(&mut hearer, "UNSUBSCRIBE", &names[1..]);
    cluster.wait("what is told of the end", |cluster| {
        let receivers =
            |node: &Daemon, name: &str| node.connect().say(&format!("PUBLISH {name} x")).as_integer();
        cluster.nodes.iter().all(|node| {
            receivers(node, &names[0]) == 1
                && names[1..].iter().step_by(97).all(|name| receivers(node, name) == 0)
        })
    });
}
