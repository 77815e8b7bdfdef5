//! The one place where the load tool reads clocks.
//!
//! Everything else takes nanoseconds since the start of the run as an argument.

use std::time::{Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;

/// A monotonic clock that counts from its own start. Copied into every load thread, so that all agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    started_at: SystemTime,
}

impl Clock {
    /// Starts counting now.
    #[expect(clippy::disallowed_methods, reason = "a load tool measures time; this module is its one reader")]
    pub fn start() -> Self {
        Self { origin: Instant::now(), started_at: SystemTime::now() }
    }

    /// Nanoseconds since the start.
    #[inline]
    #[expect(clippy::disallowed_methods, reason = "a load tool measures time; this module is its one reader")]
    pub fn now_ns(&self) -> u64 {
        nanoseconds(Instant::now().duration_since(self.origin).as_nanos())
    }

    /// The wall-clock time at which the clock was started, for the headers of logs.
    pub fn started_at(&self) -> SystemTime {
        self.started_at
    }
}

/// User and system time that the calling thread has consumed so far, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let whole = u64::try_from(time.tv_sec).unwrap_or(0) * SECOND_NS;
    whole + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Seconds as nanoseconds; what does not fit saturates.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float to int casts saturate")]
pub fn from_seconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

/// Nanoseconds as seconds.
pub fn to_seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

fn nanoseconds(ns: u128) -> u64 {
    u64::try_from(ns).unwrap_or(u64::MAX)
}
