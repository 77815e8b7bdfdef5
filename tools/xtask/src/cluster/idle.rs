//! What three nodes cost that nobody asks for anything.

use std::thread;
use std::time::Duration;

use super::node::{self, Binaries};
use super::{ClusterOptions, Figure};
use crate::failure::Outcome;

#[expect(clippy::cast_precision_loss, reason = "µs of minutes fit a double exactly")]
pub(super) fn measure(options: &ClusterOptions, binaries: &Binaries) -> Outcome<Vec<Figure>> {
    let nodes = node::start("idle", 3, binaries)?;
    let cpu = || nodes.iter().map(|node| node.process.cpu_us()).collect::<Outcome<Vec<u64>>>();
    let window = Duration::from_secs_f64(options.seconds * 4.0);
    // What a founding leaves behind is over by then.
    thread::park_timeout(window / 4);
    let before = cpu()?;
    thread::park_timeout(window);
    let spent = cpu()?.into_iter().zip(before).map(|(after, before)| after.saturating_sub(before));
    let shares: Vec<f64> = spent.map(|us| us as f64 / window.as_micros() as f64 * 100.0).collect();
    let worst = shares.iter().copied().fold(0.0, f64::max);
    let from = shares.iter().map(|share| format!("{share:.2}")).collect::<Vec<_>>().join(", ");
    let name = "CPU of an idle node of three, % of a core".to_owned();
    Ok(vec![Figure {
        name,
        target: 1.0,
        measured: worst,
        from: format!("{from} over {} s", window.as_secs()),
    }])
}
