//! One network namespace of ours: named after the process that made it, entered by threads and children, removed with
//! it.
//!
//! The name is `netlab-PID-START-LAB-ROLE`: START is when the process began, in ticks since boot, so that a name
//! whose process is gone is known for stale even when its number has been given to another.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::{panic, thread};

use rustix::process::{Pid, Signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::{Context as _, LabError};
use crate::tool;

const PREFIX: &str = "netlab";
const DIRECTORY: &str = "/run/netns";

/// A network namespace. Owned by one [`Lab`](crate::Lab), or by a probe for the time it takes.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one, with its loopback up and without the seconds in which a new IPv6 address may not be used.
    pub(crate) fn create(lab: usize, role: &str) -> Result<Self, LabError> {
        let pid = std::process::id();
        let start = start_of(pid).unwrap_or_default();
        let name = format!("{PREFIX}-{pid}-{start}-{lab}-{role}");
        tool::run("ip", &["netns", "add", &name], "")?;
        let namespace = Namespace { name };
        namespace.ip("link set lo up\n")?;
        namespace.set("ipv6/conf/default/accept_dad", "0")?;
        Ok(namespace)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The file by which the kernel knows it.
    pub(crate) fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(&self.name)
    }

    /// Runs lines of `ip` in it; the first that fails ends them.
    pub(crate) fn ip(&self, lines: &str) -> Result<(), LabError> {
        tool::run("ip", &["-netns", &self.name, "-batch", "-"], lines).map(drop)
    }

    /// Runs `tc` in it.
    pub(crate) fn tc(&self, arguments: &str) -> Result<(), LabError> {
        let words: Vec<&str> = ["-netns", &self.name].into_iter().chain(arguments.split(' ')).collect();
        tool::run("tc", &words, "").map(drop)
    }

    /// Loads a script of `nft` in it: all of it or nothing.
    pub(crate) fn nft(&self, script: &str) -> Result<(), LabError> {
        tool::run("ip", &["netns", "exec", &self.name, "nft", "-f", "-"], script).map(drop)
    }

    /// Sets a kernel parameter below `net/`.
    pub(crate) fn set(&self, parameter: &str, value: &str) -> Result<(), LabError> {
        let path = Path::new("/proc/sys/net").join(parameter);
        self.enter(|| fs::write(&path, value)).context(format!("setting {parameter}"))
    }

    /// Runs `work` on a thread inside. Sockets and devices made there stay there, whoever uses them afterwards.
    ///
    /// # Panics
    /// When the namespace cannot be entered, or `work` panics.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            let file = File::open(self.path()).expect("the namespace is there until it is dropped");
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("its maker may enter it");
            work()
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().name(self.name.clone()).spawn_scoped(scope, inside);
            let result = thread.expect("a thread can be started").join();
            result.unwrap_or_else(|panicked| panic::resume_unwind(panicked))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Removes what processes that were killed have left. Returns how many namespaces there were.
pub(crate) fn remove_stale() -> usize {
    let stale: Vec<String> = names().into_iter().filter(|name| owner_is_gone(name)).collect();
    stale.iter().for_each(|name| remove(name));
    stale.len()
}

fn names() -> Vec<String> {
    let Ok(entries) = fs::read_dir(DIRECTORY) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.split('-').next() == Some(PREFIX)).collect()
}

/// Ends the processes inside, then takes the name away; the kernel does the rest. Another process may be removing the
/// same stale one, so that a refusal says nothing.
fn remove(name: &str) {
    let inside = tool::run("ip", &["netns", "pids", name], "").unwrap_or_default();
    let inside = inside.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
    let others = inside.filter(|pid| *pid != rustix::process::getpid());
    // One that has ended meanwhile needs no signal.
    others.for_each(|pid| rustix::process::kill_process(pid, Signal::KILL).unwrap_or_default());
    drop(tool::run("ip", &["netns", "delete", name], ""));
}

fn owner_is_gone(name: &str) -> bool {
    let mut parts = name.split('-').skip(1);
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (Some(pid), Some(start)) = (number(), number()) else { return false };
    u32::try_from(pid).is_ok_and(|pid| start_of(pid) != Some(start))
}

/// When a process began, in ticks since boot; the 22nd field, and the second may hold spaces.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_stale_once_its_process_is_gone() {
        let pid = std::process::id();
        let start = start_of(pid).expect("this process runs");
        assert!(!owner_is_gone(&format!("netlab-{pid}-{start}-0-hub")));
        assert!(owner_is_gone(&format!("netlab-{pid}-{}-0-hub", start + 1)));
        assert!(owner_is_gone("netlab-4194305-1-0-hub"));
        assert!(!owner_is_gone("netlab-of-somebody-else"));
    }
}
