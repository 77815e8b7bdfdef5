//! Scenarios with faults: nodes die, are paused, and everything at once.

use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::{Options, Outcome, calm, latencies, later, note};
use crate::gossip::{Fact, Swarm};
use crate::network::{Weather, between};
use crate::{NodeIndex, Time, Trace};

/// So long a death is watched.
const WATCHED: Duration = Duration::from_secs(20);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// After the last fault the cluster is whole again within that time: two announce periods, and some for suspicions.
const WHOLE_WITHIN: Duration = Duration::from_secs(30);

pub(super) fn crash(options: &Options, seed: u64, trace: Trace, outcome: &mut Outcome) -> Swarm {
    let mut swarm = calm(options, seed, trace);
    let pause = between(&mut swarm.world.random, Duration::ZERO, Duration::from_secs(2));
    let at = later(&swarm, pause);
    drop(swarm.run_until(at));
    let victim = swarm.world.random.random_range(0..options.nodes);
    swarm.kill(victim);
    let until = later(&swarm, WATCHED);
    let seen = swarm.run_until(until);
    let durations = latencies(&seen, Fact::Down, victim, options.nodes - 1, at);
    note(outcome, &durations);
    if durations.endless > 0 {
        outcome.failures.push(format!("{} nodes never learned of the death", durations.endless));
    }
    if let Some(seen) = seen.iter().find(|seen| seen.about != victim) {
        outcome.failures.push(format!("only {victim} died, and yet {seen:?}"));
    }
    swarm
}

pub(super) fn pause(options: &Options, seed: u64, trace: Trace, outcome: &mut Outcome) -> Swarm {
    let mut swarm = calm(options, seed, trace);
    let mut nodes: Vec<NodeIndex> = (0..options.nodes).collect();
    nodes.shuffle(&mut swarm.world.random);
    let victims = &nodes[..options.nodes / 4];
    let end = later(&swarm, Duration::from_secs(options.seconds));
    let mut seen = Vec::new();
    for (at, victim, is_pause) in pauses(&mut swarm, victims, end) {
        seen.extend(swarm.run_until(at));
        if is_pause {
            swarm.world.pause(victim);
        } else {
            swarm.world.resume(victim);
        }
    }
    let resumed = swarm.world.now();
    let latest = later(&swarm, WHOLE_WITHIN);
    let (whole, rest) = swarm.run_until_whole(latest);
    seen.extend(rest);
    // Whoever was about to do something foolish does it now.
    let until = later(&swarm, Duration::from_secs(10));
    seen.extend(swarm.run_until(until));
    match whole {
        Some(at) => outcome.all.push(at.since(resumed)),
        None => {
            outcome.all.endless += 1;
            outcome.failures.push(format!("{} pairs stayed wrong about each other", swarm.errors()));
        }
    }
    for seen in seen.iter().filter(|seen| !victims.contains(&seen.about)) {
        outcome.failures.push(format!("{} was never paused, and yet {seen:?}", seen.about));
    }
    swarm
}

/// Each victim is paused again and again until the end.
fn pauses(swarm: &mut Swarm, victims: &[NodeIndex], end: Time) -> Vec<(Time, NodeIndex, bool)> {
    let mut plan = Vec::new();
    let begin = swarm.world.now();
    for victim in victims {
        let mut at = begin;
        while at < end {
            let random = &mut swarm.world.random;
            let from = at + between(random, Duration::ZERO, PAUSE_MAX);
            at = from + between(random, Duration::from_millis(100), PAUSE_MAX);
            plan.extend([(from, *victim, true), (at, *victim, false)]);
        }
    }
    plan.sort_unstable();
    plan
}

pub(super) fn chaos(options: &Options, seed: u64, trace: Trace, outcome: &mut Outcome) -> Swarm {
    let mut swarm = Swarm::warm(seed, options.nodes, Weather::lan(), options.config.clone(), trace);
    swarm.world.network.weather.loss = 100_000;
    let end = later(&swarm, Duration::from_secs(options.seconds));
    let seeds = swarm.seeds(options.nodes);
    while swarm.world.now() < end {
        let pause = between(&mut swarm.world.random, Duration::ZERO, Duration::from_secs(1));
        let at = later(&swarm, pause);
        drop(swarm.run_until(at));
        let node = swarm.world.random.random_range(0..options.nodes);
        match swarm.world.random.random_range(0..10) {
            0 | 1 => swarm.kill(node),
            2 | 3 if !swarm.is_present(node) => swarm.start(node, &seeds),
            4 | 5 => swarm.world.pause(node),
            6 | 7 => swarm.world.resume(node),
            8 => {
                let side: Vec<bool> = (0..options.nodes).map(|_| swarm.world.random.random()).collect();
                let other = side.iter().map(|is_in| !is_in).collect();
                swarm.world.network.cut_one_way(side, other);
            }
            _ => swarm.world.heal(),
        }
    }
    swarm.world.heal();
    swarm.world.network.weather.loss = Weather::lan().loss;
    (0..options.nodes).for_each(|node| swarm.world.resume(node));
    for node in 0..options.nodes {
        // Half of the dead stay dead, but not the first seed: nodes that know nobody else could not find each other.
        if !swarm.is_present(node) && (swarm.world.random.random() || node == 0) {
            swarm.start(node, &seeds);
        }
    }
    let calmed = swarm.world.now();
    let latest = later(&swarm, WHOLE_WITHIN);
    match swarm.run_until_whole(latest).0 {
        Some(at) => outcome.all.push(at.since(calmed)),
        None => {
            outcome.all.endless += 1;
            outcome.failures.push(format!("{} pairs stayed wrong about each other", swarm.errors()));
        }
    }
    swarm
}
