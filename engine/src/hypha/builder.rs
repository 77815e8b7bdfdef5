//! What a node is to be, before it is started.

use std::net::IpAddr;
use std::path::PathBuf;

use mycorrhizal_net::executor::CoreSet;
use mycorrhizal_net::link::tls::TlsConfig as LinkTls;

use super::Hypha;
use crate::node::settings::{Form, PARAMETERS, Settings};
use crate::node::{ClusterOptions, Endpoints, StartError, start};

/// What a node is to be. Made by [`Hypha::builder`].
///
/// ```no_run
/// # use mycorrhizal::{Discover, Hypha};
/// let hypha = Hypha::builder()
///     .cluster("orders")
///     .secret(std::fs::read("cluster.key")?)
///     .discover(Discover::seeds(["10.0.0.1:7946", "nodes.example.com:7946"]))
///     .cores(2)
///     .data_dir("/var/lib/orders")
///     .start()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Builder {
    pub(crate) cores: CoreSet,
    pub(crate) listen: Option<u16>,
    pub(crate) core_ports: Option<u16>,
    pub(crate) endpoints: Endpoints,
    pub(crate) announce: Option<IpAddr>,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) settings: Settings,
    pub(crate) cluster: Option<ClusterOptions>,
    /// Whether a data directory was given.
    pub(crate) keeps: bool,
}

/// How a node finds other members of its cluster.
///
/// ```
/// use mycorrhizal::Discover;
///
/// let on_the_lan = Discover::multicast();
/// let elsewhere = Discover::seeds(["10.0.0.1:7946", "nodes.example.com:7946"]);
/// let both = Discover::multicast().and_seeds(["10.1.0.1:7946"]);
/// # drop((on_the_lan, elsewhere, both));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discover {
    pub(crate) multicast: bool,
    pub(crate) seeds: Vec<String>,
}

impl Discover {
    /// By beacons on every interface of the LAN: no address needs to be known.
    #[must_use]
    pub fn multicast() -> Self {
        Self { multicast: true, seeds: Vec::new() }
    }

    /// By gossip addresses at which members may be, as `host:port`, with an address or a DNS name for host; one that is
    /// there is enough.
    #[must_use]
    pub fn seeds<S: Into<String>>(seeds: impl IntoIterator<Item = S>) -> Self {
        Self { multicast: false, seeds: Vec::new() }.and_seeds(seeds)
    }

    /// By such addresses as well.
    #[must_use]
    pub fn and_seeds<S: Into<String>>(mut self, seeds: impl IntoIterator<Item = S>) -> Self {
        self.seeds.extend(seeds.into_iter().map(Into::into));
        self
    }
}

impl Default for Discover {
    fn default() -> Self {
        Self::multicast()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            cores: CoreSet::first(1),
            listen: None,
            core_ports: None,
            endpoints: Endpoints::default(),
            announce: None,
            config_file: None,
            settings: Settings::default(),
            cluster: None,
            keeps: false,
        }
    }
}

impl Builder {
    /// Makes the node a member of the cluster of a name; nodes of another name are strangers. It needs a
    /// [`secret`](Builder::secret) as well.
    #[must_use]
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.cluster_options().name = name.into();
        self
    }

    /// What all members of the cluster share, at least 16 bytes: who has it may be a member.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.cluster_options().secret = secret.into();
        self
    }

    /// How the node finds other members; by multicast on the LAN if nothing is said.
    #[must_use]
    pub fn discover(mut self, discover: Discover) -> Self {
        self.cluster_options().discover = discover;
        self
    }

    /// How many nodes must see each other before the first cluster is founded; 1 if nothing is said. A node that finds a
    /// cluster joins it, however many it has.
    #[must_use]
    pub fn expect(mut self, nodes: usize) -> Self {
        self.cluster_options().expect = nodes;
        self
    }

    /// UDP port of the first core's gossip socket, those of the others following; [`GOSSIP_PORT`](crate::GOSSIP_PORT) if
    /// nothing is said, 0 takes free ones.
    #[must_use]
    pub fn gossip_port(mut self, base: u16) -> Self {
        self.cluster_options().gossip_port = base;
        self
    }

    /// TCP port of the first core's links, those of the others following; [`LINK_PORT`](crate::LINK_PORT) if nothing is
    /// said, 0 takes free ones.
    #[must_use]
    pub fn link_port(mut self, base: u16) -> Self {
        self.cluster_options().link_port = base;
        self
    }

    /// What people call the node; the beginning of its id if nothing is said.
    #[must_use]
    pub fn node_name(mut self, name: impl Into<String>) -> Self {
        self.cluster_options().node_name = name.into();
        self
    }

    /// Its share of the data, relative to the others'; as many as it has cores if nothing is said.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.cluster_options().weight = weight;
        self
    }

    /// Mutual TLS on links between nodes.
    #[must_use]
    pub fn link_tls(mut self, tls: LinkTls) -> Self {
        self.cluster_options().tls = Some(tls);
        self
    }

    fn cluster_options(&mut self) -> &mut ClusterOptions {
        self.cluster.get_or_insert_with(ClusterOptions::default)
    }

    /// The cores to run on, one thread pinned to each: a number, or a [`CoreSet`] such as `"0-3,8".parse::<CoreSet>()?`;
    /// 1 if nothing is said.
    #[must_use]
    pub fn cores(self, cores: impl Into<CoreSet>) -> Self {
        Self { cores: cores.into(), ..self }
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

    /// Where the node keeps what it must not forget: its id, and its part of what the members have agreed on. A member of
    /// a cluster without one is another node after each start.
    #[must_use]
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.dir = path.into();
        self.keeps = true;
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

    /// Starts the node: binds its ports, starts its cores, and returns when all of them run. A node that belongs to no
    /// cluster serves from then on; a member of one when [`Hypha::ready`] says so.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(self) -> Result<Hypha, StartError> {
        start::start(self)
    }
}
