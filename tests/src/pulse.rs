//! The command line under test: runs `pulse` to its end, or lets it run.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::server::pulse_binary;

/// What a run of `pulse` came to.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Ran {
    /// What it printed, of a run that went well.
    ///
    /// # Panics
    /// When it did not.
    #[must_use]
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// The JSON that it printed.
    ///
    /// # Panics
    /// When it printed something else.
    #[must_use]
    pub fn json(self) -> Value {
        let printed = self.done();
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }
}

fn command(port: u16, arguments: &[&str]) -> Command {
    let mut command = Command::new(pulse_binary());
    command.args(["-p", &port.to_string()]).args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).env("NO_COLOR", "1");
    for name in ["PULSE_PASSWORD", "REDISCLI_AUTH"] {
        command.env_remove(name);
    }
    command
}

/// Runs it against the server on `port`, to its end.
///
/// # Panics
/// When it cannot be run.
#[must_use]
pub fn pulse(port: u16, arguments: &[&str]) -> Ran {
    let output = command(port, arguments).output().expect("pulse can be run");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("pulse prints text");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A `pulse` that runs. Killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    /// Starts it against the server on `port`.
    ///
    /// # Panics
    /// When it cannot be run.
    #[must_use]
    pub fn start(port: u16, arguments: &[&str]) -> Self {
        let mut child = command(port, arguments).spawn().expect("pulse can be run");
        let lines = BufReader::new(child.stdout.take().expect("its output is piped"));
        Self { child, lines }
    }

    /// The next line that it prints.
    ///
    /// # Panics
    /// When it prints no text.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("pulse prints text");
        line.trim_end().to_owned()
    }

    /// Sends it a signal by name.
    ///
    /// # Panics
    /// When it is not there any more.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("`kill` can be run").success(), "pulse is not there");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it prints no text.
    #[must_use]
    pub fn end(mut self) -> Ran {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.lines.read_to_string(&mut stdout).expect("pulse prints text");
        let complaints = self.child.stderr.as_mut().expect("its complaints are piped");
        complaints.read_to_string(&mut stderr).expect("pulse prints text");
        let code = self.child.wait().expect("a child of ours").code();
        Ran { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
