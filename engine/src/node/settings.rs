//! What CONFIG GET and CONFIG SET speak of, as one typed value. Every core holds its own copy.
//!
//! ```text
//!   CONFIG SET ──▶ core 0: Settings::with, version + 1 ──▶ every core: takes what is newer than its own
//! ```
//!
//! Core 0 decides, so that two clients who set at once leave all cores with the same settings. [`parameter`] is the
//! table of names; [`read`] reads values as Redis does; [`rewrite`] is CONFIG REWRITE.

mod parameter;
mod read;
mod rewrite;

use std::net::IpAddr;
use std::path::PathBuf;

pub(crate) use parameter::{Form, PARAMETERS, Parameter};
pub(crate) use rewrite::rewrite_file;

/// The settings of a node.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Counts the changes since the node started; of two copies the higher is in force.
    pub(crate) version: u64,
    /// Bytes that data and client buffers may take together; 0: no limit.
    pub(crate) maxmemory: u64,
    /// Connections at most.
    pub(crate) maxclients: u64,
    /// Seconds after which an idle connection is closed; 0: never.
    pub(crate) timeout: u64,
    /// Seconds between TCP keep-alive probes; 0: none.
    pub(crate) tcp_keepalive: u64,
    /// What clients must AUTH with; empty: nothing.
    pub(crate) requirepass: Vec<u8>,
    /// Bytes that one argument, and so one string, may have.
    pub(crate) proto_max_bulk_len: u64,
    /// Bytes that a connection's unparsed input may take.
    pub(crate) client_query_buffer_limit: u64,
    /// What a normal client's unsent replies may take.
    pub(crate) client_output_buffer_limit_normal: OutputLimit,
    /// The same for clients that subscribe.
    pub(crate) client_output_buffer_limit_pubsub: OutputLimit,
    /// The same for replicas.
    pub(crate) client_output_buffer_limit_replica: OutputLimit,
    /// Microseconds from which a command is logged as slow; 0: every one; negative: none.
    pub(crate) slowlog_log_slower_than: i64,
    /// Slow commands kept, per core.
    pub(crate) slowlog_max_len: usize,
    /// Milliseconds from which an event is kept as a latency spike; 0: none.
    pub(crate) latency_monitor_threshold: u64,
    /// Whether INFO latencystats and LATENCY HISTOGRAM tell how long commands took.
    pub(crate) latency_tracking: bool,
    /// The percentiles of INFO latencystats, 0 to 100.
    pub(crate) latency_percentiles: Vec<f64>,
    /// Numbered databases. Fixed at start.
    pub(crate) databases: u16,
    /// Connections that the kernel queues before they are accepted. Fixed at start.
    pub(crate) tcp_backlog: u32,
    /// Addresses that the node listens on. Fixed at start.
    pub(crate) bind: Vec<IpAddr>,
    /// The plain port; 0 if the node does not listen. Fixed at start.
    pub(crate) port: u16,
    /// The data directory. Fixed at start.
    pub(crate) dir: PathBuf,
}

/// `client-output-buffer-limit` of one class of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputLimit {
    /// Bytes at which the connection is closed at once; 0: never.
    pub(crate) hard_bytes: u64,
    /// Bytes at which it is closed if they stay for `soft_seconds`; 0: never.
    pub(crate) soft_bytes: u64,
    /// See `soft_bytes`.
    pub(crate) soft_seconds: u64,
}

impl OutputLimit {
    /// No limit.
    pub(crate) const NONE: Self = Self { hard_bytes: 0, soft_bytes: 0, soft_seconds: 0 };
}

/// Why CONFIG SET changed nothing. The caller's fault; the texts are Redis's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingError {
    /// No parameter has this name.
    #[error("Unknown option or number of arguments for CONFIG SET - '{0}'")]
    Unknown(String),
    /// The parameter cannot take this value, or none at all while the node runs.
    #[error("CONFIG SET failed (possibly related to argument '{name}') - {reason}")]
    Refused {
        /// The parameter.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl Settings {
    /// These settings with some parameters changed: all of them, or an error.
    ///
    /// # Errors
    /// See [`SettingError`].
    pub(crate) fn with<'v>(
        &self,
        changes: impl IntoIterator<Item = (&'v [u8], &'v [u8])> + Clone,
    ) -> Result<Self, SettingError> {
        let mut named: Vec<&'static Parameter> = Vec::new();
        for (name, _) in changes.clone() {
            let parameter = Parameter::named(name);
            let parameter =
                parameter.ok_or_else(|| SettingError::Unknown(String::from_utf8_lossy(name).into_owned()))?;
            if parameter.set.is_none() {
                return Err(parameter.refused("can't set immutable config"));
            }
            if named.iter().any(|other| other.name == parameter.name) {
                return Err(parameter.refused("duplicate parameter"));
            }
            named.push(parameter);
        }
        let mut changed = self.clone();
        for (parameter, (_, value)) in named.into_iter().zip(changes) {
            let Some(set) = parameter.set else { continue };
            set(&mut changed, value).map_err(|reason| parameter.refused(&reason))?;
        }
        changed.version += 1;
        Ok(changed)
    }
}

const MIB: u64 = 1024 * 1024;

impl Default for Settings {
    fn default() -> Self {
        let limit =
            |hard_bytes, soft_bytes, soft_seconds| OutputLimit { hard_bytes, soft_bytes, soft_seconds };
        Self {
            version: 0,
            maxmemory: 0,
            maxclients: 10_000,
            timeout: 0,
            tcp_keepalive: 300,
            requirepass: Vec::new(),
            proto_max_bulk_len: 512 * MIB,
            client_query_buffer_limit: 1024 * MIB,
            client_output_buffer_limit_normal: OutputLimit::NONE,
            client_output_buffer_limit_pubsub: limit(32 * MIB, 8 * MIB, 60),
            client_output_buffer_limit_replica: limit(256 * MIB, 64 * MIB, 60),
            slowlog_log_slower_than: 10_000,
            slowlog_max_len: 128,
            latency_monitor_threshold: 0,
            latency_tracking: true,
            latency_percentiles: vec![50.0, 99.0, 99.9],
            databases: 16,
            tcp_backlog: 511,
            bind: Vec::new(),
            port: 0,
            dir: PathBuf::from("."),
        }
    }
}

#[cfg(test)]
mod tests;
