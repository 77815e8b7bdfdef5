//! A server process under measurement: ended with its handle, its CPU time and its memory read from `/proc`.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::failure::{Context, Failure, Outcome};
use crate::shell;

/// A child that is ended when its handle goes, and by the kernel when the chore itself is killed.
pub(crate) struct Process {
    child: Child,
    ticks_per_second: u64,
}

impl Process {
    /// Starts a program on these processors, silent, in a directory of its own.
    pub(crate) fn start(
        program: &Path,
        arguments: &[String],
        cores: &str,
        directory: &Path,
    ) -> Outcome<Self> {
        std::fs::create_dir_all(directory).context(format!("making {}", directory.display()))?;
        let ticks = shell::read(Command::new("getconf").arg("CLK_TCK"))?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", "taskset", "--cpu-list", cores])
            .arg(program)
            .args(arguments);
        let log = std::fs::File::create(directory.join("log")).context("making a log")?;
        command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command
            .spawn()
            .map_err(|error| Failure::LocalStart { command: program.display().to_string(), error })?;
        Ok(Process { child, ticks_per_second: ticks.trim().parse().unwrap_or(100) })
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// User and system time of all its threads, the ended ones too, in µs.
    pub(crate) fn cpu_us(&self) -> Outcome<u64> {
        let stat = self.read("stat")?;
        // The second field, the name, may hold anything; what follows its last parenthesis is numbers.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<u64> = after_name.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
        let [user, system] = fields[..] else {
            return Err(Failure::Expectation(format!("cannot read the CPU time in: {stat}")));
        };
        Ok((user + system) * 1_000_000 / self.ticks_per_second)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> Outcome<u64> {
        let status = self.read("status")?;
        let kilobytes =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        let kilobytes = kilobytes.and_then(|kilobytes| kilobytes.parse::<u64>().ok());
        kilobytes.map(|kilobytes| kilobytes * 1024).ok_or_else(|| Failure::Expectation("no VmRSS".to_owned()))
    }

    fn read(&self, file: &str) -> Outcome<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).context(format!("reading {path}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
