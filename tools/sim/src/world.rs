//! Nodes, the network between them, and the clock of both.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use mycorrhizal::nodosum::Time;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::machine::{Channel, Effects, Machine, Message};
use crate::network::Network;
use crate::queue::Queue;
use crate::trace::Trace;

/// A node's place in the world.
pub type NodeIndex = usize;

/// What a node sent and received, as datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Datagrams sent.
    pub sent: u64,
    /// Their payload.
    pub sent_bytes: u64,
    /// Datagrams that arrived.
    pub received: u64,
    /// Their payload.
    pub received_bytes: u64,
}

/// What a machine told its node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observation<E> {
    /// When.
    pub at: Time,
    /// Whose machine.
    pub node: NodeIndex,
    /// What.
    pub event: E,
}

/// All of it.
pub struct World<M: Machine> {
    /// The network, to be cut and healed.
    pub network: Network,
    /// Randomness for scenarios too.
    pub random: Xoshiro256PlusPlus,
    now: Time,
    queue: Queue<Happening<M::Message>>,
    nodes: Vec<Node<M>>,
    addresses: BTreeMap<SocketAddr, NodeIndex>,
    links: BTreeMap<(NodeIndex, NodeIndex), Time>,
    /// How often the link between two, the lower index first, was broken.
    breaks: BTreeMap<(NodeIndex, NodeIndex), u32>,
    held: Vec<Delivery<M::Message>>,
    observations: Vec<Observation<M::Event>>,
    trace: Trace,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Running,
    Paused,
    Stopped,
}

struct Node<M: Machine> {
    address: SocketAddr,
    state: State,
    machine: Option<M>,
    /// How often it was started.
    life: u32,
    wake: Option<Time>,
    /// What came while it was paused.
    waiting: VecDeque<Delivery<M::Message>>,
    traffic: Traffic,
}

enum Happening<M> {
    Wake(NodeIndex),
    Arrival(Delivery<M>),
}

#[derive(Clone)]
struct Delivery<M> {
    from: NodeIndex,
    to: NodeIndex,
    channel: Channel,
    /// Lives of sender and receiver when it was sent: a link ends with either.
    lives: (u32, u32),
    /// How often its link had been broken then.
    breaks: u32,
    message: M,
}

impl<M: Machine> World<M> {
    /// Without nodes.
    pub fn new(seed: u64, network: Network, trace: Trace) -> Self {
        Self {
            network,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            now: Time::START,
            queue: Queue::new(),
            nodes: Vec::new(),
            addresses: BTreeMap::new(),
            links: BTreeMap::new(),
            breaks: BTreeMap::new(),
            held: Vec::new(),
            observations: Vec::new(),
            trace,
        }
    }

    /// A node that does not run yet.
    pub fn add(&mut self, address: SocketAddr) -> NodeIndex {
        let index = self.nodes.len();
        self.addresses.insert(address, index);
        self.nodes.push(Node {
            address,
            state: State::Stopped,
            machine: None,
            life: 0,
            wake: None,
            waiting: VecDeque::new(),
            traffic: Traffic::default(),
        });
        index
    }

    /// The moment that it is.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many nodes there are, running or not.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether the node runs: it was started, not killed, and is not paused.
    pub fn is_running(&self, node: NodeIndex) -> bool {
        self.nodes[node].state == State::Running
    }

    /// The node's machine, unless it was killed.
    pub fn machine(&self, node: NodeIndex) -> Option<&M> {
        self.nodes[node].machine.as_ref()
    }

    /// What the node sent and received.
    pub fn traffic(&self, node: NodeIndex) -> Traffic {
        self.nodes[node].traffic
    }

    /// The hash of everything that happened.
    pub fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// What machines told since the last call.
    pub fn observations(&mut self) -> Vec<Observation<M::Event>> {
        std::mem::take(&mut self.observations)
    }

    /// Starts a node with that machine, also one that was killed.
    pub fn start(&mut self, node: NodeIndex, machine: M) {
        self.note(node, "starts");
        let started = &mut self.nodes[node];
        started.machine = Some(machine);
        started.state = State::Running;
        started.life += 1;
        started.waiting.clear();
        self.plan_wake(node);
    }

    /// The node stops at once, and forgets.
    pub fn kill(&mut self, node: NodeIndex) {
        self.note(node, "dies");
        let killed = &mut self.nodes[node];
        killed.machine = None;
        killed.state = State::Stopped;
        killed.waiting.clear();
    }

    /// The node's process stands still. What comes meanwhile waits, as far as the receive buffer holds it.
    pub fn pause(&mut self, node: NodeIndex) {
        if self.nodes[node].state == State::Running {
            self.note(node, "pauses");
            self.nodes[node].state = State::Paused;
        }
    }

    /// The process goes on: with its timers or with what waits, as chance has it.
    pub fn resume(&mut self, node: NodeIndex) {
        if self.nodes[node].state != State::Paused {
            return;
        }
        self.note(node, "resumes");
        self.nodes[node].state = State::Running;
        if self.random.random() {
            self.wake(node);
        }
        while let Some(delivery) = self.nodes[node].waiting.pop_front() {
            self.deliver(&delivery);
        }
        self.wake(node);
        self.plan_wake(node);
    }

    /// Undoes all cuts; what links held back comes.
    pub fn heal(&mut self) {
        self.network.heal();
        for delivery in std::mem::take(&mut self.held) {
            self.plan_link(delivery);
        }
    }

    /// The link between two nodes breaks: what is on its way is lost, and both are told.
    pub fn break_link(&mut self, one: NodeIndex, other: NodeIndex) {
        self.note(one.min(other), "loses a link");
        *self.breaks.entry((one.min(other), one.max(other))).or_default() += 1;
        for (node, peer) in [(one, other), (other, one)] {
            let peer = self.nodes[peer].address;
            self.call(node, |machine, now, out| machine.on_link_lost(now, peer, out));
        }
    }

    /// Has a node do something.
    pub fn call(
        &mut self,
        node: NodeIndex,
        action: impl FnOnce(&mut M, Time, &mut Effects<M::Message, M::Event>),
    ) {
        let mut effects = Effects::default();
        let now = self.now;
        if let Some(machine) = &mut self.nodes[node].machine {
            action(machine, now, &mut effects);
        }
        self.carry_out(node, effects);
    }

    /// Lets everything happen that happens until then.
    pub fn run_until(&mut self, until: Time) {
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Lets the next thing happen, if it happens not after `until`. Says whether there was one.
    pub fn step(&mut self, until: Time) -> bool {
        let Some((at, happening)) = self.queue.pop(until) else { return false };
        self.now = at;
        match happening {
            Happening::Wake(node) if self.nodes[node].wake == Some(at) => {
                self.nodes[node].wake = None;
                self.wake(node);
                self.plan_wake(node);
            }
            Happening::Wake(_) => {}
            Happening::Arrival(delivery) => self.arrive(delivery),
        }
        true
    }

    fn wake(&mut self, node: NodeIndex) {
        let now = self.now;
        let woken = &self.nodes[node];
        let is_due =
            woken.machine.as_ref().and_then(M::next_deadline).is_some_and(|deadline| deadline <= now);
        if woken.state == State::Running && is_due {
            self.trace.record(now, node, "wakes", &[], String::new);
            self.call(node, M::on_deadline);
        }
    }

    fn plan_wake(&mut self, node: NodeIndex) {
        let planned = &mut self.nodes[node];
        let Some(deadline) = planned.machine.as_ref().and_then(M::next_deadline) else { return };
        let deadline = deadline.max(self.now);
        if planned.state == State::Running
            && planned.wake.is_none_or(|wake| deadline < wake || wake < self.now)
        {
            planned.wake = Some(deadline);
            self.queue.push(deadline, Happening::Wake(node));
        }
    }

    fn arrive(&mut self, delivery: Delivery<M::Message>) {
        let receive_buffer = self.network.weather.receive_buffer;
        let lives = (self.nodes[delivery.from].life, self.nodes[delivery.to].life);
        let breaks = self.breaks_between(delivery.from, delivery.to);
        let is_over =
            delivery.channel == Channel::Link && (delivery.lives != lives || delivery.breaks != breaks);
        let node = &mut self.nodes[delivery.to];
        match node.state {
            _ if is_over => {}
            State::Running => {
                self.deliver(&delivery);
                self.plan_wake(delivery.to);
            }
            State::Paused if delivery.channel == Channel::Link || node.waiting.len() < receive_buffer => {
                node.waiting.push_back(delivery);
            }
            State::Paused | State::Stopped => {}
        }
    }

    fn deliver(&mut self, delivery: &Delivery<M::Message>) {
        let Delivery { from, to, channel, message, .. } = delivery;
        self.trace.record(self.now, *to, "gets", message.bytes(), || {
            format!("from {from}: {}", message.describe())
        });
        let from = self.nodes[*from].address;
        let receiver = &mut self.nodes[*to];
        if *channel == Channel::Datagram {
            receiver.traffic.received += 1;
            receiver.traffic.received_bytes += message.bytes().len() as u64;
        }
        self.call(*to, |machine, now, effects| machine.on_message(now, from, message, effects));
    }

    fn carry_out(&mut self, node: NodeIndex, effects: Effects<M::Message, M::Event>) {
        let at = self.now;
        self.observations.extend(effects.events.into_iter().map(|event| Observation { at, node, event }));
        for (address, channel, message) in effects.sends {
            match channel {
                Channel::Datagram => self.send_datagram(node, address, message),
                Channel::Link => {
                    if let Some(delivery) = self.delivery(node, address, channel, message) {
                        self.plan_link(delivery);
                    }
                }
            }
        }
        self.plan_wake(node);
    }

    fn send_datagram(&mut self, from: NodeIndex, address: SocketAddr, message: M::Message) {
        let bytes = message.bytes().len();
        self.trace.record(self.now, from, "sends", message.bytes(), || {
            format!("to {address}: {}", message.describe())
        });
        let traffic = &mut self.nodes[from].traffic;
        traffic.sent += 1;
        traffic.sent_bytes += bytes as u64;
        if bytes > self.network.weather.datagram_bytes_max {
            self.network.oversized += 1;
            return;
        }
        let Some(delivery) = self.delivery(from, address, Channel::Datagram, message) else { return };
        if self.network.is_cut(from, delivery.to) {
            return;
        }
        for way in self.network.arrivals(&mut self.random) {
            self.queue.push(self.now + way, Happening::Arrival(delivery.clone()));
        }
    }

    fn plan_link(&mut self, delivery: Delivery<M::Message>) {
        if self.network.is_cut(delivery.from, delivery.to) {
            self.held.push(delivery);
            return;
        }
        let earliest = self.now + self.network.link_latency(&mut self.random);
        let link = self.links.entry((delivery.from, delivery.to)).or_default();
        *link = earliest.max(*link);
        self.queue.push(*link, Happening::Arrival(delivery));
    }

    fn delivery(
        &self,
        from: NodeIndex,
        address: SocketAddr,
        channel: Channel,
        message: M::Message,
    ) -> Option<Delivery<M::Message>> {
        let to = *self.addresses.get(&address)?;
        let lives = (self.nodes[from].life, self.nodes[to].life);
        let breaks = self.breaks_between(from, to);
        Some(Delivery { from, to, channel, lives, breaks, message })
    }

    fn breaks_between(&self, one: NodeIndex, other: NodeIndex) -> u32 {
        self.breaks.get(&(one.min(other), one.max(other))).copied().unwrap_or(0)
    }

    fn note(&mut self, node: NodeIndex, what: &'static str) {
        self.trace.record(self.now, node, what, &[], String::new);
    }
}

#[cfg(test)]
mod tests;
