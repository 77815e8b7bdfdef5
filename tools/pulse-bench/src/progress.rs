//! The bar that is shown while a run goes on; on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::{SECOND_NS, from_seconds, to_seconds};

/// The bar of one phase; taken off the screen when it is dropped.
pub struct Progress {
    bar: ProgressBar,
    /// When the phase began, if its length is a time.
    timed_from_ns: Option<u64>,
    /// Time and replies at the last look.
    last: (u64, u64),
}

impl Progress {
    /// A bar over a number of requests.
    pub fn requests(name: &'static str, requests: u64) -> Self {
        Self::new(name, requests, None)
    }

    /// A bar over a time.
    pub fn time(name: &'static str, start_ns: u64, seconds: f64) -> Self {
        Self::new(name, from_seconds(seconds) / 1_000_000, Some(start_ns))
    }

    fn new(name: &'static str, length: u64, timed_from_ns: Option<u64>) -> Self {
        let bar = ProgressBar::new(length);
        let style = ProgressStyle::with_template("{prefix} [{bar:40}] {percent:>3} %  {msg}");
        bar.set_style(style.expect("the template is well-formed").progress_chars("=> "));
        bar.set_prefix(name);
        Self { bar, timed_from_ns, last: (0, 0) }
    }

    /// Shows where a phase stands, and how fast it goes.
    pub fn show_at(&mut self, now_ns: u64, answered: u64) {
        let passed_ns = now_ns.saturating_sub(self.last.0);
        if passed_ns < SECOND_NS / 10 {
            return;
        }
        let rate = answered.saturating_sub(self.last.1) as f64 / to_seconds(passed_ns);
        if self.last.0 > 0 {
            self.bar.set_message(format!("{rate:.0} ops/s"));
        }
        self.last = (now_ns, answered);
        let position =
            self.timed_from_ns.map_or(answered, |from_ns| now_ns.saturating_sub(from_ns) / 1_000_000);
        self.bar.set_position(position);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
