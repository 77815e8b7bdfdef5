//! What to run: the command line, checked.

use std::path::PathBuf;

use crate::distribution::KeyDistribution;
use crate::key::KeyLayout;
use crate::link::{Endpoint, Login};
use crate::mix::Mix;
use crate::size::ValueSize;

/// How long the measured part of a run lasts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// So many requests.
    Requests(u64),
    /// So many seconds.
    Seconds(f64),
}

/// A run, as it was asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub target: Endpoint,
    /// The server to compare it with.
    pub compare: Option<Endpoint>,
    /// Rounds of a comparison.
    pub rounds: u32,
    /// Whether to ask for hash slots and follow redirections.
    pub cluster: bool,
    /// What new connections say first.
    pub login: Login,
    /// Connections of all threads.
    pub connections: usize,
    /// Load threads.
    pub threads: usize,
    /// Requests in flight per connection.
    pub pipeline: usize,
    /// Number of keys.
    pub keyspace: u64,
    /// How keys look.
    pub layout: KeyLayout,
    /// Which keys are asked for.
    pub distribution: KeyDistribution,
    /// How large values are.
    pub value_size: ValueSize,
    /// Which commands are sent.
    pub mix: Mix,
    /// Time to live that `expire` and `setex` give, in seconds.
    pub ttl_seconds: u64,
    /// How long the measured part lasts.
    pub length: Length,
    /// Operations a second of an open loop.
    pub rate: Option<f64>,
    /// Warm-up before the measured part, in seconds.
    pub warmup_seconds: f64,
    /// Whether to set every key first.
    pub fill: bool,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Cores that load threads are pinned to, in turn; empty for none.
    pub pin: Vec<usize>,
    /// How long servers may be silent while they owe replies, in seconds.
    pub timeout_seconds: f64,
    /// Where the JSON report goes.
    pub json: Option<PathBuf>,
    /// Where the HdrHistogram log goes.
    pub hdr: Option<PathBuf>,
}
