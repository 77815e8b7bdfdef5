//! What INFO says, as figures: of the node, and of each core where the server tells.
//!
//! A Mycorrhizal node lists its cores in a section of their own, one line each:
//!
//! ```text
//! # Cores
//! core0:ops_per_sec=…,hits=…,misses=…,connections=…,used_memory=…,p99_us=…,cpu_us=…
//! ```
//!
//! Any other server gives the totals alone. Counters run from the server's start; [`Figures::since`] turns two looks into
//! rates.

mod info;
mod look;

#[cfg(test)]
mod tests;

use mycorrhizal_net::resp::Value;

use super::error::PulseError;
use super::print::printable;
use super::session::Session;

use self::info::{Fields, Info};
pub(crate) use self::look::{Look, Rates};

/// The counters and gauges of one core, or of the node.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Load {
    /// Commands per second, as the server measures it.
    pub(crate) ops_per_sec: u64,
    /// Look-ups that found their key, from the start on.
    pub(crate) hits: u64,
    /// Look-ups that did not.
    pub(crate) misses: u64,
    /// Client connections.
    pub(crate) connections: u64,
    /// Bytes of data.
    pub(crate) used_memory: u64,
    /// 99th percentile of the time a command takes, in microseconds.
    pub(crate) p99_us: Option<f64>,
    /// Processor time from the start on, in microseconds.
    pub(crate) cpu_us: Option<u64>,
}

/// A node at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Figures {
    /// What it is, with its version: `mycorrhizal 0.1.0`.
    pub(crate) server: String,
    /// Process id.
    pub(crate) pid: Option<u64>,
    /// Seconds since its start.
    pub(crate) uptime_s: u64,
    /// Keys of all databases.
    pub(crate) keys: u64,
    /// Limit of the data in bytes, 0 for none.
    pub(crate) maxmemory: u64,
    /// Bytes of the process that are resident.
    pub(crate) resident_memory: Option<u64>,
    /// Commands from the start on.
    pub(crate) commands: u64,
    /// The node as a whole.
    pub(crate) total: Load,
    /// Each core, if the server tells of its cores.
    pub(crate) cores: Vec<Load>,
}

impl Figures {
    /// Asks the server.
    pub(crate) fn fetch(session: &mut Session) -> Result<Self, PulseError> {
        let reply = session.ask(&["INFO", "everything"], &mut |_| {})?;
        match &reply {
            Value::Bulk(text) | Value::Verbatim { text, .. } => {
                Ok(Self::parse(&String::from_utf8_lossy(text)))
            }
            other => {
                let said = other.as_bytes().map(printable).unwrap_or_default();
                Err(PulseError::Unusable(format!("the server does not answer INFO: {said}")))
            }
        }
    }

    /// Reads the text of INFO. What is missing is 0 or absent.
    pub(crate) fn parse(text: &str) -> Self {
        let info = Info::parse(text);
        let version = |key| info.text(key).map(printable_version);
        let server =
            match (version("mycorrhizal_version"), version("valkey_version"), version("redis_version")) {
                (Some(version), ..) => format!("mycorrhizal {version}"),
                (_, Some(version), _) => format!("valkey {version}"),
                (.., Some(version)) => format!("redis {version}"),
                _ => "unknown server".into(),
            };
        let cores: Vec<Load> = (0_usize..)
            .map_while(|core| info.fields(&format!("core{core}")))
            .map(|fields| load(&fields))
            .collect();
        Self { server, total: total(&info, &cores), cores, ..Self::node(&info) }
    }

    fn node(info: &Info<'_>) -> Self {
        Self {
            pid: info.number("process_id"),
            uptime_s: info.number("uptime_in_seconds").unwrap_or(0),
            keys: info.databases().filter_map(|fields| fields.number("keys")).sum(),
            maxmemory: info.number("maxmemory").unwrap_or(0),
            resident_memory: info.number("used_memory_rss"),
            commands: info.number("total_commands_processed").unwrap_or(0),
            ..Self::default()
        }
    }
}

fn load(fields: &Fields<'_>) -> Load {
    let number = |name: &str| fields.number(name).unwrap_or(0);
    Load {
        ops_per_sec: number("ops_per_sec"),
        hits: number("hits"),
        misses: number("misses"),
        connections: number("connections"),
        used_memory: number("used_memory"),
        p99_us: fields.float("p99_us"),
        cpu_us: fields.number("cpu_us"),
    }
}

fn printable_version(text: &str) -> String {
    printable(text.as_bytes())
}

/// The node's totals; the 99th percentile is that of the slowest core, or of the command that is called most.
fn total(info: &Info<'_>, cores: &[Load]) -> Load {
    let number = |key| info.number(key).unwrap_or(0);
    let slowest = cores.iter().filter_map(|core| core.p99_us).max_by(f64::total_cmp);
    let seconds = |key| info.text(key).and_then(|text| text.parse::<f64>().ok());
    let cpu_s = seconds("used_cpu_sys").zip(seconds("used_cpu_user")).map(|(system, user)| system + user);
    Load {
        ops_per_sec: number("instantaneous_ops_per_sec"),
        hits: number("keyspace_hits"),
        misses: number("keyspace_misses"),
        connections: number("connected_clients"),
        used_memory: number("used_memory"),
        p99_us: slowest.or_else(|| info.p99_of_busiest_command()),
        cpu_us: cpu_s.map(micros),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from float saturates, and negative time means zero"
)]
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}
