//! What all measurements share: programs as users run them, free ports, questions by redis-cli, the middle of several
//! figures.

pub(crate) mod clock;
mod report;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;

pub(crate) use self::report::Report;

use crate::failure::{Context, Outcome};
use crate::{shell, workspace};

/// Builds daemon and load for release, and what else is asked for; clears and returns the directory of what is measured.
pub(crate) fn prepare(name: &str, more: &[&str]) -> Outcome<PathBuf> {
    let directory = workspace::root().join("target").join(name);
    if directory.exists() {
        std::fs::remove_dir_all(&directory).context("clearing the directories of the servers")?;
    }
    std::fs::create_dir_all(&directory).context("making a directory")?;
    let mut build = shell::cargo();
    build.args([
        "build",
        "--release",
        "--locked",
        "--package",
        "mycorrhizal-cli",
        "--package",
        "pulse-bench",
    ]);
    shell::run(build.args(more))?;
    Ok(directory)
}

/// A port of the loopback interface that nobody listens on.
pub(crate) fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr().context("looking for a free port")?.port())
}

/// What redis-cli prints for a command.
pub(crate) fn ask(port: u16, words: &[&str]) -> Outcome<String> {
    shell::read(Command::new("redis-cli").args(["-e", "-p", &port.to_string()]).args(words))
}

/// The middle one of some figures.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
