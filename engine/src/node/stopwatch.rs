//! Times commands without reading the clock for each: commands that take constant time are timed as a group.
//!
//! The clock is read at the start and the end of a stretch, and around each command that may take long by its
//! complexity or its size. A group's time is shared out evenly. With `slowlog-log-slower-than` below a millisecond
//! every command is timed alone.

use std::time::{Duration, Instant};

use mycorrhizal_net::resp::Args;

use super::caller::Caller;
use super::core::Core;
use crate::clock;
use crate::command::Flags;
use crate::command::table::Row;

/// Arguments or replies above this size make their command be timed alone.
const LARGE_BYTES: usize = 4096;

/// Below this `slowlog-log-slower-than`, in microseconds, every command is timed alone.
const PRECISE_MICROS: i64 = 1000;

/// The clock of one core's current stretch.
pub(crate) struct Stopwatch {
    started: Instant,
    rows: Vec<&'static Row>,
    precise: bool,
    /// What runs now is timed elsewhere; the next command starts the clock again.
    paused: bool,
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self { started: clock::monotonic(), rows: Vec::new(), precise: false, paused: false }
    }
}

impl Stopwatch {
    /// Begins a stretch.
    #[inline]
    pub(crate) fn start(&mut self, core: &Core) {
        let threshold = core.slow_threshold_micros.get();
        self.precise = (0..PRECISE_MICROS).contains(&threshold);
        self.started = clock::monotonic();
        self.paused = false;
    }

    /// Ends the group, and times nothing until the next command.
    pub(crate) fn pause(&mut self, core: &Core) {
        self.stop(core);
        self.paused = true;
    }

    /// Tells of a command that is about to run.
    #[inline]
    pub(crate) fn before(&mut self, core: &Core, row: &'static Row, args: Args<'_>) {
        if self.paused {
            self.started = clock::monotonic();
            self.paused = false;
        } else if !self.rows.is_empty() && self.is_timed_alone(row, args, 0) {
            self.stop(core);
        }
    }

    /// Tells of a command that has run, and how many bytes its reply has.
    #[inline]
    pub(crate) fn after(
        &mut self,
        core: &Core,
        row: &'static Row,
        args: Args<'_>,
        reply_bytes: usize,
        caller: Option<&Caller>,
    ) {
        self.rows.push(row);
        if self.is_timed_alone(row, args, reply_bytes) {
            let now = clock::monotonic();
            let elapsed = now - self.started;
            self.started = now;
            if let [_] = self.rows[..] {
                self.rows.clear();
                return core.record(row, args, elapsed, caller);
            }
            core.share_out(&mut self.rows, elapsed);
            core.log_if_slow(row, args, elapsed, caller);
        }
    }

    /// Ends a stretch, or a group within it.
    #[inline]
    pub(crate) fn stop(&mut self, core: &Core) {
        if self.rows.is_empty() {
            return;
        }
        let now = clock::monotonic();
        core.share_out(&mut self.rows, now - self.started);
        self.started = now;
    }

    #[inline]
    fn is_timed_alone(&self, row: &'static Row, args: Args<'_>, reply_bytes: usize) -> bool {
        let args_bytes = match (args.spans.first(), args.spans.last()) {
            (Some(first), Some(last)) => last.end.saturating_sub(first.start) as usize,
            _ => 0,
        };
        self.precise || !row.constant_time || args_bytes > LARGE_BYTES || reply_bytes > LARGE_BYTES
    }
}

impl Core {
    /// Counts how long a command took, and logs it if that was long.
    pub(crate) fn record(
        &self,
        row: &'static Row,
        args: Args<'_>,
        elapsed: Duration,
        caller: Option<&Caller>,
    ) {
        self.count_durations(row, nanos(elapsed), 1);
        self.log_if_slow(row, args, elapsed, caller);
    }

    /// Shares the time of a group out among its commands.
    fn share_out(&self, rows: &mut Vec<&'static Row>, elapsed: Duration) {
        let each = nanos(elapsed) / rows.len() as u64;
        let same = |a: &&'static Row, b: &&'static Row| a.number == b.number;
        for run in rows.chunk_by(same) {
            self.count_durations(run[0], each, run.len() as u64);
        }
        rows.clear();
    }

    fn count_durations(&self, row: &'static Row, each_nanos: u64, count: u64) {
        let counters = self.counters();
        counters.durations.record(each_nanos, count);
        let row = &counters.rows[usize::from(row.number)];
        row.nanos.add(each_nanos * count);
        row.durations.record(each_nanos, count);
    }

    fn log_if_slow(&self, row: &'static Row, args: Args<'_>, elapsed: Duration, caller: Option<&Caller>) {
        let threshold = self.slow_threshold_micros.get();
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        if u64::try_from(threshold).is_ok_and(|threshold| micros >= threshold)
            && !row.command.flags.has(Flags::SKIP_SLOWLOG)
        {
            let address = caller.map(Caller::peer_address).unwrap_or_default();
            let name = caller.map(|caller| caller.session().name.clone()).unwrap_or_default();
            self.slow_log.borrow_mut().push(clock::unix_us(), micros, args, address, name);
        }
        let latency_threshold = self.latency_threshold_ms.get();
        if latency_threshold > 0 && micros / 1000 >= latency_threshold {
            let event = if row.command.flags.has(Flags::FAST) { "fast-command" } else { "command" };
            self.latency_events.borrow_mut().push(event, self.now_ms() / 1000, micros / 1000);
        }
    }
}

fn nanos(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}
