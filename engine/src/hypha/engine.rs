//! Starting and stopping a node.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;

use mycorrhizal_net::executor::{self, CoreError, CoreHandle, CoreSet, CoreSetError, available_cpus};
use mycorrhizal_net::identity::{ClusterId, NodeId};
use mycorrhizal_net::mailbox::Mailbox;
use mycorrhizal_net::ring::{self, RingError, RingWaker};
use mycorrhizal_net::socket::{Sharing, listen_tcp};

use super::clock;
use super::endpoint::Endpoints;
use super::handle::Handle;
use super::lifetime::{self, Ports};
use super::mesh::{Inbox, MAILBOX_MAILS, Post};
use super::node::{self, Node};
use super::settings::{Form, PARAMETERS, Settings};
use crate::mycel::Hasher;
use crate::nodosum::state::{ClusterState, FIRST_INCARNATION, Member, Presence, Standing};

/// Calls from other threads that may wait for one core; a caller that finds no room waits.
const CALLS_WAITING: usize = 4096;

/// Why a node could not start. Nothing runs when it could not.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The kernel or its limits do not let the node have its network rings.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// The core set does not fit this machine.
    #[error(transparent)]
    ConfigCores(#[from] CoreSetError),
    /// A port could not be had.
    #[error("cannot listen on {address}: {reason}")]
    ConfigListen {
        /// The address and port asked for.
        address: SocketAddr,
        /// What the system said.
        reason: std::io::Error,
    },
    /// More core ports than there are port numbers above the base.
    #[error("core ports from {base} on: {cores} cores do not fit below 65536")]
    ConfigCorePorts {
        /// The first core's port.
        base: u16,
        /// How many cores there are.
        cores: usize,
    },
    /// A setting that makes no sense.
    #[error("{0}")]
    ConfigSetting(String),
    /// A core's thread could not be started.
    #[error(transparent)]
    LocalCore(#[from] CoreError),
    /// A thread could not be started.
    #[error("a thread cannot be started: {0}")]
    LocalThread(std::io::Error),
}

impl StartError {
    /// The exit code for a program that cannot go on (`sysexits.h` where it names one).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Ring(error) => error.exit_code(),
            Self::ConfigCores(_) | Self::ConfigCorePorts { .. } | Self::ConfigSetting(_) => 2,
            Self::ConfigListen { .. } | Self::LocalCore(_) | Self::LocalThread(_) => 1,
        }
    }
}

/// What a node is to be. Made by [`Engine::builder`].
#[derive(Clone)]
pub struct Builder {
    cores: CoreSet,
    listen: Option<u16>,
    core_ports: Option<u16>,
    endpoints: Endpoints,
    announce: Option<IpAddr>,
    config_file: Option<PathBuf>,
    settings: Settings,
}

/// Where a node is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    /// The plain port: any key on any connection.
    pub plain: Vec<SocketAddr>,
    /// The cores' own ports, in the order of the cores.
    pub cores: Vec<SocketAddr>,
}

/// A running node. Dropping it stops it.
pub struct Engine {
    node: Arc<Node>,
    cores: Vec<CoreHandle<()>>,
    addresses: Addresses,
    stop_requests: async_channel::Receiver<()>,
}

impl Engine {
    /// A node of one core that listens nowhere, to be changed as needed.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            cores: CoreSet::first(1),
            listen: None,
            core_ports: None,
            endpoints: Endpoints::default(),
            announce: None,
            config_file: None,
            settings: Settings::default(),
        }
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

    /// Waits until a client asks the node to stop (SHUTDOWN), or a core has failed. [`Engine::shutdown`] is next.
    pub async fn stop_requested(&self) {
        if self.stop_requests.recv().await.is_err() {
            tracing::debug!("the node is stopping already");
        }
    }

    /// The blocking twin of [`Engine::stop_requested`].
    pub fn wait_stop_requested(&self) {
        futures_lite::future::block_on(self.stop_requested());
    }

    /// A way to make [`Engine::stop_requested`] return, for signal handlers.
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
        self.node.stop();
        let ends: Vec<Result<(), CoreError>> = self.cores.drain(..).map(CoreHandle::join).collect();
        ends.into_iter().collect()
    }
}

impl Drop for Engine {
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
    /// Makes [`Engine::stop_requested`] return.
    pub fn request_stop(&self) {
        self.0.request_stop();
    }
}

impl Builder {
    /// The cores to run on: `CoreSet::first(4)`, or `"0-3,8".parse()?`.
    #[must_use]
    pub fn cores(self, cores: CoreSet) -> Self {
        Self { cores, ..self }
    }

    /// Listens for clients on `port` of every address of [`Builder::bind`]; 0 takes a free one.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { listen: Some(port), ..self }
    }

    /// The addresses to listen on; the loopback address if none is given.
    #[must_use]
    pub fn bind(mut self, addresses: Vec<IpAddr>) -> Self {
        self.settings.bind = addresses;
        self
    }

    /// Gives each core a port of its own: `base` plus its number, or any free one if `base` is 0.
    #[must_use]
    pub fn core_ports(self, base: u16) -> Self {
        Self { core_ports: Some(base), ..self }
    }

    /// What CLUSTER SLOTS, SHARDS and NODES publish.
    #[must_use]
    pub fn endpoints(self, endpoints: Endpoints) -> Self {
        Self { endpoints, ..self }
    }

    /// The address that they publish; that by which the asking client came if none is given.
    #[must_use]
    pub fn announce(self, address: Option<IpAddr>) -> Self {
        Self { announce: address, ..self }
    }

    /// The TOML file that CONFIG REWRITE rewrites.
    #[must_use]
    pub fn config_file(self, file: Option<PathBuf>) -> Self {
        Self { config_file: file, ..self }
    }

    /// Bytes that data and client buffers may take together; 0: no limit.
    #[must_use]
    pub fn maxmemory(mut self, bytes: u64) -> Self {
        self.settings.maxmemory = bytes;
        self
    }

    /// What clients must AUTH with; empty: nothing.
    #[must_use]
    pub fn requirepass(mut self, password: &str) -> Self {
        self.settings.requirepass = password.as_bytes().to_vec();
        self
    }

    /// Connections at most.
    #[must_use]
    pub fn maxclients(mut self, count: u64) -> Self {
        self.settings.maxclients = count;
        self
    }

    /// Numbered databases.
    #[must_use]
    pub fn databases(mut self, count: u16) -> Self {
        self.settings.databases = count;
        self
    }

    /// Seconds after which an idle connection is closed; 0: never.
    #[must_use]
    pub fn timeout(mut self, seconds: u64) -> Self {
        self.settings.timeout = seconds;
        self
    }

    /// Seconds between TCP keep-alive probes; 0: none.
    #[must_use]
    pub fn tcp_keepalive(mut self, seconds: u64) -> Self {
        self.settings.tcp_keepalive = seconds;
        self
    }

    /// Connections that the kernel queues before they are accepted.
    #[must_use]
    pub fn tcp_backlog(mut self, count: u32) -> Self {
        self.settings.tcp_backlog = count;
        self
    }

    /// The data directory.
    #[must_use]
    pub fn dir(mut self, path: PathBuf) -> Self {
        self.settings.dir = path;
        self
    }

    /// Sets a parameter by the name and in the form of CONFIG SET: `("slowlog-max-len", "64")`.
    ///
    /// # Errors
    /// [`StartError::ConfigSetting`]: no such parameter, or not such a value.
    pub fn parameter(mut self, name: &str, value: &str) -> Result<Self, StartError> {
        let changed = self.settings.with([(name.as_bytes(), value.as_bytes())]);
        self.settings = changed.map_err(|error| StartError::ConfigSetting(error.to_string()))?;
        Ok(self)
    }

    /// The names that [`Builder::parameter`] takes, and that CONFIG REWRITE writes.
    pub fn parameters() -> impl Iterator<Item = &'static str> {
        let written = PARAMETERS.iter().filter(|parameter| parameter.form != Form::Absent);
        written.map(|parameter| parameter.name)
    }

    /// Starts the node: binds its ports, starts its cores, and returns when all of them serve.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(mut self) -> Result<Engine, StartError> {
        if self.settings.databases == 0 {
            return Err(StartError::ConfigSetting("databases: at least one is needed".to_owned()));
        }
        let processors = self.cores.resolve(&available_cpus())?;
        ring::check(processors.len())?;
        let (ports, addresses) = self.bind_ports(processors.len())?;
        let published = node::Ports {
            plain: addresses.plain.first().map(SocketAddr::port),
            cores: addresses.cores.iter().map(SocketAddr::port).take(processors.len()).collect(),
            endpoints: self.endpoints,
            announce: self.announce,
        };
        self.settings.port = published.plain.unwrap_or(0);
        self.start_cores(published, processors, ports, addresses)
    }

    /// This node as the only member of a cluster of its own.
    fn alone(&self, id: NodeId, ports: &node::Ports, cores: usize) -> Member {
        let cores = u16::try_from(cores).expect("a core set has at most 1024 cores");
        Member {
            id,
            incarnation: FIRST_INCARNATION,
            name: String::new(),
            address: self.settings.bind.first().copied().unwrap_or(IpAddr::from([127, 0, 0, 1])),
            cores,
            weight: u32::from(cores),
            gossip_ports: Vec::new(),
            link_ports: Vec::new(),
            plain_port: ports.plain,
            core_ports: ports.cores.clone(),
            announce: ports.announce,
            standing: Standing::Active,
            presence: Presence::Present,
        }
    }

    fn start_cores(
        self,
        published: node::Ports,
        processors: Vec<usize>,
        ports: Vec<Ports>,
        addresses: Addresses,
    ) -> Result<Engine, StartError> {
        let (stop_sender, stop_requests) = async_channel::bounded(1);
        let mut starting = Vec::new();
        let mut senders = Vec::new();
        for ((number, &processor), ports) in processors.iter().enumerate().zip(ports) {
            let (mail_sender, mails) = Mailbox::bounded(MAILBOX_MAILS);
            let (call_sender, calls) = async_channel::bounded(CALLS_WAITING);
            let (waker_sender, waker) = mpsc::sync_channel(1);
            let (node_sender, node) = mpsc::sync_channel(1);
            let seed =
                lifetime::Seed { number, inbox: Inbox { mails, calls }, ports, waker: waker_sender, node };
            let name = format!("core-{number}");
            let handle = executor::spawn(processor, &name, move || lifetime::live(seed))
                .map_err(StartError::LocalThread)?;
            starting.push(Starting { handle, waker, node: node_sender });
            senders.push((mail_sender, call_sender));
        }
        let mut posts = Vec::new();
        let mut failed = None;
        for (core, (mailbox, calls)) in starting.iter().zip(senders) {
            match core.waker.recv() {
                Ok(Ok(waker)) => posts.push(Post { mailbox, calls, waker }),
                Ok(Err(error)) => failed = failed.or(Some(StartError::Ring(error))),
                // The core has ended before it had a ring; joining it says why.
                Err(mpsc::RecvError) => {}
            }
        }
        if posts.len() < starting.len() {
            return Err(end(starting, failed));
        }
        let hasher = Hasher::new([random_u64(), random_u64()]);
        let started_ms = clock::unix_ms();
        let id = NodeId(random_id());
        let member = self.alone(id, &published, processors.len());
        let first_state = ClusterState::formed(ClusterId(id.0), vec![member], self.settings.databases);
        let node = Node::new(
            id,
            published,
            first_state,
            posts,
            hasher,
            self.settings,
            started_ms,
            processors,
            self.config_file,
            stop_sender,
        );
        let node = Arc::new(node);
        let cores = starting.into_iter().map(|core| core.go(&node)).collect();
        Ok(Engine { node, cores, addresses, stop_requests })
    }

    /// Binds all ports, per core.
    fn bind_ports(&self, cores: usize) -> Result<(Vec<Ports>, Addresses), StartError> {
        let loopback = vec![IpAddr::from([127, 0, 0, 1])];
        let bind = if self.settings.bind.is_empty() { &loopback } else { &self.settings.bind };
        let mut ports: Vec<Ports> = (0..cores).map(|_| Ports::default()).collect();
        let mut addresses = Addresses::default();
        if let Some(mut port) = self.listen {
            for &ip in bind {
                for (number, core) in ports.iter_mut().enumerate() {
                    let sharing = if number == 0 { Sharing::Opens } else { Sharing::Joins };
                    let listener = self.listen_at(SocketAddr::new(ip, port), sharing)?;
                    port = port_of(&listener);
                    core.plain.push(listener);
                }
                addresses.plain.push(SocketAddr::new(ip, port));
            }
        }
        if let Some(base) = self.core_ports {
            let mut taken: Vec<u16> =
                (0..cores).map(|core| core_port(base, core, cores)).collect::<Result<_, _>>()?;
            for &ip in bind {
                for (core, port) in ports.iter_mut().zip(&mut taken) {
                    let listener = self.listen_at(SocketAddr::new(ip, *port), Sharing::Alone)?;
                    *port = port_of(&listener);
                    core.own.push(listener);
                    addresses.cores.push(SocketAddr::new(ip, *port));
                }
            }
        }
        Ok((ports, addresses))
    }

    fn listen_at(&self, address: SocketAddr, sharing: Sharing) -> Result<TcpListener, StartError> {
        let backlog = i32::try_from(self.settings.tcp_backlog).unwrap_or(i32::MAX);
        listen_tcp(address, sharing, backlog).map_err(|reason| StartError::ConfigListen { address, reason })
    }
}

/// A core that has its thread and waits for the node.
struct Starting {
    handle: CoreHandle<()>,
    waker: mpsc::Receiver<Result<RingWaker, RingError>>,
    node: mpsc::SyncSender<Arc<Node>>,
}

impl Starting {
    fn go(self, node: &Arc<Node>) -> CoreHandle<()> {
        if self.node.send(Arc::clone(node)).is_err() {
            tracing::error!(processor = self.handle.cpu(), "a core ended while the node was starting");
            node.request_stop();
        }
        self.handle
    }
}

/// Ends the cores of a node that cannot start, and finds out why it cannot.
fn end(starting: Vec<Starting>, failed: Option<StartError>) -> StartError {
    let mut reason = failed;
    for Starting { handle, node, .. } in starting {
        drop(node);
        if let Err(error) = handle.join() {
            reason = reason.or(Some(StartError::LocalCore(error)));
        }
    }
    reason.unwrap_or_else(|| StartError::ConfigSetting("a core ended while the node was starting".to_owned()))
}

fn core_port(base: u16, core: usize, cores: usize) -> Result<u16, StartError> {
    if base == 0 {
        return Ok(0);
    }
    u16::try_from(usize::from(base) + core).map_err(|_| StartError::ConfigCorePorts { base, cores })
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().map(|address| address.port()).unwrap_or(0)
}

/// Eight bytes that nobody can foresee, from the system's generator.
fn random_u64() -> u64 {
    use std::hash::{BuildHasher, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish()
}

fn random_id() -> [u8; 20] {
    let words = [random_u64(), random_u64(), random_u64()].map(u64::to_le_bytes).concat();
    std::array::from_fn(|index| words[index])
}
