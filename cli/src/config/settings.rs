//! The settings as written in one source: flags, environment or file, everything optional.
//!
//! The flags are declared here, once. Their long names are the keys of the file, and with `MYCORRHIZAL_` in front, in
//! capitals, the variables of the environment.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser};
use mycorrhizal::Builder;
use serde::Deserialize;

use super::{
    ByteSize, Config, ConfigError, CorePorts, Cores, Endpoints, LogFormat, LogLevel, Parameter, Secret,
    Switch, parameter, scalar,
};

/// A Redis-compatible server on every core of the machine.
///
/// Every option can stand in the environment and, under the same name, in a TOML file; a flag wins over
/// the environment, the environment over the file, the file over the default. The file may also hold
/// the parameters of CONFIG SET, which CONFIG REWRITE keeps there.
#[derive(Debug, Default, Parser, Deserialize)]
#[command(name = "mycorrhizald", version, max_term_width = 110)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// TOML file with any of the options below
    #[arg(long, value_name = "FILE.toml")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Address to listen on; repeat it for several, 0.0.0.0 or :: for all
    #[arg(long, value_name = "ADDR", value_delimiter = ',', help_heading = "Network")]
    #[serde(default, deserialize_with = "scalar::many")]
    pub bind: Option<Vec<IpAddr>>,

    /// Port on which any key may be asked of any connection; 0 takes a free one
    #[arg(long, value_name = "PORT", help_heading = "Network")]
    pub port: Option<u16>,

    /// First of the per-core ports that cluster clients use: core N listens on BASE+N, 0 takes free ones, off has none, auto is PORT+1000
    #[arg(long, value_name = "BASE|off|auto", help_heading = "Network")]
    #[serde(default, deserialize_with = "scalar::one")]
    pub core_ports: Option<CorePorts>,

    /// What CLUSTER SLOTS, SHARDS and NODES publish: every core as an endpoint, or one endpoint per node
    #[arg(long, value_name = "core|node", help_heading = "Network")]
    #[serde(default, deserialize_with = "scalar::one")]
    pub endpoints: Option<Endpoints>,

    /// Address that cluster clients are told to connect to [default: the one they connected to]
    #[arg(long, value_name = "ADDR", help_heading = "Network")]
    #[serde(default, deserialize_with = "scalar::one")]
    pub announce_address: Option<IpAddr>,

    /// Connections at most, over all cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Network")]
    pub maxclients: Option<u32>,

    /// Length of each listener's queue of connections not yet accepted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Network")]
    pub tcp_backlog: Option<u32>,

    /// Seconds after which an idle client is disconnected; 0 is never
    #[arg(long, value_name = "SECONDS", help_heading = "Network")]
    pub timeout: Option<u32>,

    /// Seconds between keep-alive probes to clients; 0 sends none
    #[arg(long, value_name = "SECONDS", help_heading = "Network")]
    pub tcp_keepalive: Option<u32>,

    /// Password that clients must give before anything else; better in the environment than in a flag, which others see
    #[arg(long, value_name = "PASSWORD", help_heading = "Network")]
    pub requirepass: Option<Secret>,

    /// Cores to run on: 4 is that many, 0-3,8 are those, all is every one that the process may use
    #[arg(long, value_name = "SPEC", help_heading = "Cores and memory")]
    #[serde(default, deserialize_with = "scalar::one")]
    pub cores: Option<Cores>,

    /// Memory for data at most, over all cores: bytes, or with k, m, g (powers of 1000), kb, mb, gb (powers of 1024); 0 is no limit
    #[arg(long, value_name = "SIZE", help_heading = "Cores and memory")]
    #[serde(default, deserialize_with = "scalar::one")]
    pub maxmemory: Option<ByteSize>,

    /// Number of numbered databases
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Cores and memory")]
    pub databases: Option<u16>,

    /// Name of the cluster to belong to; without one the node is alone
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub cluster: Option<String>,

    /// File with the key that all members share, at least 16 bytes; whoever has it may be a member. Keys in further lines
    /// are accepted as well
    #[arg(long, value_name = "PATH", help_heading = "Cluster")]
    pub cluster_key_file: Option<PathBuf>,

    /// Members to wait for before the first cluster is founded
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Cluster")]
    pub expect: Option<u16>,

    /// Gossip addresses of members that may be there, as HOST:PORT; repeat it for several
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', help_heading = "Cluster")]
    #[serde(default, deserialize_with = "scalar::many")]
    pub join: Option<Vec<String>>,

    /// Whether members on the same LAN are found by multicast
    #[arg(long, value_name = "on|off", help_heading = "Cluster")]
    #[serde(default, deserialize_with = "scalar::one")]
    pub multicast: Option<Switch>,

    /// First UDP port of gossip: core N uses BASE+N; 0 takes free ones
    #[arg(long, value_name = "BASE", help_heading = "Cluster")]
    pub gossip_port: Option<u16>,

    /// First TCP port of the links between nodes: core N listens on BASE+N; 0 takes free ones
    #[arg(long, value_name = "BASE", help_heading = "Cluster")]
    pub link_port: Option<u16>,

    /// What people call this node [default: the beginning of its id]
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub node_name: Option<String>,

    /// Share of the data relative to other nodes [default: the number of cores]
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Cluster")]
    pub weight: Option<u32>,

    /// Whether SIGTERM moves the data to other nodes and leaves the cluster for good before the node ends
    #[arg(long, value_name = "on|off", num_args = 0..=1, default_missing_value = "on", require_equals = true, help_heading = "Cluster")]
    #[serde(default, deserialize_with = "scalar::one")]
    pub leave: Option<Switch>,

    /// Certificate (PEM) of the authority that members' certificates are signed by; links then use mutual TLS
    #[arg(long, value_name = "PATH", help_heading = "Cluster")]
    pub link_tls_ca: Option<PathBuf>,

    /// This node's certificate (PEM) for links
    #[arg(long, value_name = "PATH", help_heading = "Cluster")]
    pub link_tls_cert: Option<PathBuf>,

    /// The private key (PEM) of that certificate
    #[arg(long, value_name = "PATH", help_heading = "Cluster")]
    pub link_tls_key: Option<PathBuf>,

    /// Directory for everything that is kept; created if missing, and one daemon's at a time
    #[arg(long, value_name = "PATH", help_heading = "Files and logs")]
    pub dir: Option<PathBuf>,

    /// File to write once clients are served, and to remove at the end: JSON with pid, ports and cores
    #[arg(long, value_name = "PATH", help_heading = "Files and logs")]
    pub ready_file: Option<PathBuf>,

    /// Least severe level that is logged: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", help_heading = "Files and logs")]
    #[serde(default, deserialize_with = "scalar::one")]
    pub log_level: Option<LogLevel>,

    /// Shape of the log lines on stderr
    #[arg(long, value_name = "text|json", help_heading = "Files and logs")]
    #[serde(default, deserialize_with = "scalar::one")]
    pub log_format: Option<LogFormat>,

    /// What only the file can hold: parameters of CONFIG SET.
    #[arg(skip)]
    #[serde(skip)]
    pub parameters: Vec<Parameter>,
}

/// What a command line is.
pub(super) enum Parsed {
    Settings(Box<Settings>),
    Print(String),
}

impl Settings {
    /// Reads a command line, the program's name first.
    pub(super) fn from_flags(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, ConfigError> {
        let matches = command().try_get_matches_from(args);
        match matches.and_then(|matches| Self::from_arg_matches(&matches)) {
            Ok(settings) => Ok(Parsed::Settings(Box::new(settings))),
            Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
                Ok(Parsed::Print(error.render().to_string()))
            }
            Err(error) => Err(ConfigError::Usage(first_line(&error))),
        }
    }

    /// Reads the `MYCORRHIZAL_` variables; an empty one counts as absent.
    pub(super) fn from_environment(look_up: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let mut settings = Self::default();
        for key in keys() {
            let variable = variable(&key);
            let Some(value) = look_up(&variable).filter(|value| !value.is_empty()) else { continue };
            let mut flag = OsString::from(format!("--{key}="));
            flag.push(value);
            let one = match Self::try_parse_from([OsString::from("mycorrhizald"), flag]) {
                Ok(one) => one,
                Err(error) => {
                    return Err(ConfigError::Environment { variable, message: cause(&error) });
                }
            };
            settings = settings.or(one);
        }
        Ok(settings)
    }

    /// Reads a TOML file.
    pub(super) fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let located = |error: &toml::de::Error| {
            let line = error.span().map_or(1, |span| line_of(&text, span.start));
            let key =
                text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map(|(key, _)| key.trim());
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            let message = match key.filter(|key| !message.starts_with(&format!("{key}:"))) {
                Some(key) => format!("{key}: {message}"),
                None => message,
            };
            ConfigError::File { path: path.to_owned(), line, message }
        };
        let table: toml::Table = toml::from_str(&text).map_err(|error| located(&error))?;
        let keyed = |key: &str, message: String| {
            let (path, line) = (path.to_owned(), line_of_key(&text, key));
            ConfigError::File { path, line, message: format!("{key}: {message}") }
        };
        let known: Vec<String> = keys().filter(|key| key != "config").collect();
        let mut parameters = Vec::new();
        for (key, value) in table.iter().filter(|(key, _)| !known.contains(key)) {
            let name = parameter::named(key).ok_or_else(|| ConfigError::UnknownKey {
                path: path.to_owned(),
                line: line_of_key(&text, key),
                key: key.clone(),
                nearest: nearest(key, known.iter().cloned().chain(Builder::parameters().map(str::to_owned))),
            })?;
            parameters.push(parameter::read(name, value).map_err(|message| keyed(name, message))?);
        }
        let mut settings: Self = toml::from_str(&text).map_err(|error| located(&error))?;
        settings.check_ranges().map_err(|(key, message)| keyed(key, message))?;
        settings.parameters = parameters;
        Ok(settings)
    }

    /// The ranges that the flags state and that the types of the fields do not.
    fn check_ranges(&self) -> Result<(), (&'static str, String)> {
        let positive = [("maxclients", self.maxclients), ("tcp-backlog", self.tcp_backlog)];
        if let Some((key, _)) = positive.into_iter().find(|(_, value)| *value == Some(0)) {
            return Err((key, "0 is not in 1..=4294967295".into()));
        }
        if self.expect == Some(0) {
            return Err(("expect", "0 is not in 1..=65535".into()));
        }
        if self.weight == Some(0) {
            return Err(("weight", "0 is not in 1..=4294967295".into()));
        }
        match self.databases {
            Some(number) if !(1..=1024).contains(&number) => {
                Err(("databases", format!("{number} is not in 1..=1024")))
            }
            _ => Ok(()),
        }
    }

    /// These settings, and where they are silent the other's.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            config: self.config.or(other.config),
            bind: self.bind.or(other.bind),
            port: self.port.or(other.port),
            core_ports: self.core_ports.or(other.core_ports),
            endpoints: self.endpoints.or(other.endpoints),
            announce_address: self.announce_address.or(other.announce_address),
            maxclients: self.maxclients.or(other.maxclients),
            tcp_backlog: self.tcp_backlog.or(other.tcp_backlog),
            timeout: self.timeout.or(other.timeout),
            tcp_keepalive: self.tcp_keepalive.or(other.tcp_keepalive),
            requirepass: self.requirepass.or(other.requirepass),
            cores: self.cores.or(other.cores),
            maxmemory: self.maxmemory.or(other.maxmemory),
            databases: self.databases.or(other.databases),
            cluster: self.cluster.or(other.cluster),
            cluster_key_file: self.cluster_key_file.or(other.cluster_key_file),
            expect: self.expect.or(other.expect),
            join: self.join.or(other.join),
            multicast: self.multicast.or(other.multicast),
            gossip_port: self.gossip_port.or(other.gossip_port),
            link_port: self.link_port.or(other.link_port),
            node_name: self.node_name.or(other.node_name),
            weight: self.weight.or(other.weight),
            leave: self.leave.or(other.leave),
            link_tls_ca: self.link_tls_ca.or(other.link_tls_ca),
            link_tls_cert: self.link_tls_cert.or(other.link_tls_cert),
            link_tls_key: self.link_tls_key.or(other.link_tls_key),
            dir: self.dir.or(other.dir),
            ready_file: self.ready_file.or(other.ready_file),
            log_level: self.log_level.or(other.log_level),
            log_format: self.log_format.or(other.log_format),
            parameters: if self.parameters.is_empty() { other.parameters } else { self.parameters },
        }
    }
}

/// The names of all settings.
pub(super) fn keys() -> impl Iterator<Item = String> {
    let command = Settings::command();
    let names: Vec<String> =
        command.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned).collect();
    names.into_iter()
}

/// The variable that holds a setting.
pub(super) fn variable(key: &str) -> String {
    format!("MYCORRHIZAL_{}", key.to_ascii_uppercase().replace('-', "_"))
}

/// The command line, each help line ending in the default and the variable.
fn command() -> clap::Command {
    let defaults = Config::default().rows();
    Settings::command().mut_args(|arg| {
        let Some(key) = arg.get_long().map(str::to_owned) else { return arg };
        let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let default = defaults.iter().find(|(name, _)| *name == key);
        if let Some((_, default)) = default.filter(|(_, default)| default != "none") {
            help.push_str(&format!(" [default: {default}]"));
        }
        help.push_str(&format!(" [env: {}]", variable(&key)));
        arg.help(help)
    })
}

/// The first line of clap's message without its `error: `; the rest is usage.
fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line =
        text.lines().find(|line| !line.trim().is_empty()).unwrap_or("the command line is not understood");
    let line = line.strip_prefix("error: ").unwrap_or(line);
    match error.get(ContextKind::SuggestedArg) {
        Some(suggested) => format!("{line} (did you mean '{suggested}'?)"),
        None => line.to_owned(),
    }
}

/// What a value parser said, without the flag that clap wraps around it.
fn cause(error: &clap::Error) -> String {
    std::error::Error::source(error).map_or_else(|| first_line(error), ToString::to_string)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

/// The line on which a top-level key (or its table) starts.
fn line_of_key(text: &str, key: &str) -> usize {
    let starts = |line: &str| {
        let line = line.trim_start_matches(['[', ' ', '\t', '"', '\'']);
        line.strip_prefix(key)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || "-_".contains(c)))
    };
    1 + text.lines().position(starts).unwrap_or(0)
}

/// The most similar of the known keys, if it is similar at all.
fn nearest(key: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let key = key.replace('_', "-");
    let alike = known.map(|name| (strsim::jaro_winkler(&key, &name), name));
    let (likeness, best) = alike.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness > 0.75).then_some(best)
}
