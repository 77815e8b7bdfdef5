//! Datagrams: garbage, heard before, sealed by others or by a life that is over.

use mycorrhizal_net::gossip::BEACON_KIND;
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::pulse::pulse;
use mycorrhizal_tests::random::Random;
use mycorrhizal_tests::server::Server as _;

use super::{check_unharmed, insider, lines, outsider, start};
use crate::stranger::{MEMBERSHIP, Stranger};

/// Throws a datagram until the count of its kind rises: the kernel may drop one.
fn is_counted(cluster: &Cluster, stranger: &Stranger, datagram: &[u8], field: &str) {
    let before = cluster.nodes[0].info(field);
    cluster.wait(field, |cluster| {
        stranger.throw(&cluster.nodes[0], datagram);
        cluster.nodes[0].info(field) > before
    });
}

#[test]
fn a_flood_of_garbage_is_counted_and_is_no_flood_of_lines() {
    let cluster = start();
    let (node, stranger) = (&cluster.nodes[0], outsider(&cluster));
    let mut random = Random::new(11);
    let lines_before = node.log().lines().count();
    let dropped = |cluster: &Cluster| {
        let fields = ["too_short", "other_version", "unknown_key", "forged"];
        fields.iter().map(|field| cluster.nodes[0].info(&format!("datagrams_{field}"))).sum::<i64>()
    };
    for round in 1..=100 {
        for number in 0..100 {
            let mut bytes: Vec<u8> =
                (0..random.below(1500)).map(|_| random.bits().to_le_bytes()[0]).collect();
            if number % 2 == 0 && bytes.len() > 2 {
                // As one of ours begins.
                bytes[..2].copy_from_slice(&mycorrhizal_net::version::PROTOCOL.to_le_bytes());
            }
            stranger.throw(node, &bytes);
        }
        cluster.wait("what was thrown", |cluster| dropped(cluster) >= 20 * round);
    }
    assert!(node.info("datagrams_too_short") > 0 && node.info("datagrams_other_version") > 0);
    let written = node.log().lines().count() - lines_before;
    assert!(written <= 10, "{written} lines for 10,000 datagrams");
    assert_eq!(lines(node, "which this node does not have"), 1, "{}", node.log());
    check_unharmed(&cluster);
}

#[test]
fn datagrams_of_others_and_of_other_times_are_dropped() {
    let cluster = start();
    let (mut stranger, mut member) = (outsider(&cluster), insider(&cluster));
    let other_key = stranger.seal(MEMBERSHIP, b"whatever");
    is_counted(&cluster, &stranger, &other_key, "datagrams_unknown_key");

    let key = std::fs::read(cluster.key_file()).unwrap();
    let mut neighbour = Stranger::new("another cluster", &key);
    let other_cluster = neighbour.seal(MEMBERSHIP, b"whatever");
    is_counted(&cluster, &neighbour, &other_cluster, "datagrams_forged");

    let good = member.seal(MEMBERSHIP, b"whatever");
    for at in 53..good.len() {
        let mut altered = good.clone();
        altered[at] ^= 1;
        member.throw(&cluster.nodes[0], &altered);
    }
    is_counted(&cluster, &member, &good, "datagrams_opened");
    is_counted(&cluster, &member, &good, "datagrams_replayed");

    member.live(9);
    let next_life = member.seal(MEMBERSHIP, b"whatever");
    is_counted(&cluster, &member, &next_life, "datagrams_opened");
    member.live(8);
    let past_life = member.seal(MEMBERSHIP, b"whatever");
    is_counted(&cluster, &member, &past_life, "datagrams_retired_incarnation");
    check_unharmed(&cluster);
}

#[test]
fn what_opens_and_makes_no_sense_changes_nothing() {
    let cluster = start();
    let mut member = insider(&cluster);
    let mut random = Random::new(12);
    for kind in [MEMBERSHIP, BEACON_KIND, 0, 200] {
        for _ in 0..100 {
            let length = random.below(300);
            let payload: Vec<u8> = (0..length).map(|_| random.bits().to_le_bytes()[0]).collect();
            let sealed = member.seal(kind, &payload);
            member.throw(&cluster.nodes[0], &sealed);
        }
        let last = member.seal(kind, b"");
        is_counted(&cluster, &member, &last, "datagrams_opened");
    }
    check_unharmed(&cluster);
}

#[test]
fn a_datagram_that_was_overheard_is_heard_once() {
    let mut cluster = start();
    let tap = insider(&cluster);
    let joining = cluster.options(1).with("--join", &tap.address().to_string());
    cluster.add(1, joining);
    // All that the second node says to an address that it takes for a seed.
    for _ in 0..3 {
        let overheard = tap.catch();
        let before = cluster.nodes[0].info("datagrams_opened");
        tap.throw(&cluster.nodes[0], &overheard);
        is_counted(&cluster, &tap, &overheard, "datagrams_replayed");
        assert!(cluster.nodes[0].info("datagrams_opened") >= before);
    }
    cluster.wait_balanced();
    check_unharmed(&cluster);
}

#[test]
fn a_retired_key_is_worth_nothing() {
    let cluster = start();
    let mut member = insider(&cluster);
    let before = member.seal(MEMBERSHIP, b"whatever");
    is_counted(&cluster, &member, &before, "datagrams_opened");
    assert!(member.link(&cluster.nodes[0], 0).is_ok());
    let directory = tempfile::tempdir().unwrap();
    let new = directory.path().join("new").display().to_string();
    let rotated = pulse(cluster.nodes[0].port(), &["keys", "rotate", "--new-key-file", &new]).done();
    assert!(rotated.contains("Removed: "), "{rotated}");
    let after = member.seal(MEMBERSHIP, b"whatever");
    is_counted(&cluster, &member, &after, "datagrams_unknown_key");
    let refused = member.link(&cluster.nodes[0], 0).err().unwrap();
    assert!(refused.contains("no cluster key in common"), "{refused}");
    member.learn(std::fs::read(&new).unwrap().trim_ascii());
    assert!(member.link(&cluster.nodes[0], 0).is_ok(), "the new key is as good as the old one was");
    check_unharmed(&cluster);
}
