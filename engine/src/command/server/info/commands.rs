//! The sections `commandstats` and `latencystats`: a line for each command that has been used.

use super::{Facts, Page};
use crate::command::table::{self, Row};
use crate::node::counter::{Buckets, RowCounters};
use crate::node::sampler::ratio;

pub(super) fn calls(facts: &Facts<'_>, page: &mut Page) {
    for row in table::all().flat_map(Row::with_subcommands) {
        let sum = |pick: fn(&RowCounters) -> u64| {
            facts.caller.core.node.sum(|core| pick(&core.rows[usize::from(row.number)]))
        };
        let calls = sum(|counters| counters.calls.read());
        let (rejected, failed) =
            (sum(|counters| counters.rejected.read()), sum(|counters| counters.failed.read()));
        if calls + rejected + failed == 0 {
            continue;
        }
        let micros = sum(|counters| counters.nanos.read()) / 1_000;
        let each = ratio(micros, calls.max(1));
        page.field(
            format_args!("cmdstat_{}", row.full_name),
            format_args!(
                "calls={calls},usec={micros},usec_per_call={each:.2},rejected_calls={rejected},failed_calls={failed}"
            ),
        );
    }
}

pub(super) fn latencies(facts: &Facts<'_>, page: &mut Page) {
    let settings = facts.caller.core.settings();
    if !settings.latency_tracking {
        return;
    }
    for row in table::all().flat_map(Row::with_subcommands) {
        let durations = facts.caller.core.node.durations(row);
        if durations.total() == 0 {
            continue;
        }
        let points: Vec<String> =
            settings.latency_percentiles.iter().map(|percent| point(&durations, *percent)).collect();
        page.field(format_args!("latency_percentiles_usec_{}", row.full_name), points.join(","));
    }
}

fn point(durations: &Buckets, percent: f64) -> String {
    format!("p{percent}={:.3}", ratio(durations.percentile(percent), 1_000))
}
