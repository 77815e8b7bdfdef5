//! Networks that come back: the cluster is whole again without a restart.

use std::time::Duration;

use mycorrhizal_tests::clock;
use netlab::{Cluster, Fault, Paths};

use crate::every_key;

/// Long enough for the others to give a node up.
const CUT: Duration = Duration::from_secs(5);

/// Lets a fault last: while it does, the node behind it does not answer for all keys.
fn endure(cluster: &Cluster, node: usize) {
    let end = clock::now() + CUT;
    while clock::now() < end {
        let asked = every_key::write(cluster, node, "meanwhile");
        assert!(asked.is_err(), "a node that is cut off cannot reach every owner");
    }
}

#[test]
fn a_node_that_was_cut_off_is_back_without_a_restart() {
    let Some(mut cluster) = Cluster::start(3) else { return };
    let cut = cluster.lab_mut().apply(&Paths::between([2], [0, 1]), Fault::Cut).unwrap();
    endure(&cluster, 2);
    cluster.lab_mut().undo(cut).unwrap();
    every_key::wait_until_whole(&cluster, 3, "healed");
}

#[test]
fn a_node_that_was_deaf_is_back_without_a_restart() {
    let Some(mut cluster) = Cluster::start(3) else { return };
    let cut = cluster.lab_mut().apply(&Paths::one_way([0, 1], [2]), Fault::Cut).unwrap();
    endure(&cluster, 2);
    cluster.lab_mut().undo(cut).unwrap();
    every_key::wait_until_whole(&cluster, 3, "healed");
}

#[test]
fn a_fifth_of_all_packets_lost_is_survived() {
    let Some(mut cluster) = Cluster::start(3) else { return };
    cluster.lab_mut().apply(&Paths::among([0, 1, 2]), Fault::Loss { percent: 20 }).unwrap();
    every_key::wait_until_whole(&cluster, 3, "lossy");
    cluster.lab_mut().heal().unwrap();
    every_key::wait_until_whole(&cluster, 3, "healed");
}
