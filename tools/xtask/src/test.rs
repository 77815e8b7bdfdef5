//! `cargo xtask test`: the one command that proves a tree.

use std::process::Command;

use clap::Args;

use crate::failure::Outcome;
use crate::{arrows, prerequisites, shell, tidy, workspace};

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
    if options.rest.is_empty() {
        say_what_the_lab_can_do(options)?;
    }
    let mut command = shell::cargo();
    command.args(["test", "--workspace", "--locked"]);
    if options.release {
        command.arg("--release");
    }
    shell::run(command.args(&options.rest))
}

/// So that a run tells whether its scenarios were run in earnest. Built with the whole workspace's features, as the tests
/// are, so that nothing is compiled twice.
fn say_what_the_lab_can_do(options: &TestOptions) -> Outcome {
    let mut build = shell::cargo();
    build.args(["build", "--quiet", "--workspace", "--locked", "--bin", "netlab"]);
    let profile = if options.release {
        build.arg("--release");
        "release"
    } else {
        "debug"
    };
    shell::run(&mut build)?;
    shell::run(Command::new(workspace::built_in(profile, "netlab")?).arg("probe"))
}
