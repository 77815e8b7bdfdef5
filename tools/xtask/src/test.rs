//! `cargo xtask test`: the one command that proves a tree.

use clap::Args;

use crate::failure::Outcome;
use crate::{arrows, prerequisites, shell, tidy};

/// How the tests are run.
#[derive(Args)]
pub(crate) struct TestOptions {
    /// Test the optimised build.
    #[arg(long)]
    release: bool,
    /// Handed on to `cargo test`, for example `-p mycorrhizal-tests --test conformance`.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Installs, checks, tests; stops at the first that fails.
pub(crate) fn run(options: &TestOptions) -> Outcome {
    prerequisites::for_tests()?;
    tidy::run()?;
    arrows::run()?;
    let mut command = shell::cargo();
    command.args(["test", "--workspace", "--locked"]);
    if options.release {
        command.arg("--release");
    }
    shell::run(command.args(&options.rest))
}
