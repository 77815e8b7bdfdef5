//! What clients and memory feel of it when all keys go from one node to another.

use std::thread;
use std::time::Duration;

use super::load::Running;
use super::node::{self, Binaries, Node};
use super::{ClusterOptions, Figure, load};
use crate::failure::{Failure, Outcome};
use crate::measuring::clock;

/// Operations a second: what both nodes have no trouble with on one processor, also when the one passes all to the other.
const RATE: &str = "10000";

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Has the first node own everything, and all keys; returns what they take, in bytes.
#[expect(clippy::cast_precision_loss, reason = "bytes of a machine fit a double exactly")]
fn fill(source: &Node, keys: &str, binaries: &Binaries) -> Outcome<f64> {
    source.order_drain("node-1", true)?;
    source.wait_owned(1024)?;
    let empty = source.process.resident_bytes()?;
    let fill = ["--mix", "set:1", "--dist", "sequential", "-n", keys, "--keyspace", keys, "-P", "16"];
    load::run(&binaries.bench, source.port, &fill)?;
    Ok(source.process.resident_bytes()?.saturating_sub(empty) as f64)
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a machine fit a double exactly")]
pub(super) fn measure(options: &ClusterOptions, binaries: &Binaries) -> Outcome<Vec<Figure>> {
    let nodes = node::start("moving", 2, binaries)?;
    let [source, target] = &nodes[..] else { unreachable!("two were started") };
    let keys = options.keys.to_string();
    let data = fill(source, &keys, binaries)?;
    // A million keys move for little longer than a measurement lasts by default.
    let seconds = (options.seconds * 0.8).to_string();
    let load = ["--mix", "get:1,set:1", "--keyspace", &keys, "--rate", RATE, "--duration", &seconds];
    let quiet = load::run(&binaries.bench, source.port, &load)?;

    let before = [source.process.resident_bytes()?, target.process.resident_bytes()?];
    let mut peak = before;
    source.order_drain("node-1", false)?;
    source.order_drain("node-0", true)?;
    node::wait("the first partition to move", || Ok(target.info("partitions_owned")? > 0))?;
    let started = clock::now();
    let mut load = Running::start(&binaries.bench, source.port, &load)?;
    let mut note_memory = || -> Outcome {
        for (peak, node) in peak.iter_mut().zip(&nodes) {
            *peak = (*peak).max(node.process.resident_bytes()?);
        }
        thread::park_timeout(LOOK);
        Ok(())
    };
    // No question to a node meanwhile: whoever asks takes the processor from the load.
    while !load.has_ended() {
        note_memory()?;
    }
    let moving = load.end()?;
    if target.info("partitions_owned")? == 1024 {
        return Err(Failure::Expectation(
            "all keys had moved before the load ended: give it more".to_owned(),
        ));
    }
    while target.info("partitions_owned")? < 1024 {
        note_memory()?;
    }
    let took = clock::now() - started;
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
                "{:.0} µs, {:.0} µs; longest {:.0} µs; all moved within {:.1} s",
                moving.p99_us,
                quiet.p99_us,
                moving.max_us,
                took.as_secs_f64()
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
