//! A client that holds no data: it talks to the nodes of a cluster from outside, and sends each key straight to the core
//! that owns it.
//!
//! ```text
//!   Septum, … ──job─────▶ driver (a thread of the client's own) ──▶ pool: topology, connections
//!                                                                  ├─▶ one connection per core and septum: writer, reader
//!   Topic::subscribe ───▶ subscription ──▶ a connection of its own ─┤
//!   Members::watch, … ──▶ question ──────▶ a connection of its own ─┤
//!   Services::register ─▶ registration ──▶ a connection of its own ─┤
//!   Election, … ────────▶ claim ─────────▶ a connection of its own ─┘
//! ```
//!
//! Its handles are those that a node in the process gives; a program can be written for either. What they share is in
//! [`hypha`](crate::hypha); what differs is the way of a call, of messages (`subscription`), of what is watched
//! (`question`), registered (`registration`) and held (`claim`).
//!
//! The client learns who owns what from any node (CLUSTER SLOTS), follows MOVED and ASK, and learns anew when an owner is
//! gone; where nodes have no core ports, their plain ports serve. What is asked at once goes out at once, pipelined over
//! the one connection to its owner. Sockets and timers are async-io's. They are driven by a thread of the client's own,
//! not by the tasks that ask: a task may be dropped in the middle of a request, or not be polled for a while, and
//! the connection, which others share, must go on; and so a client works under any executor, or none.
//!
//! Of every write it is known whether it took effect, but for [`CallError::Unknown`](crate::CallError::Unknown): it was
//! sent, and the connection broke, or the time was over. Reads, and what was certainly not sent, are tried again.

pub(crate) mod claim;
mod connection;
mod driver;
mod options;
mod pool;
mod question;
pub(crate) mod registration;
pub(crate) mod subscription;
mod topology;

pub(crate) use driver::Driver;
pub use options::ClientBuilder;
pub(crate) use question::Question;

use futures_lite::future::block_on;

use crate::hypha::call::Door;
use crate::hypha::{
    BlockingElection, BlockingLock, BlockingMembers, BlockingSemaphore, BlockingSepta, BlockingSeptum,
    BlockingServices, BlockingTopic, Election, Lock, Members, Payload, Semaphore, Septa, Septum, Services,
    Topic,
};

/// Why a client could not be connected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// No address was given.
    #[error("a client needs the address of a node")]
    ConfigNoSeed,
    /// No node could be reached; the text is of the last that was tried.
    #[error("no node can be reached: {0}")]
    PeerUnreachable(String),
    /// A node refused the client, for example its password.
    #[error("the node refuses the client: {0}")]
    PeerRefused(String),
    /// The client's thread could not be started.
    #[error("the thread of the client cannot be started: {0}")]
    LocalThread(String),
}

/// A client of a cluster, or of a single node. Cheap to clone; the last clone that is dropped closes its connections, where
/// handles, subscriptions and what is held count as clones.
///
/// ```
/// # use mycorrhizal::{Client, Health, Hypha, ServiceSpec};
/// # let hypha = Hypha::builder().port(0).core_ports(0).start()?;
/// # let address = hypha.addresses().plain[0].to_string();
/// # futures_lite::future::block_on(async {
/// let client = Client::connect([address]).await?;
/// let carts = client.septum::<Vec<String>>("0");
/// carts.set("alice", &vec!["apples".to_owned()]).await?;
/// assert_eq!(carts.get("alice").await?, Some(vec!["apples".to_owned()]));
///
/// let news = client.topic::<String>("news");
/// let mut heard = news.subscribe().await?;
/// news.publish(&"apples are sold out".to_owned()).await?;
/// assert_eq!(heard.next().await.expect("the client runs")?.message, "apples are sold out");
///
/// let stock = client.lock("stock").acquire().await?;
/// assert!(stock.is_held());
/// stock.release().await?;
///
/// let mut mail = client.services().register(ServiceSpec::new("mail").metadata("zone", "a")).await?;
/// mail.set_health(Health::Warning).await?;
/// assert_eq!(client.services().discover("mail").await?, [mail.service()]);
/// assert_eq!(client.members().list().await?[0].id, mail.service().session.node);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client(Driver);

impl Client {
    /// Connects to whatever `seeds` belong to: plain or core ports of nodes as `host:port`, of which one that is there is
    /// enough.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect<S: Into<String>>(seeds: impl IntoIterator<Item = S>) -> Result<Self, ConnectError> {
        Self::builder().connect(seeds).await
    }

    /// A client with a password, or with patience of another length.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Values of type `T` in the septum of a name. That there is such a septum is found out at each call.
    #[must_use]
    pub fn septum<T: Payload>(&self, name: &str) -> Septum<T> {
        Septum::new(self.door(), name)
    }

    /// The septa themselves.
    #[must_use]
    pub fn septa(&self) -> Septa {
        Septa::new(self.door())
    }

    /// The topic of a name, with messages of type `T`.
    #[must_use]
    pub fn topic<T: Payload>(&self, name: &str) -> Topic<T> {
        Topic::new(self.door(), name)
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

    /// The members of the cluster.
    #[must_use]
    pub fn members(&self) -> Members {
        Members::new(self.door())
    }

    /// The blocking twin of this client, for threads that are no tasks.
    #[must_use]
    pub fn blocking(&self) -> BlockingClient {
        BlockingClient(self.clone())
    }

    fn door(&self) -> Door {
        Door::Client(self.0.clone())
    }
}

/// The blocking twin of [`Client`].
#[derive(Clone)]
pub struct BlockingClient(Client);

impl BlockingClient {
    /// The blocking twin of [`Client::connect`].
    ///
    /// # Errors
    /// As there.
    pub fn connect<S: Into<String>>(seeds: impl IntoIterator<Item = S>) -> Result<Self, ConnectError> {
        block_on(Client::connect(seeds)).map(Self)
    }

    /// See [`Client::septum`].
    #[must_use]
    pub fn septum<T: Payload>(&self, name: &str) -> BlockingSeptum<T> {
        self.0.septum(name).blocking()
    }

    /// See [`Client::septa`].
    #[must_use]
    pub fn septa(&self) -> BlockingSepta {
        self.0.septa().blocking()
    }

    /// See [`Client::topic`].
    #[must_use]
    pub fn topic<T: Payload>(&self, name: &str) -> BlockingTopic<T> {
        self.0.topic(name).blocking()
    }

    /// See [`Client::election`].
    #[must_use]
    pub fn election(&self, name: &str) -> BlockingElection {
        self.0.election(name).blocking()
    }

    /// See [`Client::lock`].
    #[must_use]
    pub fn lock(&self, name: &str) -> BlockingLock {
        self.0.lock(name).blocking()
    }

    /// See [`Client::semaphore`].
    #[must_use]
    pub fn semaphore(&self, name: &str, permits: u32) -> BlockingSemaphore {
        self.0.semaphore(name, permits).blocking()
    }

    /// See [`Client::services`].
    #[must_use]
    pub fn services(&self) -> BlockingServices {
        self.0.services().blocking()
    }

    /// See [`Client::members`].
    #[must_use]
    pub fn members(&self) -> BlockingMembers {
        self.0.members().blocking()
    }
}
