use super::*;

#[test]
fn the_same_seed_gives_the_same_trace_and_another_does_not() {
    let options = Options { seconds: 4, ..Options::default() };
    let hash = |seed| run(&options, seed).trace_hash;
    assert_eq!(hash(3), hash(3));
    assert_ne!(hash(3), hash(4));
}

#[test]
fn nothing_acknowledged_is_lost_while_partitions_move() {
    let (mut operations, mut lost_keys, mut changes) = (0, 0, 0);
    let options = Options::default();
    for seed in 0..100 {
        let report = run(&options, seed);
        assert!(
            report.failures.is_empty(),
            "seed {seed}: {:?}; replay: {}",
            report.failures,
            replay(&options, seed)
        );
        operations += report.operations;
        lost_keys += report.lost_keys;
        changes += report.epoch;
    }
    // It has been tried.
    assert!(
        operations > 200_000 && lost_keys > 500 && changes > 20_000,
        "{operations} {lost_keys} {changes}"
    );
}

#[test]
fn what_a_node_does_wrong_does_not_go_unnoticed() {
    for flaw in [Flaw::WritesWhileFrozen, Flaw::ActsUnaware, Flaw::ForgetsProposal] {
        let options = Options { flaw: Some(flaw), ..Options::default() };
        let found = (0..100).find(|seed| !run(&options, *seed).failures.is_empty());
        assert!(found.is_some(), "{flaw:?}");
        println!("{flaw:?}: seed {found:?}");
    }
}
