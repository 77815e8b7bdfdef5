//! Keys are exchanged while clients go on, reach every member, and are nowhere to be read.

use std::path::Path;

use mycorrhizal_tests::clock;
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::pulse::pulse;
use mycorrhizal_tests::server::{Daemon, DaemonOptions, Server};

use crate::counting::Counting;

const NEW: &str = "a new key that nobody else is to see";

/// Writes a key file, and returns its path.
fn key_file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// What a node says that all members have: the key in use and the others, or nothing of who is absent.
fn keys(node: &Daemon) -> Vec<(String, usize)> {
    let listed = pulse(node.port(), &["keys", "list", "--json"]).json();
    let member = |member: &serde_json::Value| {
        (member["used"].as_str().unwrap().to_owned(), member["keys"].as_array().unwrap().len())
    };
    listed.as_array().unwrap().iter().map(member).collect()
}

/// The options of a node with another key file.
fn with_key(cluster: &Cluster, number: usize, file: &str) -> DaemonOptions {
    cluster.options(number).with("--cluster-key-file", file)
}

fn stop(cluster: &mut Cluster, number: usize) {
    let mut node = cluster.nodes.remove(number);
    node.process().signal("KILL");
    node.process().wait();
    cluster.wait("its absence", |cluster| {
        // A node that has just lost its leader may close connections rather than answer.
        let ran = pulse(cluster.nodes[0].port(), &["members"]);
        ran.code == Some(0) && ran.stdout.matches(" present ").count() == cluster.nodes.len()
    });
}

/// No key is in what a node has said, keeps, or says.
fn check_discretion(cluster: &Cluster, number: usize, texts: &[&str]) {
    let node = &cluster.nodes[number];
    let mut connection = node.connect();
    let said = [
        node.log(),
        connection.say("INFO everything").as_text(),
        connection.say("SLOWLOG GET -1").to_string(),
        connection.say("CONFIG GET *").to_string(),
        connection.say("CLIENT LIST").as_text(),
        connection.say("NODOSUM KEYS LIST").to_string(),
    ];
    let store = std::fs::read(cluster.data_directory(number).join("nodosum.redb")).unwrap();
    for text in texts {
        assert!(said.iter().all(|said| !said.contains(text)), "a key is in what node {number} says");
        let is_there = store.windows(text.len()).any(|bytes| bytes == text.as_bytes());
        assert!(!is_there, "a key is in the file of node {number}");
    }
    assert!(said[2].contains("GET"), "nothing is logged as slow: {}", said[2]);
}

#[test]
fn a_key_is_exchanged_under_load_and_the_old_one_is_worth_nothing_then() {
    let mut cluster = Cluster::start(3);
    let directory = tempfile::tempdir().unwrap();
    let old = std::fs::read_to_string(cluster.key_file()).unwrap();
    for node in &cluster.nodes {
        node.connect().say("CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 100000");
    }
    let ports: Vec<u16> = cluster.nodes.iter().map(Daemon::port).collect();
    let new = key_file(directory.path(), "new", &format!("{NEW}\n"));
    let before = keys(&cluster.nodes[0])[0].0.clone();
    // Links between all of them stand before clients are counted.
    cluster.wait("links", |cluster| {
        let write =
            |node: &Daemon, number| node.connect().say(&format!("SET warm:{number} 1")).as_text() == "OK";
        cluster.nodes.iter().all(|node| (0..30).all(|number| write(node, number)))
    });
    let counting = Counting::begin(&ports);
    let rotated = pulse(ports[1], &["keys", "rotate", "--new-key-file", &new]);
    let counted = counting.end();
    let said = rotated.done();
    assert!(said.contains("Removed: ") && said.contains("first line") && !said.contains(NEW), "{said}");
    for counted in &counted {
        assert!(counted.errors.is_empty(), "{:?}", &counted.errors[..counted.errors.len().min(3)]);
        assert!(counted.acknowledged() > 0);
        counted.check(ports[0]);
    }
    let after = keys(&cluster.nodes[2]);
    assert!(after.iter().all(|(used, held)| *used == after[0].0 && *held == 1), "{after:?}");
    assert_ne!(after[0].0, before);
    for number in 0..3 {
        check_discretion(&cluster, number, &[NEW, &old]);
    }

    stop(&mut cluster, 2);
    let outcast = cluster.options(2).launch();
    let stranger = cluster.options(3).launch();
    let is_refused = |log: String| log.contains("sealed with a key which this node does not have");
    clock::wait_for("two nodes that hear and do not understand", || {
        (is_refused(outcast.log()) && is_refused(stranger.log())).then_some(())
    });
    clock::wait_for("a link that is refused", || {
        let logs = cluster.nodes.iter().map(Server::log).collect::<String>();
        logs.contains("no cluster key in common").then_some(())
    });
    assert_eq!((cluster.nodes[0].info("members"), cluster.nodes[0].info("members_present")), (3, 2));
    drop((outcast, stranger));
    cluster.add(2, with_key(&cluster, 2, &new));
    cluster.wait("its return", |cluster| cluster.nodes[0].info("members_present") == 3);
    let both = key_file(directory.path(), "both", &format!("{old}\n{NEW}\n"));
    cluster.add(3, with_key(&cluster, 3, &both));
    cluster.wait("a node that drops what is retired", |cluster| {
        keys(&cluster.nodes[0]) == vec![after[0].clone(); 4]
    });
}

#[test]
fn a_node_that_was_away_gets_the_new_key_from_the_others() {
    let mut cluster = Cluster::start(3);
    let directory = tempfile::tempdir().unwrap();
    stop(&mut cluster, 2);
    let port = cluster.nodes[0].port();
    let new = directory.path().join("made.key").display().to_string();
    let said = pulse(port, &["keys", "rotate", "--keep-old", "--new-key-file", &new]).done();
    assert!(said.contains("Absent, and to be given it before they start: node-2."), "{said}");
    cluster.add(2, cluster.options(2));
    cluster.wait("the keys on all members", |cluster| {
        let keys = keys(&cluster.nodes[0]);
        keys.len() == 3 && keys.iter().all(|(used, held)| *used == keys[0].0 && *held == 2)
    });
    let rotated = pulse(port, &["keys", "rotate", "--new-key-file", &new, "--json"]).json();
    assert_eq!(rotated["members"].as_array().unwrap().len(), 3, "{rotated}");
    assert!(keys(&cluster.nodes[2]).iter().all(|(_, held)| *held == 1));
    let again = pulse(port, &["keys", "rotate", "--new-key-file", &new]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("the only one in use already"), "{}", again.stderr);
}

#[test]
fn steps_out_of_order_are_refused() {
    let cluster = Cluster::start(2);
    let mut connection = cluster.nodes[0].connect();
    let used = keys(&cluster.nodes[0])[0].0.clone();
    let mut refused = |command: String, why: &str| {
        let answer = connection.say(&command);
        assert!(answer.is_error() && answer.as_text().contains(why), "{command}: {answer}");
        assert!(!answer.as_text().contains("secret-of-the-test"), "{answer}");
    };
    refused(format!("NODOSUM KEYS REMOVE {used}"), "use another one first");
    refused("NODOSUM KEYS USE 01234567".to_owned(), "does not have key 01234567 yet");
    refused("NODOSUM KEYS USE secret-of-the-test".to_owned(), "eight hex digits");
    refused("NODOSUM KEYS INSTALL tooshort".to_owned(), "at least 16 bytes");
    refused("NODOSUM KEYS INSTAL secret-of-the-test".to_owned(), "takes LIST, INSTALL");
    refused(format!("NODOSUM KEYS FETCH {used} {} {used}", "00".repeat(32)), "takes LIST, INSTALL");
}
