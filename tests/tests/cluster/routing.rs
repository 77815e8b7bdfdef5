//! Any node for any key; cluster clients go straight to the owning core.

use mycorrhizal_tests::clock;
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::Server;
use redis::Commands as _;

#[test]
fn any_node_serves_any_key_in_the_order_of_the_commands() {
    let cluster = Cluster::start(3);
    let mut connections: Vec<_> = cluster.nodes.iter().map(Server::connect).collect();
    for number in 0..300 {
        let connection = &mut connections[number % 3];
        assert_eq!(connection.say(&format!("SET key:{number} {number}")).as_text(), "OK");
    }
    for (at, connection) in connections.iter_mut().enumerate() {
        assert_eq!(connection.say("DBSIZE").as_integer(), 300);
        assert_eq!(connection.say(&format!("GET key:{at}")).as_text(), at.to_string());
    }
    let mut client = redis::Client::open(format!("redis://127.0.0.1:{}", cluster.nodes[1].port()))
        .unwrap()
        .get_connection()
        .unwrap();
    let mut pipe = redis::pipe();
    for number in 0..1_000 {
        pipe.incr("counter", 1).incr(format!("key:{}", number % 300), 1);
    }
    let values: Vec<i64> = pipe.query(&mut client).unwrap();
    assert_eq!(values.iter().step_by(2).copied().collect::<Vec<_>>(), (1..=1_000).collect::<Vec<_>>());
    let scanned: std::collections::BTreeSet<String> =
        client.scan_match("key:*").unwrap().map(Result::unwrap).collect();
    assert_eq!(scanned.len(), 300);
    let keys: Vec<String> = client.keys("*").unwrap();
    assert_eq!(keys.len(), 301);
    let some: Vec<Option<i64>> = client.mget(&["key:1", "no such key", "key:2"]).unwrap();
    assert!(some[0].is_some() && some[1].is_none() && some[2].is_some());
    assert_eq!(client.del::<_, i64>(&["key:1", "key:2", "key:3", "no such key"]).unwrap(), 3);
    redis::cmd("FLUSHALL").exec(&mut client).unwrap();
    assert!(cluster.nodes.iter().all(|node| node.connect().say("DBSIZE").as_integer() == 0));
}

#[test]
fn commands_over_keys_of_one_other_node_run_there_and_over_several_are_refused() {
    let cluster = Cluster::start(2);
    let mut connection = cluster.nodes[0].connect();
    for tag in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(connection.say(&format!("MSETNX {{{tag}}}1 x {{{tag}}}2 y")).as_integer(), 1);
        assert_eq!(connection.say(&format!("RENAME {{{tag}}}1 {{{tag}}}3")).as_text(), "OK");
        assert_eq!(connection.say(&format!("MGET {{{tag}}}3 {{{tag}}}2")).to_string(), "[x, y]");
    }
    let replies: Vec<_> =
        (0..50).map(|number| connection.say(&format!("RENAME {{a}}2 other:{number}"))).collect();
    let refused = replies.iter().find(|reply| reply.is_error()).unwrap();
    assert!(refused.as_text().starts_with("CROSSSLOT") || refused.as_text().contains("no such key"));
}

#[test]
fn a_cluster_client_finds_every_core_of_every_node() {
    let cluster = Cluster::start(3);
    let start = format!("redis://127.0.0.1:{}", cluster.nodes[0].core_ports()[0]);
    let client = redis::cluster::ClusterClient::new(vec![start]).unwrap();
    let mut connection = client.get_connection().unwrap();
    for number in 0..500 {
        let _: () = connection.set(format!("key:{number}"), number).unwrap();
    }
    for number in 0..500 {
        assert_eq!(connection.get::<_, i64>(format!("key:{number}")).unwrap(), number);
    }
    let held: Vec<i64> = cluster
        .nodes
        .iter()
        .map(|node| {
            let mut own = mycorrhizal_tests::wire::Connection::open(&node.core_address(0)).unwrap();
            own.say("DBSIZE").as_integer()
        })
        .collect();
    assert!(held.iter().sum::<i64>() == 500 && held.iter().all(|keys| *keys > 100), "{held:?}");
}

#[test]
fn a_core_port_says_where_a_key_has_gone() {
    let cluster = Cluster::start(2);
    let ports: Vec<u16> = cluster.nodes.iter().map(|node| node.core_ports()[0]).collect();
    let mut own = mycorrhizal_tests::wire::Connection::open(&cluster.nodes[0].core_address(0)).unwrap();
    let moved: Vec<String> = (0..64)
        .map(|number| own.say(&format!("GET key:{number}")))
        .filter(mycorrhizal_tests::wire::Reply::is_error)
        .map(|reply| reply.as_text())
        .collect();
    assert!(!moved.is_empty());
    for text in moved {
        assert!(text.starts_with("MOVED ") && text.ends_with(&format!("127.0.0.1:{}", ports[1])), "{text}");
    }
}

#[test]
fn the_cores_of_nodes_tell_each_other_what_they_own() {
    let mut cluster = Cluster::start(1);
    cluster.add(1, cluster.options(1).with("--cores", "0,1"));
    cluster.wait("its share", |cluster| {
        cluster.nodes[0].info("partitions_moving") == 0 && cluster.nodes[1].info("partitions_owned") > 600
    });
    let mut connection = cluster.nodes[0].connect();
    for number in 0..600 {
        connection.say(&format!("SET key:{number} {number}"));
    }
    for node in &cluster.nodes {
        clock::wait_for("what both nodes own", || {
            let partitions = node.connect().say("NODOSUM PARTITIONS").to_string();
            let keys = partitions
                .split("keys, ")
                .skip(1)
                .filter_map(|rest| rest.split(',').next()?.parse::<u32>().ok());
            (keys.sum::<u32>() == 600).then_some(())
        });
        assert_eq!(node.info("digests_in_conflict"), 0);
    }
}
