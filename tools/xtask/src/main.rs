//! `cargo xtask`: the project's chores as one program, so that a person, CI and the README run the same thing.

mod arrows;
mod cluster;
mod deny;
mod failure;
mod instructions;
mod measuring;
mod prerequisites;
mod process;
mod rivals;
mod shell;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Outcome;

/// The project's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Chores {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what the tests need, check the house rules, run every test.
    Test(test::TestOptions),
    /// Install what the tests need (redis-server, redis-cli, a Python environment under target/).
    Prepare,
    /// Check the house rules that no lint knows.
    Tidy,
    /// Check that no arrow between the crates points up.
    Arrows,
    /// Measure beside Redis, Valkey and the floor, and write benches/RESULTS.md.
    Rivals(rivals::RivalsOptions),
    /// Measure a cluster on this machine: idle, forwarded commands, keys on the move, messages; prints a table
    Cluster(cluster::ClusterOptions),
    /// Count the instructions of the micro-benchmarks under callgrind.
    Instructions(instructions::InstructionsOptions),
    /// Check licences and advisories with cargo-deny, where it is installed.
    Deny,
}

fn main() -> ExitCode {
    match run(Chores::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Outcome {
    match chore {
        Chore::Test(options) => test::run(&options),
        Chore::Prepare => prerequisites::for_tests(),
        Chore::Tidy => tidy::run(),
        Chore::Arrows => arrows::run(),
        Chore::Rivals(options) => rivals::run(&options),
        Chore::Cluster(options) => cluster::run(&options),
        Chore::Instructions(options) => instructions::run(&options),
        Chore::Deny => deny::run(),
    }
}
