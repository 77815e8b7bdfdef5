//! From a plan to its reports.

use std::io::{self, Write};

use crate::error::BenchError;
use crate::link::{Endpoint, Link};
use crate::plan::Plan;
use crate::report::comparison::Comparison;
use crate::report::json::{LoadReport, Report};
use crate::report::{RunReport, hdr, json, plot, table};
use crate::session::{self, Outcome};
use crate::tally::latencies;

/// Runs the plan; writes the reports to `out` and to the files of the plan.
///
/// # Errors
///
/// What ended the run early, or a file that cannot be written.
pub fn run(plan: &Plan, out: &mut impl Write) -> Result<(), BenchError> {
    check_writable(plan)?;
    if let Some(other) = &plan.compare {
        // Better to fail before the first round than after it.
        drop(Link::open(other, &plan.login)?);
    }
    let mut outcomes = Vec::new();
    let mut runs = Vec::new();
    for (round, target) in order(plan) {
        let outcome = session::run(plan, target, round)?;
        let run = RunReport::new(&outcome, round + 1);
        print(out, &format!("{}\n{}", title(plan, &run), table::table(&run)))?;
        outcomes.push(outcome);
        runs.push(run);
    }
    print_plots(plan, &outcomes, out)?;
    let comparison = plan.compare.as_ref().map(|_| {
        let target = plan.target.to_string();
        let (ours, theirs) = runs.iter().cloned().partition::<Vec<RunReport>, _>(|run| run.target == target);
        Comparison::new(&ours, &theirs)
    });
    if let Some(comparison) = &comparison {
        print(out, &comparison.table())?;
    }
    if let Some(path) = &plan.json {
        let (tool, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        let load = LoadReport::new(plan);
        json::write(path, &Report { tool, version, load, runs: &runs, comparison: comparison.as_ref() })?;
    }
    if let Some(path) = &plan.hdr {
        hdr::write(path, &outcomes)?;
    }
    Ok(())
}

/// Which server is run in which round. The one that goes first changes from round to round, so that a machine that
/// drifts favours neither.
fn order(plan: &Plan) -> Vec<(u32, &Endpoint)> {
    let Some(other) = &plan.compare else { return vec![(0, &plan.target)] };
    let pair = |round: u32| {
        let pair = [(round, &plan.target), (round, other)];
        if round.is_multiple_of(2) { pair } else { [pair[1], pair[0]] }
    };
    (0..plan.rounds).flat_map(pair).collect()
}

/// Better to fail before a long run than after it.
fn check_writable(plan: &Plan) -> Result<(), BenchError> {
    for path in plan.json.iter().chain(&plan.hdr) {
        std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|source| BenchError::LocalFile { path: path.clone(), source })?;
    }
    Ok(())
}

fn title(plan: &Plan, run: &RunReport) -> String {
    let round = if plan.compare.is_some() { format!(", round {}", run.round) } else { String::new() };
    let endpoints = if plan.cluster { format!(" ({} endpoints)", run.endpoints) } else { String::new() };
    let pace =
        plan.rate.map_or_else(|| "closed loop".to_owned(), |rate| format!("open loop at {rate} ops/s"));
    format!(
        "{}{endpoints}{round}: {} connections, {} threads, pipeline {}, {} keys {}, values {}, {pace}",
        run.target,
        run.connections,
        plan.threads,
        plan.pipeline,
        plan.keyspace,
        plan.distribution,
        plan.value_size
    )
}

/// One plot per server, over all its rounds.
fn print_plots(plan: &Plan, outcomes: &[Outcome], out: &mut impl Write) -> Result<(), BenchError> {
    for target in std::iter::once(&plan.target).chain(&plan.compare) {
        let mut whole = latencies();
        for outcome in outcomes.iter().filter(|outcome| outcome.target == *target) {
            whole.add(&outcome.tally.latencies).expect("all histograms have the same bounds");
        }
        let name = if plan.compare.is_some() { format!("{target}\n") } else { String::new() };
        print(out, &format!("{name}{}", plot::plot(&whole)))?;
    }
    Ok(())
}

/// A closed pipe at the other end is no error of ours.
fn print(out: &mut impl Write, text: &str) -> Result<(), BenchError> {
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(BenchError::local("write the report", error))
        }
        _ => Ok(()),
    }
}
