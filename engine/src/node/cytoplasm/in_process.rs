//! Subscribers in this process: what an embedding program is told of.
//!
//! Messages come by a bounded channel. One that is full ends the subscription: its last item says so, and nothing is left
//! out in silence.

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
