//! What cores tell each other of their subscribers.

use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use mycorrhizal_net::identity::Incarnation;
use mycorrhizal_net::link::frame::{ArchivedInterest, FrameError};

use super::super::core::Core;
use super::super::directory::{CoreId, PeerId};
use super::super::mesh::Letter;
use crate::cytoplasm::{Delta, Kind};
use crate::nodosum::state::{ClusterState, CoreAddress, Member, Presence};

/// How long a subscription waits for those who do not say that they know of it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes of names in one frame, about.
const PIECE_BYTES: usize = 1 << 20;

/// The word of a core of another node, while it is passed on to the siblings.
pub(super) struct Relay {
    from: PeerId,
    version: u64,
    missing: usize,
}

impl Core {
    /// Whether a name is of interest to this core has changed.
    pub(super) fn note_interest(&self, kind: Kind, name: &[u8], is_of_interest: bool) {
        let cytoplasm = &self.cytoplasm;
        let mut interest = cytoplasm.interest.borrow_mut();
        if is_of_interest {
            interest.add(kind, name, self.id.into());
        } else {
            interest.remove(kind, name, self.id.into());
        }
        cytoplasm.announcer.borrow_mut().note(kind, Rc::from(name));
        cytoplasm.has_changes.set(true);
    }

    /// Tells the others what has changed in this turn.
    #[inline]
    pub(crate) fn announce(&self) {
        if self.cytoplasm.has_changes.replace(false) {
            self.announce_changes();
        }
    }

    fn announce_changes(&self) {
        let (delta, listeners) = {
            let subscriptions = self.cytoplasm.subscriptions.borrow();
            let mut announcer = self.cytoplasm.announcer.borrow_mut();
            let delta = announcer.take_delta(|kind, name| subscriptions.is_of_interest(kind, name));
            (Arc::new(delta), announcer.listeners().collect::<Vec<_>>())
        };
        for (listener, is_up_to_date) in listeners {
            match self.directory.local(listener) {
                Some(sibling) => self.tell_sibling(sibling, &delta),
                None if !self.links.is_up(listener) => self.hail(listener),
                None if is_up_to_date => self.write_to(listener, Letter::Interest(Arc::clone(&delta))),
                None => self.tell_all(listener),
            }
        }
    }

    fn write_to(&self, peer: PeerId, letter: Letter) {
        self.outboxes.borrow_mut().mail(peer).letters.push(letter);
    }

    /// Has a link made to a peer, over which it is told all there is.
    fn hail(&self, peer: PeerId) {
        self.write_to(peer, Letter::Hail);
    }

    fn tell_sibling(&self, sibling: CoreId, delta: &Arc<Delta>) {
        let (delta, from) = (Arc::clone(delta), self.id);
        let call = Box::new(move |core: &Rc<Core>| {
            core.take_delta(from.into(), &delta);
            let (me, version) = (core.id, delta.version);
            let known = Box::new(move |core: &Rc<Core>| core.on_interest_known(me.into(), version));
            core.outboxes.borrow_mut().mail(from).calls.push(known);
        });
        self.outboxes.borrow_mut().mail(sibling).calls.push(call);
    }

    /// Tells a core of another node everything that this one has subscribers for.
    fn tell_all(&self, peer: PeerId) {
        let subscriptions = self.cytoplasm.subscriptions.borrow();
        let mut announcer = self.cytoplasm.announcer.borrow_mut();
        let fresh = |reset| Delta { reset, version: 0, added: Vec::new(), removed: Vec::new() };
        let (mut piece, mut bytes) = (fresh(true), 0);
        for kind in Kind::ALL {
            for name in subscriptions.of_interest(kind) {
                piece.added.push((kind, Box::from(&**name)));
                bytes += name.len() + size_of::<u64>();
                if bytes > PIECE_BYTES {
                    let full = std::mem::replace(&mut piece, fresh(false));
                    self.write_to(peer, Letter::Interest(Arc::new(full)));
                    bytes = 0;
                }
            }
        }
        piece.version = announcer.version();
        self.write_to(peer, Letter::Interest(Arc::new(piece)));
        announcer.on_told_all(peer);
    }

    fn has_any_interest(&self) -> bool {
        let subscriptions = self.cytoplasm.subscriptions.borrow();
        Kind::ALL.into_iter().any(|kind| subscriptions.of_interest(kind).next().is_some())
    }

    /// A link to a peer has been made.
    pub(in super::super) fn on_listener_up(&self, peer: PeerId) {
        let is_anything = self.has_any_interest();
        let tell = self.cytoplasm.announcer.borrow_mut().on_way_made(peer, is_anything);
        if tell {
            self.tell_all(peer);
        }
    }

    /// A link to a peer has ended, or could not be made.
    pub(in super::super) fn on_listener_down(&self, peer: PeerId) {
        let is_anything = self.has_any_interest();
        let again = self.cytoplasm.announcer.borrow_mut().on_way_lost(peer, is_anything);
        if again {
            self.hail(peer);
        }
    }

    /// Waits until all who can be reached know what this core has subscribers for now.
    pub(super) async fn wait_until_known(&self) {
        let cytoplasm = &self.cytoplasm;
        let version = cytoplasm.announcer.borrow().awaited_version();
        if cytoplasm.announcer.borrow().is_known(version) {
            return;
        }
        let deadline = self.ring.now() + PATIENCE;
        let known = std::future::poll_fn(|context| {
            if cytoplasm.announcer.borrow().is_known(version) {
                return Poll::Ready(());
            }
            cytoplasm.waiters.borrow_mut().push(context.waker().clone());
            Poll::Pending
        });
        let late = async {
            self.ring.sleep_until(deadline).await;
            cytoplasm.announcer.borrow_mut().give_up(version);
        };
        futures_lite::future::or(known, late).await;
    }

    fn wake_waiters(&self) {
        let waiters = self.cytoplasm.waiters.take();
        waiters.into_iter().for_each(|waiter| self.wake(Some(waiter)));
    }

    /// A core knows what this one has subscribers for, up to a version.
    pub(in super::super) fn on_interest_known(&self, by: PeerId, version: u64) {
        self.cytoplasm.announcer.borrow_mut().on_acknowledged(by, version);
        self.wake_waiters();
    }

    /// A core of another node tells what it has subscribers for.
    pub(in super::super) fn on_interest(
        &self,
        from: PeerId,
        life: Incarnation,
        interest: &ArchivedInterest<'_>,
    ) -> Result<(), FrameError> {
        let name = |item: Result<(u32, &[u8]), FrameError>| {
            let (kind, name) = item?;
            Ok((Kind::numbered(kind).ok_or(FrameError::PeerFrameBroken)?, Box::from(name)))
        };
        let added = interest.added().map(name).collect::<Result<Vec<_>, FrameError>>()?;
        let removed = interest.removed().map(name).collect::<Result<Vec<_>, FrameError>>()?;
        let delta = Delta { reset: interest.reset, version: interest.version.to_native(), added, removed };
        self.cytoplasm.told_by.borrow_mut().insert(from, life);
        self.relay(from, &Arc::new(delta));
        Ok(())
    }

    /// Takes what a core of another node said, and passes it on to the siblings.
    fn relay(&self, from: PeerId, delta: &Arc<Delta>) {
        self.take_delta(from, delta);
        let siblings = self.siblings();
        let (address, me) = (self.directory.address(from), self.id);
        let relay = Relay { from, version: delta.version, missing: siblings.len() };
        if relay.missing == 0 {
            return self.acknowledge(&relay);
        }
        let key = self.cytoplasm.relays.borrow_mut().insert(relay);
        for sibling in siblings {
            let delta = Arc::clone(delta);
            let call = Box::new(move |core: &Rc<Core>| {
                core.take_delta(core.directory.peer(address), &delta);
                let done = Box::new(move |core: &Rc<Core>| core.on_relayed(key));
                core.outboxes.borrow_mut().mail(me).calls.push(done);
            });
            self.outboxes.borrow_mut().mail(sibling).calls.push(call);
        }
    }

    /// A sibling has taken what was passed on to it.
    fn on_relayed(&self, key: usize) {
        let mut relays = self.cytoplasm.relays.borrow_mut();
        relays[key].missing -= 1;
        if relays[key].missing == 0 {
            let relay = relays.remove(key);
            drop(relays);
            self.acknowledge(&relay);
        }
    }

    /// The other cores of this node.
    fn siblings(&self) -> Vec<CoreId> {
        self.node.cores().filter(|sibling| *sibling != self.id).collect()
    }

    fn acknowledge(&self, relay: &Relay) {
        if relay.version > 0 && self.links.is_up(relay.from) {
            self.write_to(relay.from, Letter::InterestAck(relay.version));
        }
    }

    /// Notes what a core has subscribers for.
    fn take_delta(&self, from: PeerId, delta: &Delta) {
        let mut interest = self.cytoplasm.interest.borrow_mut();
        if delta.reset {
            interest.forget(from);
        }
        delta.added.iter().for_each(|(kind, name)| interest.add(*kind, name, from));
        delta.removed.iter().for_each(|(kind, name)| interest.remove(*kind, name, from));
    }

    /// The members have changed: who is to be told, and whose word is void.
    pub(in super::super) fn follow_members(&self, before: &ClusterState, state: &ClusterState) {
        let (me, number) = (self.node.id, self.id.0);
        let others = |member: &&Member| member.id != me && member.presence == Presence::Present;
        let listeners = state.members().filter(others).map(|member| {
            let address = CoreAddress { node: member.id, core: number % member.cores.max(1) };
            (self.directory.peer(address), member.incarnation.0)
        });
        let siblings = self.siblings().into_iter();
        let listeners = siblings.map(|sibling| (sibling.into(), 0)).chain(listeners);
        let fresh = self.cytoplasm.announcer.borrow_mut().set_listeners(listeners);
        if self.has_any_interest() {
            fresh.into_iter().for_each(|peer| match self.links.is_up(peer) {
                true => self.tell_all(peer),
                false => self.hail(peer),
            });
        }
        self.wake_waiters();
        self.void_words(before, state);
    }

    /// Forgets what gone nodes said, and asks those that are back.
    fn void_words(&self, before: &ClusterState, state: &ClusterState) {
        let is_present = |state: &ClusterState, peer| {
            let member = state.member(self.directory.address(peer).node);
            member.filter(|member| member.presence == Presence::Present).map(|member| member.incarnation)
        };
        let is_void =
            |peer: PeerId, life: Incarnation| match (is_present(before, peer), is_present(state, peer)) {
                (_, Some(now)) => life < now,
                (Some(then), None) => life <= then,
                (None, None) => false,
            };
        let told_by = self.cytoplasm.told_by.borrow().clone();
        for (peer, _) in told_by.into_iter().filter(|(peer, life)| is_void(*peer, *life)) {
            self.cytoplasm.told_by.borrow_mut().remove(&peer);
            self.cytoplasm.missed.borrow_mut().push(peer);
            let nothing = Delta { reset: true, version: 0, added: Vec::new(), removed: Vec::new() };
            self.relay(peer, &Arc::new(nothing));
        }
        let missed = self.cytoplasm.missed.take();
        let (back, still_gone) = missed.into_iter().partition(|peer| is_present(state, *peer).is_some());
        self.cytoplasm.missed.replace(still_gone);
        Vec::into_iter(back).for_each(|peer| self.hail(peer));
    }
}
