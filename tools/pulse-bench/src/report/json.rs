//! The report as JSON, for programs. Fields are added over time, never renamed.

use std::path::Path;

use serde::Serialize;

use super::RunReport;
use super::comparison::Comparison;
use crate::error::BenchError;
use crate::plan::{Length, Plan};

/// The whole report.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// `pulse-bench`.
    pub tool: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What was asked for.
    pub load: LoadReport,
    /// One element per run, in the order in which they ran.
    pub runs: &'a [RunReport],
    /// The ratios, if two servers were compared.
    pub comparison: Option<&'a Comparison>,
}

/// What was asked for.
#[derive(Debug, Serialize)]
pub struct LoadReport {
    cluster: bool,
    connections: usize,
    threads: usize,
    pipeline: usize,
    keyspace: u64,
    distribution: String,
    value_size: String,
    mix: String,
    requests: Option<u64>,
    duration_seconds: Option<f64>,
    rate: Option<f64>,
    warmup_seconds: f64,
    seed: u64,
}

impl LoadReport {
    /// The part of a plan that shapes the load.
    pub fn new(plan: &Plan) -> Self {
        let (requests, duration_seconds) = match plan.length {
            Length::Requests(requests) => (Some(requests), None),
            Length::Seconds(seconds) => (None, Some(seconds)),
        };
        Self {
            cluster: plan.cluster,
            connections: plan.connections,
            threads: plan.threads,
            pipeline: plan.pipeline,
            keyspace: plan.keyspace,
            distribution: plan.distribution.to_string(),
            value_size: plan.value_size.to_string(),
            mix: plan.mix.to_string(),
            requests,
            duration_seconds,
            rate: plan.rate,
            warmup_seconds: plan.warmup_seconds,
            seed: plan.seed,
        }
    }
}

/// Writes the report.
///
/// # Errors
///
/// The file cannot be written.
pub fn write(path: &Path, report: &Report<'_>) -> Result<(), BenchError> {
    let mut text = serde_json::to_string_pretty(report).expect("a report has string keys and finite numbers");
    text.push('\n');
    std::fs::write(path, text).map_err(|source| BenchError::LocalFile { path: path.to_owned(), source })
}
