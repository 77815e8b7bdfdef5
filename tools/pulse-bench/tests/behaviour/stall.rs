//! Coordinated omission: a server that pauses once must not be able to hide what the pause delayed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::fake::{Answer, ok, run, serve_all};

const STALL_MS: u64 = 500;

/// Pauses once, before the reply number `at`.
fn stalling(at: u64) -> impl Fn(&crate::fake::Request) -> Answer {
    let replies = AtomicU64::new(0);
    move |_| {
        if replies.fetch_add(1, Ordering::Relaxed) == at {
            pause();
        }
        ok()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the pause is the fault under test; nothing is synchronised by it"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(STALL_MS));
}

fn ms(ns: u64) -> u64 {
    ns / 1_000_000
}

#[test]
fn an_open_loop_shows_the_stall_in_its_percentiles() {
    let port = serve_all(stalling(1_000));
    let outcome = run(port, "--connections 1 --mix ping --rate 2000 --duration 2").unwrap();
    let latencies = &outcome.tally.latencies;
    // 1,000 of the 4,000 operations were due during the pause, one every half millisecond.
    assert_eq!(outcome.tally.operations, 4_000);
    assert!(ms(latencies.max()) >= STALL_MS, "{}", latencies.max());
    let p99_ms = ms(latencies.value_at_quantile(0.99));
    assert!(p99_ms >= STALL_MS * 9 / 10, "p99 is {p99_ms} ms");
    let p90_ms = ms(latencies.value_at_quantile(0.9));
    assert!(p90_ms >= STALL_MS / 2, "p90 is {p90_ms} ms");
}

#[test]
fn a_closed_loop_sees_the_stall_once() {
    let port = serve_all(stalling(1_000));
    let outcome = run(port, "--connections 1 --mix ping --requests 4000").unwrap();
    let latencies = &outcome.tally.latencies;
    assert!(ms(latencies.max()) >= STALL_MS);
    assert!(
        latencies.count_between(STALL_MS * 900_000, u64::MAX) <= 2,
        "one operation waited, no other knew"
    );
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let port = serve_all(|_| ok());
    let outcome = run(port, "--connections 8 --threads 2 --mix ping --rate 5000 --duration 1").unwrap();
    assert_eq!(outcome.tally.operations, 5_000);
    assert_eq!((outcome.tally.unsent, outcome.tally.unanswered), (0, 0));
}

#[test]
fn a_server_that_cannot_keep_up_is_reported_as_such() {
    // One reply in 20 ms on one connection: 50 a second, of 1,000.
    #[expect(clippy::disallowed_methods, reason = "a slow server is the fault under test")]
    let port = serve_all(|_| {
        std::thread::sleep(Duration::from_millis(20));
        ok()
    });
    let outcome = run(port, "--connections 1 --mix ping --rate 1000 --duration 1").unwrap();
    let tally = &outcome.tally;
    assert!(tally.unsent > 300, "{} unsent", tally.unsent);
    assert!((999..=1_000).contains(&(tally.operations + tally.unanswered + tally.unsent)), "{tally:?}");
    assert!(ms(tally.latencies.max()) > 3_000);
}
