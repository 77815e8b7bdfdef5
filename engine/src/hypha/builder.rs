//! What a node is to be, before it is started.

use std::net::IpAddr;
use std::path::PathBuf;

use mycorrhizal_net::executor::CoreSet;

use super::Hypha;
use crate::node::settings::{Form, PARAMETERS, Settings};
use crate::node::{ClusterOptions, Endpoints, StartError, start};

/// What a node is to be. Made by [`Hypha::builder`].
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
        }
    }
}

impl Builder {
    /// Makes the node a member of a cluster.
    #[must_use]
    pub fn cluster(self, options: ClusterOptions) -> Self {
        Self { cluster: Some(options), ..self }
    }

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

    /// Starts the node: binds its ports, starts its cores, and returns when all of them run. A node that belongs to no
    /// cluster serves from then on; a member of one when [`Hypha::ready`] says so.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(self) -> Result<Hypha, StartError> {
        start::start(self)
    }
}
