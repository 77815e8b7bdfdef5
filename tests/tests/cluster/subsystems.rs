//! Subsystems: work of the cluster's own is where rendezvous hashing puts it, whoever came first and whoever dies.

use std::fs;

use mycorrhizal::NodeId;
use mycorrhizal::nodosum::planner::ELECTION;
use mycorrhizal::nodosum::state::rendezvous;
use mycorrhizal_tests::clock;
use mycorrhizal_tests::cluster::{Cluster, PATIENCE};
use mycorrhizal_tests::server::Server as _;

/// Who plans, by node id, and the fencing token.
fn planner(cluster: &Cluster) -> Option<(NodeId, i64)> {
    let info = cluster.nodes[0].connect().say(&format!("ELECTION INFO {ELECTION}")).to_string();
    let after = |field: &str| info.split(&format!("{field}, ")).nth(1);
    let token = after("token")?.split([',', ']']).next()?.parse().ok()?;
    Some((after("node")?.get(..40)?.parse().ok()?, token))
}

/// Draws the ids of nodes that have not been started; the numbers of the nodes, and their ids, by rising weight.
fn draw(cluster: &Cluster, nodes: usize) -> Vec<(usize, NodeId)> {
    let id = |number| {
        let directory = cluster.data_directory(number);
        fs::create_dir_all(&directory).unwrap();
        (number, mycorrhizal::node_id(&directory, cluster.name()).unwrap())
    };
    let mut drawn: Vec<(usize, NodeId)> = (0..nodes).map(id).collect();
    drawn.sort_by_key(|(_, id)| rendezvous(ELECTION, *id));
    drawn
}

/// Waits until a node plans; returns its fencing token.
fn wait_for_planner(cluster: &Cluster, id: NodeId) -> i64 {
    let plans = || planner(cluster).filter(|(planner, _)| *planner == id);
    let Some((_, token)) = clock::wait_at_most(PATIENCE, plans) else {
        panic!("{id} does not plan, but {:?}", planner(cluster))
    };
    token
}

#[test]
fn planning_settles_on_the_highest_weight_whatever_the_order_of_starts() {
    for is_rising in [true, false] {
        let mut cluster = Cluster::start(0);
        let mut order = draw(&cluster, 3);
        if !is_rising {
            order.reverse();
        }
        for (at, (number, _)) in order.iter().enumerate() {
            cluster.add(at, cluster.options(*number));
            let highest = order[..=at].iter().max_by_key(|(_, id)| rendezvous(ELECTION, *id)).unwrap().1;
            wait_for_planner(&cluster, highest);
        }
        cluster.wait_balanced();
    }
}

#[test]
fn planning_goes_on_when_the_planner_dies() {
    let mut cluster = Cluster::start(0);
    let order = draw(&cluster, 3);
    for (at, (number, _)) in order.iter().enumerate() {
        cluster.add(at, cluster.options(*number));
    }
    let token = wait_for_planner(&cluster, order[2].1);
    cluster.wait_balanced();
    let mut dead = cluster.nodes.remove(2);
    dead.process().signal("KILL");
    dead.process().wait();
    assert!(wait_for_planner(&cluster, order[1].1) > token);
    cluster.wait("new owners", |cluster| {
        cluster.nodes[0].connect().say("CLUSTER INFO").as_text().starts_with("cluster_state:ok")
            && cluster.nodes[0].info("partitions_lost") > 0
    });
    cluster.add(2, cluster.options(7));
    cluster.wait_balanced();
}

#[test]
fn names_of_subsystems_are_reserved() {
    let cluster = Cluster::start(1);
    let mut connection = cluster.nodes[0].connect();
    for ask in ["ELECTION CAMPAIGN mycel.mine", "LOCK ACQUIRE mycel.rebalance", "SEMAPHORE ACQUIRE mycel.x 2"]
    {
        let refused = connection.say(ask).as_text();
        assert_eq!(
            refused, "ERR names that begin with mycel. are reserved for subsystems of the nodes",
            "{ask}"
        );
    }
    let granted = clock::wait_for("a planner", || planner(&cluster));
    assert_eq!(connection.say("ELECTION RESIGN mycel.rebalance").as_integer(), 0);
    assert!(connection.say("ELECTION LIST").to_string().contains("mycel.rebalance"));
    assert_eq!(planner(&cluster), Some(granted));
}
