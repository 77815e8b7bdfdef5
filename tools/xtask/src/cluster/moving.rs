//! What clients and memory feel of it when all keys go from one node to another.

use std::thread;
use std::time::Duration;

use super::load::Running;
use super::node::{self, Binaries};
use super::{ClusterOptions, Figure, load};
use crate::failure::Outcome;

/// Operations a second while keys move: what a node has no trouble with.
const RATE: &str = "20000";

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

#[expect(clippy::cast_precision_loss, reason = "bytes of a machine fit a double exactly")]
pub(super) fn measure(options: &ClusterOptions, binaries: &Binaries) -> Outcome<Vec<Figure>> {
    let nodes = node::start("moving", 2, binaries)?;
    let [source, target] = &nodes[..] else { unreachable!("two were started") };
    source.order_drain("node-1", true)?;
    source.wait_owned(1024)?;
    let empty = source.process.resident_bytes()?;
    let keys = options.keys.to_string();
    let fill = ["--mix", "set:1", "--dist", "sequential", "-n", &keys, "--keyspace", &keys, "-P", "16"];
    load::run(&binaries.bench, source.port, &fill)?;
    let data = source.process.resident_bytes()?.saturating_sub(empty) as f64;
    let seconds = options.seconds.to_string();
    let usual = ["--mix", "get:1,set:1", "--keyspace", &keys, "--rate", RATE, "--duration"];
    let quiet = load::run(&binaries.bench, source.port, &[&usual[..], &[&seconds]].concat())?;

    let before = [source.process.resident_bytes()?, target.process.resident_bytes()?];
    let mut peak = before;
    let mut meanwhile = Running::start(&binaries.bench, source.port, &[&usual[..], &["30"]].concat())?;
    thread::park_timeout(Duration::from_secs(1));
    source.order_drain("node-1", false)?;
    source.order_drain("node-0", true)?;
    let mut looks = 0_u32;
    let mut moved_after = None;
    while !meanwhile.has_ended() {
        peak[0] = peak[0].max(source.process.resident_bytes()?);
        peak[1] = peak[1].max(target.process.resident_bytes()?);
        looks += 1;
        if moved_after.is_none() && looks.is_multiple_of(10) && target.info("partitions_owned")? == 1024 {
            moved_after = Some(LOOK * looks);
        }
        thread::park_timeout(LOOK);
    }
    let moving = meanwhile.end()?;
    target.wait_owned(1024)?;
    let grown = |node: usize| peak[node].saturating_sub(before[node]) as f64;
    let (source_share, target_share) = (grown(0) / data * 100.0, (grown(1) - data) / data * 100.0);
    let megabytes = |bytes: f64| bytes / 1e6;
    let from = |node: usize| {
        format!("{:.0} MB more at the peak, {:.0} MB moved", megabytes(grown(node)), megabytes(data))
    };
    Ok(vec![
        Figure {
            name: format!("p99 of clients while {keys} keys move, to the quiet one"),
            target: 3.0,
            measured: moving.p99_us / quiet.p99_us,
            from: format!(
                "{:.0} µs, {:.0} µs; longest {:.0} µs; moved within {}",
                moving.p99_us,
                quiet.p99_us,
                moving.max_us,
                moved_after
                    .map_or("more than 30 s".to_owned(), |after| format!("{:.1} s", after.as_secs_f64()))
            ),
        },
        Figure {
            name: "resident memory of the source beyond the data, %".to_owned(),
            target: 5.0,
            measured: source_share,
            from: from(0),
        },
        Figure {
            name: "resident memory of the target beyond the data moved, %".to_owned(),
            target: 5.0,
            measured: target_share,
            from: from(1),
        },
    ])
}
