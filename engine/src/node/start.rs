//! Starting a node: ports, threads, the coordination layer if it belongs to a cluster, and then its cores.

mod ports;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use mycorrhizal_net::executor::{self, CoreError, CoreHandle, CoreSetError, available_cpus};
use mycorrhizal_net::identity::{ClusterId, Incarnation, NodeId};
use mycorrhizal_net::link::handshake::ClusterTag;
use mycorrhizal_net::mailbox::Mailbox;
use mycorrhizal_net::random;
use mycorrhizal_net::ring::{self, RingError, RingWaker};

use self::ports::bind_ports;
use super::cluster::{self, Cluster, ClusterOptions, FirstCore};
use super::lifetime::{self, Ports};
use super::mesh::{Inbox, MAILBOX_MAILS, Post, Reach};
use super::shared::{self, Node};
use crate::clock;
use crate::hypha::{Addresses, Builder, Hypha};
use crate::mycel::Hasher;
use crate::nodosum::consensus::{Store, StoreError};
use crate::nodosum::service::{LISTEN, Service, ServiceConfig};
use crate::nodosum::state::{ClusterState, FIRST_INCARNATION, Member, Session};

/// A node that belongs to no cluster grants fencing tokens above those of an earlier life, unless that granted more than
/// two to this power in each ms.
const TOKENS_PER_MS_BITS: u32 = 10;

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
    /// The cluster's key cannot be used.
    #[error("the cluster's key cannot be used: {0}")]
    ConfigKey(String),
    /// What the node must not forget cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
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
            Self::ConfigCores(_)
            | Self::ConfigCorePorts { .. }
            | Self::ConfigSetting(_)
            | Self::ConfigKey(_)
            | Self::Store(StoreError::ConfigOtherCluster { .. }) => 2,
            Self::Store(_) => 1,
            Self::ConfigListen { .. } | Self::LocalCore(_) | Self::LocalThread(_) => 1,
        }
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

/// See [`Builder::start`].
pub(crate) fn start(mut builder: Builder) -> Result<Hypha, StartError> {
    if builder.settings.databases == 0 {
        return Err(StartError::ConfigSetting("databases: at least one is needed".to_owned()));
    }
    let processors = builder.cores.resolve(&available_cpus())?;
    ring::check(processors.len())?;
    let (ports, addresses) = bind_ports(&builder, processors.len())?;
    let published = shared::Ports {
        plain: addresses.plain.first().map(SocketAddr::port),
        cores: addresses.cores.iter().map(SocketAddr::port).take(processors.len()).collect(),
        endpoints: builder.endpoints,
        announce: builder.announce,
    };
    builder.settings.port = published.plain.unwrap_or(0);
    let life = Life::begin(&builder)?;
    let (starting, posts) = spawn_cores(&processors, ports)?;
    let me = member(&builder, &life, &published, &addresses, processors.len());
    let (cluster, first_state, service) = match builder.cluster.take() {
        Some(options) => {
            let (cluster, thread) = join(&builder, options, life.store, &me, &posts, &addresses)?;
            (Some(cluster), Arc::default(), Some(thread))
        }
        None => {
            let id = ClusterId(life.id.0);
            let mut state = ClusterState::formed(id, &[me], builder.settings.databases);
            // Nothing remembers the tokens of earlier lives: the clock stands in for it.
            state.raise_token(clock::unix_ms() << TOKENS_PER_MS_BITS);
            (None, Arc::new(state), None)
        }
    };
    let (stop_sender, stop_requests) = async_channel::bounded(1);
    let node = Arc::new(Node::new(shared::Parts {
        id: life.id,
        ports: published,
        first_state,
        cluster,
        posts,
        hasher: Hasher::new([random::number(), random::number()]),
        settings: builder.settings,
        started_ms: clock::unix_ms(),
        processors,
        config_file: builder.config_file,
        stop_requests: stop_sender,
    }));
    let cores = starting.into_iter().map(|core| core.go(&node)).collect();
    Ok(Hypha { node, cores, service, addresses, stop_requests })
}

/// One life of the node, and where it remembers its earlier ones.
struct Life {
    id: NodeId,
    incarnation: Incarnation,
    store: Option<Store>,
}

impl Life {
    fn begin(builder: &Builder) -> Result<Self, StartError> {
        let Some(options) = &builder.cluster else {
            return Ok(Self { id: NodeId(random::bytes()), incarnation: FIRST_INCARNATION, store: None });
        };
        if options.name.is_empty() {
            return Err(StartError::ConfigSetting("cluster: it has no name".to_owned()));
        }
        let store = if builder.keeps { Store::open(&builder.settings.dir)? } else { Store::in_memory()? };
        let (id, incarnation) = store.begin_life(&options.name, random::bytes())?;
        Ok(Self { id, incarnation, store: Some(store) })
    }
}

fn spawn_cores(processors: &[usize], ports: Vec<Ports>) -> Result<(Vec<Starting>, Vec<Post>), StartError> {
    let mut starting = Vec::new();
    let mut senders = Vec::new();
    for ((number, &processor), ports) in processors.iter().enumerate().zip(ports) {
        let (mail_sender, mails) = Mailbox::bounded(MAILBOX_MAILS);
        let (call_sender, calls) = async_channel::bounded(CALLS_WAITING);
        let (waker_sender, waker) = mpsc::sync_channel(1);
        let (node_sender, node) = mpsc::sync_channel(1);
        let seed = lifetime::Seed { number, inbox: Inbox { mails, calls }, ports, waker: waker_sender, node };
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
    Ok((starting, posts))
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

/// This node, as a member of its cluster; of one of its own if it belongs to none.
fn member(
    builder: &Builder,
    life: &Life,
    published: &shared::Ports,
    addresses: &Addresses,
    cores: usize,
) -> Member {
    let cores = u16::try_from(cores).expect("a core set has at most 1024 cores");
    let session = Session { node: life.id, incarnation: life.incarnation };
    let options = builder.cluster.as_ref();
    let named = options.map(|options| options.node_name.clone()).filter(|name| !name.is_empty());
    let weight = options.map_or(0, |options| options.weight);
    let ports = |addresses: &[SocketAddr]| addresses.iter().map(SocketAddr::port).collect();
    Member {
        name: named.unwrap_or_else(|| life.id.to_string()[..8].to_owned()),
        weight: if weight == 0 { u32::from(cores) } else { weight },
        gossip_ports: ports(&addresses.gossip),
        link_ports: ports(&addresses.links),
        plain_port: published.plain,
        core_ports: published.cores.clone(),
        announce: published.announce,
        ..Member::new(session, own_address(builder), cores)
    }
}

/// The address by which others reach this node: the first that it is bound to, or, if that is all of them, the one from
/// which it would talk to others.
fn own_address(builder: &Builder) -> IpAddr {
    let bound = builder.settings.bind.first().copied().unwrap_or(IpAddr::from([127, 0, 0, 1]));
    if !bound.is_unspecified() {
        return bound;
    }
    builder.announce.or_else(|| ports::outward_address(bound)).unwrap_or(IpAddr::from([127, 0, 0, 1]))
}

/// Starts the node's part in its cluster.
fn join(
    builder: &Builder,
    options: ClusterOptions,
    store: Option<Store>,
    me: &Member,
    posts: &[Post],
    addresses: &Addresses,
) -> Result<(Cluster, JoinHandle<()>), StartError> {
    let key_error = |error: &dyn std::error::Error| StartError::ConfigKey(error.to_string());
    options.key_ring().map_err(|error| key_error(&error))?;
    options.link_config().map_err(|error| key_error(&error))?;
    let reaches: Vec<Reach> = posts.iter().map(Post::reach).collect();
    let store = store.expect("a member of a cluster has a store");
    let returns = store.cluster()?.is_some();
    let listens_until = clock::since_boot() + if returns { LISTEN } else { Duration::ZERO };
    let config = ServiceConfig {
        me: me.clone(),
        cluster_name: options.name.clone(),
        expect: options.expect.max(1),
        databases: builder.settings.databases,
        store,
        transport: Arc::new(FirstCore(reaches[0].clone())),
        cluster_to_be: ClusterId(random::bytes()),
        listens_until,
        announce: Box::new(move |state| cluster::announce(&reaches, state)),
    };
    let (service, thread) = Service::start(config).map_err(StartError::LocalThread)?;
    let cluster = Cluster {
        tenure: service.tenure(),
        service,
        tag: ClusterTag::of(&options.name),
        incarnation: me.incarnation,
        process: random::number(),
        listens_until,
        gossip: addresses.gossip.clone(),
        links: addresses.links.clone(),
        address: me.address,
        options,
    };
    Ok((cluster, thread))
}
