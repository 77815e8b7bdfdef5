//! A core's place in the cluster: whether its node may act, and what follows from every change of the cluster's state.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mycorrhizal_net::identity::NodeId;

use super::core::Core;
use super::directory::{CoreId, PeerId};
use super::held::{Held, Until};
use crate::clock;
use crate::command::CommandError;
use crate::nodosum::state::{ClusterState, Presence, Septum};

/// How long requests wait for the node to be allowed to act, or to know more, before they are refused.
const HELD_MAX: Duration = Duration::from_secs(5);

/// How often a core that holds something back looks whether it still must.
const LOOK: Duration = Duration::from_millis(20);

/// How often a core that sends a partition away looks how far it is.
const MOVE_ON: Duration = Duration::from_millis(1);

impl Core {
    /// Finds out whether the node may act in this turn.
    pub(crate) fn look_at_tenure(&self) {
        self.suspended.set(!self.node.may_act(self.directory.version()));
    }

    /// Whether the node may act in this turn.
    pub(crate) fn may_act(&self) -> bool {
        !self.suspended.get()
    }

    /// Whether the node was allowed to act all through this turn.
    pub(crate) fn acted_rightly(&self) -> bool {
        let Some(cluster) = &self.node.cluster else { return true };
        self.suspended.get() || cluster.tenure.holds(clock::since_boot())
    }

    /// The state of the cluster has changed.
    pub(crate) fn on_state(self: &Rc<Self>, state: &Arc<ClusterState>) {
        let before = self.directory.state();
        if state.version() <= before.version() {
            return;
        }
        self.directory.set_state(Arc::clone(state));
        self.follow_catalogue(&before, state);
        self.follow_keys(&before, state);
        self.follow_map(&before, state);
        self.follow_members(&before, state);
        self.drop_shards_that_left(&before, state);
        self.cut_links_to_absent(&before, state);
        self.forget_digests(|node| state.member(node).is_some());
        self.release_held();
        self.wake_watchers();
        if self.id == CoreId(0) {
            self.node.publish_state(state);
            self.remind(state);
        }
    }

    /// Makes room for new septa, and lets go of what dropped ones held.
    fn follow_catalogue(&self, before: &ClusterState, state: &ClusterState) {
        if before.catalogue() == state.catalogue() {
            return;
        }
        let mut data = self.data.borrow_mut();
        let is_kept =
            |septum: &Septum| state.catalogue().find(&septum.name).is_some_and(|kept| kept.id == septum.id);
        for dropped in before.catalogue().iter().filter(|septum| !is_kept(septum)) {
            let remains = data.keyspace.detach(dropped.db());
            self.remains.borrow_mut().push(remains);
            self.drop_staged(dropped.db());
        }
        data.set_septa(state.catalogue());
    }

    /// Ends this core's links to a node, and what waits for it.
    pub(crate) fn cut_links_to(self: &Rc<Self>, node: NodeId) {
        for peer in self.linked_peers() {
            if self.directory.address(peer).node == node {
                self.cut_link(peer);
            }
        }
    }

    /// Ends the links to members that are not heard any more, or none any more: nobody waits for their answers.
    fn cut_links_to_absent(self: &Rc<Self>, before: &ClusterState, state: &ClusterState) {
        let was_there = |node| before.member(node).is_some_and(|member| member.presence == Presence::Present);
        // One that left in order answers what it was asked, and ends its links itself.
        let is_there = |node| state.member(node).is_none_or(|member| member.presence == Presence::Present);
        for peer in self.linked_peers() {
            let node = self.directory.address(peer).node;
            if was_there(node) && !is_there(node) {
                self.cut_link(peer);
            }
        }
    }

    /// Runs what waited and need not any more; refuses what waited for too long.
    pub(crate) fn release_held(self: &Rc<Self>) {
        if self.holding.borrow().is_empty() {
            return;
        }
        let (version, suspended, now) = (self.directory.version(), self.suspended.get(), self.ring.now());
        let is_late = |held: &Held| now > held.since + HELD_MAX;
        let is_over = |held: &Held| match held.until {
            Until::Version(awaited) => awaited <= version,
            Until::Tenure => !suspended,
        };
        let released = self.holding.borrow_mut().release(|held| is_over(held) || is_late(held));
        for held in released {
            if is_over(&held) {
                self.run_again(held.from, held.request.list());
            } else {
                self.refuse_held(&held);
            }
        }
    }

    fn refuse_held(&self, held: &Held) {
        let error = CommandError::Text(NOT_HEARD);
        for (request, _) in held.request.list().iter() {
            let mut reply = Vec::new();
            self.refuse(Some(request.row), &error, &mut reply);
            self.reply_to(held.from, request.ticket, &reply);
        }
    }

    /// When a core that holds something back, or sends a partition away, must look again.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let held = (!self.holding.borrow().is_empty()).then_some(LOOK);
        let moving = (!self.migration.is_idle()).then_some(MOVE_ON);
        [held, moving].into_iter().flatten().min().map(|pause| self.ring.now() + pause)
    }

    /// Waits until the node may act; `false`: it took too long.
    pub(crate) async fn wait_for_tenure(&self) -> bool {
        let deadline = self.ring.now() + HELD_MAX;
        while self.suspended.get() {
            if self.ring.now() >= deadline {
                return false;
            }
            self.ring.sleep_until(self.ring.now() + LOOK).await;
        }
        true
    }

    /// A link to a peer has been made.
    pub(crate) fn on_peer_up(self: &Rc<Self>, peer: PeerId) {
        tracing::debug!(address = ?self.directory.address(peer), "a link is up");
        self.on_listener_up(peer);
    }

    /// A link to a peer has ended, or could not be made.
    pub(crate) fn on_peer_down(self: &Rc<Self>, peer: PeerId) {
        self.on_transfer_link_down(peer);
        self.on_listener_down(peer);
    }
}

/// The node does not know whether what it has is still its own.
pub(crate) const NOT_HEARD: &str =
    "CLUSTERDOWN this node does not hear from the leader of its cluster; nothing has changed";
