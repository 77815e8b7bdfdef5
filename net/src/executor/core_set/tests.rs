use super::*;
use proptest::prelude::*;

const EIGHT: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

fn check(text: &str, expected: &[usize]) {
    let set: CoreSet = text.parse().expect("well-formed");
    assert_eq!(set.resolve(&EIGHT).expect("fits eight CPUs"), expected, "{text}");
}

fn check_error(text: &str, expected: &str) {
    let outcome = text.parse::<CoreSet>().and_then(|set| set.resolve(&EIGHT));
    assert_eq!(outcome.expect_err("not a set for eight CPUs").to_string(), expected, "{text}");
}

#[test]
fn counts_and_lists() {
    check("4", &[0, 1, 2, 3]);
    check("1", &[0]);
    check("0", &[0]);
    check("0,1", &[0, 1]);
    check("5-5", &[5]);
    check("0-2,7", &[0, 1, 2, 7]);
    check(" 6 , 2-3 ", &[2, 3, 6]);
}

#[test]
fn a_count_takes_the_cpus_that_may_be_used() {
    let set: CoreSet = "2".parse().expect("well-formed");
    assert_eq!(set.resolve(&[3, 5, 9]).expect("three are there"), [3, 5]);
}

#[test]
fn errors_are_sentences() {
    check_error("", "cores: '' is neither a count such as 4 nor a list such as 0-3,8");
    check_error("two", "cores: 'two' is neither a count such as 4 nor a list such as 0-3,8");
    check_error("-1", "cores: '-1' is neither a count such as 4 nor a list such as 0-3,8");
    check_error("1,,2", "cores: '1,,2' is neither a count such as 4 nor a list such as 0-3,8");
    check_error("1-2-3", "cores: '1-2-3' is neither a count such as 4 nor a list such as 0-3,8");
    check_error("3-1", "cores: the range 3-1 runs backwards");
    check_error("1-3,2", "cores: CPU 2 is named twice");
    check_error("0-5000", "cores: between 1 and 1024 are possible, not 5000");
    check_error("5000", "cores: between 1 and 1024 are possible, not 5000");
    check_error("9", "cores: 9 were asked for, but this process may use only 8");
    check_error("7,8", "cores: this process may not use CPU 8; it may use 0-7");
    check_error(
        "18446744073709551616",
        "cores: '18446744073709551616' is neither a count such as 4 nor a list such as 0-3,8",
    );
}

#[test]
fn the_kernels_list_is_read() {
    assert_eq!(allowed_in("Name:\tx\nCpus_allowed_list:\t0-1,4\n"), Some(vec![0, 1, 4]));
    assert_eq!(allowed_in("Cpus_allowed_list:\t3\n"), Some(vec![3]));
    assert_eq!(allowed_in("Name:\tx\n"), None);
    assert!(!available_cpus().is_empty());
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(cpus in proptest::collection::btree_set(0usize..64, 1..20)) {
        let set = CoreSet(Choice::Named(cpus.into_iter().collect()));
        prop_assert_eq!(set.to_string().parse::<CoreSet>(), Ok(set));
    }

    #[test]
    fn no_text_panics(text in "[0-9,\\- ]{0,20}") {
        if let Ok(set) = text.parse::<CoreSet>() {
            prop_assert!(!set.to_string().is_empty());
        }
    }
}
