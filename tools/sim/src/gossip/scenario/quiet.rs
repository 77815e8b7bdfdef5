//! Scenarios without faults: a cluster starts, changes, does nothing.

use std::time::Duration;

use rand::RngExt;

use super::{BYTES_AROUND_PAYLOAD, Options, Outcome, calm, latencies, later, note, seconds};
use crate::Trace;
use crate::gossip::{Fact, Swarm, swarm};
use crate::network::{Weather, between};

/// By then a cluster that starts all at once knows itself.
const CONVERGED_WITHIN: Duration = Duration::from_secs(30);
/// So long each change is watched.
const WATCHED: Duration = Duration::from_secs(4);

pub(super) fn converge(options: &Options, seed: u64, trace: Trace, outcome: &mut Outcome) -> Swarm {
    let mut swarm = Swarm::new(seed, Weather::lan(), options.config.clone(), trace);
    for _ in 0..options.nodes {
        swarm.add();
    }
    let seeds = swarm.seeds(options.nodes);
    for (node, at) in swarm.starts(options.nodes, Duration::from_secs(1)) {
        drop(swarm.run_until(at));
        swarm.start(node, &seeds);
    }
    let started = swarm.world.now();
    let latest = later(&swarm, CONVERGED_WITHIN);
    let (whole, seen) = swarm.run_until_whole(latest);
    match whole {
        Some(at) => outcome.all.push(at.since(started)),
        None => {
            outcome.all.endless += 1;
            outcome.failures.push(format!("{} pairs never knew each other", swarm.errors()));
        }
    }
    if let Some(seen) = seen.iter().find(|seen| seen.fact != Fact::Up) {
        outcome.failures.push(format!("nothing was wrong, and yet {seen:?}"));
    }
    swarm
}

pub(super) fn change(options: &Options, seed: u64, trace: Trace, outcome: &mut Outcome) -> Swarm {
    let mut swarm = calm(options, seed, trace);
    for _ in 0..options.changes {
        let joiner = swarm.add();
        // Three nodes of the cluster, for not everybody has the same seeds.
        let seeds: Vec<_> = (0..3).map(|_| swarm.world.random.random_range(0..options.nodes)).collect();
        let seeds: Vec<_> = seeds.into_iter().map(swarm::address).collect();
        let pause = between(&mut swarm.world.random, Duration::ZERO, Duration::from_millis(200));
        let at = later(&swarm, pause);
        drop(swarm.run_until(at));
        swarm.start(joiner, &seeds);
        let until = later(&swarm, WATCHED);
        let seen = swarm.run_until(until);
        note(outcome, &latencies(&seen, Fact::Up, joiner, options.nodes, at));
        // A feed carries some forty members: a joiner asks for a while until it knows a thousand.
        if swarm.errors() > options.nodes / 10 {
            outcome.failures.push(format!("the joiner does not know {} of the others", swarm.errors()));
        }

        let at = swarm.world.now();
        swarm.leave(joiner);
        let until = later(&swarm, WATCHED);
        let seen = swarm.run_until(until);
        note(outcome, &latencies(&seen, Fact::Down, joiner, options.nodes, at));
    }
    if outcome.each.endless > 0 {
        outcome.failures.push(format!("{} nodes never learned of a change", outcome.each.endless));
    }
    swarm
}

pub(super) fn idle(options: &Options, seed: u64, trace: Trace, outcome: &mut Outcome) -> Swarm {
    let mut swarm = calm(options, seed, trace);
    drop(swarm.run_until(seconds(20)));
    let bytes = |swarm: &Swarm, node| {
        let traffic = swarm.world.traffic(node);
        let datagrams = traffic.sent + traffic.received;
        traffic.sent_bytes + traffic.received_bytes + datagrams * BYTES_AROUND_PAYLOAD
    };
    let before: Vec<_> = (0..options.nodes).map(|node| bytes(&swarm, node)).collect();
    let until = later(&swarm, Duration::from_secs(options.seconds));
    let seen = swarm.run_until(until);
    if let Some(seen) = seen.first() {
        outcome.failures.push(format!("nothing was wrong, and yet {seen:?}"));
    }
    for (node, before) in before.iter().enumerate() {
        outcome.bits_per_second.push((bytes(&swarm, node) - before) * 8 / options.seconds.max(1));
    }
    swarm
}
