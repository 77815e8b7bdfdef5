use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use mycorrhizal_net::identity::{ClusterId, Incarnation, NodeId};

use super::*;
use crate::nodosum::state::{
    Grant, LeaseError, Presence, Refusal, Request, RequestId, Standing, Token, rendezvous,
};

const ELECTION: &str = "mycel.test";

fn session(node: u8) -> Session {
    Session { node: NodeId([node; 20]), incarnation: Incarnation(1) }
}

fn weight(node: u8) -> u64 {
    rendezvous(ELECTION, session(node).node)
}

/// Members that do what their campaigns say.
struct Members {
    state: ClusterState,
    nodes: Vec<u8>,
    requests: u64,
}

impl Members {
    fn of(nodes: &[u8]) -> Self {
        let member = |node: &u8| Member::new(session(*node), Ipv4Addr::LOCALHOST.into(), 1);
        let members: Vec<Member> = nodes.iter().map(member).collect();
        let state = ClusterState::formed(ClusterId([9; 20]), &members, 16);
        Self { state, nodes: nodes.to_vec(), requests: 0 }
    }

    fn give(&mut self, command: Command) -> Result<(), Refusal> {
        self.requests += 1;
        let id = RequestId { session: session(0), number: self.requests };
        self.state.apply(&Request { id, command })
    }

    fn step(&self, node: u8) -> Step {
        Campaign::new(ELECTION, session(node)).step(&self.state, true)
    }

    /// Has everything decided that a member proposes, one after the other.
    fn act(&mut self, node: u8) {
        for _ in 0..4 {
            let Step::Propose(command) = self.step(node) else { return };
            self.give(command).unwrap();
        }
        panic!("{node} never stops proposing");
    }

    /// Lets all act until nobody proposes any more; returns how many grants there were, with the one it began with.
    fn settle(&mut self) -> usize {
        let mut leaders = BTreeSet::new();
        for _ in 0..4 {
            for node in self.nodes.clone() {
                self.act(node);
                leaders.extend(self.grant().map(|grant| grant.token));
            }
        }
        assert!(self.nodes.iter().all(|node| !matches!(self.step(*node), Step::Propose(_))), "it never ends");
        leaders.len()
    }

    fn grant(&self) -> Option<Grant> {
        self.state.leases().leader(ELECTION)
    }

    fn leader(&self) -> Option<u8> {
        Some(self.grant()?.candidate.session.node.0[0])
    }
}

fn by_weight() -> Vec<u8> {
    let mut nodes: Vec<u8> = (1..=5).collect();
    nodes.sort_by_key(|node| weight(*node));
    nodes
}

#[test]
fn the_lead_settles_on_the_highest_weight_whoever_came_first() {
    let rising = by_weight();
    for order in [rising.clone(), rising.iter().rev().copied().collect(), vec![1, 2, 3, 4, 5]] {
        let mut members = Members::of(&order);
        members.settle();
        assert_eq!(members.leader(), rising.last().copied(), "{order:?}");
        assert_eq!(members.settle(), 1, "and stays there");
    }
}

#[test]
fn it_is_handed_to_higher_weights_only() {
    let [low, middle, high] = by_weight()[..3] else { unreachable!("there are five") };
    let mut members = Members::of(&[low, middle, high]);
    members.act(middle);
    members.act(low);
    assert_eq!((members.step(middle), members.leader()), (Step::Lead, Some(middle)));
    let before = members.grant().unwrap().token;
    members.act(high);
    assert_eq!(members.step(high), Step::Wait);
    members.act(middle);
    assert_eq!((members.leader(), members.step(high)), (Some(high), Step::Lead));
    assert_eq!(members.step(middle), Step::Wait, "it has asked again");
    assert!(members.grant().unwrap().token > before);

    members.give(Command::Appear { session: session(high), presence: Presence::Absent }).unwrap();
    assert_eq!(members.leader(), Some(middle), "with the same change");
}

#[test]
fn who_leaves_gives_the_lead_up_and_asks_no_more() {
    let mut members = Members::of(&[1, 2]);
    members.settle();
    let first = members.leader().unwrap();
    members.give(Command::Stand { node: session(first).node, standing: Standing::Draining }).unwrap();
    members.act(first);
    assert_eq!((members.leader(), members.step(first)), (Some(3 - first), Step::Wait));
    members.give(Command::Stand { node: session(first).node, standing: Standing::Active }).unwrap();
    members.settle();
    assert_eq!(members.leader(), Some(first));
}

#[test]
fn who_is_not_able_to_lead_leaves_it_to_others() {
    let mut members = Members::of(&[1, 2]);
    members.settle();
    let first = members.leader().unwrap();
    let campaign = Campaign::new(ELECTION, session(first));
    let Step::Propose(command) = campaign.step(&members.state, false) else { panic!("it resigns") };
    members.give(command).unwrap();
    assert_eq!((members.leader(), campaign.step(&members.state, false)), (Some(3 - first), Step::Wait));
}

#[test]
fn an_earlier_life_does_not_campaign() {
    let members = Members::of(&[1]);
    let earlier = Session { incarnation: Incarnation(0), ..session(1) };
    assert_eq!(Campaign::new(ELECTION, earlier).step(&members.state, true), Step::Wait);
    assert_eq!(members.step(7), Step::Wait, "it is no member");
}

#[test]
fn names_of_subsystems_are_for_nothing_else() {
    let mut members = Members::of(&[1]);
    let candidate = Candidate { session: session(1), number: 3 };
    for kind in [LeaseKind::Election, LeaseKind::Lock, LeaseKind::Semaphore { permits: 1 }] {
        let ask = Command::Ask { name: ELECTION.to_owned(), kind, candidate };
        assert_eq!(members.give(ask), Err(Refusal::Lease(LeaseError::PeerReserved)));
    }
    assert_eq!(members.grant(), None);
    members.settle();
    let release = Command::Release { name: LeaseName::election(ELECTION), candidate };
    members.give(release).unwrap();
    assert_eq!(members.grant().map(|grant| grant.token), Some(Token(1)), "nobody else resigns it");
}
