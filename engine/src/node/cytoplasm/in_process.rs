//! Subscribers in this process: what an embedding program is told of.
//!
//! Messages come by a bounded channel. One that is full ends the subscription: its last item says so, and nothing is left
//! out in silence.

#![cfg_attr(
    not(test),
    expect(dead_code, reason = "for the embedding interface, whose topics are built upon it")
)]

use std::rc::Rc;

use async_channel::Sender;

use super::super::core::Core;
use crate::cytoplasm::{Kind, SubscriberId};

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// The channel that it was published on.
    pub(crate) channel: Box<[u8]>,
    /// The pattern by which the subscriber gets it, if it is by one.
    pub(crate) pattern: Option<Box<[u8]>>,
    /// The message.
    pub(crate) message: Box<[u8]>,
}

/// The subscriber did not keep up: the subscription has ended, and messages after it are lost to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the subscriber did not keep up; the subscription has ended")]
pub(crate) struct Lagged;

/// A subscription in this process, on the core that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subscription(SubscriberId);

/// Where its messages go.
pub(crate) struct Outlet(Sender<Result<Delivery, Lagged>>);

impl Outlet {
    /// Hands a message over; `false`: it did not keep up, or is gone.
    pub(super) fn deliver(&self, pattern: Option<&[u8]>, channel: &[u8], message: &[u8]) -> bool {
        let Self(sender) = self;
        // The last place is for what ends it.
        let is_full = sender.capacity().is_some_and(|capacity| sender.len() + 1 >= capacity);
        if is_full {
            // Whoever has gone need not be told.
            sender.try_send(Err(Lagged)).ok();
            sender.close();
            return false;
        }
        let (channel, pattern) = (Box::from(channel), pattern.map(Box::from));
        sender.try_send(Ok(Delivery { channel, pattern, message: Box::from(message) })).is_ok()
    }
}

impl Core {
    /// Subscribes something in this process, which gets every message published anywhere after this has returned. The
    /// subscription ends by [`Core::unsubscribe_in_process`], when the receiver is gone, or with [`Lagged`] as the last
    /// item when the channel (of at least two places) is full.
    pub(crate) async fn subscribe_in_process(
        &self,
        kind: Kind,
        name: &[u8],
        sender: Sender<Result<Delivery, Lagged>>,
    ) -> Subscription {
        self.expect_subscription(kind, name);
        self.wait_until_known().await;
        let id = {
            let mut subscriptions = self.cytoplasm.subscriptions.borrow_mut();
            let id = subscriptions.join(super::Outlet::InProcess(Outlet(sender)));
            subscriptions.subscribe(id, kind, name);
            id
        };
        self.unexpect_subscription(kind, name);
        Subscription(id)
    }

    /// Ends such a subscription; nothing happens if it has ended already.
    pub(crate) fn unsubscribe_in_process(self: &Rc<Self>, subscription: Subscription) {
        self.send_deliveries();
        self.end_subscriber(subscription.0);
    }
}

#[cfg(test)]
mod tests {
    use futures_channel::oneshot;
    use futures_lite::future::block_on;

    use super::*;
    use crate::hypha::{BlockingHandle, Hypha};
    use crate::node::CoreSet;

    type Messages = async_channel::Receiver<Result<Delivery, Lagged>>;

    fn start() -> Hypha {
        Hypha::builder().cores(CoreSet::first(2)).start().unwrap()
    }

    fn subscribe(
        hypha: &Hypha,
        kind: Kind,
        name: &'static [u8],
        capacity: usize,
    ) -> (Subscription, Messages) {
        let (sender, messages) = async_channel::bounded(capacity);
        let (done, subscription) = oneshot::channel();
        let sent = hypha.node.reach(crate::node::CoreId(1)).call(Box::new(move |core| {
            let core = Rc::clone(core);
            core.ring.note_wake();
            let subscribe =
                async move { done.send(core.subscribe_in_process(kind, name, sender).await).unwrap() };
            glommio::spawn_local(subscribe).detach();
        }));
        assert!(sent);
        (block_on(subscription).unwrap(), messages)
    }

    fn publish(handle: &BlockingHandle, channel: &str, message: &str) -> String {
        format!("{:?}", handle.execute(&["PUBLISH", channel, message]).unwrap())
    }

    #[test]
    fn what_is_published_comes_by_the_channel_until_it_ends() {
        let hypha = start();
        let handle = hypha.handle().blocking();
        let (_, by_name) = subscribe(&hypha, Kind::Channel, b"news", 8);
        let (by_pattern_id, by_pattern) = subscribe(&hypha, Kind::Pattern, b"n*", 8);
        assert_eq!(publish(&handle, "news", "one"), "Integer(2)");
        let boxed = |text: &str| Box::from(text.as_bytes());
        let plain = Delivery { channel: boxed("news"), pattern: None, message: boxed("one") };
        assert_eq!(by_name.recv_blocking(), Ok(Ok(plain.clone())));
        assert_eq!(by_pattern.recv_blocking(), Ok(Ok(Delivery { pattern: Some(boxed("n*")), ..plain })));
        let (done, ended) = oneshot::channel();
        hypha.node.reach(crate::node::CoreId(1)).call(Box::new(move |core| {
            core.unsubscribe_in_process(by_pattern_id);
            core.unsubscribe_in_process(by_pattern_id);
            done.send(()).unwrap();
        }));
        block_on(ended).unwrap();
        assert!(by_pattern.recv_blocking().is_err(), "its sender is gone");
        drop(by_name);
        assert_eq!(publish(&handle, "news", "two"), "Integer(0)");
    }

    #[test]
    fn who_does_not_keep_up_is_told_so_and_misses_nothing_before() {
        let hypha = start();
        let handle = hypha.handle().blocking();
        let (_, messages) = subscribe(&hypha, Kind::Channel, b"c", 4);
        for number in 0..3 {
            assert_eq!(publish(&handle, "c", &number.to_string()), "Integer(1)");
        }
        assert_eq!(publish(&handle, "c", "too much"), "Integer(0)");
        assert_eq!(publish(&handle, "c", "more"), "Integer(0)");
        for number in 0..3 {
            let message = messages.recv_blocking().unwrap().unwrap().message;
            assert_eq!(*message, *number.to_string().as_bytes());
        }
        assert_eq!(messages.recv_blocking(), Ok(Err(Lagged)));
        assert!(messages.recv_blocking().is_err());
    }
}
