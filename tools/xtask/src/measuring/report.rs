//! What pulse-bench reports of a run.

use std::path::Path;

use serde_json::Value;

use crate::failure::{Context, Failure, Outcome};

/// The figures of a run. Latencies in µs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    pub(crate) operations: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
}

impl Report {
    /// Reads the file that `--json` named. Fails if operations did, for then nothing is worth comparing.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let text = std::fs::read_to_string(path).context("reading the load's report")?;
        Self::parse(&text).ok_or_else(|| {
            Failure::Expectation(format!("the load failed, or its report is not understood: {text}"))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let report: Value = serde_json::from_str(text).ok()?;
        let run = &report["runs"][0];
        if run["errors"].as_u64()? != 0 || run["unanswered"].as_u64()? != 0 {
            return None;
        }
        let latency = |name: &str| run["latency_us"][name].as_f64();
        Some(Report {
            operations: run["operations"].as_f64()?,
            per_second: run["operations_per_second"].as_f64()?,
            p50_us: latency("p50")?,
            p99_us: latency("p99")?,
            p999_us: latency("p99_9")?,
            max_us: latency("max")?,
        })
    }
}
