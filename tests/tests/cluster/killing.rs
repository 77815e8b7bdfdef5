//! A node is killed at any step of a move: what others own is there, exactly, and the moves come to an end.

use std::collections::BTreeSet;

use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::random::Random;
use mycorrhizal_tests::server::{Daemon, Server as _};

use crate::counting::Counting;

const VICTIM: usize = 2;

/// Which way partitions go when the node is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It is the source.
    Out,
    /// It is the destination.
    In,
}

/// The slots of a node, by what another one says.
fn slots(of: &str, asked: &Daemon) -> BTreeSet<i64> {
    let ranges: Vec<(i64, i64, Vec<redis::Value>)> =
        redis::cmd("CLUSTER").arg("SLOTS").query(&mut crate::counting::connect(asked.port())).unwrap();
    let mut slots = BTreeSet::new();
    for (first, last, owner) in ranges {
        if format!("{owner:?}").contains(of) {
            slots.extend(first..=last);
        }
    }
    slots
}

/// Kills the node in the middle of a move, and returns the slots that may have been its own when it died.
fn kill_while_moving(cluster: &mut Cluster, way: Way, random: &mut Random) -> BTreeSet<i64> {
    let mut connection = cluster.nodes[0].connect();
    let (words, share) = match way {
        Way::Out => ("NODOSUM DRAIN node-2", cluster.nodes[VICTIM].info("partitions_owned")),
        Way::In => ("NODOSUM DRAIN node-2 OFF", 341),
    };
    let moved = i64::try_from(random.below(usize::try_from(share).unwrap())).unwrap();
    assert_eq!(connection.say(words).as_text(), "OK");
    cluster.wait("the moment", |cluster| {
        let owned = cluster.nodes[VICTIM].info("partitions_owned");
        match way {
            Way::Out => share - owned >= moved,
            Way::In => owned >= moved,
        }
    });
    let mut dead = cluster.nodes.remove(VICTIM);
    dead.process().signal("KILL");
    let id = dead.id().to_owned();
    dead.process().wait();
    let mut its_own = slots(&id, &cluster.nodes[0]);
    cluster.wait("its absence", |cluster| cluster.nodes[0].info("members_present") == 2);
    // What was handed over to it meanwhile is lost with it as well.
    its_own.extend(slots(&id, &cluster.nodes[0]));
    its_own
}

#[test]
fn a_node_killed_in_the_middle_of_a_move_takes_with_it_only_what_it_owned() {
    let mut cluster = Cluster::start(3);
    let mut random = Random::new(20_260_101);
    for round in 0..4 {
        let way = if round % 2 == 0 { Way::Out } else { Way::In };
        let counting = Counting::begin(&[cluster.nodes[0].port(), cluster.nodes[1].port()]);
        let lost = kill_while_moving(&mut cluster, way, &mut random);
        cluster.add(VICTIM, cluster.options(VICTIM));
        match way {
            Way::Out => cluster.wait("the end of its moves", |cluster| {
                cluster.nodes.iter().all(|node| node.info("partitions_moving") == 0 && node.info("acts") == 1)
                    && cluster.nodes[0].info("partitions_owned") + cluster.nodes[1].info("partitions_owned")
                        == 1024
            }),
            Way::In => cluster.wait_balanced(),
        }
        let port = cluster.nodes[1].port();
        let counted = counting.end();
        assert!(counted.iter().all(|counted| counted.acknowledged() > 0));
        let checked: usize = counted.iter().map(|counted| counted.check_outside(port, &lost)).sum();
        assert!(checked > 50, "round {round}, {way:?}: {checked} of 400 keys had other owners");
        cluster.nodes[0].connect().say("FLUSHALL");
    }
}
