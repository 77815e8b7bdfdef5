//! How a cluster begins: which of the nodes that have found each other founds it, and who must agree.
//!
//! A node that belongs to no cluster joins the one that it sees, if there is one. If there is none, and as many fresh nodes
//! see each other as were expected, the one with the lowest id asks the others for their word to be founding members. A
//! node gives its word to one founder only, on disk, until that founder takes its question back or is gone; so no node is
//! a founding member of two clusters. Two clusters that exist are never merged: a node that sees both joins neither.
//!
//! Pure: told what is seen, it says what to do.

use std::collections::{BTreeMap, BTreeSet};

use mycorrhizal_net::identity::{ClusterId, NodeId};

use crate::nodosum::rpc::Description;

/// What a fresh node does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Fewer fresh nodes than expected see each other.
    Wait {
        /// How many there are, this one included.
        seen: usize,
    },
    /// Another one is to found the cluster.
    Follow(NodeId),
    /// Ask these to be founding members, and found the cluster when enough of them agree.
    Found {
        /// The fresh nodes besides this one.
        ask: Vec<NodeId>,
    },
    /// Join a cluster that exists.
    Join {
        /// Its id.
        cluster: ClusterId,
        /// Who belongs to it.
        through: Vec<NodeId>,
    },
    /// There are two clusters of this name.
    Torn(BTreeSet<ClusterId>),
}

/// What decides the next step.
pub(super) struct Sight<'a> {
    /// This node.
    pub(super) me: NodeId,
    /// How many nodes a cluster is founded by, at least.
    pub(super) expect: usize,
    /// Whether this node was told to found the cluster now.
    pub(super) ordered: bool,
    /// What the nodes that are alive have told.
    pub(super) described: &'a BTreeMap<NodeId, Description>,
}

/// What to do, by what is seen.
pub(super) fn step(sight: &Sight<'_>) -> Step {
    let clusters: BTreeSet<ClusterId> =
        sight.described.values().filter_map(|description| description.cluster).collect();
    if clusters.len() > 1 {
        return Step::Torn(clusters);
    }
    if let Some(&cluster) = clusters.first() {
        let inside = sight.described.iter().filter(|(_, description)| description.cluster.is_some());
        return Step::Join { cluster, through: inside.map(|(node, _)| *node).collect() };
    }
    let fresh: Vec<NodeId> = sight.described.keys().copied().filter(|node| *node != sight.me).collect();
    let seen = fresh.len() + 1;
    if sight.ordered {
        return Step::Found { ask: fresh };
    }
    if seen < sight.expect {
        return Step::Wait { seen };
    }
    match fresh.iter().copied().filter(|node| *node < sight.me).min() {
        Some(first) => Step::Follow(first),
        None => Step::Found { ask: fresh },
    }
}

/// Who votes in a new cluster: up to five, an odd number.
pub(super) fn first_voters(members: &BTreeSet<NodeId>, founder: NodeId) -> BTreeSet<NodeId> {
    let count = voters_wanted(members.len());
    let others = members.iter().copied().filter(|node| *node != founder);
    std::iter::once(founder).chain(others).take(count).collect()
}

/// How many voters a cluster of so many members has: an even number would only add one that can fail.
pub(super) fn voters_wanted(members: usize) -> usize {
    match members {
        0..=2 => 1,
        3 | 4 => 3,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use mycorrhizal_net::identity::Incarnation;

    use super::*;
    use crate::nodosum::state::{Member, Session};

    const ME: NodeId = NodeId([5; 20]);

    fn seen(nodes: &[(u8, Option<u8>)]) -> BTreeMap<NodeId, Description> {
        let describe = |(number, cluster): &(u8, Option<u8>)| {
            let id = NodeId([*number; 20]);
            let member =
                Member::new(Session { node: id, incarnation: Incarnation(1) }, Ipv4Addr::LOCALHOST.into(), 1);
            (id, Description { member, cluster: cluster.map(|cluster| ClusterId([cluster; 20])) })
        };
        nodes.iter().map(describe).collect()
    }

    fn check(nodes: &[(u8, Option<u8>)], expect: usize, ordered: bool, step: &Step) {
        let sight = Sight { me: ME, expect, ordered, described: &seen(nodes) };
        assert_eq!(super::step(&sight), *step, "{nodes:?}");
    }

    #[test]
    fn the_lowest_of_enough_fresh_nodes_founds() {
        check(&[(5, None)], 1, false, &Step::Found { ask: vec![] });
        check(&[(5, None), (6, None)], 3, false, &Step::Wait { seen: 2 });
        let ask = vec![NodeId([6; 20]), NodeId([7; 20])];
        check(&[(5, None), (6, None), (7, None)], 3, false, &Step::Found { ask });
        check(&[(4, None), (5, None), (6, None)], 3, false, &Step::Follow(NodeId([4; 20])));
    }

    #[test]
    fn an_order_needs_no_company() {
        check(&[(4, None), (5, None)], 3, true, &Step::Found { ask: vec![NodeId([4; 20])] });
    }

    #[test]
    fn a_cluster_that_exists_is_joined_and_two_are_not_merged() {
        let join =
            Step::Join { cluster: ClusterId([1; 20]), through: vec![NodeId([8; 20]), NodeId([9; 20])] };
        check(&[(4, None), (5, None), (8, Some(1)), (9, Some(1))], 1, true, &join);
        let torn = Step::Torn([ClusterId([1; 20]), ClusterId([2; 20])].into());
        check(&[(5, None), (8, Some(1)), (9, Some(2))], 1, true, &torn);
    }

    #[test]
    fn voters_are_odd_and_few() {
        let members: BTreeSet<NodeId> = (1..=9).map(|number| NodeId([number; 20])).collect();
        let voters = first_voters(&members, ME);
        assert_eq!((voters.len(), voters.contains(&ME)), (5, true));
        assert_eq!(first_voters(&[ME, NodeId([6; 20])].into(), ME), [ME].into());
    }
}
