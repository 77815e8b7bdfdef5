//! What a run tells at its end, for people and for programs.

pub mod comparison;
pub mod hdr;
pub mod json;
pub mod plot;
pub mod table;

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::clock::to_seconds;
use crate::session::Outcome;

/// One run in figures. Serialised, it is an element of `runs` in the JSON report.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// HOST:PORT of the server.
    pub target: String,
    /// Round of a comparison, from 1.
    pub round: u32,
    /// Endpoints that took load.
    pub endpoints: usize,
    /// Connections to all of them.
    pub connections: usize,
    /// Replies, errors included.
    pub operations: u64,
    /// From the start of the measured part to the last reply.
    pub elapsed_seconds: f64,
    /// Throughput.
    pub operations_per_second: f64,
    /// Latencies in microseconds.
    pub latency_us: LatencyReport,
    /// Error replies of all texts.
    pub errors: u64,
    /// Error replies by text.
    pub errors_by_text: BTreeMap<String, u64>,
    /// Null replies: reads of keys that were not there.
    pub null_replies: u64,
    /// Operations sent elsewhere by `MOVED` or `ASK`, in cluster mode.
    pub redirects: u64,
    /// Requests without a reply when the run was given up.
    pub unanswered: u64,
    /// Operations of an open loop that were due and never sent.
    pub unsent: u64,
    /// Bytes of requests.
    pub bytes_out: u64,
    /// Bytes of replies.
    pub bytes_in: u64,
    /// User and system time of the load threads, per operation.
    pub client_cpu_us_per_operation: f64,
    /// User and system time of the servers, per operation, if they tell it.
    pub server_cpu_us_per_operation: Option<f64>,
}

/// Latencies, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LatencyReport {
    /// Smallest.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90 % are at most this.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p99_9: f64,
    /// 99.99 %.
    pub p99_99: f64,
    /// Largest.
    pub max: f64,
}

impl LatencyReport {
    /// Reads a histogram of nanoseconds.
    pub fn new(latencies: &Histogram<u64>) -> Self {
        let at = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            min: latencies.min() as f64 / 1e3,
            mean: latencies.mean() / 1e3,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: latencies.max() as f64 / 1e3,
        }
    }
}

impl RunReport {
    /// The figures of an outcome.
    pub fn new(outcome: &Outcome, round: u32) -> Self {
        let tally = &outcome.tally;
        let per_operation =
            |amount: f64| if tally.operations == 0 { 0.0 } else { amount / tally.operations as f64 };
        let elapsed_seconds = to_seconds(tally.elapsed_ns());
        let text = |text: &Vec<u8>| String::from_utf8_lossy(text).into_owned();
        Self {
            target: outcome.target.to_string(),
            round,
            endpoints: outcome.endpoints,
            connections: outcome.connections,
            operations: tally.operations,
            elapsed_seconds,
            operations_per_second: if elapsed_seconds > 0.0 {
                tally.operations as f64 / elapsed_seconds
            } else {
                0.0
            },
            latency_us: LatencyReport::new(&tally.latencies),
            errors: tally.error_count(),
            errors_by_text: tally.errors.iter().map(|(key, &count)| (text(key), count)).collect(),
            null_replies: tally.nulls,
            redirects: tally.redirects,
            unanswered: tally.unanswered,
            unsent: tally.unsent,
            bytes_out: tally.bytes_out,
            bytes_in: tally.bytes_in,
            client_cpu_us_per_operation: per_operation(tally.cpu_ns as f64 / 1e3),
            server_cpu_us_per_operation: outcome.server_cpu_seconds.map(|cpu| per_operation(cpu * 1e6)),
        }
    }
}
