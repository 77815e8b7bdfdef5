//! What happens to a swarm, what is measured, and what must hold.

mod cut;
mod fault;
mod quiet;

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::time::Duration;

use mycorrhizal::nodosum::membership::Config;

use super::{Fact, Seen, Swarm};
use crate::figures::Durations;
use crate::network::Weather;
use crate::{Time, Trace};

/// Bytes around a payload: the seal's header and tag, and the headers of UDP and IPv4.
pub(super) const BYTES_AROUND_PAYLOAD: u64 = 72 + 28;

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Scenario {
    /// All nodes start within a second and know three of them.
    Converge,
    /// Nodes join and leave, one after the other; measured is when each other node knows.
    Change,
    /// A node is killed; measured is when each other node knows.
    Crash,
    /// A quarter of the nodes is paused again and again, up to five seconds each time.
    Pause,
    /// The cluster is cut in two for hours, and healed. One run in four has a one-way cut.
    Cut,
    /// Nothing happens; measured is the traffic.
    Idle,
    /// Everything at once: nodes die, restart and pause, cuts come and go, a tenth of the datagrams is lost.
    Chaos,
}

/// How large, how long.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Nodes at the start.
    #[arg(long, default_value_t = 30)]
    pub nodes: usize,
    /// Nodes that join and leave, in `change`.
    #[arg(long, default_value_t = 5)]
    pub changes: usize,
    /// Length of the cut in minutes, in `cut`.
    #[arg(long, default_value_t = 60)]
    pub cut_minutes: u64,
    /// Seconds that are paused through, in `pause`, or lived through, in `chaos` and `idle`.
    #[arg(long, default_value_t = 30)]
    pub seconds: u64,
    /// A readable trace goes there.
    #[arg(long)]
    pub trace: Option<PathBuf>,
    /// What the nodes are told.
    #[arg(skip)]
    pub config: Config,
}

impl Default for Options {
    fn default() -> Self {
        Self { nodes: 30, changes: 5, cut_minutes: 60, seconds: 30, trace: None, config: Config::default() }
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What did not hold.
    pub failures: Vec<String>,
    /// How long each node took to learn what it had to.
    pub each: Durations,
    /// How long it took until all had learned it.
    pub all: Durations,
    /// Bits a second of each node, sent and received, with everything around the payload.
    pub bits_per_second: Vec<u64>,
    /// The hash of the trace.
    pub trace_hash: u64,
}

/// Runs a scenario.
pub fn run(scenario: Scenario, options: &Options, seed: u64) -> Outcome {
    let trace = match options.trace.as_ref().map(File::create) {
        Some(Ok(file)) => Trace::written(BufWriter::new(file)),
        Some(Err(error)) => {
            let failures = vec![format!("the trace: {error}")];
            return Outcome { failures, ..Outcome::default() };
        }
        None => Trace::silent(),
    };
    let mut outcome = Outcome::default();
    let swarm = match scenario {
        Scenario::Converge => quiet::converge(options, seed, trace, &mut outcome),
        Scenario::Change => quiet::change(options, seed, trace, &mut outcome),
        Scenario::Idle => quiet::idle(options, seed, trace, &mut outcome),
        Scenario::Crash => fault::crash(options, seed, trace, &mut outcome),
        Scenario::Pause => fault::pause(options, seed, trace, &mut outcome),
        Scenario::Chaos => fault::chaos(options, seed, trace, &mut outcome),
        Scenario::Cut => cut::cut(options, seed, trace, &mut outcome),
    };
    if swarm.world.network.oversized > 0 {
        outcome.failures.push(format!("{} datagrams were too long", swarm.world.network.oversized));
    }
    outcome.trace_hash = swarm.world.trace_hash();
    outcome
}

/// A warm cluster on a LAN, after three seconds of calm.
fn calm(options: &Options, seed: u64, trace: Trace) -> Swarm {
    let mut swarm = Swarm::warm(seed, options.nodes, Weather::lan(), options.config.clone(), trace);
    swarm.run_until(seconds(4));
    swarm
}

fn seconds(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

fn later(swarm: &Swarm, after: Duration) -> Time {
    swarm.world.now() + after
}

/// When each of `observers` nodes learned that about that node, counted from `since`.
fn latencies(seen: &[Seen], fact: Fact, about: usize, observers: usize, since: Time) -> Durations {
    let mut durations = Durations::default();
    let mut learned = std::collections::BTreeSet::new();
    for seen in seen.iter().filter(|seen| seen.fact == fact && seen.about == about && seen.by != about) {
        if learned.insert(seen.by) {
            durations.push(seen.at.since(since));
        }
    }
    durations.endless = observers.saturating_sub(learned.len());
    durations
}

fn note(outcome: &mut Outcome, durations: &Durations) {
    outcome.each.extend(durations);
    match durations.max() {
        Some(max) => outcome.all.push(max),
        None => outcome.all.endless += 1,
    }
}
