//! A cluster of gossiping nodes, and what each of them takes the others for.

use std::net::SocketAddr;
use std::time::Duration;

use mycorrhizal::nodosum::membership::{Config, Event, MemberIdentity, Membership};
use mycorrhizal_net::identity::{Incarnation, NodeId};
use rand::RngExt;

use super::SwimNode;
use crate::network::{Network, Weather, between};
use crate::{NodeIndex, Time, Trace, World};

/// What a node learned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// Another one is there.
    Up,
    /// Another one is not there any more.
    Down,
    /// Another one began another life.
    Changed,
    /// It was taken for dead itself.
    SelfDown,
    /// Another one has its id.
    Twin,
}

/// Who learned what about whom, when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// When.
    pub at: Time,
    /// Who learned it.
    pub by: NodeIndex,
    /// About whom.
    pub about: NodeIndex,
    /// What.
    pub fact: Fact,
}

/// The cluster.
pub struct Swarm {
    /// Nodes, network, clock.
    pub world: World<SwimNode>,
    config: Config,
    /// What each node has written down: its incarnation.
    incarnations: Vec<u64>,
    /// By observer, then by subject: the incarnation that the observer takes for alive.
    views: Vec<Vec<Option<u64>>>,
    /// Nodes that run or are paused, and mean to.
    present: Vec<bool>,
}

impl Swarm {
    /// A cluster without nodes.
    pub fn new(seed: u64, weather: Weather, config: Config, trace: Trace) -> Self {
        let world = World::new(seed, Network::new(weather), trace);
        Self { world, config, incarnations: Vec::new(), views: Vec::new(), present: Vec::new() }
    }

    /// So many nodes that know of each other from the start. They start within one probe interval: at different phases,
    /// and before anybody probes one that is not there yet.
    pub fn warm(seed: u64, nodes: usize, weather: Weather, config: Config, trace: Trace) -> Self {
        let mut swarm = Self::new(seed, weather, config, trace);
        for _ in 0..nodes {
            swarm.add();
        }
        let identities: Vec<_> = (0..nodes).map(|node| swarm.identity(node)).collect();
        let window = swarm.config.probe_interval;
        for (node, at) in swarm.starts(nodes, window) {
            swarm.world.run_until(at);
            swarm.start(node, &swarm.seeds(nodes));
            let known = identities.clone();
            swarm.world.call(node, |machine, now, effects| {
                machine.act(effects, |membership, outbox| membership.learn(now, known, outbox));
            });
        }
        swarm
    }

    /// Nodes in random order, each with a random moment within `window`.
    pub fn starts(&mut self, nodes: usize, window: Duration) -> Vec<(NodeIndex, Time)> {
        let random = &mut self.world.random;
        let mut starts: Vec<_> =
            (0..nodes).map(|node| (node, Time::START + between(random, Duration::ZERO, window))).collect();
        starts.sort_by_key(|(node, at)| (*at, *node));
        starts
    }

    /// The addresses that nodes are given: those of the first three.
    pub fn seeds(&self, nodes: usize) -> Vec<SocketAddr> {
        (0..nodes.min(3)).map(address).collect()
    }

    /// A node that does not run yet.
    pub fn add(&mut self) -> NodeIndex {
        let node = self.world.add(address(self.world.len()));
        self.incarnations.push(0);
        self.present.push(false);
        self.views.push(Vec::new());
        let nodes = self.views.len();
        self.views.iter_mut().for_each(|view| view.resize(nodes, None));
        node
    }

    /// Starts a node under its next incarnation, with seeds.
    pub fn start(&mut self, node: NodeIndex, seeds: &[SocketAddr]) {
        self.incarnations[node] += 1;
        self.present[node] = true;
        self.views[node].fill(None);
        let seed = self.world.random.random();
        let membership = Membership::new(self.world.now(), self.identity(node), self.config.clone(), seed);
        self.world.start(node, SwimNode(membership));
        self.world.call(node, |machine, now, effects| {
            machine.act(effects, |membership, outbox| membership.join(now, seeds, outbox));
        });
    }

    /// The node says that it goes, and stops.
    pub fn leave(&mut self, node: NodeIndex) {
        self.world.call(node, |machine, now, effects| {
            machine.act(effects, |membership, outbox| membership.leave(now, outbox));
        });
        self.kill(node);
    }

    /// The node stops.
    pub fn kill(&mut self, node: NodeIndex) {
        self.present[node] = false;
        self.world.kill(node);
    }

    /// Whether the node was started and not killed.
    pub fn is_present(&self, node: NodeIndex) -> bool {
        self.present[node]
    }

    /// Nodes that were started and not killed.
    pub fn present(&self) -> Vec<NodeIndex> {
        (0..self.world.len()).filter(|node| self.present[*node]).collect()
    }

    /// Lets time pass; what was learned meanwhile.
    pub fn run_until(&mut self, until: Time) -> Vec<Seen> {
        self.world.run_until(until);
        let mut seen = Vec::new();
        for observation in self.world.observations() {
            let (by, at) = (observation.node, observation.at);
            let (about, fact, incarnation) = match &observation.event {
                Event::MemberUp(identity) => (identity, Fact::Up, Some(identity.incarnation.0)),
                Event::MemberDown(identity) => (identity, Fact::Down, None),
                Event::MemberChanged { before: _, after } => {
                    (after, Fact::Changed, Some(after.incarnation.0))
                }
                Event::SelfDeclaredDown(identity) => {
                    self.incarnations[by] = identity.incarnation.0;
                    seen.push(Seen { at, by, about: by, fact: Fact::SelfDown });
                    continue;
                }
                Event::Twin(identity) => (identity, Fact::Twin, None),
            };
            let about = index(about.id);
            if fact != Fact::Twin {
                self.views[by][about] = incarnation;
            }
            seen.push(Seen { at, by, about, fact });
        }
        seen
    }

    /// How many pairs of nodes are wrong about each other: not known, known under an old incarnation, or known although
    /// it is gone.
    pub fn errors(&self) -> usize {
        let present = self.present();
        let wrong = |by: NodeIndex, about: NodeIndex| {
            let expected = self.present[about].then_some(self.incarnations[about]);
            by != about && self.views[by][about] != expected
        };
        present.iter().map(|by| (0..self.world.len()).filter(|about| wrong(*by, *about)).count()).sum()
    }

    /// Lets time pass until everybody is right about everybody, in steps of ten milliseconds; when that was, and what
    /// was learned until then.
    pub fn run_until_whole(&mut self, latest: Time) -> (Option<Time>, Vec<Seen>) {
        let mut seen = Vec::new();
        while self.errors() > 0 {
            if self.world.now() >= latest {
                return (None, seen);
            }
            let next = self.world.now() + Duration::from_millis(10);
            seen.extend(self.run_until(next));
        }
        (Some(self.world.now()), seen)
    }

    fn identity(&self, node: NodeIndex) -> MemberIdentity {
        MemberIdentity {
            id: id(node),
            incarnation: Incarnation(self.incarnations[node].max(1)),
            address: address(node),
            link_port: 7400,
            cores: 4,
        }
    }
}

pub(in crate::gossip) fn address(node: NodeIndex) -> SocketAddr {
    let [_, a, b, c] = u32::try_from(node + 1).expect("fewer nodes than addresses").to_be_bytes();
    SocketAddr::from(([10, a, b, c], 7300))
}

/// Spread like ids that are drawn at random, with the index in front.
fn id(node: NodeIndex) -> NodeId {
    let mut bytes = [0xa5; 20];
    bytes[..4].copy_from_slice(&u32::try_from(node).expect("fewer nodes than ids").to_be_bytes());
    NodeId(bytes)
}

fn index(id: NodeId) -> NodeIndex {
    let [a, b, c, d, ..] = id.0;
    u32::from_be_bytes([a, b, c, d]) as usize
}
