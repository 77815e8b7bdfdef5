//! Gossip: on the first core membership, driven by a socket, a clock, and beacons on the LAN; on every core digests of what
//! it owns.

mod digests;
mod peer_keys;
mod port;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

use mycorrhizal_net::gossip::{BEACON_KIND, BEACON_V4, BEACON_V6, Beacon, KeyId, KeyRing, OpenerStats};
use mycorrhizal_net::identity::NodeId;
use mycorrhizal_net::random;
use mycorrhizal_net::ring::{Datagram, Datagrams};
use mycorrhizal_net::socket::{MulticastSockets, multicast_sockets};

use self::digests::DIGEST_KIND;
pub(crate) use self::digests::Exchange;
pub(crate) use self::port::Port;
use super::cluster::Cluster;
use super::core::Core;
use super::directory::CoreId;
use crate::clock;
use crate::nodosum::membership::{Config, Event, MemberState, Outbox};
use crate::nodosum::{MemberIdentity, Membership, Time};

/// The kind of datagram that carries membership.
const MEMBERSHIP_KIND: u8 = 1;

/// How often a node shows itself on the LAN.
const BEACON_EVERY: Duration = Duration::from_millis(1000);

/// How often interfaces are looked for that have come up meanwhile, in beacons.
const REFRESH_EVERY: u32 = 30;

/// Gossip of one node. Belongs to its first core.
pub(crate) struct Gossip {
    node: NodeId,
    port: Rc<Port>,
    membership: RefCell<Membership>,
    outbox: RefCell<Outbox>,
    plain: RefCell<Vec<u8>>,
    /// Nodes that are lost, and that nobody here waits for any more.
    given_up: RefCell<BTreeSet<NodeId>>,
}

/// The time since the machine's boot, as machines take it.
fn now() -> Time {
    Time::from_micros(u64::try_from(clock::since_boot().as_micros()).unwrap_or(u64::MAX))
}

impl Core {
    /// Starts gossip on this core.
    pub(crate) fn start_gossip(self: &Rc<Self>, cluster: &Cluster, socket: UdpSocket) -> std::io::Result<()> {
        let port = Rc::new(Port::open(self, cluster, socket)?);
        *self.gossip_port.borrow_mut() = Some(Rc::clone(&port));
        glommio::spawn_local(digests::tell(Rc::clone(self), Rc::clone(&port))).detach();
        if self.id == CoreId(0) {
            self.start_membership(cluster, port);
        } else {
            glommio::spawn_local(hear_digests(Rc::clone(self), port)).detach();
        }
        Ok(())
    }

    fn start_membership(self: &Rc<Self>, cluster: &Cluster, port: Rc<Port>) {
        let identity = MemberIdentity {
            id: self.node.id,
            incarnation: cluster.incarnation,
            address: SocketAddr::new(cluster.address, cluster.gossip[0].port()),
            link_port: cluster.links[0].port(),
            cores: u16::try_from(self.node.posts.len()).expect("a node has at most 1024 cores"),
        };
        let gossip = Rc::new(Gossip {
            node: self.node.id,
            port,
            membership: RefCell::new(Membership::new(now(), identity, Config::default(), random::number())),
            outbox: RefCell::default(),
            plain: RefCell::default(),
            given_up: RefCell::default(),
        });
        *self.gossip.borrow_mut() = Some(Rc::clone(&gossip));
        self.start_seeds(cluster.options.discover.seeds.clone());
        glommio::spawn_local(hear(Rc::clone(self), Rc::clone(&gossip))).detach();
        glommio::spawn_local(keep_time(Rc::clone(self), Rc::clone(&gossip))).detach();
        if cluster.options.discover.multicast {
            self.start_beacons(&gossip);
        }
    }

    /// Makes contact with nodes at these gossip addresses, now and for ever.
    pub(crate) fn meet(self: &Rc<Self>, seeds: &[SocketAddr]) {
        let Some(gossip) = self.gossip() else { return };
        gossip.membership.borrow_mut().join(now(), seeds, &mut gossip.outbox.borrow_mut());
        self.follow_up(&gossip);
    }

    /// Seals and opens datagrams by these keys from now on.
    pub(crate) fn set_gossip_keys(&self, keys: KeyRing) {
        if let Some(port) = &*self.gossip_port.borrow() {
            port.set_keys(keys);
        }
    }

    /// How many nodes are alive, by gossip, this one included.
    pub(crate) fn alive_by_gossip(&self) -> usize {
        let Some(gossip) = self.gossip() else { return 1 };
        let membership = gossip.membership.borrow();
        1 + membership.members().filter(|member| member.state != MemberState::Down).count()
    }

    /// What became of the datagrams that came here.
    pub(crate) fn datagrams(&self) -> Option<OpenerStats> {
        self.gossip_port.borrow().as_ref().map(|port| port.stats())
    }

    /// Tells others that this node goes.
    pub(crate) fn leave_gossip(self: &Rc<Self>) {
        let Some(gossip) = self.gossip() else { return };
        gossip.membership.borrow_mut().leave(now(), &mut gossip.outbox.borrow_mut());
        self.follow_up(&gossip);
    }

    fn gossip(&self) -> Option<Rc<Gossip>> {
        self.gossip.borrow().clone()
    }

    fn start_beacons(self: &Rc<Self>, gossip: &Rc<Gossip>) {
        let (sockets, refusals) = match multicast_sockets(BEACON_V4, BEACON_V6) {
            Ok(sockets) => sockets,
            Err(error) => return tracing::warn!(%error, "no multicast here: nodes are found by --join only"),
        };
        for refusal in refusals {
            tracing::debug!(%refusal, "an interface does without multicast");
        }
        match sockets.receivers() {
            Ok(receivers) => {
                for receiver in receivers {
                    match self.ring.datagrams(receiver) {
                        Ok(socket) => {
                            glommio::spawn_local(hear_beacons(Rc::clone(self), Rc::clone(gossip), socket))
                                .detach();
                        }
                        Err(error) => tracing::warn!(%error, "beacons cannot be heard"),
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "beacons cannot be heard"),
        }
        glommio::spawn_local(show(Rc::clone(self), Rc::clone(gossip), sockets)).detach();
    }

    fn on_gossip(self: &Rc<Self>, gossip: &Gossip, datagram: &Datagram) {
        let mut plain = gossip.plain.take();
        match gossip.port.read(datagram, &mut plain) {
            Some(header) if header.kind == MEMBERSHIP_KIND => {
                gossip.port.note_key(datagram.from(), header.key);
                let mut outbox = gossip.outbox.borrow_mut();
                gossip.membership.borrow_mut().on_datagram(now(), &plain, &mut outbox);
            }
            Some(header) if header.kind == BEACON_KIND => {
                self.on_beacon(gossip, &plain, datagram.from().ip(), header.key);
            }
            Some(header) if header.kind == DIGEST_KIND => self.on_digests(header.sender, &plain),
            Some(_) | None => {}
        }
        gossip.plain.replace(plain);
        self.follow_up(gossip);
    }

    fn on_beacon(self: &Rc<Self>, gossip: &Gossip, plain: &[u8], from: IpAddr, key: KeyId) {
        let Ok(beacon) = Beacon::decode(plain) else { return };
        if beacon.node != gossip.node {
            let seed = SocketAddr::new(beacon.host(from), beacon.gossip_port);
            gossip.port.note_key(seed, key);
            gossip.membership.borrow_mut().join(now(), &[seed], &mut gossip.outbox.borrow_mut());
        }
    }

    /// Does what the machine wants done.
    fn follow_up(self: &Rc<Self>, gossip: &Gossip) {
        let Outbox { datagrams, events } = gossip.outbox.take();
        for datagram in datagrams {
            gossip.port.say(MEMBERSHIP_KIND, &datagram.payload, datagram.to);
        }
        if !events.is_empty() {
            events.iter().for_each(|event| self.on_membership(event));
            self.tell_who_is_alive(gossip);
        }
    }

    fn on_membership(self: &Rc<Self>, event: &Event) {
        match event {
            Event::MemberUp(member) => {
                tracing::info!(node = %member.id, address = %member.address, "a node is up");
                self.note_link(member);
            }
            Event::MemberChanged { after, .. } => {
                tracing::info!(node = %after.id, address = %after.address, "a node is up in another life");
                self.note_link(after);
            }
            Event::MemberDown(member) => tracing::warn!(node = %member.id, "a node is down"),
            Event::SelfDeclaredDown(identity) => {
                tracing::warn!(incarnation = %identity.incarnation, "others took this node for down");
            }
            Event::Twin(twin) => self.call_on_twin(SocketAddr::new(twin.address.ip(), twin.link_port)),
        }
    }

    /// Where fewer than half of those who vote are left nobody can decide that a node is absent, and whoever waits for its
    /// answers would wait for ever. Done once for each that is lost: consensus needs the links of those that come back.
    fn give_up_lost(self: &Rc<Self>, gossip: &Gossip) {
        let membership = gossip.membership.borrow();
        let of_state = |down: bool| {
            let members =
                membership.members().filter(move |member| (member.state == MemberState::Down) == down);
            members.map(|member| member.identity.id).collect::<BTreeSet<NodeId>>()
        };
        // One that was taken for down by mistake goes on under another identity.
        let lost: BTreeSet<NodeId> = of_state(true).difference(&of_state(false)).copied().collect();
        let mut given_up = gossip.given_up.borrow_mut();
        given_up.retain(|node| lost.contains(node));
        if !self.suspended.get() {
            return;
        }
        for node in lost {
            if !given_up.insert(node) {
                continue;
            }
            for core in self.node.cores().filter(|core| *core != self.id) {
                let cut = Box::new(move |core: &Rc<Self>| core.cut_links_to(node));
                self.outboxes.borrow_mut().mail(core).calls.push(cut);
            }
            self.cut_links_to(node);
        }
    }

    fn note_link(&self, member: &MemberIdentity) {
        self.links.note_address(member.id, SocketAddr::new(member.address.ip(), member.link_port));
    }

    fn tell_who_is_alive(&self, gossip: &Gossip) {
        let Some(cluster) = &self.node.cluster else { return };
        let membership = gossip.membership.borrow();
        let others = membership
            .members()
            .filter(|member| member.state != MemberState::Down)
            .map(|member| member.identity.id);
        let alive: BTreeSet<NodeId> = others.chain([gossip.node]).collect();
        cluster.service.set_alive(alive);
    }
}

/// Standing task: what comes in.
async fn hear(core: Rc<Core>, gossip: Rc<Gossip>) {
    while let Ok(datagram) = gossip.port.socket.recv().await {
        core.on_gossip(&gossip, &datagram);
        while let Some(datagram) = gossip.port.socket.try_recv() {
            core.on_gossip(&gossip, &datagram);
        }
    }
}

/// Standing task on cores beside the first: what comes in.
async fn hear_digests(core: Rc<Core>, port: Rc<Port>) {
    let mut plain = Vec::new();
    while let Ok(datagram) = port.socket.recv().await {
        if let Some(header) = port.read(&datagram, &mut plain)
            && header.kind == DIGEST_KIND
        {
            core.on_digests(header.sender, &plain);
        }
    }
}

/// Standing task: what is due.
async fn keep_time(core: Rc<Core>, gossip: Rc<Gossip>) {
    loop {
        let deadline = gossip.membership.borrow().next_deadline();
        let wait = deadline.map_or(BEACON_EVERY, |deadline| deadline.since(now()));
        core.ring.sleep_until(core.ring.now() + wait.min(BEACON_EVERY)).await;
        let time = now();
        if gossip.membership.borrow().next_deadline().is_some_and(|deadline| deadline <= time) {
            gossip.membership.borrow_mut().on_deadline(time, &mut gossip.outbox.borrow_mut());
            core.follow_up(&gossip);
        }
        core.give_up_lost(&gossip);
    }
}

/// Standing task: beacons of others.
async fn hear_beacons(core: Rc<Core>, gossip: Rc<Gossip>, socket: Datagrams) {
    while let Ok(datagram) = socket.recv().await {
        core.on_gossip(&gossip, &datagram);
    }
}

/// Standing task: this node's beacons.
async fn show(core: Rc<Core>, gossip: Rc<Gossip>, mut sockets: MulticastSockets) {
    let Some(bound) = core.node.cluster.as_ref().map(|cluster| cluster.gossip[0]) else { return };
    for round in 1_u32.. {
        let cluster = core.directory.state().cluster();
        let beacon = Beacon::new(gossip.node, cluster, bound.ip(), bound.port());
        if let Some(bytes) = gossip.port.seal(BEACON_KIND, &beacon.encode()) {
            let refusals = match bound.ip().is_loopback() {
                true => sockets.send_on_loopback(&bytes),
                false => sockets.send(&bytes),
            };
            for refusal in refusals {
                tracing::trace!(%refusal, "a beacon was not sent");
            }
        }
        core.ring.sleep_until(core.ring.now() + BEACON_EVERY).await;
        if round % REFRESH_EVERY == 0
            && let Err(error) = sockets.refresh()
        {
            tracing::debug!(%error, "interfaces cannot be listed");
        }
    }
}
