//! Making links: dialling when there is something to say, and taking those that others dial.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use mycorrhizal_net::identity::NodeId;
use mycorrhizal_net::link::handshake::{HandshakeError, Hello, Purpose};
use mycorrhizal_net::link::transport::{Established, Link, LinkError, Opening, Role};
use mycorrhizal_net::random;
use mycorrhizal_net::ring::{Connection, Listener};

use super::{Side, State, Wire};
use crate::clock;
use crate::node::cluster::Cluster;
use crate::node::core::Core;
use crate::node::directory::PeerId;
use crate::nodosum::state::CoreAddress;

/// What a dial is refused with that crosses one of the other side.
const CROSSING: &str = "the other side is dialling as well";

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_millis(1000);

/// The longest wait between two attempts: what is for the peer waits as long.
const RETRY_MAX: Duration = Duration::from_millis(1000);

/// The log tells of connections that did not become links no more often.
const REFUSAL_TOLD_EVERY: Duration = Duration::from_millis(1000);

impl Core {
    /// Dials a peer, unless that is being done.
    pub(super) fn dial(self: &Rc<Self>, wire: &Rc<Wire>) {
        if !matches!(*wire.state.borrow(), State::Idle) {
            return;
        }
        wire.state.replace(State::Waiting);
        let (core, wire) = (Rc::clone(self), Rc::clone(wire));
        self.spawn(async move {
            if let Some(at) = wire.not_before.get() {
                core.ring.sleep_until(at).await;
            }
            if !matches!(*wire.state.borrow(), State::Waiting) {
                return;
            }
            wire.state.replace(State::Dialling);
            match core.establish_to(wire.peer).await {
                Ok(made) => core.on_link(wire.peer, Side::Dialled, made),
                Err(error) => core.on_dial_failed(&wire, &error),
            }
        });
    }

    async fn establish_to(&self, peer: PeerId) -> Result<Established, LinkError> {
        let address = self.directory.address(peer);
        let cluster = self.node.cluster.as_ref().ok_or(LinkError::LocalClosed)?;
        let mut failed = std::io::Error::new(std::io::ErrorKind::NotFound, "its address is not known").into();
        for at in self.link_addresses(address) {
            match self.dial_at(cluster, at, address.node).await {
                Err(error) => failed = error,
                made => return made,
            }
        }
        Err(failed)
    }

    async fn dial_at(
        &self,
        cluster: &Cluster,
        at: SocketAddr,
        node: NodeId,
    ) -> Result<Established, LinkError> {
        let connection = self.ring.connect(at, CONNECT).await?;
        let role = Role::Dial { expected: Some(node) };
        self.establish(cluster, connection, role, &|_: &Hello| None).await
    }

    /// Gossip has it that this node is also elsewhere: that may be a life that is over, or another process that runs with
    /// its id. The other sees which by the hello, as this node sees by the other's.
    pub(crate) fn call_on_twin(self: &Rc<Self>, address: SocketAddr) {
        let core = Rc::clone(self);
        self.spawn(async move {
            let Some(cluster) = &core.node.cluster else { return };
            let twin = HandshakeError::PeerHasOurId { node: core.node.id };
            match core.dial_at(cluster, address, core.node.id).await {
                // It may end upon this, and never call here.
                Err(LinkError::Handshake(HandshakeError::PeerRefused { reason }))
                    if reason == twin.to_string() =>
                {
                    tracing::error!(%address, "another process has the id of this node: {reason}");
                }
                Err(error) => {
                    tracing::debug!(%address, %error, "this node's id was said to be elsewhere as well");
                }
                Ok(_) => {}
            }
        });
    }

    fn on_dial_failed(self: &Rc<Self>, wire: &Rc<Wire>, error: &LinkError) {
        if !matches!(*wire.state.borrow(), State::Dialling) {
            // The peer's dial came through meanwhile.
            return;
        }
        wire.state.replace(State::Idle);
        let wait = wire.backoff.borrow_mut().next_wait(self.rng.borrow_mut().next_u64()).min(RETRY_MAX);
        wire.not_before.set(Some(self.ring.now() + wait));
        if matches!(error, LinkError::Handshake(HandshakeError::PeerRefused { reason }) if reason == CROSSING)
        {
            // Its own dial is on its way: what waits, waits for that.
            return;
        }
        let address = self.directory.address(wire.peer);
        tracing::debug!(node = %address.node, core = address.core, %error, "a link cannot be made");
        self.forget_noted_address(address);
        self.give_up_waiting(wire.peer);
        self.on_peer_down(wire.peer);
    }

    /// Where the links of a core may be accepted: by what gossip says, if it says so, and by what consensus does.
    fn link_addresses(&self, address: CoreAddress) -> impl Iterator<Item = SocketAddr> + use<> {
        let state = self.directory.state();
        let known = state.member(address.node).and_then(|member| member.link_address(address.core));
        let noted = self.links.book.borrow().get(&address.node).copied().filter(|_| address.core == 0);
        noted.into_iter().chain(known.filter(|known| noted != Some(*known)))
    }

    /// What was noted of a node may be of an earlier life: where the members are known to be is tried next.
    fn forget_noted_address(&self, address: CoreAddress) {
        let state = self.directory.state();
        let known = state.member(address.node).and_then(|member| member.link_address(address.core));
        if address.core == 0 && known.is_some() {
            self.links.book.borrow_mut().remove(&address.node);
        }
    }

    async fn establish(
        &self,
        cluster: &Cluster,
        connection: Connection,
        role: Role,
        refuse: &dyn Fn(&Hello) -> Option<String>,
    ) -> Result<Established, LinkError> {
        let state = self.directory.state();
        let local = Hello {
            cluster_tag: cluster.tag,
            cluster: state.cluster(),
            node: self.node.id,
            incarnation: cluster.incarnation,
            process: cluster.process,
            core: self.id.0,
            cores: u16::try_from(self.node.posts.len()).expect("a node has at most 1024 cores"),
            purpose: Purpose::Member,
        };
        let config = self.link_config.borrow().clone().ok_or(LinkError::LocalClosed)?;
        let opening = Opening { role, config: &config, local: &local, random: random::bytes(), refuse };
        Link::establish(&self.ring, connection, opening).await
    }

    /// Why a node that dials is not let in, if it is not.
    fn refusal(&self, peer: &Hello) -> Option<String> {
        let state = self.directory.state();
        let listens = |cluster: &Cluster| clock::since_boot() < cluster.listens_until;
        if self.node.cluster.as_ref().is_some_and(listens) {
            return Some(
                "the node has just come back, and looks first whether another has its id".to_owned(),
            );
        }
        if state.is_retired(peer.node) {
            return Some("the id of this node is retired".to_owned());
        }
        if state.member(peer.node).is_some_and(|member| member.incarnation > peer.incarnation) {
            return Some("this life of the node is over: another has begun".to_owned());
        }
        let wire = self.links.wire(self.directory.peer(address_of(peer)));
        let crossing = match &*wire.state.borrow() {
            State::Dialling => true,
            // The peer began before it had this one; or it has lost it, and will dial again.
            State::Up { dialled: Some(since), .. } => self.ring.now() < *since + CONNECT,
            State::Idle | State::Waiting | State::Accepting | State::Up { dialled: None, .. } => false,
        };
        (crossing && self.node.id < peer.node).then(|| CROSSING.to_owned())
    }

    /// A connection did not become a link. Whoever can connect can make this happen at any rate, so the log tells of one in
    /// a while, and INFO counts them all.
    fn note_refused(&self, from: Option<SocketAddr>, error: &LinkError) {
        let (links, now) = (&self.links, self.ring.now());
        links.refused.set(links.refused.get() + 1);
        if links.refusal_told.get().is_none_or(|told| now >= told + REFUSAL_TOLD_EVERY) {
            links.refusal_told.set(Some(now));
            tracing::warn!(?from, %error, "a link was not taken");
        } else {
            tracing::debug!(?from, %error, "a link was not taken");
        }
    }

    /// Dials a peer no more that is being let in.
    fn begin_accepting(&self, peer: &Hello) -> Rc<Wire> {
        let wire = self.links.wire(self.directory.peer(address_of(peer)));
        if matches!(*wire.state.borrow(), State::Idle | State::Waiting) {
            wire.state.replace(State::Accepting);
        }
        wire
    }
}

/// The core that says hello.
fn address_of(peer: &Hello) -> CoreAddress {
    CoreAddress { node: peer.node, core: peer.core }
}

/// Takes the links that others dial. Ends when it is cancelled.
pub(crate) async fn accept(core: Rc<Core>, listener: Listener) {
    loop {
        match listener.accept().await {
            Ok(connection) => {
                let core = Rc::clone(&core);
                glommio::spawn_local(async move { take(&core, connection).await }).detach();
            }
            Err(error) => tracing::warn!(%error, "a link could not be accepted"),
        }
    }
}

async fn take(core: &Rc<Core>, connection: Connection) {
    let Some(cluster) = &core.node.cluster else { return };
    let from = connection.peer_addr().ok();
    let accepting = Cell::new(None);
    let refuse = |peer: &Hello| {
        let refusal = core.refusal(peer);
        if refusal.is_none() {
            accepting.set(Some(core.begin_accepting(peer)));
        }
        refusal
    };
    let made = core.establish(cluster, connection, Role::Accept, &refuse).await;
    if let (Err(_), Some(wire)) = (&made, accepting.into_inner())
        && matches!(*wire.state.borrow(), State::Accepting)
    {
        wire.state.replace(State::Idle);
    }
    match made {
        Ok(made) => {
            let peer = core.directory.peer(address_of(&made.peer));
            core.on_link(peer, Side::Accepted, made);
        }
        Err(LinkError::Handshake(HandshakeError::PeerHasOurId { .. })) => {
            if let Some(from) = from {
                cluster.service.report_twin(from);
            }
        }
        Err(error) => core.note_refused(from, &error),
    }
}
