//! A cluster that is cut in two, for long, and becomes one again.

use std::time::Duration;

use rand::RngExt;

use super::{Options, Outcome, calm, later};
use crate::Trace;
use crate::gossip::Swarm;

pub(super) fn cut(options: &Options, seed: u64, trace: Trace, outcome: &mut Outcome) -> Swarm {
    let mut swarm = calm(options, seed, trace);
    let size = swarm.world.random.random_range(1..options.nodes);
    let mut side: Vec<bool> = (0..options.nodes).map(|node| node < size).collect();
    for node in 0..options.nodes {
        let with = swarm.world.random.random_range(0..options.nodes);
        side.swap(node, with);
    }
    let other = side.iter().map(|is_in| !is_in).collect();
    if seed.is_multiple_of(4) {
        swarm.world.network.cut_one_way(side, other);
    } else {
        swarm.world.network.cut(side, other);
    }
    let until = later(&swarm, Duration::from_secs(60 * options.cut_minutes));
    drop(swarm.run_until(until));
    if swarm.errors() == 0 && !seed.is_multiple_of(4) {
        outcome.failures.push("nobody missed anybody during the cut".to_owned());
    }
    swarm.world.heal();
    let within = 2 * options.config.announce_period;
    let healed = swarm.world.now();
    // Twice as long as it may take, to say by how much it failed.
    let latest = later(&swarm, 2 * within);
    match swarm.run_until_whole(latest).0 {
        Some(at) if at.since(healed) <= within => outcome.all.push(at.since(healed)),
        Some(at) => {
            outcome.all.push(at.since(healed));
            outcome.failures.push(format!("whole only after {:?}", at.since(healed)));
        }
        None => {
            outcome.all.endless += 1;
            outcome.failures.push(format!("{} pairs stayed wrong about each other", swarm.errors()));
        }
    }
    swarm
}
