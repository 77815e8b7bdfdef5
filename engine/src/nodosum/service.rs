//! The service core: one thread that runs the node's part in the coordination layer.
//!
//! ```text
//!   cores, handles ──Input──▶ host ──▶ consensus ──▶ Applied ──▶ cores, handles
//!   other nodes    ──Call───▶      ──▶ tenure (may this node still act?)
//! ```
//!
//! [`Service`] is the way in: cheap to clone, for any thread and any executor. The thread runs tokio, and nothing of the
//! data plane waits for it.

mod campaign;
mod entering;
mod formation;
mod hold;
mod host;
mod leading;
mod living;
mod proposal;
mod rebalance;
mod sessions;
mod tenure;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use mycorrhizal_net::identity::{ClusterId, NodeId};
use tokio::sync::{mpsc, oneshot, watch};

pub use entering::LISTEN;
pub use hold::Hold;
pub use sessions::{GIVEN_UP, SESSION};
pub use tenure::{MARGIN, Tenure};

use super::consensus::{Applied, Store};
use super::rpc::Transport;
use super::state::{ClusterState, Command, Member, Refusal};

/// Inputs that wait for the service core at most; what finds no room is answered as unreachable.
const INPUTS_WAITING: usize = 4096;

/// What a service core is started with.
pub struct ServiceConfig {
    /// This node, as it joins.
    pub me: Member,
    /// The cluster's name.
    pub cluster_name: String,
    /// How many nodes must see each other before the cluster is founded.
    pub expect: usize,
    /// Numbered databases, should this node found the cluster.
    pub databases: u16,
    /// What the node remembers.
    pub store: Store,
    /// The way to other nodes.
    pub transport: Arc<dyn Transport>,
    /// The id of the cluster, should this node found it.
    pub cluster_to_be: ClusterId,
    /// Until when a node that comes back takes no part in consensus, by the clock since boot; see [`LISTEN`].
    pub listens_until: Duration,
    /// Told of every state.
    pub announce: Announce,
}

/// How far a node has come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Stage {
    /// It looks for others.
    #[default]
    Searching,
    /// It waits until as many as expected are there.
    Waiting {
        /// How many there are.
        seen: usize,
        /// How many are expected.
        expect: usize,
    },
    /// It sees two clusters of its name and joins neither.
    Torn(BTreeSet<ClusterId>),
    /// It is on its way into its cluster.
    Joining(ClusterId),
    /// It is a member.
    Member(ClusterId),
    /// Its id is retired: it will never be a member again.
    Retired(String),
    /// Its file cannot be written; it tries again.
    Failed(String),
}

/// What the service core tells of itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// How far the node has come.
    pub stage: Stage,
    /// Who leads consensus, as far as this node knows.
    pub leader: Option<NodeId>,
    /// The term of consensus.
    pub term: u64,
    /// Who votes.
    pub voters: BTreeSet<NodeId>,
    /// Whether the node has been confirmed as a member in this life, and may act.
    pub acts: bool,
}

/// Why a change of the coordinated state did not come about.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProposeError {
    /// It was decided against, and nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nobody leads, and nothing has changed.
    #[error("no leader of the cluster can be reached; nothing has changed")]
    NoLeader,
    /// It was sent, and no answer came: it may still take effect.
    #[error("no answer from the leader of the cluster; whether it takes effect is unknown")]
    Unknown,
    /// A node refused what a client asked of it, and nothing has changed; the text is the one that it gave.
    #[error("{0}")]
    PeerRefused(String),
    /// The node is stopping, and nothing has changed.
    #[error("the node is stopping")]
    Stopping,
}

/// Told the answer to a call of another node; dropped if there is none.
pub type Reply = Box<dyn FnOnce(Vec<u8>) + Send>;

/// Something to be done on the service core.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Told of every state of the cluster; says whether everybody who must know it has taken it.
pub type Announce = Box<dyn Fn(&Arc<ClusterState>) -> bool + Send>;

/// What reaches the service core.
pub(crate) enum Input {
    /// These nodes are alive, by gossip.
    Alive(BTreeSet<NodeId>),
    /// Another node calls.
    Call {
        /// Which.
        from: NodeId,
        /// The call.
        body: Vec<u8>,
        /// Told the answer.
        reply: Reply,
    },
    /// Something is to be done here, where tokio is.
    Task(Task),
    /// Somebody here wants a change.
    Propose {
        /// The change.
        command: Box<Command>,
        /// Where its outcome goes.
        reply: oneshot::Sender<Result<(), ProposeError>>,
    },
    /// The cluster is to be founded now, with whoever is there.
    Found,
    /// Another process, which called from there, runs with the id of this node.
    Twin(SocketAddr),
    /// The node stops.
    Stop {
        /// Told when the service core has ended.
        done: oneshot::Sender<()>,
    },
}

/// The way into the service core.
#[derive(Clone)]
pub struct Service {
    inbox: mpsc::Sender<Input>,
    applied: watch::Receiver<Applied>,
    status: watch::Receiver<Status>,
    tenure: Arc<Tenure>,
}

impl Service {
    /// Starts the thread.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(config: ServiceConfig) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (inbox, inputs) = mpsc::channel(INPUTS_WAITING);
        let (publish, applied) = watch::channel(Applied::default());
        let (report, status) = watch::channel(Status::default());
        let tenure = Arc::new(Tenure::default());
        let parts = host::Parts { config, inputs, publish, report, tenure: Arc::clone(&tenure) };
        let thread =
            std::thread::Builder::new().name("service".to_owned()).spawn(move || host::run(parts))?;
        Ok((Self { inbox, applied, status, tenure }, thread))
    }

    /// What this node has applied, now and as it changes.
    #[must_use]
    pub fn applied(&self) -> watch::Receiver<Applied> {
        self.applied.clone()
    }

    /// How the node fares, now and as it changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Until when this node may act as what the cluster takes it for.
    #[must_use]
    pub fn tenure(&self) -> Arc<Tenure> {
        Arc::clone(&self.tenure)
    }

    /// Changes the coordinated state, on whichever node leads.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub async fn propose(&self, command: Command) -> Result<(), ProposeError> {
        let (reply, outcome) = oneshot::channel();
        let input = Input::Propose { command: Box::new(command), reply };
        self.inbox.send(input).await.map_err(|_| ProposeError::Stopping)?;
        outcome.await.unwrap_or(Err(ProposeError::Unknown))
    }

    /// Founds the cluster now, with the fresh nodes that are there.
    pub async fn found(&self) {
        // A service core that has ended founds nothing.
        drop(self.inbox.send(Input::Found).await);
    }

    /// Tells that another process runs with the id of this node.
    pub fn report_twin(&self, address: SocketAddr) {
        if self.inbox.try_send(Input::Twin(address)).is_err() {
            tracing::debug!("the service core is too busy to hear of a twin");
        }
    }

    /// Tells which nodes are alive.
    pub fn set_alive(&self, nodes: BTreeSet<NodeId>) {
        if self.inbox.try_send(Input::Alive(nodes)).is_err() {
            tracing::debug!("the service core is too busy to hear who is alive");
        }
    }

    /// Answers a call of another node, unless the service core is too busy or has ended.
    pub fn answer(&self, from: NodeId, body: Vec<u8>, reply: Reply) {
        if self.inbox.try_send(Input::Call { from, body, reply }).is_err() {
            tracing::debug!("the service core is too busy to answer");
        }
    }

    /// Has something done on the service core, where tokio is; not done if that has ended.
    ///
    /// # Errors
    /// The service core is too busy to take the task, which is given back.
    pub fn run(&self, task: Task) -> Result<(), Task> {
        match self.inbox.try_send(Input::Task(task)) {
            Err(mpsc::error::TrySendError::Full(Input::Task(task))) => Err(task),
            _ => Ok(()),
        }
    }

    /// Stops the service core, and returns when it has ended.
    pub async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        if self.inbox.send(Input::Stop { done }).await.is_ok() {
            // An error says that it has ended as well.
            drop(ended.await);
        }
    }
}

#[cfg(test)]
mod tests;
