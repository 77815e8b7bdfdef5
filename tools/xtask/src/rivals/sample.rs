//! One measurement, and the median of several.

use std::fmt;

use super::server::Kind;
use crate::measuring::{Report, median};

/// What two cores are compared with.
pub(super) const ONE_SHARED_CORE: &str = "one core";

/// A way to run and to load a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Cores of the server.
    pub(super) cores: &'static str,
    /// Cores of the load, a thread with its own connections on each.
    pub(super) load_cores: &'static str,
    /// Whether the load speaks to the core that owns a key.
    pub(super) cluster: bool,
}

impl Setting {
    /// The server alone on core 0, the load on core 1.
    pub(super) fn one_core(kind: Kind) -> Self {
        let name = match kind {
            Kind::Ours => "mycorrhizald",
            Kind::Redis => "Redis 7.0",
            Kind::Valkey => "Valkey 9.1.2",
            Kind::Floor => "floor",
        };
        Setting { name, kind, cores: "0", load_cores: "1", cluster: false }
    }

    const fn shared(name: &'static str, cores: &'static str, cluster: bool) -> Self {
        Setting { name, kind: Kind::Ours, cores, load_cores: cores, cluster }
    }

    /// Each core of the server shares its core with a load thread; one core that does is what two are compared with.
    pub(super) const TWO_CORES: [Setting; 3] = [
        Setting::shared(ONE_SHARED_CORE, "0", false),
        Setting::shared("two cores, `--cluster`", "0,1", true),
        Setting::shared("two cores, plain port", "0,1", false),
    ];
}

/// The figures of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) per_second: f64,
    pub(super) cpu_us: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) p999_us: f64,
    pub(super) max_us: f64,
}

impl Sample {
    /// What the slices of one run come to: the server's CPU time in all of them, in µs, by all that was answered;
    /// the longest wait of all; the medians of the rest.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a run of minutes fit a double exactly")]
    pub(super) fn of_slices(slices: &[(Report, u64)]) -> Self {
        let cpu_us: u64 = slices.iter().map(|(_, cpu_us)| cpu_us).sum();
        let operations: f64 = slices.iter().map(|(outcome, _)| outcome.operations).sum();
        let middle = |figure: fn(&Report) -> f64| median(slices.iter().map(|(outcome, _)| figure(outcome)));
        Sample {
            per_second: middle(|outcome| outcome.per_second),
            cpu_us: cpu_us as f64 / operations,
            p50_us: middle(|outcome| outcome.p50_us),
            p99_us: middle(|outcome| outcome.p99_us),
            p999_us: middle(|outcome| outcome.p999_us),
            max_us: slices.iter().map(|(outcome, _)| outcome.max_us).fold(0.0, f64::max),
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} op/s, {:.3} µs of CPU an operation", self.per_second, self.cpu_us)
    }
}

/// All runs of one setting at one pipeline.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) setting: Setting,
    pub(super) pipeline: usize,
    samples: Vec<Sample>,
}

/// Adds a sample to its row.
pub(super) fn record(rows: &mut Vec<Row>, setting: &Setting, pipeline: usize, sample: Sample) {
    match rows.iter_mut().find(|row| row.setting == *setting && row.pipeline == pipeline) {
        Some(row) => row.samples.push(sample),
        None => rows.push(Row { setting: *setting, pipeline, samples: vec![sample] }),
    }
}

impl Row {
    /// The median of one figure.
    pub(super) fn median(&self, figure: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(figure))
    }

    /// The median of the CPU time an operation.
    pub(super) fn cpu_us(&self) -> f64 {
        self.median(|sample| sample.cpu_us)
    }
}

/// The row of a setting by name.
pub(super) fn find<'a>(rows: &'a [Row], name: &str, pipeline: usize) -> Option<&'a Row> {
    rows.iter().find(|row| row.setting.name == name && row.pipeline == pipeline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_weighed_by_what_was_answered() {
        let slice = |operations, max_us, cpu_us| {
            let outcome =
                Report { operations, per_second: 1.0, p50_us: 1.0, p99_us: 1.0, p999_us: 1.0, max_us };
            (outcome, cpu_us)
        };
        let sample = Sample::of_slices(&[slice(10.0, 3.0, 20), slice(30.0, 9.0, 20)]);
        assert!((sample.cpu_us - 1.0).abs() < 1e-9 && (sample.max_us - 9.0).abs() < 1e-9);
    }

    #[test]
    fn the_median_is_the_middle_one() {
        let mut rows = Vec::new();
        let setting = Setting::one_core(Kind::Ours);
        for cpu_us in [3.0, 1.0, 9.0] {
            let sample =
                Sample { per_second: 0.0, cpu_us, p50_us: 0.0, p99_us: 0.0, p999_us: 0.0, max_us: 0.0 };
            record(&mut rows, &setting, 16, sample);
        }
        assert_eq!(rows.len(), 1);
        assert!((find(&rows, "mycorrhizald", 16).unwrap().cpu_us() - 3.0).abs() < 1e-9);
        assert!(find(&rows, "mycorrhizald", 1).is_none());
    }
}
