//! What a GET costs that is asked of a node which does not own its key.

use super::node::{self, Binaries, Node};
use super::{ClusterOptions, Figure, load};
use crate::failure::Outcome;
use crate::measuring::median;

/// CPU time of all nodes for one GET, in µs, when `asked` is asked.
#[expect(clippy::cast_precision_loss, reason = "µs of minutes fit a double exactly")]
fn cost(nodes: &[Node], asked: &Node, options: &ClusterOptions, binaries: &Binaries) -> Outcome<f64> {
    let cpu = || nodes.iter().map(|node| node.process.cpu_us()).sum::<Outcome<u64>>();
    let before = cpu()?;
    let duration = (options.seconds / 5.0).to_string();
    let arguments = ["--mix", "get:1", "--pipeline", "16", "--duration", &duration];
    let report = load::run(&binaries.bench, asked.port, &arguments)?;
    Ok(cpu()?.saturating_sub(before) as f64 / report.operations)
}

pub(super) fn measure(options: &ClusterOptions, binaries: &Binaries) -> Outcome<Vec<Figure>> {
    let nodes = node::start("forwarding", 2, binaries)?;
    let [owner, other] = &nodes[..] else { unreachable!("two were started") };
    owner.order_drain("node-1", true)?;
    owner.wait_owned(1024)?;
    load::run(
        &binaries.bench,
        owner.port,
        &["--mix", "set:1", "--dist", "sequential", "-n", "100000", "-P", "16"],
    )?;
    let (mut local, mut forwarded) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        local.push(cost(&nodes, owner, options, binaries)?);
        forwarded.push(cost(&nodes, other, options, binaries)?);
    }
    let (local, forwarded) = (median(local), median(forwarded));
    Ok(vec![Figure {
        name: "CPU of a forwarded GET, both nodes, to that of a local one, pipeline 16".to_owned(),
        target: 2.2,
        measured: forwarded / local,
        from: format!("{forwarded:.3} µs, {local:.3} µs"),
    }])
}
