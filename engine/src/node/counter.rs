//! What a core counts, readable by every core at any time without stopping it.
//!
//! Each counter has one writer, its core; a write is a plain load and store, and readers may see a count that is a
//! moment old. INFO sums over cores.

use std::sync::atomic::{AtomicU64, Ordering};

use super::sampler::Sampler;
use crate::command::table;

/// A counter with one writer and any number of readers.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds; to be called by the owning core only.
    #[inline]
    pub(crate) fn add(&self, count: u64) {
        self.set(self.read().wrapping_add(count));
    }

    /// Subtracts; to be called by the owning core only.
    #[inline]
    pub(crate) fn subtract(&self, count: u64) {
        self.set(self.read().wrapping_sub(count));
    }

    /// Replaces; to be called by the owning core only.
    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The count, as of a moment ago.
    #[inline]
    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One core's counters. Aligned so that no two cores write to one cache line.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct CoreCounters {
    /// Commands run for connections of this core.
    pub(crate) commands: Counter,
    /// Look-ups that found their key.
    pub(crate) hits: Counter,
    /// Look-ups that did not.
    pub(crate) misses: Counter,
    /// Commands that other cores sent here.
    pub(crate) forwarded_in: Counter,
    /// Messages of the bus that other cores sent here.
    pub(crate) published_in: Counter,
    /// Partitions on their way to another core.
    pub(crate) moving_out: Counter,
    /// Bytes of keys, values and tables.
    pub(crate) data_bytes: Counter,
    /// Those of them that were there before the first key.
    pub(crate) startup_bytes: Counter,
    /// Keys removed because their time had come.
    pub(crate) expired: Counter,
    /// Bytes received from clients.
    pub(crate) received_bytes: Counter,
    /// Bytes sent to clients.
    pub(crate) sent_bytes: Counter,
    /// Open connections.
    pub(crate) connections: Counter,
    /// Connections ever accepted.
    pub(crate) accepted: Counter,
    /// Connections turned away at `maxclients`.
    pub(crate) rejected: Counter,
    /// Bytes in input and output buffers of connections.
    pub(crate) buffer_bytes: Counter,
    /// Connections closed at `client-query-buffer-limit` or `client-output-buffer-limit`.
    pub(crate) query_limit_closed: Counter,
    /// See `query_limit_closed`.
    pub(crate) output_limit_closed: Counter,
    /// Errors sent, by code word; see [`ERROR_CODES`].
    pub(crate) errors: [Counter; ERROR_CODES.len()],
    /// Turns of the ring that did work.
    pub(crate) turns: Counter,
    /// Counts that are kept elsewhere, as CONFIG RESETSTAT found them.
    pub(crate) at_reset: AtReset,
    /// What it did lately.
    pub(crate) sampler: Sampler,
    /// By row number.
    pub(crate) rows: Box<[RowCounters]>,
    /// Durations of all commands.
    pub(crate) durations: Histogram,
}

/// Counts of the keyspace and the ring, which count for ever, at the last CONFIG RESETSTAT.
#[derive(Debug, Default)]
pub(crate) struct AtReset {
    expired: Counter,
    received_bytes: Counter,
    sent_bytes: Counter,
}

/// The code words that INFO errorstats knows; the last stands for all others.
pub(crate) const ERROR_CODES: [&str; 12] = [
    "ERR",
    "WRONGTYPE",
    "OOM",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "MOVED",
    "CROSSSLOT",
    "NOPROTO",
    "CLUSTERDOWN",
    "BUSY",
    "OTHER",
];

/// What is counted for one command.
#[derive(Debug, Default)]
pub(crate) struct RowCounters {
    /// Times run.
    pub(crate) calls: Counter,
    /// Time spent, in nanoseconds.
    pub(crate) nanos: Counter,
    /// Times refused before it ran.
    pub(crate) rejected: Counter,
    /// Times that it returned an error.
    pub(crate) failed: Counter,
    /// Durations.
    pub(crate) durations: Histogram,
}

impl CoreCounters {
    pub(crate) fn new() -> Self {
        Self {
            commands: Counter::default(),
            hits: Counter::default(),
            misses: Counter::default(),
            forwarded_in: Counter::default(),
            published_in: Counter::default(),
            moving_out: Counter::default(),
            data_bytes: Counter::default(),
            startup_bytes: Counter::default(),
            expired: Counter::default(),
            received_bytes: Counter::default(),
            sent_bytes: Counter::default(),
            connections: Counter::default(),
            accepted: Counter::default(),
            rejected: Counter::default(),
            buffer_bytes: Counter::default(),
            query_limit_closed: Counter::default(),
            output_limit_closed: Counter::default(),
            errors: Default::default(),
            turns: Counter::default(),
            at_reset: AtReset::default(),
            sampler: Sampler::default(),
            rows: (0..table::count()).map(|_| RowCounters::default()).collect(),
            durations: Histogram::default(),
        }
    }

    /// Counts an error reply by its code word.
    pub(crate) fn count_error(&self, text: &str) {
        let code = text.split(' ').next().unwrap_or_default();
        let known = ERROR_CODES.iter().position(|known| *known == code);
        self.errors[known.unwrap_or(ERROR_CODES.len() - 1)].add(1);
    }

    /// Keys removed because their time had come, since CONFIG RESETSTAT.
    pub(crate) fn recently_expired(&self) -> u64 {
        self.expired.read().saturating_sub(self.at_reset.expired.read())
    }

    /// Bytes received from clients, since CONFIG RESETSTAT.
    pub(crate) fn recently_received_bytes(&self) -> u64 {
        self.received_bytes.read().saturating_sub(self.at_reset.received_bytes.read())
    }

    /// Bytes sent to clients, since CONFIG RESETSTAT.
    pub(crate) fn recently_sent_bytes(&self) -> u64 {
        self.sent_bytes.read().saturating_sub(self.at_reset.sent_bytes.read())
    }

    /// CONFIG RESETSTAT: everything that is a count of events starts anew.
    pub(crate) fn reset(&self) {
        let events = [
            &self.commands,
            &self.hits,
            &self.misses,
            &self.forwarded_in,
            &self.published_in,
            &self.accepted,
            &self.rejected,
            &self.query_limit_closed,
            &self.output_limit_closed,
            &self.turns,
        ];
        events.into_iter().chain(&self.errors).for_each(|counter| counter.set(0));
        self.at_reset.expired.set(self.expired.read());
        self.at_reset.received_bytes.set(self.received_bytes.read());
        self.at_reset.sent_bytes.set(self.sent_bytes.read());
        self.sampler.reset();
        self.durations.reset();
        for row in &self.rows {
            [&row.calls, &row.nanos, &row.rejected, &row.failed]
                .into_iter()
                .for_each(|counter| counter.set(0));
            row.durations.reset();
        }
    }
}

/// Buckets per power of two.
const STEPS: usize = 4;
/// Buckets: durations up to 2^40 ns, about 18 minutes.
const BUCKETS: usize = 40 * STEPS;

/// A histogram of nanoseconds with buckets a quarter of an octave wide, so that percentiles are within 19 %.
#[derive(Debug)]
pub(crate) struct Histogram([Counter; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Counter::default()))
    }
}

impl Histogram {
    /// Counts `count` durations of `nanos` each.
    #[inline]
    pub(crate) fn record(&self, nanos: u64, count: u64) {
        self.0[bucket_of(nanos)].add(count);
    }

    /// Adds what this histogram holds to `sums`, one per bucket.
    pub(crate) fn add_to(&self, sums: &mut Buckets) {
        for (sum, counter) in sums.0.iter_mut().zip(&self.0) {
            *sum += counter.read();
        }
    }

    /// Makes this histogram hold what another does; to be called by the owning core only.
    pub(crate) fn copy_from(&self, other: &Self) {
        self.0.iter().zip(&other.0).for_each(|(to, from)| to.set(from.read()));
    }

    fn reset(&self) {
        self.0.iter().for_each(|counter| counter.set(0));
    }
}

/// The sum of histograms over cores.
#[derive(Debug, Clone)]
pub(crate) struct Buckets([u64; BUCKETS]);

impl Default for Buckets {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Buckets {
    /// What was counted since `then`.
    pub(crate) fn since(mut self, then: &Self) -> Self {
        self.0.iter_mut().zip(&then.0).for_each(|(count, then)| *count = count.saturating_sub(*then));
        self
    }

    /// How many durations were counted.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The duration, in nanoseconds, that `percent` of all do not exceed; 0 if nothing was counted.
    pub(crate) fn percentile(&self, percent: f64) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let total = self.total() as f64;
        let mut seen = 0_u64;
        for (bucket, count) in self.0.iter().enumerate() {
            seen += count;
            #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
            if *count > 0 && seen as f64 >= total * percent / 100.0 {
                return upper_bound(bucket);
            }
        }
        0
    }

    /// For LATENCY HISTOGRAM: cumulative counts at powers of two of microseconds, from the first that is not zero.
    pub(crate) fn cumulative_micros(&self) -> Vec<(u64, u64)> {
        let mut points = Vec::new();
        let mut seen = 0;
        let mut bucket = 0;
        for octave in 0..30 {
            let limit_nanos = 1_000_u64 << octave;
            let before = seen;
            while bucket < BUCKETS && upper_bound(bucket) <= limit_nanos {
                seen += self.0[bucket];
                bucket += 1;
            }
            if seen > before {
                points.push((1 << octave, seen));
            }
        }
        points
    }
}

/// The bucket of a duration: its power of two, and the two bits below the leading one.
#[inline]
fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.max(STEPS as u64);
    let octave = nanos.ilog2() as usize;
    let step = usize::try_from(nanos >> (octave - 2) & (STEPS as u64 - 1)).expect("below STEPS");
    ((octave - 2) * STEPS + step).min(BUCKETS - 1)
}

/// The largest duration of a bucket, in nanoseconds.
fn upper_bound(bucket: usize) -> u64 {
    let (octave, step) = (bucket / STEPS + 2, bucket % STEPS);
    ((STEPS + step + 1) as u64) << (octave - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_what_falls_into_them() {
        for nanos in (0..100_000).chain([1 << 30, (1 << 40) - 1]) {
            let bucket = bucket_of(nanos);
            assert!(nanos < upper_bound(bucket).max(5), "{nanos} above bucket {bucket}");
            assert!(bucket == 0 || nanos >= upper_bound(bucket - 1), "{nanos} below bucket {bucket}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_and_cumulative_points() {
        let histogram = Histogram::default();
        histogram.record(900, 90);
        histogram.record(1_000_000, 10);
        let mut sums = Buckets::default();
        histogram.add_to(&mut sums);
        assert_eq!(sums.total(), 100);
        assert!((900..=1_100).contains(&sums.percentile(50.0)));
        assert!((1_000_000..=1_200_000).contains(&sums.percentile(99.0)));
        let points = sums.cumulative_micros();
        assert_eq!(points.len(), 2);
        assert_eq!(points[1].1, 100);
    }
}
