//! Rates, delay, jitter, reordering and duplication.

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use mycorrhizal_tests::clock;
use netlab::{Fault, Impairment, Lab, Paths};

use crate::wire::{Arrival, Protocol, Wire};

const MS: Duration = Duration::from_millis(1);

/// How much later than due something may be on a machine that is busy.
const SLACK: Duration = Duration::from_millis(400);

/// Sends bytes from host 0 to host 1 by TCP, checks them there, and returns how long that took.
fn transfer(lab: &Lab, bytes: usize) -> Duration {
    let listener = lab.host(1).tcp_listen((Ipv6Addr::UNSPECIFIED, 0).into()).expect("a free port");
    let at = SocketAddr::from((lab.host(1).address_v6(), listener.local_addr().expect("it is bound").port()));
    let mut client = lab.host(0).tcp_connect(at, Duration::from_secs(5)).expect("it listens");
    let (mut server, _) = listener.accept().expect("one has connected");
    server.set_read_timeout(Some(Duration::from_secs(15))).expect("a time-out can be set");
    let sent: Vec<u8> = (0..bytes).map(|at| (at % 251).to_le_bytes()[0]).collect();
    let start = clock::now();
    let mut received = vec![0; bytes];
    thread::scope(|scope| {
        let write = || client.write_all(&sent).expect("the connection holds");
        let writer = thread::Builder::new().spawn_scoped(scope, write).expect("a thread can be started");
        server.read_exact(&mut received).expect("all arrives in time");
        writer.join().expect("the writer does not panic");
    });
    assert!(received == sent, "what arrives is what was sent");
    start.elapsed()
}

fn impair(lab: &mut Lab, impairment: Impairment) {
    lab.apply(&Paths::one_way([0], [1]), Fault::Impair(impairment)).expect("a path can be impaired");
}

fn numbers(arrivals: &[Arrival]) -> Vec<u32> {
    arrivals.iter().map(|(number, _)| *number).collect()
}

#[test]
fn a_rate_slows_its_path_down() {
    let Some(mut lab) = Lab::where_possible(2) else { return };
    let rate = lab.apply(&Paths::one_way([0], [1]), Fault::Rate { kilobits: 1600 }).unwrap();
    let slow = transfer(&lab, 200_000);
    assert!(slow > 800 * MS, "200 kB at 200 kB/s took {slow:?}");
    lab.undo(rate).unwrap();
    let fast = transfer(&lab, 200_000);
    assert!(fast < 500 * MS, "without a rate it took {fast:?}");
}

#[test]
fn delay_is_added_on_its_path_and_no_other() {
    let Some(mut lab) = Lab::where_possible(3) else { return };
    for protocol in [Protocol::V4, Protocol::V6] {
        let mut late = Wire::by(protocol, lab.host(0), lab.host(1));
        let mut prompt = Wire::by(protocol, lab.host(2), lab.host(1));
        assert!(late.passes() && prompt.passes());
        let delay = Impairment { delay: 80 * MS, ..Impairment::default() };
        let delay = lab.apply(&Paths::one_way([0], [1]), Fault::Impair(delay)).unwrap();
        let arrivals = late.send(50);
        assert_eq!(numbers(&arrivals), (1..=50).collect::<Vec<_>>(), "all, in order");
        let all_late = arrivals.iter().all(|(_, late)| (80 * MS..80 * MS + SLACK).contains(late));
        assert!(all_late, "{arrivals:?}");
        assert!(prompt.send(50).iter().any(|(_, late)| *late < 40 * MS));
        lab.undo(delay).unwrap();
        assert!(late.send(50).iter().any(|(_, late)| *late < 40 * MS));
    }
}

#[test]
fn jitter_spreads_and_swaps() {
    let Some(mut lab) = Lab::where_possible(2) else { return };
    impair(&mut lab, Impairment { delay: 50 * MS, jitter: 40 * MS, ..Impairment::default() });
    let arrivals = Wire::new(lab.host(0), lab.host(1)).send(50);
    assert_eq!(arrivals.len(), 50);
    assert!(!numbers(&arrivals).is_sorted());
    let early = arrivals.iter().map(|(_, late)| *late).min().unwrap();
    let late = arrivals.iter().map(|(_, late)| *late).max().unwrap();
    assert!(early >= 10 * MS && late > early + 30 * MS && late < 90 * MS + SLACK, "{early:?} to {late:?}");
}

#[test]
fn reordered_packets_overtake() {
    let Some(mut lab) = Lab::where_possible(2) else { return };
    let mut wire = Wire::new(lab.host(0), lab.host(1));
    assert!(wire.passes());
    impair(&mut lab, Impairment { delay: 100 * MS, reorder_percent: 30, ..Impairment::default() });
    let arrivals = wire.send(50);
    assert_eq!(arrivals.len(), 50);
    assert!(!numbers(&arrivals).is_sorted());
    assert!(arrivals.iter().any(|(_, late)| *late >= 100 * MS));
}

#[test]
fn duplicates_come_twice() {
    let Some(mut lab) = Lab::where_possible(2) else { return };
    let mut wire = Wire::new(lab.host(0), lab.host(1));
    impair(&mut lab, Impairment { duplicate_percent: 100, ..Impairment::default() });
    let mut copies = wire.arriving_copies();
    copies.sort_unstable();
    assert_eq!(copies, (0..100).flat_map(|number| [number, number]).collect::<Vec<_>>());
    lab.heal().unwrap();
    assert_eq!(wire.arriving_copies().len(), 100);
}

#[test]
fn detours_stand_one_behind_the_other_and_streams_survive_them_all() {
    let Some(mut lab) = Lab::where_possible(2) else { return };
    lab.impair_by_relay();
    lab.seed(7);
    let there = Paths::one_way([0], [1]);
    lab.apply(&there, Fault::Rate { kilobits: 4000 }).unwrap();
    let bad = Impairment { delay: 5 * MS, jitter: MS, reorder_percent: 2, duplicate_percent: 5 };
    lab.apply(&Paths::between([0], [1]), Fault::Impair(bad)).unwrap();
    lab.apply(&there, Fault::Impair(Impairment { delay: 60 * MS, ..Impairment::default() })).unwrap();
    lab.apply(&there, Fault::Loss { percent: 1 }).unwrap();
    let late = Wire::new(lab.host(0), lab.host(1)).send(20).into_iter().map(|(_, late)| late).min();
    assert!(late > Some(60 * MS), "{late:?}");
    let slow = transfer(&lab, 100_000);
    assert!(slow > 250 * MS, "{slow:?}");
    lab.heal().unwrap();
    let fast = transfer(&lab, 1_000_000);
    assert!(fast < 1000 * MS, "{fast:?}");
}
