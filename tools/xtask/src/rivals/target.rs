//! What the figures must reach, as data, and whether they do.

use super::Measured;
use super::sample::{ONE_SHARED_CORE, Row, find};
use super::server::Kind;

/// One figure with its limit.
pub(super) struct Judged {
    pub(super) what: String,
    pub(super) limit: f64,
    /// None when it was not measured.
    pub(super) figure: Option<f64>,
}

impl Judged {
    /// Whether it was reached.
    pub(super) fn verdict(&self) -> &'static str {
        match self.figure {
            None => "not measured",
            Some(figure) if figure <= self.limit => "reached",
            Some(_) => "**missed**",
        }
    }
}

/// CPU an operation, ours to theirs, on one core: whom to, pipeline, at most.
const TO_RIVALS: &[(&str, usize, f64)] = &[
    ("Redis 7.0", 1, 0.93),
    ("Redis 7.0", 16, 0.65),
    ("Redis 7.0", 64, 0.50),
    ("Valkey 9.1.2", 1, 0.93),
    ("Valkey 9.1.2", 16, 0.85),
    ("Valkey 9.1.2", 64, 0.65),
    ("floor", 1, 1.08),
    ("floor", 16, 1.35),
    ("floor", 64, 1.35),
];

/// CPU an operation on two cores, to one core under the same load: setting, pipeline, at most.
const TO_ONE_CORE: &[(&str, usize, f64)] = &[
    ("two cores, `--cluster`", 1, 1.05),
    ("two cores, `--cluster`", 16, 1.05),
    ("two cores, `--cluster`", 64, 1.05),
    ("two cores, plain port", 16, 1.50),
];

const RESIDENT_TO_REDIS: f64 = 0.70;
const OVERHEAD_BYTES: f64 = 24.0;
const LONGEST_STALL_MS: f64 = 5.0;

/// Every target with its figure.
pub(super) fn judge(measured: &Measured) -> Vec<Judged> {
    let ratio = |rows: &[Row], ours: &str, theirs: &str, pipeline: usize| {
        Some(find(rows, ours, pipeline)?.cpu_us() / find(rows, theirs, pipeline)?.cpu_us())
    };
    let rivals = TO_RIVALS.iter().map(|&(theirs, pipeline, limit)| Judged {
        what: format!("CPU an operation to {theirs}, pipeline {pipeline}"),
        limit,
        figure: ratio(&measured.one_core, "mycorrhizald", theirs, pipeline),
    });
    let two_cores = TO_ONE_CORE.iter().map(|&(setting, pipeline, limit)| Judged {
        what: format!("CPU an operation, {setting} to one core, pipeline {pipeline}"),
        limit,
        figure: ratio(&measured.two_cores, setting, ONE_SHARED_CORE, pipeline),
    });
    rivals.chain(two_cores).chain(memory(measured)).collect()
}

fn memory(measured: &Measured) -> [Judged; 3] {
    let of = |kind: Kind| measured.memory.iter().find(|row| row.kind == kind);
    let (ours, redis) = (of(Kind::Ours), of(Kind::Redis));
    let resident = ours.zip(redis).map(|(ours, redis)| ours.resident_per_key / redis.resident_per_key);
    [
        Judged {
            what: "resident memory a key to Redis 7.0".to_owned(),
            limit: RESIDENT_TO_REDIS,
            figure: resident,
        },
        Judged {
            what: "bytes a key beyond key and value, own accounting".to_owned(),
            limit: OVERHEAD_BYTES,
            figure: ours.and_then(|ours| ours.overhead_per_key),
        },
        Judged {
            what: "longest stall of one operation while the keys came, ms".to_owned(),
            limit: LONGEST_STALL_MS,
            figure: ours.map(|ours| ours.longest_us / 1_000.0),
        },
    ]
}

/// A line for the terminal.
pub(super) fn summary(measured: &Measured) -> String {
    let judged = judge(measured);
    let reached = judged.iter().filter(|judged| judged.verdict() == "reached").count();
    let missed = judged.iter().filter(|judged| judged.verdict() == "**missed**");
    let missed: Vec<String> = missed
        .map(|j| format!("\n  missed: {} is {:.3}, not {}", j.what, j.figure.unwrap_or(f64::NAN), j.limit))
        .collect();
    format!("{reached} of {} targets reached{}", judged.len(), missed.concat())
}
