//! What a core did lately: samples of its counters, taken at most every 100 ms while it has turns.
//!
//! A core without work has no turns and takes no samples; then the last one it took is what readers compare with, so
//! that its rates fall towards zero by themselves. Written by the owning core, read by all.

use super::counter::{Buckets, CoreCounters, Counter, Histogram};

/// The shortest time between two samples.
const SAMPLE_MS: u64 = 100;
/// Samples kept.
const SAMPLES: usize = 16;
/// The shortest time between two copies of the histogram of durations.
const COPY_MS: u64 = 1_000;
/// Samples that are older are looked at only if there is none younger.
const WINDOW_MS: u64 = 2_000;

/// The samples of one core.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    samples: [Sample; SAMPLES],
    taken: Counter,
    last_ms: Counter,
    /// The histogram of durations as it was, and as it was before that.
    newer: Histogram,
    older: Histogram,
    newer_ms: Counter,
    peak_bytes: Counter,
}

#[derive(Debug, Default)]
struct Sample {
    at_ms: Counter,
    commands: Counter,
    received_bytes: Counter,
    sent_bytes: Counter,
}

/// What a core does per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rates {
    /// Commands.
    pub(crate) commands: f64,
    /// Bytes from clients.
    pub(crate) received_bytes: f64,
    /// Bytes to clients.
    pub(crate) sent_bytes: f64,
}

impl CoreCounters {
    /// Takes a sample if it is time; to be called once per turn by the owning core.
    #[inline]
    pub(crate) fn sample(&self, now_ms: u64, used_bytes: impl FnOnce() -> u64) {
        if now_ms >= self.sampler.last_ms.read() + SAMPLE_MS {
            self.take_sample(now_ms, used_bytes());
        }
    }

    fn take_sample(&self, now_ms: u64, used_bytes: u64) {
        let sampler = &self.sampler;
        sampler.last_ms.set(now_ms);
        sampler.peak_bytes.set(sampler.peak_bytes.read().max(used_bytes));
        let taken = sampler.taken.read();
        let sample = &sampler.samples[place(taken)];
        sample.at_ms.set(now_ms);
        sample.commands.set(self.commands.read());
        sample.received_bytes.set(self.received_bytes.read());
        sample.sent_bytes.set(self.sent_bytes.read());
        sampler.taken.set(taken + 1);
        if now_ms >= sampler.newer_ms.read() + COPY_MS {
            sampler.newer_ms.set(now_ms);
            sampler.older.copy_from(&sampler.newer);
            sampler.newer.copy_from(&self.durations);
        }
    }

    /// What the core does per second, over the last two seconds.
    pub(crate) fn rates(&self, now_ms: u64) -> Rates {
        let sampler = &self.sampler;
        let taken = sampler.taken.read();
        let kept =
            (taken.saturating_sub(SAMPLES as u64)..taken).map(|number| &sampler.samples[place(number)]);
        let settled = kept.filter(|sample| sample.at_ms.read() + SAMPLE_MS <= now_ms);
        let is_recent = |sample: &&Sample| sample.at_ms.read() + WINDOW_MS >= now_ms;
        let Some(base) = settled.clone().find(is_recent).or_else(|| settled.last()) else {
            return Rates::default();
        };
        let elapsed_ms = now_ms.saturating_sub(base.at_ms.read()).max(1);
        let per_second =
            |now: &Counter, then: &Counter| ratio(now.read().saturating_sub(then.read()) * 1000, elapsed_ms);
        Rates {
            commands: per_second(&self.commands, &base.commands),
            received_bytes: per_second(&self.received_bytes, &base.received_bytes),
            sent_bytes: per_second(&self.sent_bytes, &base.sent_bytes),
        }
    }

    /// How long commands took in the last one or two seconds that had any.
    pub(crate) fn recent_durations(&self) -> Buckets {
        let mut now = Buckets::default();
        self.durations.add_to(&mut now);
        let mut then = Buckets::default();
        self.sampler.older.add_to(&mut then);
        now.since(&then)
    }

    /// The most bytes that this core saw the whole node use.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.sampler.peak_bytes.read()
    }
}

impl Sampler {
    /// Forgets the samples. The peak stays: it is no count of events.
    pub(crate) fn reset(&self) {
        self.taken.set(0);
        self.newer.copy_from(&Histogram::default());
        self.older.copy_from(&self.newer);
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number % SAMPLES as u64).unwrap_or(0)
}

/// The quotient of two counts.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core() -> CoreCounters {
        CoreCounters::new()
    }

    #[test]
    fn a_steady_core_has_its_rate_and_an_idle_one_falls_towards_zero() {
        let counters = core();
        for turn in 0..1_000 {
            counters.sample(10_000 + turn * 10, || 7);
            counters.commands.add(50);
        }
        let now_ms = 10_000 + 10_000;
        let rate = counters.rates(now_ms).commands;
        assert!((4_900.0..=5_100.0).contains(&rate), "{rate}");
        let later = counters.rates(now_ms + 60_000).commands;
        assert!(later < 20.0, "{later}");
        assert_eq!(counters.peak_bytes(), 7);
    }

    #[test]
    fn a_core_that_has_just_started_has_no_rate() {
        let counters = core();
        assert_eq!(counters.rates(5_000), Rates::default());
        counters.sample(5_000, || 0);
        assert_eq!(counters.rates(5_000), Rates::default());
    }

    #[test]
    fn durations_of_long_ago_are_not_recent() {
        let counters = core();
        counters.durations.record(1_000_000, 10);
        for second in 1..=3 {
            counters.sample(second * 1_000, || 0);
        }
        assert_eq!(counters.recent_durations().total(), 0);
        counters.durations.record(1_000, 5);
        assert_eq!(counters.recent_durations().total(), 5);
    }
}
