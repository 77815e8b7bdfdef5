//! Links: how a core talks to cores of other nodes. *Core*.
//!
//! ```text
//!   outbox of a peer ──end of turn──▶ Wire ──frames──▶ the peer's core ──▶ run_requests, letters
//!                                      │ tickets of what is under way
//!   gather ◀──────────replies──────────┘
//! ```
//!
//! There is one link per pair of cores that have something to say to each other, dialled by whoever has it first; when
//! both dial at once, the dial of the node with the lower id stands. While there is none, what is for the peer waits in
//! its outbox. When a link ends, what was sent over it and not answered is answered here: with UNKNOWN if it may have
//! changed something.

mod dial;
mod inbound;
mod outbound;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use mycorrhizal_net::identity::{Incarnation, NodeId};
use mycorrhizal_net::link::backoff::Backoff;
use mycorrhizal_net::link::transport::{Established, Link, LinkError};
use slab::Slab;
use tokio::sync::oneshot;

pub(crate) use dial::accept;

use super::core::Core;
use super::directory::PeerId;
use super::gather::Ticket;
use super::mesh::{Letter, Requests};
use crate::command::table::Row;
use crate::command::{CommandError, Flags, Run};

/// Answers to calls of the coordination layer that are awaited at most; beyond it those that nobody waits for any more are
/// cleared away.
const CALLS_KEPT: usize = 1024;

/// The reply to a message of the bus whose way broke: nobody is known to have heard it.
const HEARD_BY_NOBODY: &[u8] = b":0\r\n";

/// Everything that is under way between this core and others of other nodes.
#[derive(Default)]
pub(crate) struct Links {
    wires: RefCell<Vec<Option<Rc<Wire>>>>,
    /// Where nodes are reached that are no members, or not yet known to be: their first core.
    book: RefCell<BTreeMap<NodeId, SocketAddr>>,
    /// Calls of the coordination layer that are to be answered, each with whom it went to.
    calls: RefCell<Slab<(PeerId, oneshot::Sender<Vec<u8>>)>>,
    generations: Cell<u32>,
    /// Connections that came and did not become links.
    refused: Cell<u64>,
    /// When it was last told in the log that one did not.
    refusal_told: Cell<Option<Instant>>,
    inbound: RefCell<inbound::Scratch>,
    outbound: RefCell<outbound::Scratch>,
}

/// What lies between this core and one of another node.
struct Wire {
    peer: PeerId,
    state: RefCell<State>,
    /// Which life of the peer it leads to.
    life: Cell<Incarnation>,
    /// What was sent and not answered yet.
    under_way: RefCell<Slab<UnderWay>>,
    backoff: RefCell<Backoff>,
    /// When it may be dialled again.
    not_before: Cell<Option<Instant>>,
}

enum State {
    Idle,
    /// It is dialled as soon as it may be.
    Waiting,
    Dialling,
    /// The peer's dial has come, and is being let in.
    Accepting,
    Up {
        link: Link,
        generation: u32,
        /// Since when, if this side dialled it.
        dialled: Option<Instant>,
    },
}

/// Who made a link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Dialled,
    Accepted,
}

/// A request that was sent and not answered yet.
struct UnderWay {
    ticket: Ticket,
    row: &'static Row,
}

impl Wire {
    fn is_up(&self) -> bool {
        matches!(*self.state.borrow(), State::Up { .. })
    }

    fn link(&self) -> Option<(Link, u32)> {
        match &*self.state.borrow() {
            State::Up { link, generation, .. } => Some((link.clone(), *generation)),
            State::Idle | State::Waiting | State::Dialling | State::Accepting => None,
        }
    }
}

impl Links {
    fn wire(&self, peer: PeerId) -> Rc<Wire> {
        let mut wires = self.wires.borrow_mut();
        if wires.len() <= peer.index() {
            wires.resize_with(peer.index() + 1, || None);
        }
        let wire = wires[peer.index()].get_or_insert_with(|| {
            Rc::new(Wire {
                peer,
                state: RefCell::new(State::Idle),
                life: Cell::default(),
                under_way: RefCell::default(),
                backoff: RefCell::new(Backoff::new()),
                not_before: Cell::new(None),
            })
        });
        Rc::clone(wire)
    }

    /// Notes where the first core of a node is reached.
    pub(crate) fn note_address(&self, node: NodeId, address: SocketAddr) {
        self.book.borrow_mut().insert(node, address);
    }

    /// Whether there is a link to a peer.
    pub(crate) fn is_up(&self, peer: PeerId) -> bool {
        let wires = self.wires.borrow();
        wires.get(peer.index()).is_some_and(|wire| wire.as_ref().is_some_and(|wire| wire.is_up()))
    }

    /// Connections that came and did not become links.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// Links that stand.
    pub(crate) fn count(&self) -> usize {
        self.wires.borrow().iter().flatten().filter(|wire| wire.link().is_some()).count()
    }
}

impl Core {
    /// Sends what there is for cores of other nodes, as far as their links take it.
    pub(crate) fn flush_links(self: &Rc<Self>) {
        let waiting = self.outboxes.borrow_mut().take_waiting();
        for peer in waiting {
            self.flush_link(peer);
        }
    }

    fn flush_link(self: &Rc<Self>, peer: PeerId) {
        let wire = self.links.wire(peer);
        match wire.link() {
            Some((link, generation)) => {
                while link.has_room() {
                    let Some(mail) = self.outboxes.borrow_mut().take(peer) else { return };
                    self.send_mail(&wire, &link, generation, &mail);
                    self.outboxes.borrow_mut().reuse(peer, mail);
                }
                self.outboxes.borrow_mut().put_back(peer);
            }
            None => {
                self.outboxes.borrow_mut().put_back(peer);
                self.dial(&wire);
            }
        }
    }

    /// A link has been made.
    fn on_link(self: &Rc<Self>, peer: PeerId, side: Side, made: Established) {
        let Established { peer: hello, link, receiver } = made;
        let wire = self.links.wire(peer);
        wire.life.set(hello.incarnation);
        let generation = self.links.generations.get().wrapping_add(1);
        self.links.generations.set(generation);
        let dialled = (side == Side::Dialled).then(|| self.ring.now());
        let before = wire.state.replace(State::Up { link, generation, dialled });
        if let State::Up { link, .. } = before {
            // The peer has lost it, or it would not have made another.
            link.close();
            self.give_up_under_way(&wire);
        }
        wire.backoff.borrow_mut().on_success();
        wire.not_before.set(None);
        self.outboxes.borrow_mut().put_back(peer);
        self.on_peer_up(peer);
        let core = Rc::clone(self);
        self.spawn(async move { core.receive(wire, generation, receiver).await });
    }

    /// A link has ended.
    fn on_link_end(self: &Rc<Self>, wire: &Rc<Wire>, generation: u32, error: Option<&LinkError>) {
        let current = wire.link().is_some_and(|(_, current)| current == generation);
        if !current {
            return;
        }
        let address = self.directory.address(wire.peer);
        match error {
            Some(error) => {
                tracing::warn!(node = %address.node, core = address.core, %error, "a link has ended");
            }
            None => {
                tracing::debug!(node = %address.node, core = address.core, "a link was closed by the peer");
            }
        }
        if let State::Up { link, .. } = wire.state.replace(State::Idle) {
            link.close();
        }
        self.give_up_under_way(wire);
        self.on_peer_down(wire.peer);
    }

    /// Ends the link to a peer that is none any more, and with it what waits for it.
    pub(crate) fn cut_link(self: &Rc<Self>, peer: PeerId) {
        let wire = self.links.wire(peer);
        if let Some((_, generation)) = wire.link() {
            self.on_link_end(&wire, generation, None);
        }
        self.give_up_waiting(peer);
    }

    /// The peers that this core has, or had, a link to.
    pub(crate) fn linked_peers(&self) -> Vec<PeerId> {
        self.links.wires.borrow().iter().flatten().map(|wire| wire.peer).collect()
    }

    /// Answers what was sent and not answered: it may have been done, or not.
    fn give_up_under_way(self: &Rc<Self>, wire: &Wire) {
        let under_way: Vec<UnderWay> = wire.under_way.borrow_mut().drain().collect();
        for UnderWay { ticket, row } in under_way {
            if matches!(row.command.run, Run::Publish(_)) {
                self.answer_piece(ticket, HEARD_BY_NOBODY);
                continue;
            }
            let error = if row.command.flags.has(Flags::WRITE) || row.command.flags.has(Flags::ADMIN) {
                CommandError::Text(
                    "UNKNOWN the link to the owner broke; whether the command took effect is not known",
                )
            } else {
                CommandError::Text("TRYAGAIN the link to the owner broke")
            };
            self.answer_error(ticket, &error);
        }
        self.links.calls.borrow_mut().retain(|_, (peer, _)| *peer != wire.peer);
        self.on_message_link_end(wire.peer);
    }

    /// Answers what waits for a peer that cannot be reached: none of it has been done.
    fn give_up_waiting(self: &Rc<Self>, peer: PeerId) {
        loop {
            let Some(mail) = self.outboxes.borrow_mut().take(peer) else { break };
            self.refuse_all(&mail.requests);
            for letter in &mail.letters {
                if let Letter::Message(letter) = letter {
                    self.on_message_unsent(letter);
                }
            }
            self.outboxes.borrow_mut().reuse(peer, mail);
        }
        self.links.calls.borrow_mut().retain(|_, (called, _)| *called != peer);
    }

    fn refuse_all(&self, requests: &Requests) {
        let error = CommandError::Text("CLUSTERDOWN the owner cannot be reached; nothing has changed");
        for (request, _) in requests.list().iter() {
            match request.row.command.run {
                Run::Publish(_) => self.answer_piece(request.ticket, HEARD_BY_NOBODY),
                _ => self.answer_error(request.ticket, &error),
            }
        }
    }

    fn answer_error(&self, ticket: Ticket, error: &CommandError) {
        let mut reply = Vec::new();
        self.write_error(error, &mut reply);
        self.answer_piece(ticket, &reply);
    }

    /// Calls the coordination layer of another node; `reply` is dropped if there is no answer.
    pub(crate) fn call_coordination(&self, node: NodeId, body: Vec<u8>, reply: oneshot::Sender<Vec<u8>>) {
        let first_core = crate::nodosum::state::CoreAddress { node, core: 0 };
        let peer = self.directory.peer(first_core);
        let mut calls = self.links.calls.borrow_mut();
        if calls.len() > CALLS_KEPT {
            calls.retain(|_, (_, reply)| !reply.is_closed());
        }
        let id = calls.insert((peer, reply)) as u64;
        drop(calls);
        self.outboxes.borrow_mut().mail(peer).letters.push(Letter::Call { id, body });
    }

    fn on_coordination_answer(&self, id: u64, body: &[u8]) {
        let key = usize::try_from(id).unwrap_or(usize::MAX);
        let call = self.links.calls.borrow_mut().try_remove(key);
        if let Some((_, reply)) = call {
            // The caller may have given up.
            reply.send(body.to_vec()).ok();
        }
    }
}
