//! Runs other people's clients: programs of this machine, and Python ones in the environment that
//! `cargo xtask prepare` makes.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::server::workspace_root;

/// Runs a file of `tests/clients/` and returns what it printed.
///
/// # Panics
/// When it fails; with its output.
#[must_use]
pub fn python(script: &str, arguments: &[String]) -> String {
    let python = workspace_root().join("target/python/bin/python");
    assert!(python.exists(), "{} is missing: `cargo xtask prepare` makes it", python.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
    program(Command::new(python).arg("-u").arg(script).args(arguments))
}

/// Runs any client program to its end and returns what it printed.
///
/// # Panics
/// When it fails; with its output.
pub fn program(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}
