//! What an embedding program holds: a node, before its start and while it runs, and handles on what the node is part of.
//!
//! | handle | of what |
//! |---|---|
//! | [`Septum`] | typed values under keys |
//! | [`Septa`] | the septa themselves, with their policies |
//! | [`Election`], [`Lock`], [`Semaphore`] | what one, or a few, may hold at a time |
//! | [`Services`] | which services run where |
//! | [`Topic`] | messages for all who subscribe |
//! | [`App`] | messages and requests between the nodes of an application |
//! | [`Members`] | the nodes |
//!
//! Handles are cheap to clone, `Send` and `Sync`, and their futures run under any executor. Each has a `blocking()` twin
//! for plain threads; what a handle gives out (a guard, a watch, a scan) has blocking twins named `wait_…`.

mod app;
mod builder;
pub(crate) mod call;
mod election;
mod lease;
mod lock;
mod members;
mod payload;
mod registration;
pub(crate) mod reply;
mod semaphore;
mod septa;
mod septum;
pub(crate) mod services;
mod together;
mod topic;
mod watch;

pub use app::{App, BlockingApp, Inbox, Incoming, ListenError, MessageError, Sent};
pub use builder::{Builder, Discover};
pub use call::CallError;
pub use election::{BlockingElection, Election, Leader, Leadership};
pub use lock::{BlockingLock, Lock, LockGuard};
pub use members::{BlockingMembers, MemberChange, MemberWatch, Members};
pub use payload::{Payload, PayloadError, Raw};
pub use registration::Registration;
pub use semaphore::{BlockingSemaphore, Permit, Semaphore};
pub use septa::{BlockingSepta, Septa, SeptumInfo, SeptumPolicy};
pub use septum::{Answer, Batch, BlockingSeptum, Condition, Countable, Scan, Septum, SetOptions, TimeToLive};
pub use services::{BlockingServices, ServiceSpec, Services};
pub use topic::{BlockingTopic, Message, Messages, Topic, TopicError};
pub use watch::{NodeStopped, Watch};

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use async_io::Timer;
use futures_channel::oneshot;
use mycorrhizal_net::executor::{CoreError, CoreHandle};
use mycorrhizal_net::identity::NodeId;

use self::call::Door;
use crate::clock;
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

    /// Values of type `T` in the septum of a name, on whichever nodes they are. That there is such a septum is found out at
    /// each call.
    #[must_use]
    pub fn septum<T: Payload>(&self, name: &str) -> Septum<T> {
        Septum::new(self.door(), name)
    }

    /// The septa themselves.
    #[must_use]
    pub fn septa(&self) -> Septa {
        Septa::new(self.door())
    }

    /// The election of a name.
    #[must_use]
    pub fn election(&self, name: &str) -> Election {
        Election::new(self.door(), name)
    }

    /// The lock of a name.
    #[must_use]
    pub fn lock(&self, name: &str) -> Lock {
        Lock::new(self.door(), name)
    }

    /// The semaphore of a name, which so many may hold at once: the same number for all who use the name.
    #[must_use]
    pub fn semaphore(&self, name: &str, permits: u32) -> Semaphore {
        Semaphore::new(self.door(), name, permits)
    }

    /// The service registry.
    #[must_use]
    pub fn services(&self) -> Services {
        Services::new(self.door())
    }

    /// The topic of a name, with messages of type `T`.
    #[must_use]
    pub fn topic<T: Payload>(&self, name: &str) -> Topic<T> {
        Topic::new(self.door(), name)
    }

    /// The application of a name, which sends and takes messages of type `T`.
    #[must_use]
    pub fn app<T: Payload>(&self, name: &str) -> App<T> {
        App::new(&self.node, name)
    }

    /// The members of the cluster.
    #[must_use]
    pub fn members(&self) -> Members {
        Members::new(self.door())
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
        // Whoever holds something by this node is told before it can be another's.
        let promised = self.node.end_promises();
        Timer::after(promised.saturating_sub(clock::since_boot())).await;
        let left = service.propose(Command::Leave(node)).await;
        left.inspect_err(|_| self.node.promises.resume())?;
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

    /// Stops accepting, lets what was received be answered and sent, and ends the cores. Once first polled it goes on to
    /// the end, whether it is waited for or not. The node stays a member of its cluster, as one that is absent; see
    /// [`Hypha::leave`].
    ///
    /// # Errors
    /// A core panicked; the others have ended all the same.
    pub async fn shutdown(mut self) -> Result<(), CoreError> {
        let (sender, ended) = oneshot::channel();
        let stopping = std::thread::Builder::new().name("stopping".to_owned()).spawn(move || {
            // Whoever asked may have gone.
            drop(sender.send(self.stop()));
        });
        match stopping {
            Ok(_) => ended.await.unwrap_or(Ok(())),
            // The node went with the closure that was not run, and has stopped.
            Err(_) => Ok(()),
        }
    }

    /// The blocking twin of [`Hypha::shutdown`].
    ///
    /// # Errors
    /// As there.
    pub fn wait_shutdown(mut self) -> Result<(), CoreError> {
        self.stop()
    }

    fn door(&self) -> Door {
        Door::Node(Arc::clone(&self.node))
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
