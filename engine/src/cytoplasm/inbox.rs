//! The receiver's side of messages between applications: what has come in and waits to be taken. *Node*.
//!
//! One queue per application and node, which any thread may take from. What it holds is bounded by the windows of those who
//! send: a message that nobody takes is not acknowledged, and its sender stops.

use std::time::Instant;

use mycorrhizal_net::identity::NodeId;

use super::exchange::{Answer, Demand};

/// Told the answer, wherever it goes.
pub(crate) type Receipt = Box<dyn FnOnce(Answer) + Send>;

/// A message that has come in.
pub(crate) struct Delivery {
    /// Who sent it.
    pub(crate) from: NodeId,
    /// What is wanted.
    pub(crate) demand: Demand,
    /// What it says.
    pub(crate) body: Vec<u8>,
    /// When nobody waits for the answer any more.
    pub(crate) deadline: Option<Instant>,
    /// Where the answer goes.
    pub(crate) answer: Answering,
}

/// The duty to answer: whoever drops it answers that nobody will.
pub(crate) struct Answering(Option<Receipt>);

impl Answering {
    pub(crate) fn new(receipt: Receipt) -> Self {
        Self(Some(receipt))
    }

    /// Answers.
    pub(crate) fn give(mut self, answer: Answer) {
        if let Some(receipt) = self.0.take() {
            receipt(answer);
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(receipt) = self.0.take() {
            receipt(Answer::Unanswered);
        }
    }
}

impl Delivery {
    /// The delivery, if somebody may still wait for what comes of it; else it is refused.
    pub(crate) fn in_time(self, now: Instant) -> Option<Self> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Some(self);
        }
        self.answer.give(Answer::Refused("its time was over before it was taken".to_owned()));
        None
    }
}
