//! What an embedding program holds: a node, before its start and while it runs.

mod builder;
mod handle;

pub use builder::Builder;
pub use handle::{BlockingHandle, CallError, Condition, Handle, SetOptions};

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use mycorrhizal_net::executor::{CoreError, CoreHandle};
use mycorrhizal_net::identity::NodeId;

use crate::node::shared::Node;
use crate::node::{Core, CoreId};
use crate::nodosum::service::{ProposeError, Stage, Status};
use crate::nodosum::state::{ClusterState, Command, Standing};

/// Why a node did not leave its cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaveError {
    /// It belongs to none.
    #[error("the node belongs to no cluster")]
    Alone,
    /// Nobody else could take what it owns.
    #[error("no other member can take what the node owns")]
    Last,
    /// The cluster did not decide it.
    #[error(transparent)]
    Refused(#[from] ProposeError),
}

/// Why a node will never be ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the node cannot join its cluster: {0}")]
pub struct NotReady(String);

/// Where a node is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    /// The plain port: any key on any connection.
    pub plain: Vec<SocketAddr>,
    /// The cores' own ports, in the order of the cores.
    pub cores: Vec<SocketAddr>,
    /// The cores' gossip sockets, in the order of the cores; none without a cluster.
    pub gossip: Vec<SocketAddr>,
    /// Where the cores' links are accepted, in the order of the cores; none without a cluster.
    pub links: Vec<SocketAddr>,
}

/// A running node. Dropping it stops it.
pub struct Hypha {
    pub(crate) node: Arc<Node>,
    pub(crate) cores: Vec<CoreHandle<()>>,
    pub(crate) service: Option<JoinHandle<()>>,
    pub(crate) addresses: Addresses,
    pub(crate) stop_requests: async_channel::Receiver<()>,
}

impl Hypha {
    /// A node of one core that listens nowhere, to be changed as needed.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A handle on the data, for any thread and any executor.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.node))
    }

    /// Where the node is reached.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The processors that the cores are pinned to.
    #[must_use]
    pub fn processors(&self) -> &[usize] {
        &self.node.processors
    }

    /// Waits until the node serves: at once if it belongs to no cluster, else when it is a member that may act.
    ///
    /// # Errors
    /// What keeps it out of its cluster for good.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let Some(cluster) = &self.node.cluster else { return Ok(()) };
        let mut status = cluster.service.status();
        loop {
            match &*status.borrow_and_update() {
                Status { stage: Stage::Retired(reason), .. } => return Err(NotReady(reason.clone())),
                Status { acts: true, .. } => return Ok(()),
                _ => {}
            }
            if status.changed().await.is_err() {
                return Err(NotReady("the node has stopped".to_owned()));
            }
        }
    }

    /// The blocking twin of [`Hypha::ready`].
    ///
    /// # Errors
    /// As there.
    pub fn wait_ready(&self) -> Result<(), NotReady> {
        futures_lite::future::block_on(self.ready())
    }

    /// Moves everything that the node owns to other members, and leaves the cluster for good: its id will never be a
    /// member again. [`Hypha::shutdown`] is next.
    ///
    /// # Errors
    /// See [`LeaveError`]; nothing is lost.
    pub async fn leave(&self) -> Result<(), LeaveError> {
        let cluster = self.node.cluster.as_ref().ok_or(LeaveError::Alone)?;
        let (service, node) = (&cluster.service, self.node.id);
        let mut applied = service.applied();
        let others = |state: &ClusterState| {
            state.members().any(|member| member.id != node && member.takes_partitions())
        };
        if !others(&applied.borrow_and_update().state) {
            return Err(LeaveError::Last);
        }
        service.propose(Command::Stand { node, standing: Standing::Draining }).await?;
        while applied.borrow_and_update().state.map().involving(node).next().is_some() {
            if applied.changed().await.is_err() {
                return Err(LeaveError::Refused(ProposeError::Stopping));
            }
        }
        service.propose(Command::Leave(node)).await?;
        let reach = self.node.reach(CoreId(0));
        reach.call(Box::new(Core::leave_gossip));
        Ok(())
    }

    /// The blocking twin of [`Hypha::leave`].
    ///
    /// # Errors
    /// As there.
    pub fn wait_leave(&self) -> Result<(), LeaveError> {
        futures_lite::future::block_on(self.leave())
    }

    /// The node's id, 40 hex digits.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.node.id
    }

    /// Waits until a client asks the node to stop (SHUTDOWN), or a core has failed. [`Hypha::shutdown`] is next.
    pub async fn stop_requested(&self) {
        if self.stop_requests.recv().await.is_err() {
            tracing::debug!("the node is stopping already");
        }
    }

    /// The blocking twin of [`Hypha::stop_requested`].
    pub fn wait_stop_requested(&self) {
        futures_lite::future::block_on(self.stop_requested());
    }

    /// A way to make [`Hypha::stop_requested`] return, for signal handlers.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.node))
    }

    /// Stops accepting, lets what was received be answered and sent, and ends the cores.
    ///
    /// # Errors
    /// A core panicked; the others have ended all the same.
    pub fn shutdown(mut self) -> Result<(), CoreError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), CoreError> {
        if let (Some(cluster), Some(thread)) = (&self.node.cluster, self.service.take()) {
            futures_lite::future::block_on(cluster.service.stop());
            if thread.join().is_err() {
                tracing::error!("the service core panicked");
            }
        }
        self.node.stop();
        let ends: Vec<Result<(), CoreError>> = self.cores.drain(..).map(CoreHandle::join).collect();
        ends.into_iter().collect()
    }
}

impl Drop for Hypha {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "a core had failed");
        }
    }
}

/// Asks a node to stop, from any thread.
#[derive(Clone)]
pub struct Stopper(Arc<Node>);

impl Stopper {
    /// Makes [`Hypha::stop_requested`] return.
    pub fn request_stop(&self) {
        self.0.request_stop();
    }
}
