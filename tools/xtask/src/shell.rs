//! Runs other programs and turns a refusal into a [`Failure`].

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome};

/// Runs a program with its output on the terminal; anything but success is a failure.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let shown = show(command);
    eprintln!("+ {shown}");
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failure::LocalStart { command: shown.clone(), error })?;
    if status.success() { Ok(()) } else { Err(Failure::LocalCommand { command: shown, status }) }
}

/// Runs a program silently and returns what it printed; anything but success is a failure.
pub(crate) fn read(command: &mut Command) -> Outcome<String> {
    let shown = show(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::LocalStart { command: shown.clone(), error })?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err(Failure::LocalCommand { command: shown, status: output.status });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of this name is on the search path.
pub(crate) fn is_installed(program: &str) -> bool {
    find(program).is_some()
}

/// Where on the search path a program lies.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|directory| directory.join(program));
    candidates.find(|candidate| candidate.metadata().is_ok_and(|metadata| metadata.is_file()))
}

/// Cargo as it was called, so that a toolchain override stays in force.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::workspace::root());
    command
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
