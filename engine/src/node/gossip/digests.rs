//! Digests: every core tells cores of other nodes, each in its turn, of the partitions that it owns. *Core*.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use mycorrhizal_net::identity::NodeId;

use super::port::Port;
use crate::mycel::PARTITIONS;
use crate::node::core::Core;
use crate::nodosum::digest::{self, DIGESTS_MAX, Digest, Digests, Load, Verdict};
use crate::nodosum::state::{CoreAddress, Member, PartitionId, Presence};

/// The kind of datagram that carries digests.
pub(super) const DIGEST_KIND: u8 = 2;

/// How often a core tells of its partitions.
const TELL_EVERY: Duration = Duration::from_millis(1000);

/// Datagrams that it sends then at most.
const DATAGRAMS_MAX: usize = 4;

/// What a core was told, and how far it is in telling.
#[derive(Default)]
pub(crate) struct Exchange {
    /// What it was told.
    pub(crate) digests: RefCell<Digests>,
    /// Digests that disagreed with the map as this core knew it.
    pub(crate) disagreements: Cell<u64>,
    /// Digests that no map explains.
    pub(crate) conflicts: Cell<u64>,
    turn: Cell<usize>,
    next: Cell<usize>,
}

impl Core {
    /// Other nodes' core that hears what this core says of its partitions, each in its turn.
    fn next_listener(&self) -> Option<SocketAddr> {
        let state = self.directory.state();
        let is_other = |member: &&Member| member.id != self.node.id && member.presence == Presence::Present;
        let count = state.members().filter(is_other).count();
        let turn = self.exchange.turn.get();
        self.exchange.turn.set(turn.wrapping_add(1));
        let member = state.members().filter(is_other).nth(turn % count.max(1))?;
        member.gossip_address(self.id.0 % member.cores.max(1))
    }

    /// Digests of the next partitions of this core, and from where on to go on; those of all come in their turn.
    fn next_digests(&self) -> Vec<Digest> {
        let state = self.directory.state();
        let data = self.data.borrow();
        let me = CoreAddress { node: self.node.id, core: self.id.0 };
        let first = self.exchange.next.get();
        let mut digests = Vec::new();
        for partition in (first..PARTITIONS).chain(0..first) {
            let number = u16::try_from(partition).expect("there are 1,024 partitions");
            let known = state.map().ownership(PartitionId(number));
            if known.owner == Some(me) {
                digests.push(Digest {
                    partition: number,
                    since: known.since,
                    keys: data.keyspace.partition_len(partition) as u64,
                    bytes: data.keyspace.partition_bytes(partition) as u64,
                });
            }
            if digests.len() == DIGESTS_MAX * DATAGRAMS_MAX {
                self.exchange.next.set((partition + 1) % PARTITIONS);
                break;
            }
        }
        digests
    }

    /// What is in the partitions of this core, and of those of other nodes that have told it.
    pub(crate) fn loads(&self) -> BTreeMap<CoreAddress, Load> {
        let state = self.directory.state();
        let me = CoreAddress { node: self.node.id, core: self.id.0 };
        let mut loads = self.exchange.digests.borrow().loads(state.map());
        let data = self.data.borrow();
        for (partition, _) in state.map().iter().filter(|(_, known)| known.owner == Some(me)) {
            let own = loads.entry(me).or_default();
            own.partitions += 1;
            own.keys += data.keyspace.partition_len(partition.index()) as u64;
            own.bytes += data.keyspace.partition_bytes(partition.index()) as u64;
        }
        loads
    }

    /// A core of another node tells of its partitions.
    pub(super) fn on_digests(&self, node: NodeId, payload: &[u8]) {
        let Some((core, told)) = digest::decode(payload) else { return };
        let (from, state) = (CoreAddress { node, core }, self.directory.state());
        let mut digests = self.exchange.digests.borrow_mut();
        for digest in told {
            match digests.on_digest(from, digest, state.map()) {
                Verdict::Agrees => {}
                Verdict::Behind | Verdict::Ahead => {
                    self.exchange.disagreements.set(self.exchange.disagreements.get() + 1);
                }
                Verdict::Conflict => {
                    self.exchange.conflicts.set(self.exchange.conflicts.get() + 1);
                    tracing::error!(%node, core, partition = digest.partition, "two claim one partition at one epoch");
                }
            }
        }
    }

    /// What was told by nodes that are none any more is of no use.
    pub(crate) fn forget_digests(&self, is_member: impl Fn(NodeId) -> bool) {
        self.exchange.digests.borrow_mut().retain(is_member);
    }
}

/// Standing task: tells.
pub(super) async fn tell(core: Rc<Core>, port: Rc<Port>) {
    loop {
        core.ring.sleep_until(core.ring.now() + TELL_EVERY).await;
        if core.suspended.get() {
            continue;
        }
        let Some(listener) = core.next_listener() else { continue };
        for digests in core.next_digests().chunks(DIGESTS_MAX) {
            port.say(DIGEST_KIND, &digest::encode(core.id.0, digests), listener);
        }
    }
}
