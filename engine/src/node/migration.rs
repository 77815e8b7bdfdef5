//! Moving partitions as the map orders it: drives the transfer machines of a core, by links and by the coordination layer.
//!
//! ```text
//!  map: moving to X ─▶ export ─messages─▶ X ─acks─▶ nearly done ─▶ hold the partition ─▶ hand over ─▶ all acknowledged
//!                        ▲                                                                                  │
//!                        └── link lost, refused: again from the start                propose that the owner changes
//!  map: X owns it ─▶ forget it, hand on what was held                 X: graft what has come ◀──────────────┘
//! ```
//!
//! The map alone says who owns a partition. Until it names the destination the source answers for it, and what it has
//! acknowledged is there; from the hand-over on it answers nobody until the map has spoken.

mod arrival;
mod handover;
mod letter;
mod pace;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

pub(crate) use letter::{TransferAnswer, TransferLetter};

use self::pace::Pace;
use super::core::Core;
use super::directory::PeerId;
use super::intent::Holder;
use super::mesh::Letter;
use crate::mycel::Hasher;
use crate::mycel::transfer::{Ack, Export, Exports, Imports, Terms, TransferMessage};
use crate::nodosum::state::{ClusterState, CoreAddress, Ownership, PartitionId};

/// How long a core waits until it begins a transfer for the second time: the destination may just not know of the move yet.
const AGAIN: Duration = Duration::from_millis(2);

/// How long it waits at most; every time is twice as long as the one before.
const AGAIN_MAX: Duration = Duration::from_millis(100);

/// Values of any length that a database takes are taken.
const VALUE_BYTES_MAX: usize = 1 << 32;

/// The moves that a core takes part in. *Core*.
pub(crate) struct Migration {
    exports: Rc<RefCell<Exports>>,
    imports: RefCell<Imports>,
    departures: RefCell<BTreeMap<usize, Departure>>,
    pace: Pace,
    /// Since when some partition has been ready to be handed over.
    ready_since: Cell<Option<Instant>>,
    moved_out: Cell<u64>,
    moved_in: Cell<u64>,
}

/// A partition on its way out.
struct Departure {
    to: PeerId,
    epoch: u64,
    /// When the next attempt may begin, while there is none.
    not_before: Option<Instant>,
    /// How long the next pause between two attempts is.
    pause: Duration,
    hold: Hold,
}

/// Who is told that an attempt has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tell {
    /// The destination, which holds what has come.
    Destination,
    /// Nobody: the destination knows, or cannot be reached.
    Nobody,
}

/// What a departure keeps from running.
#[derive(Clone)]
enum Hold {
    Nothing,
    /// All commands on the partition, as soon as the cell says so: for the source cannot keep up, or the partition is
    /// handed over.
    Partition {
        holder: Holder,
        granted: Rc<Cell<bool>>,
        proposed: Rc<Cell<bool>>,
    },
}

impl Migration {
    pub(crate) fn new(hasher: Hasher) -> Self {
        Self {
            exports: Rc::default(),
            imports: RefCell::new(Imports::new(Terms {
                hasher,
                value_bytes_max: VALUE_BYTES_MAX,
                databases_max: u16::MAX,
            })),
            departures: RefCell::default(),
            pace: Pace::default(),
            ready_since: Cell::new(None),
            moved_out: Cell::new(0),
            moved_in: Cell::new(0),
        }
    }

    /// Whether nothing moves away from this core.
    pub(crate) fn is_idle(&self) -> bool {
        self.departures.borrow().is_empty()
    }

    /// How many slots of each partition on its way out were read in full.
    pub(crate) fn progress(&self) -> Vec<(u16, u16)> {
        let number = |number: usize| u16::try_from(number).expect("there are 16,384 slots");
        let exports = self.exports.borrow();
        exports.iter().map(|export| (number(export.partition()), number(export.slots_done()))).collect()
    }

    /// Memory of what has come and is not owned yet.
    pub(crate) fn staged_bytes(&self) -> usize {
        self.imports.borrow().used_bytes()
    }

    /// Partitions that have left this core, and that have come to it.
    pub(crate) fn moved(&self) -> (u64, u64) {
        (self.moved_out.get(), self.moved_in.get())
    }

    /// Where a partition is being handed over to: what is asked for in it has to wait, or to go there.
    pub(crate) fn handed_to(&self, partition: usize) -> Option<PeerId> {
        let frozen = self.exports.borrow().export(partition).is_some_and(Export::is_frozen);
        if frozen { self.departures.borrow().get(&partition).map(|departure| departure.to) } else { None }
    }
}

impl Core {
    fn address(&self) -> CoreAddress {
        CoreAddress { node: self.node.id, core: self.id.0 }
    }

    /// The map has changed: what this core has gained, lost, and is to send.
    pub(crate) fn follow_map(self: &Rc<Self>, before: &ClusterState, after: &ClusterState) {
        // What the map says of an earlier life of the node is not about what this one has.
        if before.map().epoch() == after.map().epoch() || !after.is_current(self.session()) {
            return;
        }
        let changed =
            before.map().iter().zip(after.map().iter()).filter(|((_, old), (_, new))| old.epoch != new.epoch);
        let mut released = false;
        for ((partition, old), (_, new)) in changed {
            released |= self.follow_ownership(partition, old, new);
        }
        if released {
            self.run_deferred();
        }
        self.migration.remains_to(self);
    }

    /// One entry of the map has changed. Says whether commands that were held may run, here or elsewhere.
    fn follow_ownership(&self, partition: PartitionId, old: Ownership, new: Ownership) -> bool {
        let (me, at) = (Some(self.address()), partition.index());
        let was_mine = old.owner == me;
        // Between the two states the partition may have been lost, and given back empty.
        let lost = was_mine && (new.owner != me || new.since != old.since);
        let mut released = false;
        let departs = new.owner == me && new.moving_to.is_some();
        let stays_the_same = self
            .migration
            .departures
            .borrow()
            .get(&at)
            .is_some_and(|departure| departs && departure.epoch == new.epoch);
        if !stays_the_same {
            released = self.end_departure(at, new.owner == me);
        }
        if lost {
            let parted = self.data.borrow_mut().keyspace.split_off(at);
            self.remains.borrow_mut().push(parted.into_remains());
            self.migration.moved_out.set(self.migration.moved_out.get() + 1);
        }
        if new.owner == me && (lost || !was_mine) {
            self.take_over(at, old);
        }
        if let Some(to) = new.moving_to.filter(|_| departs && !stays_the_same) {
            self.begin_departure(at, new.epoch, self.directory.peer(to));
        }
        if new.moving_to != me && new.owner != me {
            self.migration.imports.borrow_mut().drop_partition(at);
        }
        released
    }

    fn begin_departure(&self, partition: usize, epoch: u64, to: PeerId) {
        let departure = Departure { to, epoch, not_before: None, pause: AGAIN, hold: Hold::Nothing };
        self.migration.departures.borrow_mut().insert(partition, departure);
        self.begin_export(partition, epoch);
    }

    fn begin_export(&self, partition: usize, epoch: u64) {
        let mut exports = self.migration.exports.borrow_mut();
        if exports.is_empty() {
            let sink = Rc::clone(&self.migration.exports);
            self.data.borrow_mut().keyspace.set_sink(Some(Box::new(sink)));
        }
        exports.begin(partition, epoch);
    }

    /// A departure is over, one way or the other. Says whether it held commands.
    fn end_departure(&self, partition: usize, stays: bool) -> bool {
        let Some(departure) = self.migration.departures.borrow_mut().remove(&partition) else { return false };
        let tell = if stays { Tell::Destination } else { Tell::Nobody };
        self.end_export(partition, departure.to, tell);
        self.release(&departure.hold)
    }

    fn end_export(&self, partition: usize, to: PeerId, tell: Tell) {
        let mut exports = self.migration.exports.borrow_mut();
        match tell {
            Tell::Destination => exports.abort(partition, |message| self.send_transfer(to, &message)),
            Tell::Nobody => drop(exports.end(partition)),
        }
        if exports.is_empty() {
            self.data.borrow_mut().keyspace.set_sink(None);
        }
    }

    fn release(&self, hold: &Hold) -> bool {
        match hold {
            Hold::Nothing => false,
            Hold::Partition { holder, .. } => {
                self.data.borrow_mut().intents.drop_held(*holder);
                true
            }
        }
    }

    /// What a turn does for partitions on their way out.
    pub(crate) fn migrate(self: &Rc<Self>) {
        if self.migration.is_idle() || self.suspended.get() {
            return;
        }
        self.begin_again();
        self.send_some(self.migration.pace.budget(self.ring.now()));
        if self.hold_and_hand_over() {
            self.send_some(0);
        }
        self.counters().moving_out.set(self.migration.departures.borrow().len() as u64);
    }

    /// Sends about `budget` bytes, and all that is left of partitions that are frozen.
    fn send_some(&self, budget: usize) {
        let (data, departures) = (self.data.borrow(), self.migration.departures.borrow());
        let mut sent = 0;
        self.migration.exports.borrow_mut().pump(&data.keyspace, budget, |message| {
            sent += message.records.len();
            if let Some(departure) = departures.get(&usize::from(message.partition)) {
                self.send_transfer(departure.to, &message);
            }
        });
        self.migration.pace.spend(sent);
    }

    /// Begins the attempts whose time has come.
    fn begin_again(&self) {
        let now = self.ring.now();
        let due: Vec<(usize, u64)> = self
            .migration
            .departures
            .borrow_mut()
            .iter_mut()
            .filter(|(_, departure)| departure.not_before.is_some_and(|at| at <= now))
            .map(|(partition, departure)| {
                departure.not_before = None;
                (*partition, departure.epoch)
            })
            .collect();
        due.into_iter().for_each(|(partition, epoch)| self.begin_export(partition, epoch));
    }

    fn send_transfer(&self, to: PeerId, message: &TransferMessage<'_>) {
        let letter = TransferLetter::of(message);
        match self.directory.local(to) {
            Some(core) => {
                let from = self.id;
                let call = Box::new(move |core: &Rc<Core>| core.on_transfer(from.into(), &letter.message()));
                self.outboxes.borrow_mut().mail(core).calls.push(call);
            }
            None => self.outboxes.borrow_mut().mail(to).letters.push(Letter::Transfer(letter)),
        }
    }

    /// The clock of the destination is off by so much, as the answer to the first step has shown.
    fn note_shift(&self, partition: usize, shift_ms: i64) {
        tracing::warn!(
            partition,
            ahead_ms = shift_ms,
            "the clocks of two nodes differ: times to live are kept, points in time are not"
        );
    }

    /// The destination has answered a step.
    pub(crate) fn on_transfer_answer(self: &Rc<Self>, answer: TransferAnswer) {
        match answer {
            TransferAnswer::Ack(ack) => {
                let partition = usize::from(ack.partition);
                let mut exports = self.migration.exports.borrow_mut();
                let shift_ms = |exports: &Exports| exports.export(partition).map_or(0, Export::shift_ms);
                let before_ms = shift_ms(&exports);
                exports.on_ack(&ack, self.now_ms());
                let after_ms = shift_ms(&exports);
                if after_ms != before_ms {
                    self.note_shift(partition, after_ms);
                }
            }
            TransferAnswer::Refused(mark) => self.on_transfer_refused(&mark),
        }
    }

    fn on_transfer_refused(self: &Rc<Self>, mark: &Ack) {
        let partition = usize::from(mark.partition);
        let refused = self.migration.exports.borrow_mut().on_refused(partition, mark.epoch, mark.sequence);
        if refused {
            self.fail_attempt(partition, Tell::Nobody);
        }
    }

    /// A link has ended: attempts over it begin anew, unless all had arrived.
    pub(crate) fn on_transfer_link_down(self: &Rc<Self>, peer: PeerId) {
        let has_arrived =
            |partition| self.migration.exports.borrow().export(partition).is_some_and(Export::handed_over);
        let affected: Vec<usize> = {
            let departures = self.migration.departures.borrow();
            let to_peer = departures.iter().filter(|(_, departure)| departure.to == peer);
            to_peer.map(|(partition, _)| *partition).filter(|partition| !has_arrived(*partition)).collect()
        };
        affected.into_iter().for_each(|partition| self.fail_attempt(partition, Tell::Nobody));
    }

    /// An attempt has failed: another is made in a while, and what it held may run meanwhile. Unless the map is being
    /// asked already: then only the map knows.
    fn fail_attempt(self: &Rc<Self>, partition: usize, tell: Tell) {
        let (to, hold) = {
            let mut departures = self.migration.departures.borrow_mut();
            let Some(departure) = departures.get_mut(&partition) else { return };
            if matches!(&departure.hold, Hold::Partition { proposed, .. } if proposed.get()) {
                return;
            }
            departure.not_before = Some(self.ring.now() + departure.pause);
            departure.pause = (departure.pause * 2).min(AGAIN_MAX);
            (departure.to, std::mem::replace(&mut departure.hold, Hold::Nothing))
        };
        self.end_export(partition, to, tell);
        if self.release(&hold) {
            self.run_deferred();
        }
    }
}

impl Migration {
    /// Has the core free what was dropped, little by little.
    fn remains_to(&self, core: &Core) {
        let remains = self.imports.borrow_mut().take_remains();
        core.remains.borrow_mut().extend(remains);
    }
}
