//! The sender's side of messages between applications: their order, how many are under way, and what became of each.
//! *Core*.
//!
//! ```text
//!   dispatch ─▶ waiting ─window has room─▶ posted ─link took it─▶ sent ─answer─▶ settled
//!                  │                         │                     │
//!                  └──── time over: Failed ──┴─ cannot be sent:    └─ time over, link broke: Unknown
//!                                               Failed
//! ```
//!
//! The messages of one application to one peer form a flow: they go in the order of their dispatch, and no more of them are
//! under way than the window lets, so that a receiver that is slow slows the sender down, and neither side keeps more than a
//! window for the other. A message is sent once at most: what may have arrived is `Unknown`, and never sent again.
//!
//! Limits: [`MESSAGE_BYTES_MAX`], [`WINDOW_MESSAGES`], [`WINDOW_BYTES`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use slab::Slab;

/// The largest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Messages of one application that are under way to one peer at most.
pub(crate) const WINDOW_MESSAGES: usize = 256;

/// Their bytes at most, unless there is only one.
pub(crate) const WINDOW_BYTES: usize = 16 << 20;

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A message was taken by the receiver's handler; a request was answered, and this is the answer.
    Ok(Vec<u8>),
    /// It has had no effect and never will have; the reason, as text.
    Failed(String),
    /// It may have been handled, or not; the reason, as text.
    Unknown(String),
}

/// What is wanted of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// That it takes the message.
    Take,
    /// That it answers.
    Answer,
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dispatch<P> {
    /// The application, here and there.
    pub(crate) application: String,
    /// To whom.
    pub(crate) to: P,
    /// What is wanted.
    pub(crate) demand: Demand,
    /// What it says.
    pub(crate) body: Vec<u8>,
    /// When nobody waits for it any more.
    pub(crate) deadline: Option<Instant>,
}

/// Names a message as long as it is not settled; never used again in the life of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MessageId(pub(crate) u64);

impl MessageId {
    /// The `count`th message, kept under `key`, which another has after it.
    fn new(count: u32, key: usize) -> Self {
        Self(u64::from(count) << 32 | key as u64)
    }

    fn key(self) -> usize {
        usize::try_from(self.0 & u64::from(u32::MAX)).expect("a key was made from a number of this size")
    }
}

/// What the receiver says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was taken, or answered by this.
    Done(Vec<u8>),
    /// Nothing has been done with it, and why.
    Refused(String),
    /// Its handler ended without an answer.
    Unanswered,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect<P, R> {
    /// A message goes to the peer's core; [`Exchange::on_sent`] or [`Exchange::on_unsent`] follows.
    Post(MessageId, Dispatch<P>),
    /// Whoever sent it is told.
    Settle(R, Outcome),
}

/// All messages of a core that are not settled. `P` is a peer, `R` where its outcome goes.
pub(crate) struct Exchange<P, R> {
    flows: BTreeMap<(P, String), Flow<P>>,
    pending: Slab<Pending<P, R>>,
    deadlines: BTreeSet<(Instant, MessageId)>,
    count: u32,
}

/// One application's messages to one peer.
struct Flow<P> {
    messages: usize,
    bytes: usize,
    waiting: VecDeque<(MessageId, Dispatch<P>)>,
}

struct Pending<P, R> {
    id: MessageId,
    to: P,
    application: String,
    bytes: usize,
    deadline: Option<Instant>,
    stage: Stage,
    reply: R,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Posted,
    Sent,
}

impl<P> Default for Flow<P> {
    fn default() -> Self {
        Self { messages: 0, bytes: 0, waiting: VecDeque::new() }
    }
}

impl<P> Flow<P> {
    fn has_room(&self, bytes: usize) -> bool {
        self.messages == 0 || self.messages < WINDOW_MESSAGES && self.bytes + bytes <= WINDOW_BYTES
    }
}

impl<P, R> Default for Exchange<P, R> {
    fn default() -> Self {
        Self { flows: BTreeMap::new(), pending: Slab::new(), deadlines: BTreeSet::new(), count: 0 }
    }
}

impl<P: Copy + Ord, R> Exchange<P, R> {
    /// Takes a message; its outcome will be told to `reply`.
    pub(crate) fn dispatch(&mut self, dispatch: Dispatch<P>, reply: R, out: &mut Vec<Effect<P, R>>) {
        if dispatch.body.len() > MESSAGE_BYTES_MAX {
            let reason = format!("a message has at most {MESSAGE_BYTES_MAX} bytes");
            return out.push(Effect::Settle(reply, Outcome::Failed(reason)));
        }
        self.count = self.count.wrapping_add(1);
        let entry = self.pending.vacant_entry();
        let id = MessageId::new(self.count, entry.key());
        entry.insert(Pending {
            id,
            to: dispatch.to,
            application: dispatch.application.clone(),
            bytes: dispatch.body.len(),
            deadline: dispatch.deadline,
            stage: Stage::Waiting,
            reply,
        });
        self.deadlines.extend(dispatch.deadline.map(|deadline| (deadline, id)));
        let key = (dispatch.to, dispatch.application.clone());
        self.flows.entry(key.clone()).or_default().waiting.push_back((id, dispatch));
        self.post(&key, out);
    }

    /// Whether a message that was posted is still to be sent; from here on it may have arrived.
    pub(crate) fn on_sent(&mut self, id: MessageId) -> bool {
        let pending = self.find(id);
        pending.map(|pending| pending.stage = Stage::Sent).is_some()
    }

    /// A message that was posted cannot be sent.
    pub(crate) fn on_unsent(&mut self, id: MessageId, out: &mut Vec<Effect<P, R>>) {
        self.settle(id, Outcome::Failed("the node cannot be reached".to_owned()), out);
    }

    /// The receiver has answered; an answer to what is settled already is passed over.
    pub(crate) fn on_answer(&mut self, from: P, id: MessageId, answer: Answer, out: &mut Vec<Effect<P, R>>) {
        if self.find(id).is_none_or(|pending| pending.to != from) {
            return;
        }
        let outcome = match answer {
            Answer::Done(body) => Outcome::Ok(body),
            Answer::Refused(reason) => Outcome::Failed(reason),
            Answer::Unanswered => Outcome::Unknown("its handler ended without an answer".to_owned()),
        };
        self.settle(id, outcome, out);
    }

    /// The link to a peer has ended: what was sent over it will not be answered.
    pub(crate) fn on_link_end(&mut self, peer: P, out: &mut Vec<Effect<P, R>>) {
        let is_lost = |pending: &Pending<P, R>| pending.to == peer && pending.stage == Stage::Sent;
        let lost: Vec<MessageId> = self
            .pending
            .iter()
            .filter(|(_, pending)| is_lost(pending))
            .map(|(_, pending)| pending.id)
            .collect();
        for id in lost {
            self.settle(id, Outcome::Unknown("the link to the node broke".to_owned()), out);
        }
    }

    /// When [`Exchange::on_deadline`] is to be called.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Gives up what nobody waits for any more.
    pub(crate) fn on_deadline(&mut self, now: Instant, out: &mut Vec<Effect<P, R>>) {
        while let Some(&(deadline, id)) = self.deadlines.first()
            && deadline <= now
        {
            let sent = self.find(id).is_some_and(|pending| pending.stage == Stage::Sent);
            let outcome = match sent {
                true => Outcome::Unknown("no answer came in time".to_owned()),
                false => Outcome::Failed("it could not be sent in time".to_owned()),
            };
            self.settle(id, outcome, out);
            self.deadlines.remove(&(deadline, id));
        }
    }

    fn find(&mut self, id: MessageId) -> Option<&mut Pending<P, R>> {
        self.pending.get_mut(id.key()).filter(|pending| pending.id == id)
    }

    fn settle(&mut self, id: MessageId, outcome: Outcome, out: &mut Vec<Effect<P, R>>) {
        if self.find(id).is_none() {
            return;
        }
        let pending = self.pending.remove(id.key());
        if let Some(deadline) = pending.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        out.push(Effect::Settle(pending.reply, outcome));
        let key = (pending.to, pending.application);
        if let Some(flow) = self.flows.get_mut(&key).filter(|_| pending.stage != Stage::Waiting) {
            flow.messages -= 1;
            flow.bytes -= pending.bytes;
        }
        self.post(&key, out);
    }

    /// Posts what the window of a flow lets go; forgets the flow when nothing is left of it.
    fn post(&mut self, key: &(P, String), out: &mut Vec<Effect<P, R>>) {
        let Some(flow) = self.flows.get_mut(key) else { return };
        while let Some((id, next)) = flow.waiting.front() {
            let pending = self.pending.get_mut(id.key()).filter(|pending| pending.id == *id);
            let Some(pending) = pending else {
                // Its time was over while it waited.
                flow.waiting.pop_front();
                continue;
            };
            if !flow.has_room(next.body.len()) {
                return;
            }
            pending.stage = Stage::Posted;
            flow.messages += 1;
            flow.bytes += next.body.len();
            out.extend(flow.waiting.pop_front().map(|(id, dispatch)| Effect::Post(id, dispatch)));
        }
        if flow.messages == 0 {
            self.flows.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
