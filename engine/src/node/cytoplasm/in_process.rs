//! Subscribers in this process: what an embedding program is told of.

use std::rc::Rc;

use super::super::core::Core;
use crate::cytoplasm::sink::Sink;
use crate::cytoplasm::{Kind, SubscriberId};

/// A subscription in this process, on the core that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subscription(SubscriberId);

impl Core {
    /// Subscribes something in this process, which gets every message published anywhere after this has returned. The
    /// subscription ends by [`Core::unsubscribe_in_process`], when the receiver is gone, or when the sink is full.
    pub(crate) async fn subscribe_in_process(&self, kind: Kind, name: &[u8], sink: Sink) -> Subscription {
        self.expect_subscription(kind, name);
        self.wait_until_known().await;
        let id = {
            let mut subscriptions = self.cytoplasm.subscriptions.borrow_mut();
            let id = subscriptions.join(super::Outlet::InProcess(sink));
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
