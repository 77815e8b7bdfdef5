//! Where the messages for one subscriber in this process go: a bounded channel, in which nothing is left out in silence.
//!
//! One that is full ends the subscription, and its last item says so. A gap that the subscription outlives is an item at
//! its place among the messages.

use async_channel::{Receiver, Sender};

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// The channel that it was published on.
    pub(crate) channel: Box<[u8]>,
    /// The message.
    pub(crate) message: Box<[u8]>,
}

/// Why messages are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// The subscriber did not keep up: the subscription has ended, and messages after it are lost to it.
    Lagged,
    /// The connection to the node broke; the subscription goes on by another from here.
    Interrupted,
}

/// What a subscriber receives.
pub(crate) type Deliveries = Receiver<Result<Delivery, Gap>>;

/// The end where messages go in.
#[derive(Debug, Clone)]
pub(crate) struct Sink(Sender<Result<Delivery, Gap>>);

impl Sink {
    /// One that holds `capacity` messages, of which the last place is for what ends it.
    pub(crate) fn new(capacity: usize) -> (Self, Deliveries) {
        let (sender, deliveries) = async_channel::bounded(capacity);
        (Self(sender), deliveries)
    }

    /// Hands a message over; `false`: the subscriber did not keep up, or is gone.
    pub(crate) fn deliver(&self, channel: &[u8], message: &[u8]) -> bool {
        self.put(|| Ok(Delivery { channel: Box::from(channel), message: Box::from(message) }))
    }

    /// Says that messages may be missing here; `false` as there.
    pub(crate) fn interrupt(&self) -> bool {
        self.put(|| Err(Gap::Interrupted))
    }

    fn put(&self, item: impl FnOnce() -> Result<Delivery, Gap>) -> bool {
        let Self(sender) = self;
        let is_full = sender.capacity().is_some_and(|capacity| sender.len() + 1 >= capacity);
        if is_full {
            // Whoever has gone need not be told.
            sender.try_send(Err(Gap::Lagged)).ok();
            sender.close();
            return false;
        }
        sender.try_send(item()).is_ok()
    }

    /// Waits until the subscription has ended, from either side.
    pub(crate) async fn closed(&self) {
        self.0.closed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_ends_and_says_so() {
        let (sink, deliveries) = Sink::new(3);
        assert!(sink.deliver(b"news", b"1") && sink.interrupt());
        assert!(!sink.deliver(b"news", b"2") && !sink.interrupt());
        let delivery = Delivery { channel: Box::from(*b"news"), message: Box::from(*b"1") };
        let items = [Ok(delivery), Err(Gap::Interrupted), Err(Gap::Lagged)];
        assert_eq!(std::iter::from_fn(|| deliveries.try_recv().ok()).collect::<Vec<_>>(), items);
    }
}
