//! `sim`: runs scenarios of the simulator by seed, and says how to replay one that failed.

use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use sim::figures::Durations;
use sim::gossip::{self, Options, Scenario};
use sim::rebalance;

/// The machines of many nodes under a seeded network and clock.
#[derive(Parser, Debug)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Membership.
    Gossip {
        /// What happens.
        #[arg(long)]
        scenario: Scenario,
        #[command(flatten)]
        options: Options,
        /// How many seeds, from the first on.
        #[arg(long, default_value_t = 100)]
        seeds: u64,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        first_seed: u64,
        /// Only this one.
        #[arg(long, conflicts_with_all = ["seeds", "first_seed"])]
        seed: Option<u64>,
        /// Says in how many observations in a million a duration is longer than so many milliseconds.
        #[arg(long)]
        within_ms: Option<u64>,
    },
    /// Partitions that move while they are written to.
    Rebalance {
        #[command(flatten)]
        options: rebalance::Options,
        /// How many seeds, from the first on.
        #[arg(long, default_value_t = 100)]
        seeds: u64,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        first_seed: u64,
        /// Only this one.
        #[arg(long, conflicts_with_all = ["seeds", "first_seed"])]
        seed: Option<u64>,
    },
}

fn main() -> ExitCode {
    let range = |seed: Option<u64>, first: u64, count: u64| match seed {
        Some(seed) => seed..seed.saturating_add(1),
        None => first..first.saturating_add(count),
    };
    match Cli::parse().command {
        Command::Gossip { scenario, options, seeds, first_seed, seed, within_ms } => {
            run_gossip(scenario, &options, range(seed, first_seed, seeds), within_ms)
        }
        Command::Rebalance { options, seeds, first_seed, seed } => {
            run_rebalance(&options, range(seed, first_seed, seeds))
        }
    }
}

fn run_rebalance(options: &rebalance::Options, seeds: Range<u64>) -> ExitCode {
    let (mut failed, mut operations, mut changes, mut lost_keys) = (0_u64, 0, 0, 0);
    for seed in seeds.clone() {
        let report = rebalance::run(options, seed);
        if !report.failures.is_empty() {
            failed += 1;
            println!("seed {seed} failed: {}", report.failures.join("; "));
            println!("  replay: {}", rebalance::replay(options, seed));
        }
        if seeds.end - seeds.start == 1 {
            println!("trace {:016x}", report.trace_hash);
        }
        operations += report.operations;
        changes += report.epoch;
        lost_keys += report.lost_keys;
    }
    println!("{} seeds, {failed} failed", seeds.end - seeds.start);
    println!(
        "{operations} operations, {changes} changes of the map, {lost_keys} keys lost with their owners"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_gossip(scenario: Scenario, options: &Options, seeds: Range<u64>, within_ms: Option<u64>) -> ExitCode {
    let (mut each, mut all, mut bits, mut failed) =
        (Durations::default(), Durations::default(), Vec::new(), 0_u64);
    for seed in seeds.clone() {
        let outcome = gossip::run(scenario, options, seed);
        each.extend(&outcome.each);
        all.extend(&outcome.all);
        bits.extend(outcome.bits_per_second);
        if !outcome.failures.is_empty() {
            failed += 1;
            println!("seed {seed} failed: {}", outcome.failures.join("; "));
            println!("  replay: {}", replay(scenario, options, seed));
        }
        if seed == seeds.start && seeds.end - seeds.start == 1 {
            println!("trace {:016x}", outcome.trace_hash);
        }
    }
    println!("{scenario:?}, {} nodes, {} seeds, {failed} failed", options.nodes, seeds.end - seeds.start);
    println!("each: {each}");
    println!("all:  {all}");
    if let Some(within) = within_ms.map(Duration::from_millis) {
        println!("each within {within:?}: {} of {}", each.count_within(within), each.len());
        println!("all within {within:?}:  {} of {}", all.count_within(within), all.len());
    }
    if let Some(most) = bits.iter().max() {
        let mean = bits.iter().sum::<u64>() / bits.len() as u64;
        println!("bit/s a node, sent and received: mean {mean}, most {most}");
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn replay(scenario: Scenario, options: &Options, seed: u64) -> String {
    let scenario = format!("{scenario:?}").to_lowercase();
    format!(
        "cargo run --release -p sim -- gossip --scenario {scenario} --nodes {} --changes {} --cut-minutes {} \
         --seconds {} --seed {seed} --trace trace.txt",
        options.nodes, options.changes, options.cut_minutes, options.seconds
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_replays_a_seed_says_what_was_run() {
        let options = Options { nodes: 7, changes: 2, cut_minutes: 3, seconds: 4, ..Options::default() };
        let command = replay(Scenario::Chaos, &options, 99);
        let (_cargo, arguments) = command.split_once(" -- ").expect("cargo's arguments end");
        let cli = Cli::try_parse_from(["sim"].into_iter().chain(arguments.split(' '))).expect("it is valid");
        let Command::Gossip { scenario, options: parsed, seed, .. } = cli.command else {
            panic!("the command line is that of another scenario")
        };
        assert_eq!((scenario, seed), (Scenario::Chaos, Some(99)));
        let options = Options { trace: Some("trace.txt".into()), ..options };
        assert_eq!(format!("{parsed:?}"), format!("{options:?}"));
    }
}
