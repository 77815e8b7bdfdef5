//! Several service cores in one process, and what lies between them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use mycorrhizal_net::identity::Incarnation;
use tokio::runtime::Runtime;

use super::*;
use crate::clock;
use crate::nodosum::planner;
use crate::nodosum::rpc::{Bytes, CallFailed};
use crate::nodosum::state::{
    Candidate, ClusterState, CoreAddress, Grant, LeaseKind, LeaseName, MapChange, Ownership, Presence,
    Session, Standing, rendezvous,
};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What lies between the nodes: who runs, and which of them are cut off from all others.
#[derive(Clone, Default)]
struct Ground {
    services: BTreeMap<NodeId, Service>,
    cut: BTreeSet<NodeId>,
}

struct Wire {
    from: NodeId,
    ground: watch::Receiver<Ground>,
}

impl Transport for Wire {
    fn call(&self, node: NodeId, body: Vec<u8>, timeout: Duration) -> Bytes {
        let (from, ground) = (self.from, self.ground.borrow().clone());
        Box::pin(async move {
            let unreachable = CallFailed::PeerUnreachable(node);
            let service = ground.services.get(&node).ok_or(unreachable.clone())?;
            if ground.cut.contains(&from) || ground.cut.contains(&node) {
                return Err(unreachable);
            }
            let (reply, answer) = oneshot::channel();
            // The caller may have given up.
            service.answer(from, body, Box::new(move |body| drop(reply.send(body))));
            let answer = tokio::time::timeout(timeout, answer).await;
            answer.ok().and_then(Result::ok).ok_or(unreachable)
        })
    }
}

/// A cluster in one process.
struct Lab {
    runtime: Runtime,
    ground: watch::Sender<Ground>,
    threads: BTreeMap<NodeId, JoinHandle<()>>,
    stores: BTreeMap<NodeId, Store>,
    expect: usize,
}

fn id(number: u8) -> NodeId {
    NodeId([number; 20])
}

impl Lab {
    fn new(expect: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (ground, _) = watch::channel(Ground::default());
        Self { runtime, ground, threads: BTreeMap::new(), stores: BTreeMap::new(), expect }
    }

    fn with(expect: usize, numbers: &[u8]) -> Self {
        let mut lab = Self::new(expect);
        numbers.iter().for_each(|number| lab.start(*number));
        lab
    }

    /// Starts a node, or starts it again on what it remembers.
    fn start(&mut self, number: u8) {
        let store = self.stores.entry(id(number)).or_insert_with(|| Store::in_memory().unwrap()).clone();
        let (node, incarnation) = store.begin_life("orders", [number; 20]).unwrap();
        let config = ServiceConfig {
            me: member(number, incarnation),
            cluster_name: "orders".to_owned(),
            expect: self.expect,
            databases: 16,
            store,
            transport: Arc::new(Wire { from: node, ground: self.ground.subscribe() }),
            listens_until: Duration::ZERO,
            cluster_to_be: ClusterId([number; 20]),
            announce: Box::new(|_| true),
        };
        let (service, thread) = Service::start(config).unwrap();
        self.threads.insert(node, thread);
        self.ground.send_modify(|ground| drop(ground.services.insert(node, service)));
        self.gossip();
    }

    /// Ends a node without a word to the others.
    fn kill(&mut self, number: u8) {
        let service = self.service(number);
        self.ground.send_modify(|ground| drop(ground.services.remove(&id(number))));
        self.runtime.block_on(service.stop());
        self.threads.remove(&id(number)).unwrap().join().unwrap();
        self.gossip();
    }

    fn cut(&self, numbers: &[u8]) {
        self.ground.send_modify(|ground| ground.cut = numbers.iter().copied().map(id).collect());
        self.gossip();
    }

    /// Tells every node who is alive and within its reach.
    fn gossip(&self) {
        let ground = self.ground.borrow().clone();
        for (node, service) in &ground.services {
            let reach =
                |other: &NodeId| other == node || !ground.cut.contains(node) && !ground.cut.contains(other);
            service.set_alive(ground.services.keys().copied().filter(reach).collect());
        }
    }

    fn service(&self, number: u8) -> Service {
        self.ground.borrow().services[&id(number)].clone()
    }

    /// Waits until the state of a node is as it must become.
    fn wait(&self, number: u8, what: &str, holds: impl Fn(&ClusterState) -> bool) {
        let mut applied = self.service(number).applied();
        let waited = self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, applied.wait_for(|applied| holds(&applied.state))).await.is_ok()
        });
        assert!(
            waited,
            "node {number} waited in vain for: {what}; {:?}",
            self.service(number).status().borrow()
        );
    }

    fn propose(&self, number: u8, command: Command) -> Result<(), ProposeError> {
        self.runtime.block_on(self.service(number).propose(command))
    }

    fn wait_members(&self, numbers: &[u8]) {
        for number in numbers {
            self.wait(*number, "all members", |state| {
                let present = |member: &&Member| member.presence == Presence::Present;
                let members: Vec<NodeId> = state.members().filter(present).map(|member| member.id).collect();
                numbers.iter().all(|number| members.contains(&id(*number)))
            });
        }
    }

    fn leader(&self, number: u8) -> u8 {
        let mut status = self.service(number).status();
        let waited = self.runtime.block_on(async {
            let led = status.wait_for(|status| status.leader.is_some());
            tokio::time::timeout(PATIENCE, led).await.expect("a leader in time").unwrap().leader
        });
        waited.unwrap().0[0]
    }

    fn wait_tenure(&self, number: u8) {
        let tenure = self.service(number).tenure();
        let deadline = clock::since_boot() + PATIENCE;
        while !tenure.holds(clock::since_boot()) {
            assert!(clock::since_boot() < deadline, "node {number} never got its tenure");
            std::thread::yield_now();
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let services: Vec<Service> = self.ground.borrow().services.values().cloned().collect();
        for service in services {
            self.runtime.block_on(service.stop());
        }
    }
}

fn member(number: u8, incarnation: Incarnation) -> Member {
    Member {
        name: format!("node-{number}"),
        ..Member::new(Session { node: id(number), incarnation }, Ipv4Addr::LOCALHOST.into(), 1)
    }
}

fn owned(state: &ClusterState, number: u8) -> usize {
    state.map().owned_by(CoreAddress { node: id(number), core: 0 }).count()
}

#[test]
fn three_nodes_found_a_cluster_and_a_fourth_joins_it() {
    let mut lab = Lab::with(3, &[1, 2, 3]);
    lab.wait_members(&[1, 2, 3]);
    for number in [1, 2, 3] {
        lab.wait(number, "the map", |state| owned(state, number) >= 341);
        lab.wait_tenure(number);
    }
    let cluster = lab.service(1).applied().borrow().state.cluster();
    assert_eq!(cluster, Some(ClusterId([1; 20])), "the lowest founds it");

    lab.start(4);
    lab.wait_members(&[1, 2, 3, 4]);
    lab.wait(4, "moves to it", |state| {
        state.map().iter().any(|(_, entry)| entry.moving_to.is_some_and(|to| to.node == id(4)))
    });
    let state = lab.service(4).applied().borrow().state.clone();
    for (partition, entry) in state.map().iter() {
        let Ownership { owner: Some(from), moving_to: Some(to), epoch: begun, .. } = entry else { continue };
        let finish = MapChange::FinishMove { partition, from, to, begun };
        lab.propose(4, Command::Map(vec![finish])).unwrap();
    }
    lab.wait(1, "the moved partitions", |state| owned(state, 4) > 0);
}

#[test]
fn a_leader_that_dies_is_replaced_and_what_it_owned_is_given_to_others() {
    let mut lab = Lab::with(3, &[1, 2, 3]);
    lab.wait_members(&[1, 2, 3]);
    let first = lab.leader(1);
    let candidate = |number: u8| Candidate { session: member(number, Incarnation(1)).session(), number: 0 };
    let survivors: Vec<u8> = [1, 2, 3].into_iter().filter(|number| *number != first).collect();
    for number in [first, survivors[0]] {
        let ask = Command::Ask {
            name: "billing".to_owned(),
            kind: LeaseKind::Election,
            candidate: candidate(number),
        };
        lab.propose(number, ask).unwrap();
    }
    let led = |state: &ClusterState| state.leases().leader("billing");
    let token = led(&lab.service(first).applied().borrow().state).unwrap().token;

    lab.kill(first);
    for number in &survivors {
        lab.wait(*number, "the next leader", |state| {
            led(state).is_some_and(|grant| grant.candidate == candidate(survivors[0]) && grant.token > token)
        });
        lab.wait(*number, "the lost partitions", |state| {
            owned(state, first) == 0 && owned(state, survivors[0]) == 512 && state.partitions_lost() > 340
        });
    }

    lab.start(first);
    lab.wait_members(&[1, 2, 3]);
    lab.wait(first, "its second life", |state| {
        state.member(id(first)).is_some_and(|member| member.incarnation == Incarnation(2))
    });
}

#[test]
fn all_nodes_at_once_may_be_started_anew() {
    let mut lab = Lab::with(3, &[1, 2, 3]);
    lab.wait_members(&[1, 2, 3]);
    lab.propose(2, Command::Set { name: "colour".to_owned(), value: Some("green".to_owned()) }).unwrap();
    [1, 2, 3].iter().for_each(|number| lab.kill(*number));
    [3, 2, 1].iter().for_each(|number| lab.start(*number));
    for number in [1, 2, 3] {
        lab.wait(number, "the second lives of all", |state| {
            state.members().all(|member| member.incarnation == Incarnation(2))
                && state.setting("colour") == Some("green")
        });
        lab.wait_tenure(number);
    }
}

#[test]
fn a_minority_stops_acting_before_the_others_take_over() {
    let lab = Lab::with(3, &[1, 2, 3]);
    lab.wait_members(&[1, 2, 3]);
    let cut = lab.leader(1);
    lab.wait_tenure(cut);
    lab.cut(&[cut]);
    let other = [1, 2, 3].into_iter().find(|number| *number != cut).unwrap();
    lab.wait(other, "the absence of the one cut off", |state| {
        state.member(id(cut)).is_some_and(|member| member.presence == Presence::Absent)
    });
    let tenure = lab.service(cut).tenure();
    assert!(!tenure.holds(clock::since_boot()), "it has stopped by then");
    let lapses = tenure.lapses();

    lab.cut(&[]);
    lab.wait_members(&[1, 2, 3]);
    lab.wait_tenure(cut);
    assert!(lab.service(cut).tenure().lapses() > lapses);
}

#[test]
fn clusters_that_began_apart_are_not_merged() {
    let mut lab = Lab::new(1);
    lab.start(1);
    lab.wait_members(&[1]);
    lab.cut(&[1]);
    lab.start(2);
    lab.wait_members(&[2]);
    lab.cut(&[]);
    lab.expect = 3;
    lab.start(3);
    let mut status = lab.service(3).status();
    let torn = lab.runtime.block_on(async {
        let seen = status.wait_for(|status| matches!(status.stage, Stage::Torn(_)));
        tokio::time::timeout(PATIENCE, seen).await.is_ok()
    });
    assert!(torn, "{:?}", lab.service(3).status().borrow());
    let cluster = |number| lab.service(number).applied().borrow().state.cluster();
    assert_eq!(
        [cluster(1), cluster(2), cluster(3)],
        [Some(ClusterId([1; 20])), Some(ClusterId([2; 20])), None]
    );
}

#[test]
fn the_first_cluster_waits_for_company_or_an_order() {
    let lab = Lab::with(3, &[1]);
    let mut status = lab.service(1).status();
    let waiting = Stage::Waiting { seen: 1, expect: 3 };
    lab.runtime.block_on(async {
        let seen = status.wait_for(|status| status.stage == waiting);
        tokio::time::timeout(PATIENCE, seen).await.expect("it waits").unwrap();
        lab.service(1).found().await;
    });
    lab.wait_members(&[1]);
}

/// The grant of whoever plans.
fn planning(state: &ClusterState) -> Option<Grant> {
    state.leases().leader(planner::ELECTION)
}

fn plans(state: &ClusterState, number: u8) -> bool {
    planning(state).is_some_and(|grant| grant.candidate.session.node == id(number))
}

#[test]
fn the_planner_is_where_rendezvous_hashing_puts_it() {
    let mut rising = [1, 2, 3];
    rising.sort_by_key(|number| rendezvous(planner::ELECTION, id(*number)));
    let [low, middle, high] = rising;
    let mut lab = Lab::with(3, &rising);
    lab.wait(low, "the planner", |state| plans(state, high));
    lab.wait(low, "the others", |state| {
        let name = LeaseName::election(planner::ELECTION);
        state.leases().find(&name).is_some_and(|lease| lease.queue.len() == 2)
    });
    let token = planning(&lab.service(low).applied().borrow().state).unwrap().token;
    lab.kill(high);
    lab.wait(low, "the next planner", |state| {
        plans(state, middle) && planning(state).is_some_and(|grant| grant.token > token)
    });
    lab.wait(low, "new owners", |state| owned(state, low) == 512 && owned(state, middle) == 512);

    let stand = |standing| Command::Stand { node: id(middle), standing };
    lab.propose(low, stand(Standing::Draining)).unwrap();
    lab.wait(low, "another planner", |state| plans(state, low));
    lab.wait(low, "its plan", |state| state.map().iter().any(|(_, entry)| entry.moving_to.is_some()));
    lab.propose(low, stand(Standing::Active)).unwrap();
    lab.wait(low, "its return", |state| plans(state, middle));
}
