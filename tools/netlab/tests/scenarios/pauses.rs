//! Nodes that stand still for a while: they are given up, and are back once they go on.

use std::time::Duration;

use mycorrhizal_tests::clock;
use netlab::Cluster;

use crate::every_key;

/// Longer than the others wait for a node before they give it up.
const PAUSE: Duration = Duration::from_secs(10);

#[test]
fn a_node_that_stood_still_is_back_when_it_goes_on() {
    let Some(mut cluster) = Cluster::start(3) else { return };
    cluster.process(1).stop();
    let over = clock::now() + PAUSE;
    clock::wait_for("the pause to be over", || (clock::now() >= over).then_some(()));
    cluster.process(1).cont();
    every_key::wait_until_whole(&cluster, 3, "awake");
}
