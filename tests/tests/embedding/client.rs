//! Clients of daemons: they hold no data, and find the owner of every key.

mod lease;
mod members;
mod services;
mod topic;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use mycorrhizal::{BlockingClient, CallError, Client, ConnectError, SeptumPolicy};
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::{Daemon, DaemonOptions, Server as _};

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// A client that knows of every node.
fn client_of(cluster: &Cluster) -> BlockingClient {
    BlockingClient::connect(cluster.nodes.iter().map(|node| address(node.port()))).unwrap()
}

fn pairs(count: i64) -> Vec<(String, i64)> {
    (0..count).map(|number| (format!("key:{number}"), number)).collect()
}

#[test]
fn each_key_goes_to_the_core_that_owns_it() {
    let daemon = Daemon::on_cores("0,1");
    for seed in [daemon.port(), daemon.core_ports()[1]] {
        let client = BlockingClient::connect([address(1), address(seed)]).unwrap();
        let numbers = client.septum::<i64>("0");
        let before = daemon.info("total_forwarded_commands");
        numbers.set_many(&pairs(500)).unwrap();
        let keys: Vec<String> = pairs(500).into_iter().map(|(key, _)| key).collect();
        let values: Vec<i64> = numbers.get_many(&keys).unwrap().into_iter().flatten().collect();
        assert_eq!(values, (0..500).collect::<Vec<_>>());
        assert_eq!(daemon.info("total_forwarded_commands"), before, "nothing was handed on");
        assert_eq!(numbers.len().unwrap(), 500);
        let mut scan = numbers.scan();
        let found: BTreeSet<_> = std::iter::from_fn(|| scan.wait_next()).map(Result::unwrap).collect();
        assert_eq!(found.len(), 500);
        numbers.clear().unwrap();
    }
}

#[test]
fn without_core_ports_the_plain_port_serves() {
    let daemon = DaemonOptions::new().with("--cores", "0,1").with("--core-ports", "off").start();
    let client = BlockingClient::connect([format!("localhost:{}", daemon.port())]).unwrap();
    let numbers = client.septum::<i64>("0");
    numbers.set_many(&pairs(100)).unwrap();
    assert_eq!(numbers.len().unwrap(), 100);
}

#[test]
fn a_password_is_asked_for() {
    let daemon = DaemonOptions::new().with("--requirepass", "sesame").start();
    smol::block_on(async {
        let refused = Client::connect([address(daemon.port())]).await;
        assert!(matches!(refused, Err(ConnectError::PeerRefused(_))), "{:?}", refused.err());
        let wrong = Client::builder().password("sesam").connect([address(daemon.port())]).await;
        assert!(matches!(wrong, Err(ConnectError::PeerRefused(_))));
        let client = Client::builder().password("sesame").connect([address(daemon.port())]).await.unwrap();
        client.septum::<i64>("0").set("a", &1).await.unwrap();
        assert_eq!(client.septum::<i64>("0").get("a").await.unwrap(), Some(1));
    });
    assert!(matches!(BlockingClient::connect([address(1)]), Err(ConnectError::PeerUnreachable(_))));
    assert!(matches!(BlockingClient::connect(Vec::<String>::new()), Err(ConnectError::ConfigNoSeed)));
}

#[test]
fn septa_of_a_cluster_are_the_clients_too() {
    let cluster = Cluster::start(3);
    let client = BlockingClient::connect([address(cluster.nodes[0].port())]).unwrap();
    let septa = client.septa();
    let carts = client.septum::<i64>("carts");
    assert!(matches!(carts.get("a"), Err(CallError::NoSeptum(_))));
    septa.create("carts", SeptumPolicy::default()).unwrap();
    carts.set_many(&pairs(300)).unwrap();
    assert_eq!(carts.len().unwrap(), 300);
    assert_eq!(client.septum::<i64>("0").len().unwrap(), 0);
    septa.drop_septum("carts").unwrap();
    assert!(matches!(carts.set("key:1", &1), Err(CallError::NoSeptum(_))));
    septa.create("carts", SeptumPolicy::default()).unwrap();
    assert_eq!(carts.len().unwrap(), 0);
    carts.set_many(&pairs(300)).unwrap();
}

#[test]
fn a_client_follows_partitions_as_they_move() {
    let mut cluster = Cluster::start(3);
    let client = client_of(&cluster);
    let numbers = client.septum::<i64>("0");
    numbers.set_many(&pairs(1_000)).unwrap();
    let over = AtomicBool::new(false);
    let counted: Vec<(String, i64)> = std::thread::scope(|scope| {
        let counting: Vec<_> = (0..3)
            .map(|thread| {
                let (numbers, over) = (numbers.clone(), &over);
                scope.spawn(move || {
                    let (mut sums, mut at) = (vec![0; 50], 0);
                    while !over.load(Ordering::Relaxed) {
                        sums[at] += 1;
                        assert_eq!(numbers.increment(format!("sum:{thread}:{at}"), 1).unwrap(), sums[at]);
                        at = (at + 1) % sums.len();
                    }
                    (0..).zip(sums).map(|(at, sum)| (format!("sum:{thread}:{at}"), sum)).collect::<Vec<_>>()
                })
            })
            .collect();
        let fourth = cluster.options(3).flag("--leave=on");
        cluster.add(3, fourth);
        cluster.wait_balanced();
        let mut left = cluster.nodes.remove(3);
        left.process().signal("TERM");
        assert!(left.process().wait().success(), "{}", left.log());
        cluster.wait_balanced();
        over.store(true, Ordering::Relaxed);
        counting.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(counted.iter().all(|(_, sum)| *sum > 0));
    for (key, sum) in counted {
        assert_eq!(numbers.get(&key).unwrap(), Some(sum), "{key}");
    }
    let keys: Vec<String> = pairs(1_000).into_iter().map(|(key, _)| key).collect();
    assert_eq!(numbers.get_many(&keys).unwrap().into_iter().flatten().count(), 1_000);
}

#[test]
fn a_write_whose_connection_broke_is_unknown_and_one_that_was_not_sent_has_failed() {
    let mut daemon = Daemon::on_cores("0");
    let patience = std::time::Duration::from_millis(1_500);
    let client = Client::builder().patience(patience).connect([address(daemon.port())]);
    let client = smol::block_on(client).unwrap().blocking();
    let numbers = client.septum::<i64>("0");
    numbers.set("a", &1).unwrap();
    daemon.signal("STOP");
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| numbers.set("a", &2));
        // Time out while the daemon sleeps: whether it has taken effect is unknown.
        waiting.join().unwrap()
    });
    assert!(matches!(waiting, Err(CallError::Unknown(_))), "{waiting:?}");
    daemon.process().signal("KILL");
    daemon.process().wait();
    let refused = numbers.set("a", &3);
    assert!(matches!(refused, Err(CallError::Failed(_) | CallError::Unknown(_))), "{refused:?}");
    let failed = numbers.set("a", &4);
    assert!(matches!(failed, Err(CallError::Failed(_))), "{failed:?}");
}
