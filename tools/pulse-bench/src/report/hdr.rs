//! The HdrHistogram log: one interval a second, for the log tools of that project.
//!
//! Times are seconds since `BaseTime`, latencies are nanoseconds, and the column of maxima is in milliseconds.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::error::BenchError;
use crate::session::Outcome;

/// Writes the intervals of the outcomes; those of several servers are told apart by tags.
///
/// # Errors
///
/// The file cannot be written.
pub fn write(path: &Path, outcomes: &[Outcome]) -> Result<(), BenchError> {
    let failed = |source| BenchError::LocalFile { path: path.to_owned(), source };
    let mut file = io::BufWriter::new(std::fs::File::create(path).map_err(failed)?);
    log(&mut file, outcomes).and_then(|()| file.flush()).map_err(failed)
}

fn log(file: &mut impl Write, outcomes: &[Outcome]) -> io::Result<()> {
    let Some(first) = outcomes.iter().map(|outcome| outcome.started_at).min() else { return Ok(()) };
    let is_comparison = outcomes.iter().any(|outcome| outcome.target != outcomes[0].target);
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("pulse-bench: latencies in nanoseconds, one interval a second");
    builder.with_start_time(first).with_base_time(first).with_max_value_divisor(1e6);
    let mut writer = builder.begin_log_with(file, &mut serializer)?;
    for outcome in outcomes {
        let offset = outcome.started_at.duration_since(first).unwrap_or_default();
        let name = outcome.target.to_string();
        let tag = if is_comparison { Tag::new(&name) } else { None };
        for (&second, latencies) in &outcome.intervals {
            writer
                .write_histogram(latencies, offset + Duration::from_secs(second), Duration::from_secs(1), tag)
                .map_err(|error| io::Error::other(format!("{error:?}")))?;
        }
    }
    Ok(())
}
