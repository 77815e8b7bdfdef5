//! The log: structured events of `tracing` on stderr, as text or as one JSON object per line.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Config, LogFormat, LogLevel};

/// Installs the process's log. A log that is already there stays.
pub(super) fn start(config: &Config) {
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let level = filter(config.log_level);
    // What the consensus library tells of every message and vote is for those who look for its faults; what follows from
    // it for the node is told by the node.
    let libraries = if level == LevelFilter::TRACE { level } else { LevelFilter::OFF };
    let targets = Targets::new().with_default(level).with_target("openraft", libraries);
    let registry = tracing_subscriber::registry().with(targets);
    let installed = match config.log_format {
        LogFormat::Text => registry.with(log.with_ansi(colours).with_target(false)).try_init(),
        LogFormat::Json => registry.with(log.json().flatten_event(true)).try_init(),
    };
    if let Err(error) = installed {
        eprintln!("mycorrhizald: the log stays as it was: {error}");
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
