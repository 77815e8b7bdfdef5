//! Two servers side by side: medians over the rounds, and their ratios.

use std::fmt::Write as _;

use serde::Serialize;

use super::RunReport;

/// A figure of a run that is compared.
struct Figure {
    name: &'static str,
    decimals: usize,
    read: fn(&RunReport) -> Option<f64>,
}

const FIGURES: [Figure; 10] = [
    Figure { name: "operations_per_second", decimals: 0, read: |run| Some(run.operations_per_second) },
    Figure { name: "latency_us_mean", decimals: 1, read: |run| Some(run.latency_us.mean) },
    Figure { name: "latency_us_p50", decimals: 1, read: |run| Some(run.latency_us.p50) },
    Figure { name: "latency_us_p90", decimals: 1, read: |run| Some(run.latency_us.p90) },
    Figure { name: "latency_us_p99", decimals: 1, read: |run| Some(run.latency_us.p99) },
    Figure { name: "latency_us_p99_9", decimals: 1, read: |run| Some(run.latency_us.p99_9) },
    Figure { name: "latency_us_p99_99", decimals: 1, read: |run| Some(run.latency_us.p99_99) },
    Figure { name: "latency_us_max", decimals: 1, read: |run| Some(run.latency_us.max) },
    Figure {
        name: "client_cpu_us_per_operation",
        decimals: 3,
        read: |run| Some(run.client_cpu_us_per_operation),
    },
    Figure { name: "server_cpu_us_per_operation", decimals: 3, read: |run| run.server_cpu_us_per_operation },
];

/// The comparison of two servers.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// HOST:PORT of the server under test.
    pub target: String,
    /// HOST:PORT of the one it is compared with.
    pub other: String,
    /// Rounds that each of them had.
    pub rounds: usize,
    /// The figures.
    pub figures: Vec<ComparedFigure>,
}

/// One figure: medians over the rounds.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedFigure {
    /// Its name.
    pub name: &'static str,
    /// Of the server under test.
    pub target: f64,
    /// Of the other.
    pub other: f64,
    /// The first by the second; `None` if the second is 0.
    pub ratio: Option<f64>,
    #[serde(skip)]
    decimals: usize,
}

impl Comparison {
    /// Compares runs of two servers; there is at least one of each.
    pub fn new(target: &[RunReport], other: &[RunReport]) -> Self {
        let compared = |figure: &Figure| {
            let (target, other) = (median(target, figure.read)?, median(other, figure.read)?);
            let ratio = (other != 0.0).then(|| target / other);
            Some(ComparedFigure { name: figure.name, target, other, ratio, decimals: figure.decimals })
        };
        Self {
            target: target[0].target.clone(),
            other: other[0].target.clone(),
            rounds: target.len(),
            figures: FIGURES.iter().filter_map(compared).collect(),
        }
    }

    /// The comparison as lines.
    pub fn table(&self) -> String {
        let mut text = format!("medians of {} rounds\n", self.rounds);
        let mut line = |cells: [&str; 4]| {
            let [name, target, other, ratio] = cells;
            writeln!(text, "  {name:<28} {target:>22} {other:>22} {ratio:>8}")
                .expect("writing to a string does not fail");
        };
        line(["", &self.target, &self.other, "ratio"]);
        for figure in &self.figures {
            let number = |value: f64| format!("{value:.*}", figure.decimals);
            let ratio = figure.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
            line([figure.name, &number(figure.target), &number(figure.other), &ratio]);
        }
        text
    }
}

fn median(runs: &[RunReport], read: fn(&RunReport) -> Option<f64>) -> Option<f64> {
    let mut values = runs.iter().map(read).collect::<Option<Vec<f64>>>()?;
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    Some(if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    })
}
