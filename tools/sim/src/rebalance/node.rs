//! A node: applies the log, answers for what it owns, and drives exports and imports as a node has to.
//!
//! Entries are taken one by one, and what one says of a partition is done before anything is answered by it: of a
//! partition that went and came back meanwhile, nothing old may be left.

mod data;
mod moving;
mod planning;

use std::cell::{Ref, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use mycorrhizal::mycel::transfer::{Export, Exports, Import, Imports, Terms};
use mycorrhizal::mycel::{Hasher, Keyspace, KeyspaceConfig, PARTITIONS, slot_of};
use mycorrhizal::nodosum::Time;
use mycorrhizal::nodosum::routing::{Route, Sight, route};
use mycorrhizal::nodosum::state::{
    ClusterState, Command, CoreAddress, Ownership, PartitionId, Request, RequestId, Session,
};
use mycorrhizal_net::identity::Incarnation;

use self::moving::Moving;
use self::planning::Planning;
use super::message::{Action, Body, Event, Note, Operation};
use super::{LOG, MARGIN, Out, SESSION, address_of, id_of, index_of_id, member, partitions_of};
use crate::machine::Channel;

/// How often a node says that it lives, and asks for entries.
const FETCH: Duration = Duration::from_millis(40);
/// How often a proposal is repeated.
const REPEAT: Duration = Duration::from_millis(400);
/// What the clocks of the simulation stand at when it begins.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// A node.
pub struct Node {
    me: CoreAddress,
    session: Session,
    /// What its clock is ahead.
    ahead_ms: u64,
    state: ClusterState,
    applied: u64,
    /// What was done about each partition: nothing before this life is a member's.
    seen: Vec<Ownership>,
    /// Since when each partition has its owner.
    since: Vec<u64>,
    tenure_until: Time,
    keyspace: Keyspace,
    exports: Rc<RefCell<Exports>>,
    imports: Imports,
    moving: BTreeMap<usize, Moving>,
    proposals: BTreeMap<u64, (Rc<Request>, Time)>,
    requests: u64,
    planning: Planning,
    waiting: VecDeque<(Rc<Operation>, u64)>,
    next_fetch: Time,
    flaw: Option<Flaw>,
}

/// What a node may do wrong, to see that it is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// It goes on writing to a partition that it hands over.
    WritesWhileFrozen,
    /// It acts again after a lapse without knowing what happened meanwhile.
    ActsUnaware,
    /// It begins a move anew though its end was proposed.
    ForgetsProposal,
}

impl Node {
    /// A life of the node at a place in the world. It is a member when the log says so.
    pub fn new(index: usize, incarnation: u64, ahead_ms: u64, joins: bool, flaw: Option<Flaw>) -> Node {
        let (me, hasher) =
            (CoreAddress { node: id_of(index), core: 0 }, Hasher::new([index as u64, incarnation]));
        let session = Session { node: me.node, incarnation: Incarnation(incarnation) };
        let exports = Rc::new(RefCell::new(Exports::new()));
        let mut keyspace = Keyspace::new(KeyspaceConfig { databases: 2, hasher });
        keyspace.set_sink(Some(Box::new(Rc::clone(&exports))));
        let mut node = Node {
            me,
            session,
            ahead_ms,
            state: ClusterState::default(),
            applied: 0,
            seen: vec![Ownership::default(); PARTITIONS],
            since: vec![0; PARTITIONS],
            tenure_until: Time::START,
            keyspace,
            exports,
            imports: Imports::new(Terms { hasher, value_bytes_max: 1 << 30, databases_max: 64 }),
            moving: BTreeMap::new(),
            proposals: BTreeMap::new(),
            requests: 0,
            planning: Planning::new(session),
            waiting: VecDeque::new(),
            next_fetch: Time::START,
            flaw,
        };
        if joins {
            node.propose(Time::START, Command::Join(member(index, incarnation)));
        }
        node
    }

    /// What it knows.
    pub fn state(&self) -> &ClusterState {
        &self.state
    }

    /// Its keys.
    pub fn keys(&self) -> &Keyspace {
        &self.keyspace
    }

    /// What it sends of a partition.
    pub fn export(&self, partition: PartitionId) -> Option<Ref<'_, Export>> {
        Ref::filter_map(self.exports.borrow(), |exports| exports.export(partition.index())).ok()
    }

    /// What has come to it of a partition that it does not own yet.
    pub fn import(&self, partition: PartitionId) -> Option<&Import> {
        self.imports.iter().find(|import| import.partition() == partition.index())
    }

    /// What it has begun and not ended, in words; nothing when all is quiet.
    pub fn unfinished(&self) -> Option<String> {
        let exports = self.exports.borrow().iter().count();
        let (imports, waiting) = (self.imports.iter().count(), self.waiting.len());
        let proposals = self.proposals.len();
        let all = exports + imports + waiting + proposals + self.moving.len();
        (all > 0).then(|| {
            format!("{exports} exports, {imports} imports, {waiting} operations, {proposals} proposals")
        })
    }

    pub(super) fn next_deadline(&self) -> Time {
        let proposals = self.proposals.values().map(|(_, at)| *at);
        let retries = self.moving.values().filter_map(|moving| moving.retry_at);
        proposals.chain(retries).chain([self.next_fetch]).min().unwrap_or(self.next_fetch)
    }

    pub(super) fn on_deadline(&mut self, now: Time, out: &mut Out) {
        self.tick(now);
        if now >= self.next_fetch {
            self.next_fetch = now + FETCH;
            let body = Body::Fetch { session: self.session, applied: self.applied, sent: now };
            send(out, LOG, body);
            self.plan(now);
        }
        for (request, at) in self.proposals.values_mut().filter(|(_, at)| *at <= now) {
            *at = now + REPEAT;
            send(out, LOG, Body::Propose(Rc::clone(request)));
        }
        self.retry(now);
        self.turn(now, out);
    }

    pub(super) fn on_message(&mut self, now: Time, from: usize, note: &Note, out: &mut Out) {
        self.tick(now);
        match &note.body {
            Body::Entries { first, entries, heard } => {
                self.on_entries(now, *first, entries, out);
                if let Some((sent, len)) = heard {
                    self.on_heard(now, *sent, *len);
                }
            }
            Body::Ask { operation, chosen_by } => {
                self.waiting.push_back((Rc::clone(operation), *chosen_by));
            }
            Body::Transfer(step) => self.on_step(from, step, out),
            Body::Ack(ack) => {
                let now_ms = self.now_ms(now);
                self.exports.borrow_mut().on_ack(ack, now_ms);
            }
            Body::Refused { partition, epoch, sequence } => {
                self.on_refused(now, usize::from(*partition), *epoch, *sequence);
            }
            Body::Fetch { .. } | Body::Propose(_) | Body::Reply { .. } => {}
        }
        self.turn(now, out);
    }

    /// A sign of life was taken note of, when there were so many entries. After a lapse the node may have been given up,
    /// so it acts again only when it knows all that was known then.
    fn on_heard(&mut self, now: Time, sent: Time, entries: u64) {
        let is_aware = self.applied >= entries || self.flaw == Some(Flaw::ActsUnaware);
        if now < self.tenure_until || is_aware {
            self.tenure_until = self.tenure_until.max(sent + (SESSION - MARGIN));
        }
    }

    /// What the core does in each turn: answers, then moves.
    fn turn(&mut self, now: Time, out: &mut Out) {
        self.answer(now, out);
        self.pump(now, out);
        // What was held up while an export was behind, or ended, may go on.
        self.answer(now, out);
    }

    fn tick(&mut self, now: Time) {
        let now_ms = self.now_ms(now);
        self.keyspace.set_now(now_ms);
        self.keyspace.expire_due(16);
    }

    fn now_ms(&self, now: Time) -> u64 {
        EPOCH_MS + now.micros() / 1_000 + self.ahead_ms
    }

    fn propose(&mut self, now: Time, command: Command) {
        self.requests += 1;
        let id = RequestId { session: self.session, number: self.requests };
        self.proposals.insert(self.requests, (Rc::new(Request { id, command }), now));
    }

    fn on_entries(&mut self, now: Time, first: u64, entries: &[Request], out: &mut Out) {
        for (number, entry) in (first..).zip(entries) {
            if number == self.applied {
                self.applied += 1;
                let epoch = self.state.map().epoch();
                drop(self.state.apply(entry));
                if entry.id.session == self.session {
                    self.proposals.remove(&entry.id.number);
                }
                if self.state.map().epoch() != epoch {
                    self.on_map(now, &entry.command, out);
                }
            }
        }
        self.plan(now);
    }

    /// An entry has changed the map: does about each partition what follows from it.
    fn on_map(&mut self, now: Time, command: &Command, out: &mut Out) {
        for partition in partitions_of(command) {
            let (after, index) = (self.state.map().ownership(partition), partition.index());
            if after.epoch == self.seen[index].epoch {
                continue;
            }
            if after.owner != self.seen[index].owner {
                self.since[index] = after.epoch;
            }
            // Of what the log says of an earlier life of this node, only the outcome counts.
            let before = std::mem::replace(&mut self.seen[index], after);
            if self.is_member() {
                self.on_ownership(now, index, before, after, out);
            }
        }
    }

    fn is_member(&self) -> bool {
        self.state.is_current(self.session)
    }

    /// Answers, in order, what can be answered; hands on what others own.
    fn answer(&mut self, now: Time, out: &mut Out) {
        if self.state.is_retired(self.me.node) {
            // It is about to stop: what it was asked itself has no answer.
            self.waiting.retain(|(operation, _)| !operation.is_whole());
        }
        for _ in 0..self.waiting.len() {
            let Some((operation, chosen_by)) = self.waiting.pop_front() else { return };
            match self.route(now, &operation, chosen_by) {
                Route::Run => self.run(&operation, out),
                Route::HandOn => match self.owner(&operation) {
                    Some(owner) => {
                        let chosen_by = self.state.version();
                        send(out, index_of_id(owner.node), Body::Ask { operation, chosen_by });
                    }
                    None => self.waiting.push_back((operation, chosen_by)),
                },
                Route::Defer | Route::AwaitVersion(_) | Route::AwaitTenure => {
                    self.waiting.push_back((operation, chosen_by));
                }
            }
        }
    }

    fn owner(&self, operation: &Operation) -> Option<CoreAddress> {
        let partition = slot_of(&operation.key).partition();
        self.seen[partition].owner
    }

    fn route(&self, now: Time, operation: &Operation, chosen_by: u64) -> Route {
        let tenure = self.is_member() && now < self.tenure_until;
        let owns = operation.is_whole() || (self.is_member() && self.owner(operation) == Some(self.me));
        route(Sight { owns, known: self.state.version(), chosen_by, tenure, held: self.is_held(operation) })
    }

    /// Whether the last step of a move, or too much that waits for one, stands in the way.
    fn is_held(&self, operation: &Operation) -> bool {
        if self.flaw == Some(Flaw::WritesWhileFrozen) {
            return false;
        }
        let exports = self.exports.borrow();
        if operation.is_whole() {
            return exports.any_frozen() || self.moving.values().any(|moving| moving.is_proposed);
        }
        let partition = slot_of(&operation.key).partition();
        let is_frozen = exports.export(partition).is_some_and(Export::is_frozen)
            || self.moving.get(&partition).is_some_and(|moving| moving.is_proposed);
        is_frozen || (operation.action != Action::Get && exports.is_behind(partition))
    }
}

fn send(out: &mut Out, to: usize, body: Body) {
    out.sends.push((address_of(to), Channel::Link, Note::new(body)));
}

fn impossible(out: &mut Out, what: impl Into<String>) {
    out.events.push(Event::Impossible(what.into()));
}
