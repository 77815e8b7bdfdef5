//! Connections that subscribe.
//!
//! A connection's subscriptions begin in the moment in which they are confirmed, and what was delivered before one ends is
//! in the output before that is confirmed.

use std::rc::Rc;

use mycorrhizal_net::resp::{Args, Reply};

use super::super::caller::{Caller, PortKind};
use super::super::core::Core;
use super::super::directory::PeerId;
use super::Outlet;
use crate::command::CommandError;
use crate::cytoplasm::{Kind, SubscriberId, Unsubscribed};
use crate::mycel::Slot;
use crate::nodosum::state::ClusterState;

/// What a change of a subscription is called.
fn word(kind: Kind, subscribes: bool) -> &'static [u8] {
    match (kind, subscribes) {
        (Kind::Channel, true) => b"subscribe",
        (Kind::Channel, false) => b"unsubscribe",
        (Kind::Pattern, true) => b"psubscribe",
        (Kind::Pattern, false) => b"punsubscribe",
        (Kind::Shard, true) => b"ssubscribe",
        (Kind::Shard, false) => b"sunsubscribe",
    }
}

impl Caller {
    /// Subscribes to names, and confirms each once the whole cluster knows.
    pub(crate) async fn subscribe(&self, kind: Kind, args: Args<'_>) -> Result<(), CommandError> {
        let core = &self.core;
        let Some(me) = self.key.get().map(|key| Rc::clone(&core.callers.borrow()[key])) else {
            return Err(CommandError::Text("ERR only a connection can subscribe"));
        };
        let names = || args.iter().skip(1);
        if let Some(error) = self.shard_elsewhere(kind, names()) {
            return Err(error);
        }
        names().for_each(|name| core.expect_subscription(kind, name));
        core.wait_until_known().await;
        let error = self.shard_elsewhere(kind, names());
        if error.is_none() {
            let id = self
                .subscriber
                .get()
                .unwrap_or_else(|| core.cytoplasm.subscriptions.borrow_mut().join(Outlet::Connection(me)));
            self.subscriber.set(Some(id));
            for name in names() {
                core.cytoplasm.subscriptions.borrow_mut().subscribe(id, kind, name);
                self.confirm(kind, true, Some(name));
            }
        }
        names().for_each(|name| core.unexpect_subscription(kind, name));
        error.map_or(Ok(()), Err)
    }

    /// Ends subscriptions, all of a kind if none is named, and confirms each.
    pub(crate) fn unsubscribe(&self, kind: Kind, args: Args<'_>) -> Result<(), CommandError> {
        if let Some(error) = self.shard_elsewhere(kind, args.iter().skip(1)) {
            return Err(error);
        }
        self.core.send_deliveries();
        if args.len() > 1 {
            args.iter().skip(1).for_each(|name| self.unsubscribe_from(kind, name));
            return Ok(());
        }
        let names = match self.subscriber.get() {
            Some(id) => self.core.cytoplasm.subscriptions.borrow().names_of(id, kind),
            None => Vec::new(),
        };
        names.iter().for_each(|name| self.unsubscribe_from(kind, name));
        if names.is_empty() {
            self.confirm(kind, false, None);
        }
        Ok(())
    }

    fn unsubscribe_from(&self, kind: Kind, name: &[u8]) {
        if let Some(id) = self.subscriber.get() {
            self.core.unsubscribe(id, kind, name);
        }
        self.confirm(kind, false, Some(name));
    }

    /// Ends all subscriptions, and says nothing.
    pub(crate) fn end_subscriptions(&self) {
        if let Some(id) = self.subscriber.take() {
            self.core.send_deliveries();
            self.core.end_subscriber(id);
            self.session.borrow_mut().subscriptions = 0;
        }
    }

    /// How many subscriptions there are, by kind.
    pub(crate) fn subscription_counts(&self) -> [usize; 3] {
        let subscriptions = self.core.cytoplasm.subscriptions.borrow();
        let count = |kind| self.subscriber.get().map_or(0, |id| subscriptions.count_of(id, kind));
        Kind::ALL.map(count)
    }

    /// Says what has become of a subscription, whatever CLIENT REPLY says, and how many there are now.
    fn confirm(&self, kind: Kind, subscribes: bool, name: Option<&[u8]>) {
        let [channels, patterns, shards] = self.subscription_counts();
        let count = if kind == Kind::Shard { shards } else { channels + patterns };
        let protocol = {
            let mut session = self.session.borrow_mut();
            session.subscriptions = channels + patterns + shards;
            session.protocol
        };
        let mut output = self.output();
        let mut reply = Reply::new(&mut output, protocol);
        reply.push(3);
        reply.bulk(word(kind, subscribes));
        match name {
            Some(name) => reply.bulk(name),
            None => reply.null(),
        }
        reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Why shard channels cannot be had by this connection, if they cannot: a core's own port has those of its own slots,
    /// and of one at a time.
    pub(in super::super) fn shard_elsewhere<'n>(
        &self,
        kind: Kind,
        mut names: impl Iterator<Item = &'n [u8]>,
    ) -> Option<CommandError> {
        if kind != Kind::Shard || self.port != PortKind::Core {
            return None;
        }
        let slot = Slot::of(names.next()?);
        if names.any(|name| Slot::of(name) != slot) {
            return Some(CommandError::Text("CROSSSLOT Keys in request don't hash to the same slot"));
        }
        let owner = self.core.directory.owner(slot);
        (owner != self.core.id).then(|| self.moved(slot, owner))
    }

    /// Where a slot is to be asked for.
    pub(in super::super) fn moved(&self, slot: Slot, owner: PeerId) -> CommandError {
        let known = (owner != PeerId::NOBODY).then(|| self.core.directory.address(owner));
        match known.and_then(|owner| self.address_of(owner)) {
            Some((host, port)) => CommandError::Message(format!("MOVED {} {host}:{port}", slot.number())),
            None => CommandError::Text("CLUSTERDOWN Hash slot not served"),
        }
    }

    /// Ends the connection if its unsent messages take more than they may.
    pub(super) fn check_hard_limit(&self) {
        let Some(connection) = self.connection() else { return };
        let limit = self.core.cytoplasm_limit();
        if limit > 0 && connection.unsent_bytes() as u64 > limit && !self.session().closing {
            self.close_over_output_limit();
        }
    }
}

impl Core {
    /// `client-output-buffer-limit pubsub`, in bytes.
    fn cytoplasm_limit(&self) -> u64 {
        self.settings().client_output_buffer_limit_pubsub.hard_bytes
    }

    /// Somebody is about to subscribe.
    pub(super) fn expect_subscription(&self, kind: Kind, name: &[u8]) {
        let is_new = self.cytoplasm.subscriptions.borrow_mut().expect(kind, name);
        if is_new {
            self.note_interest(kind, name, true);
        }
    }

    /// Somebody who was about to subscribe has, or will not.
    pub(super) fn unexpect_subscription(&self, kind: Kind, name: &[u8]) {
        let is_over = self.cytoplasm.subscriptions.borrow_mut().unexpect(kind, name);
        if is_over {
            self.note_interest(kind, name, false);
        }
    }

    fn unsubscribe(&self, id: SubscriberId, kind: Kind, name: &[u8]) {
        let unsubscribed = self.cytoplasm.subscriptions.borrow_mut().unsubscribe(id, kind, name);
        if unsubscribed == Unsubscribed::Last {
            self.note_interest(kind, name, false);
        }
    }

    /// Ends all subscriptions of a subscriber.
    pub(super) fn end_subscriber(&self, id: SubscriberId) {
        let lost = self.cytoplasm.subscriptions.borrow_mut().leave(id);
        lost.iter().for_each(|(kind, name)| self.note_interest(*kind, name, false));
    }

    /// Partitions have left this core: who came in by its own port for their shard channels has to go elsewhere.
    pub(in super::super) fn drop_shards_that_left(&self, before: &ClusterState, state: &ClusterState) {
        if before.map().epoch() == state.map().epoch() {
            return;
        }
        let left: Vec<(Rc<Caller>, Rc<[u8]>)> = {
            let subscriptions = self.cytoplasm.subscriptions.borrow();
            let names = subscriptions.subscribed(Kind::Shard);
            let gone = names.filter(|name| self.directory.owner(Slot::of(name)) != self.id);
            let subscribers = gone.flat_map(|name| {
                subscriptions.subscribers(Kind::Shard, name).iter().map(move |id| (*id, Rc::clone(name)))
            });
            let of_core_port = |(id, name): (SubscriberId, Rc<[u8]>)| match subscriptions.outlet(id) {
                Some(Outlet::Connection(caller)) if caller.port == PortKind::Core => {
                    Some((Rc::clone(caller), name))
                }
                _ => None,
            };
            subscribers.filter_map(of_core_port).collect()
        };
        if !left.is_empty() {
            self.send_deliveries();
            left.iter().for_each(|(caller, name)| caller.unsubscribe_from(Kind::Shard, name));
        }
    }
}
