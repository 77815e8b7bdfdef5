//! SIGTERM and SIGINT: the first one asks for an orderly end, the second one is one.

use std::io;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Has `drain` called, on a thread of its own, at the first signal; it must not wait. A second signal ends the process at
/// once, with the exit code that a shell gives to a process that the signal killed.
pub(super) fn on_first(drain: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let watcher = thread::Builder::new().name("signals".into());
    watcher.spawn(move || {
        let mut arrivals = signals.forever();
        let Some(first) = arrivals.next() else { return };
        tracing::info!(signal = name(first), "draining; the next signal ends the process at once");
        drain();
        if let Some(second) = arrivals.next() {
            std::process::exit(128 + second);
        }
    })?;
    Ok(())
}

fn name(signal: i32) -> &'static str {
    if signal == SIGINT { "SIGINT" } else { "SIGTERM" }
}
