//! How clusters begin, and who is kept out.

use mycorrhizal_tests::clock;
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::Server as _;

#[test]
fn three_nodes_find_each_other_with_no_address_configured() {
    let cluster = Cluster::start(3);
    for node in &cluster.nodes {
        assert_eq!(node.info("members_present"), 3, "{}", node.log());
        assert_eq!(node.connect().say("CLUSTER INFO").as_text().lines().next(), Some("cluster_state:ok"));
    }
    let mut ids: Vec<String> =
        cluster.nodes.iter().map(|node| node.connect().say("CLUSTER MYID").as_text()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() == 3 && ids.iter().all(|id| id.len() == 40), "{ids:?}");
}

#[test]
fn all_nodes_may_be_started_anew_at_once() {
    let mut cluster = Cluster::start(3);
    cluster.nodes[1].connect().say("SEPTUM CREATE sessions TTL 60000");
    for mut node in cluster.nodes.drain(..) {
        node.process().signal("KILL");
        node.process().wait();
    }
    let launched: Vec<_> = (0..3).map(|number| cluster.options(number).launch()).collect();
    cluster.nodes = launched.into_iter().map(|node| node.wait().unwrap()).collect();
    cluster.wait("all members", |cluster| {
        cluster.nodes.iter().all(|node| node.info("members_present") == 3 && node.info("incarnation") == 2)
    });
    assert_eq!(cluster.nodes[2].connect().say("SEPTUM USE sessions").as_text(), "OK");
    assert!(cluster.nodes[0].info("partitions_lost") >= 1024, "what was in memory is gone, and counted");
}

#[test]
fn a_node_with_another_key_stays_out() {
    let cluster = Cluster::start(1);
    let other = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(other.path(), "another key, as long as the first").unwrap();
    let options = cluster.options(1).with("--cluster-key-file", &other.path().display().to_string());
    let stranger = options.with("--expect", "2").with("--log-level", "debug").launch();
    clock::wait_for("a datagram that does not open", || {
        stranger.log().contains("a datagram was dropped").then_some(())
    });
    assert_eq!(cluster.nodes[0].info("members"), 1);
    assert!(!stranger.log().contains("another key"), "key material is in the log:\n{}", stranger.log());
}

#[test]
fn a_directory_of_another_cluster_is_refused() {
    let mut cluster = Cluster::start(1);
    let mut node = cluster.nodes.remove(0);
    node.process().signal("TERM");
    node.process().wait();
    let failed = cluster.options(0).with("--cluster", "another").launch().wait().unwrap_err();
    assert_eq!(failed.code, Some(2));
    assert!(failed.stderr.contains("the data directory belongs to cluster"), "{}", failed.stderr);
}

#[test]
fn a_node_that_waits_for_others_ends_when_it_is_told() {
    let cluster = Cluster::start(1);
    let options = cluster.options(1).with("--cluster", "nobody-else").with("--expect", "3");
    let mut lonely = options.launch();
    clock::wait_for("the log's first line", || (!lonely.log().is_empty()).then_some(()));
    lonely.process().signal("TERM");
    assert!(lonely.process().wait().success(), "{}", lonely.log());
}
