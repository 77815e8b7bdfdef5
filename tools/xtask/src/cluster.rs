//! `cargo xtask cluster`: measures what several nodes cost, on this machine, and prints the rows of `benches/RESULTS.md`.
//!
//! ```text
//! idle        ─▶ three nodes, nobody asks: CPU of each
//! forwarding  ─▶ two nodes, one owns everything: GET asked of the owner, and of the other; CPU of both
//! moving      ─▶ two nodes: all keys go from one to the other under load; waits of clients, resident memory
//! publishing  ─▶ two nodes, a subscriber on the one, publishers on the other; beside Redis with both
//! ```
//!
//! Nodes have one core each, and all of them share the machine's first; the load is on its second.

mod forwarding;
mod idle;
mod load;
mod moving;
mod node;
mod publishing;

use clap::{Args, ValueEnum};

use crate::failure::Outcome;
use crate::{measuring, prerequisites};

use self::node::Binaries;

/// What is measured, and for how long.
#[derive(Args, Debug, Clone)]
pub(crate) struct ClusterOptions {
    /// Only these
    #[arg(value_enum)]
    only: Vec<Subject>,
    /// Seconds of one measurement
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Interleaved rounds, of which the median is reported
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Keys that move
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    Idle,
    Forwarding,
    Moving,
    Publishing,
}

/// One figure and what it is to be.
pub(crate) struct Figure {
    name: String,
    /// At most.
    target: f64,
    measured: f64,
    /// What it was made from.
    from: String,
}

/// Measures and prints.
pub(crate) fn run(options: &ClusterOptions) -> Outcome {
    prerequisites::for_tests()?;
    measuring::prepare("cluster", &[])?;
    let binaries = Binaries::find()?;
    let mut figures = Vec::new();
    let wanted = |subject| options.only.is_empty() || options.only.contains(&subject);
    if wanted(Subject::Idle) {
        figures.extend(idle::measure(options, &binaries)?);
    }
    if wanted(Subject::Forwarding) {
        figures.extend(forwarding::measure(options, &binaries)?);
    }
    if wanted(Subject::Moving) {
        figures.extend(moving::measure(options, &binaries)?);
    }
    if wanted(Subject::Publishing) {
        figures.extend(publishing::measure(options, &binaries)?);
    }
    println!("| figure | at most | measured | | from |\n|---|---|---|---|---|");
    for Figure { name, target, measured, from } in figures {
        let verdict = if measured <= target { "reached" } else { "**missed**" };
        println!("| {name} | {target} | {measured:.3} | {verdict} | {from} |");
    }
    Ok(())
}
