//! What all cores of a node share: immutable facts, single-writer counters, and the ways to reach each core. *Node*.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use mycorrhizal_net::identity::NodeId;
use tokio::sync::watch;

use super::claim::Promises;
use super::cluster::Cluster;
use super::counter::{Buckets, CoreCounters};
use super::directory::CoreId;
use super::endpoint::Endpoints;
use super::mesh::{Post, Reach};
use super::settings::Settings;
use crate::clock;
use crate::command::table::Row;
use crate::mycel::Hasher;
use crate::nodosum::service::Tenure;
use crate::nodosum::state::{ClusterState, FIRST_INCARNATION, Session};

/// Where clients reach a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ports {
    /// The plain port, if the node listens at all.
    pub(crate) plain: Option<u16>,
    /// The port of each core; empty if core ports are off.
    pub(crate) cores: Vec<u16>,
    /// What is published.
    pub(crate) endpoints: Endpoints,
    /// The address to publish instead of the one that the asking client connected to.
    pub(crate) announce: Option<IpAddr>,
}

/// What a node is made of.
pub(crate) struct Parts {
    pub(crate) id: NodeId,
    pub(crate) ports: Ports,
    pub(crate) first_state: Arc<ClusterState>,
    pub(crate) cluster: Option<Cluster>,
    pub(crate) posts: Vec<Post>,
    pub(crate) hasher: Hasher,
    pub(crate) settings: Settings,
    pub(crate) started_ms: u64,
    pub(crate) processors: Vec<usize>,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) stop_requests: async_channel::Sender<()>,
}

/// The shared part of a node.
pub(crate) struct Node {
    /// Its id in the cluster; one that belongs to none draws it anew at each start.
    pub(crate) id: NodeId,
    /// Where clients reach it.
    pub(crate) ports: Ports,
    /// The state of the cluster that it starts with.
    pub(crate) first_state: Arc<ClusterState>,
    /// Its part in its cluster, if it belongs to one.
    pub(crate) cluster: Option<Cluster>,
    /// How each core is reached.
    pub(crate) posts: Vec<Post>,
    /// What each core counts.
    pub(crate) counters: Vec<CoreCounters>,
    /// Hashes keys alike on every core.
    pub(crate) hasher: Hasher,
    /// The settings at start; each core holds its own current copy.
    pub(crate) settings: Settings,
    /// Unix time at start, in milliseconds.
    pub(crate) started_ms: u64,
    /// The processors that the cores are pinned to.
    pub(crate) processors: Vec<usize>,
    /// Where CONFIG REWRITE writes, if the node was started from a file.
    pub(crate) config_file: Option<PathBuf>,
    /// The last connection id given out.
    pub(crate) connection_ids: AtomicU64,
    /// Requests that any of several nodes could have taken.
    turns: AtomicUsize,
    /// What holders of leases may rely on.
    pub(crate) promises: Promises,
    /// Connections open on all cores; bounded by `maxclients`.
    pub(crate) connections: AtomicU64,
    /// Set once, when the node is to stop.
    stopping: AtomicBool,
    /// Told when a client asks the node to stop.
    stop_requests: async_channel::Sender<()>,
    /// The state of the cluster as the first core knows it, for whoever watches in this process; no core reads it.
    states: watch::Sender<Arc<ClusterState>>,
}

impl Node {
    pub(crate) fn new(parts: Parts) -> Self {
        let counters = parts.posts.iter().map(|_| CoreCounters::new()).collect();
        let (states, _) = watch::channel(Arc::clone(&parts.first_state));
        // One of a cluster comes back later than its last life could promise.
        let forgets = parts.cluster.is_none() && parts.ports.plain.is_some();
        Self {
            id: parts.id,
            states,
            ports: parts.ports,
            first_state: parts.first_state,
            cluster: parts.cluster,
            posts: parts.posts,
            counters,
            hasher: parts.hasher,
            settings: parts.settings,
            started_ms: parts.started_ms,
            processors: parts.processors,
            config_file: parts.config_file,
            connection_ids: AtomicU64::new(0),
            turns: AtomicUsize::new(0),
            promises: Promises::new(forgets),
            connections: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            stop_requests: parts.stop_requests,
        }
    }

    /// The way to a core from threads that are none.
    pub(crate) fn reach(&self, core: CoreId) -> Reach {
        self.posts[core.index()].reach()
    }

    /// All cores.
    pub(crate) fn cores(&self) -> impl DoubleEndedIterator<Item = CoreId> + use<> {
        let cores = u16::try_from(self.posts.len()).expect("a node has at most 1024 cores");
        (0..cores).map(CoreId)
    }

    /// The next connection id, from 1.
    pub(crate) fn next_connection_id(&self) -> u64 {
        self.connection_ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Puts another of several that are as good as each other first, each time.
    pub(crate) fn in_turn<T>(&self, mut several: Vec<T>) -> Vec<T> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let first = turn % several.len().max(1);
        several.rotate_left(first);
        several
    }

    /// This life of the node.
    pub(crate) fn session(&self) -> Session {
        let incarnation = self.cluster.as_ref().map_or(FIRST_INCARNATION, |cluster| cluster.incarnation);
        Session { node: self.id, incarnation }
    }

    /// Until when the node may act; forever if it belongs to no cluster.
    pub(crate) fn tenure(&self) -> Option<&Tenure> {
        self.cluster.as_ref().map(|cluster| &*cluster.tenure)
    }

    /// Whether the node may act at this moment as what `version` of the state takes it for.
    pub(crate) fn may_act(&self, version: u64) -> bool {
        self.tenure().is_none_or(|tenure| tenure.holds_for(clock::since_boot(), version))
    }

    /// The state of the cluster, now and as it changes; a change may also mean that the node stops, or leaves.
    pub(crate) fn states(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.states.subscribe()
    }

    /// Shows a new state to whoever watches.
    pub(crate) fn publish_state(&self, state: &Arc<ClusterState>) {
        self.states.send_if_modified(|shown| {
            let newer = state.version() > shown.version();
            if newer {
                shown.clone_from(state);
            }
            newer
        });
    }

    /// Promises holders of leases nothing more, and tells those in this process; returns when the last promise is over,
    /// since the machine's boot.
    pub(crate) fn end_promises(&self) -> Duration {
        let last = self.promises.end();
        self.states.send_modify(|_| {});
        last
    }

    /// Whether the node is on its way down.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Makes every core drain and stop.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        for post in &self.posts {
            post.waker.wake();
        }
        self.stop_requests.close();
        self.states.send_modify(|_| {});
    }

    /// Asks whoever started the node to stop it (SHUTDOWN).
    pub(crate) fn request_stop(&self) {
        if self.stop_requests.try_send(()).is_err() {
            tracing::debug!("the node had been asked to stop before");
        }
    }

    /// Bytes of all data and of all client buffers.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.sum(|core| core.data_bytes.read() + core.buffer_bytes.read())
    }

    /// The most bytes that any core has seen the node use.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.counters.iter().map(CoreCounters::peak_bytes).max().unwrap_or(0)
    }

    /// How long the commands of a row took, on all cores.
    pub(crate) fn durations(&self, row: &Row) -> Buckets {
        let mut sums = Buckets::default();
        self.counters.iter().for_each(|core| core.rows[usize::from(row.number)].durations.add_to(&mut sums));
        sums
    }

    /// The sum over all cores of what `pick` reads.
    pub(crate) fn sum(&self, pick: impl Fn(&CoreCounters) -> u64) -> u64 {
        self.counters.iter().map(pick).sum()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::nodosum::state::Member;
    use mycorrhizal_net::identity::ClusterId;

    /// A member with nothing but its id and cores.
    pub(crate) fn member(id: NodeId, cores: u16) -> Member {
        Member::new(Session { node: id, incarnation: FIRST_INCARNATION }, IpAddr::from([127, 0, 0, 1]), cores)
    }

    /// The state of a cluster of these members.
    pub(crate) fn state_of(members: &[Member]) -> Arc<ClusterState> {
        Arc::new(ClusterState::formed(ClusterId::default(), members, 16))
    }
}
