//! The sections `server` and `cpu`: the process, as the kernel sees it.

use std::fs;

use super::super::{REDIS_VERSION, VERSION};
use super::{Facts, Page};
use crate::clock;
use crate::command::connection::auth::mode;

/// Ticks per second in which `/proc/self/stat` counts.
const TICKS: u64 = 100;

pub(super) fn server(facts: &Facts<'_>, page: &mut Page) {
    let core = &facts.caller.core;
    let uptime_seconds = core.now_ms().saturating_sub(core.node.started_ms) / 1000;
    let executable = std::env::current_exe().map(|path| path.display().to_string());
    let config_file = core.node.config_file.as_ref().map(|path| path.display().to_string());
    page.field("redis_version", REDIS_VERSION);
    page.field("mycorrhizal_version", VERSION);
    page.field("redis_git_sha1", "00000000");
    page.field("redis_git_dirty", 0);
    page.field("redis_mode", mode(facts.caller));
    page.field("os", system());
    page.field("arch_bits", usize::BITS);
    page.field("monotonic_clock", "POSIX clock_gettime");
    page.field("multiplexing_api", "io_uring");
    page.field("process_id", std::process::id());
    page.field("process_supervised", "no");
    page.field("run_id", core.node.id);
    page.field("tcp_port", core.node.settings.port);
    page.field("server_time_usec", clock::unix_us());
    page.field("uptime_in_seconds", uptime_seconds);
    page.field("uptime_in_days", uptime_seconds / 86_400);
    page.field("cores", core.node.posts.len());
    page.field("executable", executable.unwrap_or_default());
    page.field("config_file", config_file.unwrap_or_default());
}

/// Kernel and architecture, as `uname` has them.
fn system() -> String {
    let read = |name| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    format!("{} {} {}", read("ostype").trim(), read("osrelease").trim(), std::env::consts::ARCH)
}

pub(super) fn cpu(_: &Facts<'_>, page: &mut Page) {
    let times = processor_times().unwrap_or_default();
    let names = ["used_cpu_sys", "used_cpu_user", "used_cpu_sys_children", "used_cpu_user_children"];
    for (name, ticks) in names.into_iter().zip(times) {
        page.field(name, format_args!("{}.{:06}", ticks / TICKS, ticks % TICKS * (1_000_000 / TICKS)));
    }
}

/// Ticks that the process and its ended children have had: system, user, system, user.
fn processor_times() -> Option<[u64; 4]> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything; the numbers follow it.
    let (_, numbers) = stat.rsplit_once(')')?;
    let mut times = numbers.split_ascii_whitespace().skip(11).map_while(|number| number.parse().ok());
    let (user, system) = (times.next()?, times.next()?);
    let (child_user, child_system) = (times.next()?, times.next()?);
    Some([system, user, child_system, child_user])
}

/// Bytes of the process that are in physical memory.
pub(in crate::command::server) fn rss_bytes() -> u64 {
    kibibytes("/proc/self/status", "VmRSS:") * 1024
}

/// Bytes of physical memory that the machine has.
pub(super) fn system_bytes() -> u64 {
    kibibytes("/proc/meminfo", "MemTotal:") * 1024
}

/// The number behind `name` in a file of the kernel; 0 if it is not there.
fn kibibytes(path: &str, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_what_is_asked_of_it() {
        assert!(rss_bytes() > 100_000);
        assert!(system_bytes() > rss_bytes());
        assert!(processor_times().is_some());
        assert!(system().starts_with("Linux "));
    }
}
