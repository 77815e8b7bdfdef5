//! The daemon's configuration: one typed [`Config`] out of flags, environment, a TOML file and defaults.
//!
//! ```text
//! --port 7000          flag          wins over
//! MYCORRHIZAL_PORT     environment   wins over
//! port = 7000          file (TOML)   wins over
//! 6379                 default
//! ```
//!
//! The three written sources fill the same [`Settings`] (flags define it, so that a new flag is a new TOML key and
//! a new variable at once); [`Config`] is what is left when they are laid over each other. Whatever cannot be
//! read is a [`ConfigError`]: one line, exit code 2. Secrets are [`Secret`]s and print as `***`.

mod cluster;
mod cores;
mod error;
mod parameter;
mod scalar;
mod settings;
mod size;
mod value;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use mycorrhizal_net::executor::available_cpus;

pub use self::cluster::{Cluster, TlsFiles};
pub use self::cores::Cores;
pub use self::error::ConfigError;
pub use self::parameter::Parameter;
pub use self::settings::Settings;
pub use self::size::ByteSize;
pub use self::value::{CorePorts, Endpoints, LogFormat, LogLevel, Secret, Switch};

/// Everything the daemon is told at its start. Owned by the node.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses to listen on.
    pub bind: Vec<IpAddr>,
    /// Plain port; 0 takes a free one.
    pub port: u16,
    /// Where the per-core ports start, if they are wanted.
    pub core_ports: CorePorts,
    /// Which cores the data plane runs on.
    pub cores: Cores,
    /// What CLUSTER SLOTS and its like publish.
    pub endpoints: Endpoints,
    /// Address published to cluster clients; without one, the address that the client connected to.
    pub announce_address: Option<IpAddr>,
    /// Data directory.
    pub dir: PathBuf,
    /// Limit of the data in memory, 0 for none.
    pub maxmemory: ByteSize,
    /// Password of the default user.
    pub requirepass: Option<Secret>,
    /// Connections at most, over all cores.
    pub maxclients: u32,
    /// Length of each listener's accept queue.
    pub tcp_backlog: u32,
    /// Seconds after which an idle client is disconnected, 0 for never.
    pub timeout: u32,
    /// Seconds between keep-alive probes, 0 for none.
    pub tcp_keepalive: u32,
    /// How many numbered databases there are.
    pub databases: u16,
    /// The cluster that the node belongs to.
    pub cluster: Option<Cluster>,
    /// Least severe level that is logged.
    pub log_level: LogLevel,
    /// Shape of a log line.
    pub log_format: LogFormat,
    /// File that is written once the daemon serves.
    pub ready_file: Option<PathBuf>,
    /// The file that some of this came from.
    pub file: Option<PathBuf>,
    /// Parameters of CONFIG SET that stood in the file.
    pub parameters: Vec<Parameter>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            port: 6379,
            core_ports: CorePorts::default(),
            cores: Cores::default(),
            endpoints: Endpoints::Core,
            announce_address: None,
            dir: PathBuf::from("mycorrhizal-data"),
            maxmemory: ByteSize(0),
            requirepass: None,
            maxclients: 10_000,
            tcp_backlog: 511,
            timeout: 0,
            tcp_keepalive: 300,
            databases: 16,
            cluster: None,
            log_level: LogLevel::Info,
            log_format: LogFormat::Text,
            ready_file: None,
            file: None,
            parameters: Vec::new(),
        }
    }
}

/// What a command line asked for.
#[derive(Debug)]
pub enum Request {
    /// To run with this configuration.
    Run(Box<Config>),
    /// To print this text (help or version) and end.
    Print(String),
}

impl Config {
    /// Reads flags, environment and the file that either of them names.
    ///
    /// `environment` looks a variable up; `args` starts with the program's name.
    ///
    /// # Errors
    /// The first thing that cannot be read or makes no sense, in the order flags, environment, file.
    pub fn load(
        args: impl IntoIterator<Item = OsString>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Request, ConfigError> {
        let flags = match Settings::from_flags(args)? {
            settings::Parsed::Settings(flags) => *flags,
            settings::Parsed::Print(text) => return Ok(Request::Print(text)),
        };
        let written = flags.or(Settings::from_environment(environment)?);
        let file = match &written.config {
            Some(path) => Settings::from_file(path)?,
            None => Settings::default(),
        };
        let config = Self::from_settings(written.or(file))?;
        config.check(&available_cpus())?;
        Ok(Request::Run(Box::new(config)))
    }

    /// Fills what the settings leave open with the defaults.
    fn from_settings(settings: Settings) -> Result<Self, ConfigError> {
        let default = Self::default();
        let cluster = Cluster::from_settings(&settings)?;
        Ok(Self {
            cluster,
            bind: settings.bind.unwrap_or(default.bind),
            port: settings.port.unwrap_or(default.port),
            core_ports: settings.core_ports.unwrap_or(default.core_ports),
            cores: settings.cores.unwrap_or(default.cores),
            endpoints: settings.endpoints.unwrap_or(default.endpoints),
            announce_address: settings.announce_address.or(default.announce_address),
            dir: settings.dir.unwrap_or(default.dir),
            maxmemory: settings.maxmemory.unwrap_or(default.maxmemory),
            requirepass: settings.requirepass.or(default.requirepass),
            maxclients: settings.maxclients.unwrap_or(default.maxclients),
            tcp_backlog: settings.tcp_backlog.unwrap_or(default.tcp_backlog),
            timeout: settings.timeout.unwrap_or(default.timeout),
            tcp_keepalive: settings.tcp_keepalive.unwrap_or(default.tcp_keepalive),
            databases: settings.databases.unwrap_or(default.databases),
            log_level: settings.log_level.unwrap_or(default.log_level),
            log_format: settings.log_format.unwrap_or(default.log_format),
            ready_file: settings.ready_file.or(default.ready_file),
            file: settings.config,
            parameters: settings.parameters,
        })
    }

    /// Checks what only makes sense together, or on this machine.
    fn check(&self, available_cpus: &[usize]) -> Result<(), ConfigError> {
        let senseless = |message: String| Err(ConfigError::Senseless(message));
        if self.bind.is_empty() {
            return senseless("bind names no address".into());
        }
        if self.dir == Path::new("") {
            return senseless("dir is empty".into());
        }
        let cores = match self.cores.resolve(available_cpus) {
            Ok(cores) => cores.len(),
            Err(error) => return senseless(error.to_string()),
        };
        let Some(first) = self.core_ports.base(self.port).filter(|base| *base != 0) else { return Ok(()) };
        let ports = usize::from(first)..usize::from(first) + cores;
        if ports.end > usize::from(u16::MAX) + 1 {
            return senseless(format!("core-ports: {cores} ports from {first} on run beyond 65535"));
        }
        if ports.contains(&usize::from(self.port)) {
            return senseless(format!("core-ports: a core port would be {}, the plain port", self.port));
        }
        Ok(())
    }

    /// The configuration as `(key, value)` in the order of `--help`; secrets are masked.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".into());
        let bind: Vec<String> = self.bind.iter().map(ToString::to_string).collect();
        let cluster = Cluster::rows(self.cluster.as_ref());
        let before = vec![
            ("bind", bind.join(",")),
            ("port", self.port.to_string()),
            ("core-ports", self.core_ports.to_string()),
            ("cores", self.cores.to_string()),
            ("endpoints", self.endpoints.to_string()),
            ("announce-address", or_none(self.announce_address.as_ref().map(ToString::to_string))),
            ("dir", self.dir.display().to_string()),
            ("maxmemory", self.maxmemory.to_string()),
            ("requirepass", or_none(self.requirepass.as_ref().map(ToString::to_string))),
            ("maxclients", self.maxclients.to_string()),
            ("tcp-backlog", self.tcp_backlog.to_string()),
            ("timeout", self.timeout.to_string()),
            ("tcp-keepalive", self.tcp_keepalive.to_string()),
            ("databases", self.databases.to_string()),
        ];
        let after = [
            ("log-level", self.log_level.to_string()),
            ("log-format", self.log_format.to_string()),
            ("ready-file", or_none(path(&self.ready_file))),
        ];
        before.into_iter().chain(cluster).chain(after).collect()
    }
}
