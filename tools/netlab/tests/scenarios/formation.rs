//! Daemons that are told a name and a key, and no address.

use netlab::Cluster;

use crate::every_key;

#[test]
fn three_find_each_other_and_answer_as_one() {
    let Some(cluster) = Cluster::start(3) else { return };
    every_key::write(&cluster, 0, "first").unwrap();
    let found = [0, 1, 2].map(|node| every_key::read(&cluster, node, "first").unwrap());
    assert_eq!(found, [every_key::KEYS; 3]);
}

#[test]
fn all_restarted_at_once_are_one_cluster_again() {
    let Some(mut cluster) = Cluster::start(3) else { return };
    (0..3).for_each(|node| cluster.kill(node));
    cluster.start_all();
    every_key::wait_until_whole(&cluster, 3, "after");
}
