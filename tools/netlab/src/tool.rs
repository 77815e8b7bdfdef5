//! Runs `ip`, `tc` and `nft`, and turns a refusal into a [`LabError`].

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::error::{Context as _, LabError};

/// Runs a program, hands it `input`, and returns what it printed.
pub(crate) fn run(program: &str, arguments: &[&str], input: &str) -> Result<String, LabError> {
    let shown = || format!("{program} {}", arguments.join(" "));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| LabError::LocalStart { command: shown(), error })?;
    let mut stdin = child.stdin.take().expect("it is piped");
    // A tool that refuses may end before it has read all; its own words tell more than the broken pipe.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().context(format!("waiting for `{}`", shown()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(LabError::LocalTool { command: shown(), status: output.status, message })
}
