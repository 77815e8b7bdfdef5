use std::time::Duration;

use mycorrhizal::nodosum::membership::Config;

use super::*;

/// Runs a scenario with each seed; what failed, with the command that replays it.
fn check(scenario: Scenario, options: &Options, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let outcome = run(scenario, options, seed);
        assert!(
            outcome.failures.is_empty(),
            "seed {seed}: {:?}; replay: cargo run --release -p sim -- gossip --scenario {} --nodes {} --seed {seed}",
            outcome.failures,
            format!("{scenario:?}").to_lowercase(),
            options.nodes,
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_does_not() {
    let options = Options { nodes: 8, seconds: 10, ..Options::default() };
    let hash = |scenario, seed| run(scenario, &options, seed).trace_hash;
    for scenario in [Scenario::Converge, Scenario::Chaos, Scenario::Pause] {
        assert_eq!(hash(scenario, 5), hash(scenario, 5));
        assert_ne!(hash(scenario, 5), hash(scenario, 6));
    }
}

#[test]
fn clusters_that_start_all_at_once_converge() {
    check(Scenario::Converge, &Options { nodes: 12, ..Options::default() }, 0..100);
}

#[test]
fn joins_and_leaves_are_known_to_all() {
    check(Scenario::Change, &Options { nodes: 10, changes: 2, ..Options::default() }, 0..100);
}

#[test]
fn a_dead_node_is_known_to_all() {
    check(Scenario::Crash, &Options { nodes: 12, ..Options::default() }, 0..100);
}

#[test]
fn nobody_is_taken_for_dead_because_others_were_paused() {
    check(Scenario::Pause, &Options { nodes: 12, seconds: 15, ..Options::default() }, 0..100);
}

#[test]
fn a_cut_heals() {
    check(Scenario::Cut, &Options { nodes: 8, cut_minutes: 2, ..Options::default() }, 0..100);
}

#[test]
fn after_chaos_the_cluster_is_whole() {
    check(Scenario::Chaos, &Options { nodes: 8, seconds: 20, ..Options::default() }, 0..100);
}

#[test]
fn an_idle_node_is_quiet() {
    let options = Options { nodes: 20, seconds: 10, ..Options::default() };
    let most = run(Scenario::Idle, &options, 1).bits_per_second.into_iter().max();
    assert!(most.is_some_and(|most| most < 64_000), "{most:?} bit/s");
}

#[test]
fn a_false_death_does_not_go_unnoticed() {
    // Nobody can answer as fast as these want it.
    let config = Config {
        probe_interval: Duration::from_millis(5),
        probe_timeout: Duration::from_micros(500),
        suspicion: Duration::from_micros(1),
        ..Config::default()
    };
    let options = Options { nodes: 4, seconds: 1, config, ..Options::default() };
    let failures = run(Scenario::Pause, &options, 1).failures;
    assert!(failures.iter().any(|text| text.contains("never paused")), "{failures:?}");
}
