//! `sim`: runs scenarios of the simulator by seed, and says how to replay one that failed.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use sim::figures::Durations;
use sim::gossip::{self, Options, Scenario};

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
}

fn main() -> ExitCode {
    let Command::Gossip { scenario, options, seeds, first_seed, seed, within_ms } = Cli::parse().command;
    let seeds = match seed {
        Some(seed) => seed..seed.saturating_add(1),
        None => first_seed..first_seed.saturating_add(seeds),
    };
    let (mut each, mut all, mut bits, mut failed) =
        (Durations::default(), Durations::default(), Vec::new(), 0_u64);
    for seed in seeds.clone() {
        let outcome = gossip::run(scenario, &options, seed);
        each.extend(&outcome.each);
        all.extend(&outcome.all);
        bits.extend(outcome.bits_per_second);
        if !outcome.failures.is_empty() {
            failed += 1;
            println!("seed {seed} failed: {}", outcome.failures.join("; "));
            println!("  replay: {}", replay(scenario, &options, seed));
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
        let Command::Gossip { scenario, options: parsed, seed, .. } = cli.command;
        assert_eq!((scenario, seed), (Scenario::Chaos, Some(99)));
        let options = Options { trace: Some("trace.txt".into()), ..options };
        assert_eq!(format!("{parsed:?}"), format!("{options:?}"));
    }
}
