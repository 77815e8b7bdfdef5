//! The load tool: reads the command line, runs, reports.

use std::process::ExitCode;

use clap::Parser;
use pulse_bench::cli::Cli;
use pulse_bench::program;

fn main() -> ExitCode {
    let result = Cli::parse().plan().and_then(|plan| program::run(&plan, &mut std::io::stdout().lock()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pulse-bench: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
