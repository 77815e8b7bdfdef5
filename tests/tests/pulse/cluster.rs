//! The commands about a cluster, against three daemons.

use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::pulse::{Running, pulse};
use mycorrhizal_tests::server::Server as _;

#[test]
fn members_partitions_and_a_drain() {
    let cluster = Cluster::start(3);
    let port = cluster.nodes[0].port();
    let members = pulse(port, &["members"]).done();
    assert_eq!(members.lines().count(), 4, "{members}");
    for name in ["node-0 *", "node-1", "node-2"] {
        assert!(members.contains(name), "{members}");
    }
    let picture = pulse(port, &["partitions"]).done();
    let lines: Vec<&str> = picture.lines().collect();
    assert_eq!(lines.len(), 1 + 16 + 4, "{picture}");
    assert!(lines[0].contains("owned 1024 of 1024  moving 0"), "{picture}");
    assert!(
        lines[1..17].iter().all(|line| line.split_whitespace().nth(1).is_some_and(|row| row.len() == 64))
    );

    let mut connection = cluster.nodes[0].connect();
    for number in 0..5_000 {
        connection.say(&format!("SET key:{number} {number}"));
    }
    let watcher = Running::start(port, &["partitions", "--watch", "--json"]);
    let drained = pulse(port, &["drain", "node-1", "--json"]).json();
    assert_eq!(drained["left"], 0, "{drained}");
    assert!(drained["moved"].as_u64().unwrap() >= 341, "{drained}");
    assert_eq!(cluster.nodes[1].info("partitions_owned"), 0);
    let watched = watcher.end();
    assert_eq!(watched.code, Some(0), "{watched:?}");
    let looks = watched.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    let looks: Vec<serde_json::Value> = looks.collect();
    assert!(looks.last().unwrap()["moves"].as_array().unwrap().is_empty());
    let done = looks.iter().flat_map(|look| look["moves"].as_array().unwrap().clone());
    assert!(done.clone().all(|moving| moving["slots-done"].as_u64().unwrap() <= 16));

    let picture = pulse(port, &["partitions"]).done();
    let row = picture.lines().find(|line| line.contains("node-1")).unwrap().to_owned();
    assert!(row.contains(" 0.0 %"), "{picture}");
    let undone = pulse(port, &["drain", "node-1", "--off"]).done();
    assert!(undone.contains("takes partitions again"), "{undone}");
    cluster.wait_balanced();
    assert_eq!(connection.say("DBSIZE").as_integer(), 5_000);
    let nobody = pulse(port, &["drain", "nobody"]);
    assert_eq!(nobody.code, Some(1));
    assert_eq!(nobody.stderr, "pulse: ERR no such member 'nobody'\n");
}

#[test]
fn a_drain_that_is_left_goes_on() {
    let cluster = Cluster::start(3);
    let mut connection = cluster.nodes[1].connect();
    // So much that it takes a second or more to move.
    for number in 0..600 {
        assert_eq!(connection.say(&format!("SETRANGE key:{number} 299999 x")).as_integer(), 300_000);
    }
    let port = cluster.nodes[0].port();
    let drain = Running::start(port, &["drain", "node-0"]);
    cluster.wait("the drain", |cluster| {
        cluster.nodes[1].connect().say("NODOSUM MEMBERS").to_string().contains("draining")
    });
    drain.signal("INT");
    let ran = drain.end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("the drain goes on") && ran.stdout.contains("--off"), "{ran:?}");
    cluster.wait("an empty node", |cluster| cluster.nodes[0].info("partitions_owned") == 0);
    assert_eq!(connection.say("DBSIZE").as_integer(), 600);
}

#[test]
fn leaders_septa_and_services_as_tables() {
    let cluster = Cluster::start(1);
    let port = cluster.nodes[0].port();
    let mut connection = cluster.nodes[0].connect();
    connection.say("ELECTION CAMPAIGN billing");
    connection.say("LOCK ACQUIRE job");
    connection.say("SERVICE REGISTER mail smtp-1 ADDRESS 10.0.0.1:25 META zone a");
    let leaders = pulse(port, &["leaders"]).done();
    let row = |kind: &str| leaders.lines().find(|line| line.starts_with(kind)).unwrap_or("").to_owned();
    assert!(row("election").contains("billing") && row("election").contains("node-0"), "{leaders}");
    assert!(row("lock").contains("job") && row("semaphore").is_empty(), "{leaders}");
    let one = pulse(port, &["leaders", "job", "--json"]).json();
    assert_eq!(one["election"].as_array().unwrap().len(), 0, "{one}");
    assert_eq!(one["lock"][0]["name"], "job", "{one}");
    let services = pulse(port, &["services", "mail"]).done();
    assert!(services.contains("10.0.0.1:25") && services.contains("zone=a"), "{services}");
    let created = pulse(port, &["septum", "create", "carts", "--ttl", "60000", "--maxmemory", "1mb"]).done();
    assert!(created.contains("60,000 ms") && created.contains("1.00 MB"), "{created}");
    let altered = pulse(port, &["septum", "alter", "carts", "--ttl", "0", "--json"]).json();
    assert_eq!((&altered[0]["ttl"], &altered[0]["maxmemory"]), (&0.into(), &1_048_576.into()));
    assert!(pulse(port, &["septum", "list"]).done().contains("carts"));
    assert!(pulse(port, &["septum", "drop", "carts"]).done().contains("is no more"));
    assert_eq!(pulse(port, &["septum", "info", "carts"]).code, Some(1));
}

#[test]
fn seeds_by_name_are_resolved_and_those_without_an_address_do_no_harm() {
    let mut cluster = Cluster::start(1);
    let gossip = pulse(cluster.nodes[0].port(), &["members", "--json"]).json()[0]["gossip"].clone();
    let port = gossip.as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let seeds = format!("no-such-host.invalid:7946,localhost:{port}");
    let options = cluster.options(1).with("--multicast", "off").with("--join", &seeds).with("--expect", "2");
    cluster.add(1, options);
    assert_eq!(cluster.nodes[1].info("members"), 2);
    assert!(cluster.nodes[1].log().contains("a seed has no address; it is tried again"));
    let joined = pulse(cluster.nodes[1].port(), &["join", &format!("localhost:{port}")]).done();
    assert!(joined.contains("makes contact"), "{joined}");
    let failed = pulse(cluster.nodes[1].port(), &["join", "no-such-host.invalid:1"]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("has no address"), "{failed:?}");
}
