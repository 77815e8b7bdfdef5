use std::net::Ipv4Addr;

use super::*;
use crate::mycel::PARTITIONS;

fn member(number: u8, incarnation: u64, cores: u16) -> Member {
    Member {
        name: format!("node-{number}"),
        ..Member::new(
            Session { node: NodeId([number; 20]), incarnation: Incarnation(incarnation) },
            Ipv4Addr::LOCALHOST.into(),
            cores,
        )
    }
}

/// A state to which commands are given one after the other.
struct Log {
    state: ClusterState,
    number: u64,
}

impl Log {
    fn formed(members: &[Member]) -> Self {
        let mut log = Self { state: ClusterState::default(), number: 0 };
        let form = Command::Form { cluster: ClusterId([9; 20]), members: members.to_vec(), databases: 16 };
        log.give(form).unwrap();
        log
    }

    fn give(&mut self, command: Command) -> Outcome {
        self.number += 1;
        let session = Session { node: NodeId([0; 20]), incarnation: FIRST_INCARNATION };
        self.state.apply(&Request { id: RequestId { session, number: self.number }, command })
    }

    fn owned(&self, node: u8) -> usize {
        let owner = |entry: &Ownership| entry.owner.is_some_and(|owner| owner.node == NodeId([node; 20]));
        self.state.map().iter().filter(|(_, entry)| owner(entry)).count()
    }
}

#[test]
fn forming_deals_every_partition_and_happens_once() {
    let mut log = Log::formed(&[member(1, 1, 1), member(2, 1, 1), member(3, 1, 2)]);
    assert_eq!([1, 2, 3].map(|node| log.owned(node)), [256, 256, 512]);
    let again = Command::Form { cluster: ClusterId([8; 20]), members: Vec::new(), databases: 1 };
    assert_eq!(log.give(again), Err(Refusal::PeerFormed));
    assert_eq!(log.state.cluster(), Some(ClusterId([9; 20])));
}

#[test]
fn nothing_happens_before_the_cluster_is_formed() {
    let mut log = Log { state: ClusterState::default(), number: 0 };
    assert_eq!(log.give(Command::Join(member(1, 1, 1))), Err(Refusal::PeerUnformed));
    assert_eq!(log.state.version(), 0);
}

#[test]
fn a_request_that_comes_twice_takes_effect_once() {
    let mut log = Log::formed(&[member(1, 1, 1)]);
    let session = member(1, 1, 1).session();
    let create = Request {
        id: RequestId { session, number: 7 },
        command: Command::CreateSeptum { name: "carts".to_owned(), policy: Policy::default() },
    };
    assert_eq!(log.state.apply(&create), Ok(()));
    let version = log.state.version();
    assert_eq!(log.state.apply(&create), Ok(()), "what became of it, once more");
    assert_eq!(log.state.version(), version);
    let other = Request { id: RequestId { session, number: 8 }, ..create };
    assert_eq!(log.state.apply(&other), Err(Refusal::Septum(SeptumError::PeerExists("carts".to_owned()))));
}

#[test]
fn a_node_that_starts_anew_owns_what_it_owned_and_it_is_empty() {
    let mut log = Log::formed(&[member(1, 1, 2), member(2, 1, 2)]);
    let candidate = Candidate { session: member(1, 1, 2).session(), number: 0 };
    log.give(Command::Ask { name: "jobs".to_owned(), kind: LeaseKind::Election, candidate }).unwrap();
    log.give(Command::Join(member(1, 2, 1))).unwrap();
    assert_eq!(log.state.partitions_lost(), 512);
    assert_eq!(log.owned(1), 256, "the second core is gone, and with it its partitions' owner");
    assert_eq!(log.state.leases().iter().count(), 0);
    assert_eq!(log.give(Command::Join(member(1, 1, 2))), Err(Refusal::PeerRetiredIncarnation));
    let late = Command::Ask { name: "jobs".to_owned(), kind: LeaseKind::Election, candidate };
    assert_eq!(log.give(late), Err(Refusal::PeerSessionOver));
}

#[test]
fn an_absent_member_leads_nothing_and_keeps_its_partitions_until_they_are_lost() {
    let mut log = Log::formed(&[member(1, 1, 1), member(2, 1, 1)]);
    let session = member(1, 1, 1).session();
    let candidate = Candidate { session, number: 0 };
    log.give(Command::Ask { name: "jobs".to_owned(), kind: LeaseKind::Election, candidate }).unwrap();
    log.give(Command::Appear { session, presence: Presence::Absent }).unwrap();
    assert_eq!(log.state.leases().iter().count(), 0);
    assert_eq!(log.owned(1), 512);
    assert_eq!(log.give(Command::Leave(session.node)), Err(Refusal::PeerOwnsPartitions));

    let from = CoreAddress { node: session.node, core: 0 };
    let all = log.state.map().owned_by(from).map(|partition| MapChange::Lose { partition, from }).collect();
    log.give(Command::Map(all)).unwrap();
    assert_eq!((log.owned(1), log.state.partitions_lost()), (0, 512));
    log.give(Command::Leave(session.node)).unwrap();
    assert_eq!(log.give(Command::Join(member(1, 2, 1))), Err(Refusal::PeerRetiredNode));
    assert_eq!(log.state.map().iter().count(), PARTITIONS);
}

#[test]
fn what_is_planned_needs_the_token_of_whoever_plans() {
    let mut log = Log::formed(&[member(1, 1, 1), member(2, 1, 1), member(3, 1, 1)]);
    let candidate = |node: u8| Candidate { session: member(node, 1, 1).session(), number: 0 };
    let name = LeaseName::election(planner::ELECTION);
    for node in [1, 2] {
        let (name, kind) = (name.name.clone(), LeaseKind::SpreadElection);
        log.give(Command::Ask { name, kind, candidate: candidate(node) }).unwrap();
    }
    let core = |node: u8| CoreAddress { node: NodeId([node; 20]), core: 0 };
    let (from, to) = (core(1), core(3));
    let partition = log.state.map().owned_by(from).next().unwrap();
    let begin = vec![MapChange::BeginMove { partition, from, to }];
    let rebalance = |token, changes: &[MapChange]| Command::Rebalance { token, changes: changes.to_vec() };
    let refused = Err(Refusal::PeerNotLeading { election: planner::ELECTION.to_owned() });

    let first = log.state.leases().leader(planner::ELECTION).unwrap();
    assert_eq!(first.candidate, candidate(1));
    log.give(Command::Release { name: name.clone(), candidate: candidate(1) }).unwrap();
    let second = log.state.leases().leader(planner::ELECTION).unwrap();
    let (version, epoch) = (log.state.version(), log.state.map().epoch());
    assert_eq!(log.give(rebalance(first.token, &begin)), refused, "it stood still while another was elected");
    assert_eq!(log.give(rebalance(Token(second.token.0 + 1), &begin)), refused, "a token from nowhere");
    assert_eq!(log.give(Command::Map(begin.clone())), refused, "none at all");
    assert_eq!((log.state.version(), log.state.map().epoch()), (version, epoch));

    log.give(rebalance(second.token, &begin)).unwrap();
    let begun = log.state.map().ownership(partition).epoch;
    log.give(Command::Release { name, candidate: candidate(2) }).unwrap();
    let abort = [MapChange::AbortMove { partition, begun }];
    assert_eq!(log.give(rebalance(second.token, &abort)), refused, "nobody leads");
    log.give(Command::Map(vec![MapChange::FinishMove { partition, from, to, begun }])).unwrap();
    assert_eq!(log.state.map().ownership(partition).owner, Some(to), "what has happened needs no token");
}
