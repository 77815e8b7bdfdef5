//! A core's part in the event bus: its subscribers, what it knows of others', and messages on their way. *Core*.
//!
//! ```text
//!   stretch: PUBLISH ──▶ Interest ──part──▶ outbox ──▶ a core with subscribers ──▶ Deliveries ──end of turn──▶ outputs
//!   SUBSCRIBE ──▶ Announcer ──Delta──▶ cores of this node; one core of each other node ──▶ its siblings
//!       ▲                                                        │
//!       └──────────── confirmed when all have acknowledged ◀─────┘
//! ```
//!
//! What one core has subscribers for is told to one core of each other node (its own number modulo the number of theirs),
//! which tells its siblings and acknowledges when all know. That core alone decides when what it was told is void, because
//! the other node is gone: its siblings hear of that by the same way, in order.

mod announcement;
mod delivery;
pub(crate) mod in_process;
mod subscriber;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Waker;

use mycorrhizal_net::identity::Incarnation;
use slab::Slab;

use super::caller::Caller;
use super::directory::{CoreId, PeerId};
use crate::cytoplasm::sink::Sink;
use crate::cytoplasm::{Announcer, Interest, Subscriptions};
use crate::mycel::Hasher;
use delivery::Deliveries;

/// A core's part in the event bus.
pub(crate) struct Cytoplasm {
    /// Who is subscribed to what on this core.
    pub(crate) subscriptions: RefCell<Subscriptions<Outlet>>,
    /// Which cores have subscribers for what, this one among them.
    pub(crate) interest: RefCell<Interest<PeerId>>,
    /// The cores that the message at hand is for; kept for its allocation.
    pub(super) cores: RefCell<Vec<PeerId>>,
    deliveries: RefCell<Deliveries>,
    /// Whether there are any.
    is_delivering: Cell<bool>,
    announcer: RefCell<Announcer<PeerId>>,
    /// Whether there is something to announce.
    has_changes: Cell<bool>,
    /// Those who wait until others know.
    waiters: RefCell<Vec<Waker>>,
    /// What is being told to the siblings for others.
    relays: RefCell<Slab<announcement::Relay>>,
    /// The cores of other nodes that have told this one of their subscribers, each with its life then.
    told_by: RefCell<BTreeMap<PeerId, Incarnation>>,
    /// Those of them whose word was made void because they were gone; they are to be asked when they are back.
    missed: RefCell<Vec<PeerId>>,
}

/// What a subscriber is reached by.
pub(crate) enum Outlet {
    /// A connection.
    Connection(Rc<Caller>),
    /// Something in this process.
    InProcess(Sink),
}

impl Cytoplasm {
    /// Of one core of a node that has `cores`.
    pub(crate) fn new(hasher: Hasher, core: CoreId, cores: u16) -> Self {
        let mut announcer = Announcer::new();
        let siblings = (0..cores).filter(|sibling| *sibling != core.0).map(|sibling| CoreId(sibling).into());
        for sibling in announcer.set_listeners(siblings.map(|sibling| (sibling, 0))) {
            announcer.on_told_all(sibling);
        }
        Self {
            subscriptions: RefCell::new(Subscriptions::new(hasher)),
            interest: RefCell::new(Interest::new(hasher, CoreId(cores).into())),
            cores: RefCell::default(),
            deliveries: RefCell::default(),
            is_delivering: Cell::new(false),
            announcer: RefCell::new(announcer),
            has_changes: Cell::new(false),
            waiters: RefCell::default(),
            relays: RefCell::default(),
            told_by: RefCell::default(),
            missed: RefCell::default(),
        }
    }
}
