//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::distribution::KeyDistribution;
use crate::error::BenchError;
use crate::key::KeyLayout;
use crate::link::{Endpoint, Login};
use crate::mix::{CommandSpec, Mix};
use crate::plan::{Length, Plan};
use crate::size::ValueSize;

/// Most connections, threads and requests in flight; above these the load tool is what is measured.
const CONNECTIONS_MAX: u64 = 1_000_000;
const THREADS_MAX: u64 = 1_024;
const PIPELINE_MAX: u64 = 100_000;

const DIST_HELP: &str = "Which keys are asked for: uniform | zipf:THETA | sequential | \
hotspot[:FRACTION:SHARE] (of the keys, of the accesses; 0.2:0.8 if not given)";

const EXAMPLES: &str = "\
Examples:
  pulse-bench                                        10 s of 90 % GET, 10 % SET
  pulse-bench -P 16 -c 100 --threads 2 --pin 2,3     two pinned threads, 16 requests in flight
  pulse-bench --fill --dist zipf:0.99 --keyspace 10000000 --value-size 100-4k
  pulse-bench --rate 50000 --duration 60             open loop, for a minute
  pulse-bench --mix 'get:8,incr:1,mget:10:1,\"LPUSH list:{key} {value}\":1'
  pulse-bench --cluster --port 7001                  every key straight to its owner
  pulse-bench --compare localhost:6380 --requests 2000000

Latency: in a closed loop from the write of a batch to the arrival of each reply; in an open
loop (--rate) from the moment at which the operation was due, so that a stalled server cannot
hide what it delayed.

Exit code: 0 when the run ended as asked (error replies are counted, not fatal), 1 when a
server cannot be reached or a connection breaks, 2 for mistaken flags.";

/// Load tool for any server that speaks RESP (Redis protocol, versions 2 and 3).
#[derive(Debug, Parser)]
#[command(name = "pulse-bench", version, after_help = EXAMPLES)]
pub struct Cli {
    /// Name or address of the server
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// TCP port of the server
    #[arg(short, long, default_value_t = 6379, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Ask the server for the endpoints of its hash slots, send each key to its own, follow MOVED and ASK
    #[arg(long)]
    pub cluster: bool,
    /// Connections, all threads together
    #[arg(short, long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    pub connections: u64,
    /// Load threads
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=THREADS_MAX))]
    pub threads: u64,
    /// Requests in flight per connection
    #[arg(short = 'P', long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=PIPELINE_MAX))]
    pub pipeline: u64,
    /// Number of different keys
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000_000))]
    pub keyspace: u64,
    /// Size of a key, in bytes, prefix included
    #[arg(long, default_value_t = 16, value_name = "BYTES")]
    pub key_size: usize,
    /// What every key begins with
    #[arg(long, default_value = "key:", value_name = "TEXT")]
    pub key_prefix: String,
    /// The shape of access.
    #[arg(long, default_value = "uniform", help = DIST_HELP)]
    pub dist: KeyDistribution,
    /// Size of a value, in bytes (k and m for KiB and MiB): N | MIN-MAX | lognormal:MEAN:SIGMA (cut at 100 times the mean)
    #[arg(long, default_value = "64", value_name = "SIZE")]
    pub value_size: ValueSize,
    /// Commands with weights: get set del incr mget:KEYS mset:KEYS exists expire setex append ping, each with :WEIGHT
    /// (1 if not given), and templates in quotes like "HSET {key} f {value}":1
    #[arg(long, default_value = "get:9,set:1")]
    pub mix: Mix,
    /// Time to live that expire and setex give, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub ttl: u64,
    /// Stop after so many requests
    #[arg(short = 'n', long, conflicts_with = "duration", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
    /// Stop after so many seconds [default: 10, unless --requests is given]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<f64>,
    /// Open loop at so many operations a second, whatever the server does; without it each connection sends
    /// when it has its replies
    #[arg(long, value_name = "OPS", value_parser = rate)]
    pub rate: Option<f64>,
    /// Load before the measurement begins, in seconds
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS", value_parser = seconds)]
    pub warmup: f64,
    /// Set every key of the keyspace first
    #[arg(long)]
    pub fill: bool,
    /// Seed of all random numbers
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Password (AUTH)
    #[arg(long, env = "PULSE_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// User of the password
    #[arg(long, requires = "password")]
    pub user: Option<String>,
    /// Numbered database (SELECT)
    #[arg(long, default_value_t = 0)]
    pub db: u32,
    /// Speak RESP3 (HELLO 3)
    #[arg(long)]
    pub resp3: bool,
    /// Pin the load threads to these cores in turn: 1 or 0-3,8
    #[arg(long, value_name = "CORES")]
    pub pin: Option<String>,
    /// Give up when no reply comes for so many seconds while requests are in flight
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: f64,
    /// Write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write an HdrHistogram log to this file, an interval a second, latencies in nanoseconds
    #[arg(long, value_name = "FILE")]
    pub hdr: Option<PathBuf>,
    /// Run the same load against this server too, in interleaved rounds, and print the ratios
    #[arg(long, value_name = "HOST:PORT")]
    pub compare: Option<Endpoint>,
    /// Rounds of a comparison; each lasts as long as a whole run
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub rounds: u32,
}

impl Cli {
    /// Checks the flags against each other.
    ///
    /// # Errors
    ///
    /// [`BenchError::ConfigUsage`] with a sentence on what does not fit.
    pub fn plan(self) -> Result<Plan, BenchError> {
        self.check().map_err(BenchError::ConfigUsage)?;
        let usage = BenchError::ConfigUsage;
        let layout = KeyLayout::new(&self.key_prefix, self.key_size, self.keyspace).map_err(usage)?;
        let pin = self.pin.as_deref().map_or(Ok(Vec::new()), parse_cores).map_err(usage)?;
        let length = match (self.requests, self.duration) {
            (Some(requests), _) => Length::Requests(requests),
            (None, duration) => Length::Seconds(duration.unwrap_or(10.0)),
        };
        Ok(Plan {
            target: Endpoint { host: self.host, port: self.port },
            compare: self.compare,
            rounds: self.rounds,
            cluster: self.cluster,
            login: Login { user: self.user, password: self.password, db: self.db, resp3: self.resp3 },
            connections: to_usize(self.connections),
            threads: to_usize(self.threads),
            pipeline: to_usize(self.pipeline),
            keyspace: self.keyspace,
            layout,
            distribution: self.dist,
            value_size: self.value_size,
            mix: self.mix,
            ttl_seconds: self.ttl,
            length,
            rate: self.rate,
            warmup_seconds: self.warmup,
            fill: self.fill,
            seed: self.seed,
            pin,
            timeout_seconds: self.timeout,
            json: self.json,
            hdr: self.hdr,
        })
    }

    fn check(&self) -> Result<(), String> {
        if self.threads > self.connections {
            return Err(format!(
                "--threads {} need at least as many --connections, not {}",
                self.threads, self.connections
            ));
        }
        if self.cluster && self.db != 0 {
            return Err("--cluster and --db exclude each other: a cluster has database 0 only".into());
        }
        if self.duration == Some(0.0) {
            return Err("--duration 0 measures nothing".into());
        }
        if self.timeout == 0.0 {
            return Err("--timeout 0 gives up before the first reply".into());
        }
        let is_multi =
            |item: &(CommandSpec, u32)| matches!(item.0, CommandSpec::Mget(_) | CommandSpec::Mset(_));
        if self.cluster && self.mix.items.iter().any(is_multi) && self.keyspace > u64::from(u32::MAX) {
            return Err(format!("mget and mset under --cluster want a --keyspace of at most {}", u32::MAX));
        }
        Ok(())
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e8).contains(&seconds) => Ok(seconds),
        _ => Err("expected a number of seconds, like 10 or 0.5".into()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1e9).contains(&rate) => Ok(rate),
        _ => Err("expected operations a second, from 0.001 to 1e9".into()),
    }
}

/// Reads `1` or `0-3,8`.
fn parse_cores(text: &str) -> Result<Vec<usize>, String> {
    let mistaken = || format!("--pin {text} is not a list of cores like 1 or 0-3,8");
    let mut cores = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first = first.parse::<usize>().map_err(|_| mistaken())?;
        let last = last.parse::<usize>().map_err(|_| mistaken())?;
        if first > last || last >= rustix::thread::CpuSet::MAX_CPU {
            return Err(mistaken());
        }
        cores.extend(first..=last);
    }
    Ok(cores)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Cli, parse_cores};
    use crate::plan::{Length, Plan};

    fn plan(flags: &[&str]) -> Result<Plan, String> {
        let words = ["pulse-bench"].iter().chain(flags);
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        cli.plan().map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults() {
        let plan = plan(&[]).unwrap();
        assert_eq!(plan.target.to_string(), "127.0.0.1:6379");
        assert_eq!((plan.connections, plan.threads, plan.pipeline), (50, 1, 1));
        assert_eq!(plan.length, Length::Seconds(10.0));
        assert!(plan.pin.is_empty() && plan.rate.is_none() && !plan.fill);
    }

    #[test]
    fn cores() {
        assert_eq!(parse_cores("1"), Ok(vec![1]));
        assert_eq!(parse_cores("0-2,5"), Ok(vec![0, 1, 2, 5]));
        for text in ["", "x", "3-1", "1,", "-", "99999"] {
            assert!(parse_cores(text).is_err(), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let check = |flags: &str, part: &str| {
            let error = plan(&flags.split(' ').collect::<Vec<&str>>()).unwrap_err();
            assert!(error.contains(part), "{flags}: {error}");
        };
        check("--threads 4 -c 2", "at least as many --connections");
        check("--requests 1 --duration 1", "cannot be used with");
        check("--key-size 8", "needs a --key-size of at least 10 bytes");
        check("--dist pareto", "zipf:THETA");
        check("--mix gte:1", "'gte' is not one of");
        check("--value-size 9-1", "upside down");
        check("--rate 0", "operations a second");
        check("--port 0", "0 is not in 1..");
        check("--pipeline 0", "0 is not in 1..");
        check("--cluster --db 1", "database 0 only");
        check("--compare nowhere", "HOST:PORT");
        check("--user ann", "--password");
        check("--pin 5-1", "list of cores");
        check("--duration 0", "measures nothing");
        check("--timeout 0", "before the first reply");
        check("--keyspaces 1", "unexpected argument");
    }
}
