//! Faults while clients write and partitions move: what was acknowledged is there, and what is not known is said so.

use std::time::Duration;

use mycorrhizal_tests::clock;
use netlab::{Capability, Cluster, ClusterOptions, Fault, Impairment, Kind, Lab, Paths};
use redis::Value;

use crate::elections::{info, wait_until_all_act};
use crate::every_key;

const COUNTERS: usize = 300;

/// What clients were told of one counter.
#[derive(Clone, Copy, Default)]
struct Told {
    acknowledged: i64,
    unknown: i64,
}

/// Increments every counter in one pipeline at a node; `meanwhile` happens before the first answer is read.
fn increment(connection: &mut redis::Connection, told: &mut [Told; COUNTERS], meanwhile: impl FnOnce()) {
    let mut pipeline = redis::pipe();
    (0..COUNTERS).for_each(|number| {
        pipeline.incr(format!("counter:{number}"), 1);
    });
    connection.send_packed_command(&pipeline.get_packed_pipeline()).unwrap();
    meanwhile();
    for told in told.iter_mut() {
        match connection.recv_response().and_then(Value::extract_error) {
            Ok(Value::Int(_)) => told.acknowledged += 1,
            Ok(other) => panic!("{other:?} is no answer to INCR"),
            Err(error) => match error.code() {
                Some("UNKNOWN") => told.unknown += 1,
                Some("CLUSTERDOWN" | "TRYAGAIN") => {}
                _ => panic!("{error}"),
            },
        }
    }
}

/// Nothing is lost, and nothing was done twice.
fn check(cluster: &Cluster, node: usize, told: &[Told; COUNTERS]) {
    let mut connection = cluster.connect(node);
    for (number, told) in told.iter().enumerate() {
        let found: Option<i64> =
            redis::cmd("GET").arg(format!("counter:{number}")).query(&mut connection).unwrap();
        let (found, most) = (found.unwrap_or(0), told.acknowledged + told.unknown);
        assert!(
            (told.acknowledged..=most).contains(&found),
            "counter:{number}: {} <= {found} <= {most}",
            told.acknowledged
        );
    }
}

#[test]
fn resets_in_the_middle_of_pipelines_leave_no_doubt() {
    let Some(mut cluster) = Cluster::start(3) else { return };
    wait_until_all_act(&cluster, 3);
    let mut told = [Told::default(); COUNTERS];
    let mut connection = cluster.connect(0);
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for _ in 0..10 {
        // Links end, and may be made again at once: nobody is given up.
        increment(&mut connection, &mut told, || {
            let reset = cluster.lab_mut().apply(&Paths::between([0], [1, 2]), Fault::Reset).unwrap();
            cluster.lab_mut().undo(reset).unwrap();
        });
    }
    every_key::wait_until_whole(&cluster, 3, "after resets");
    increment(&mut connection, &mut told, || {});
    assert_eq!(info(&cluster, 0, "partitions_lost").as_deref(), Some("0"));
    assert!(told.iter().all(|told| told.acknowledged > 0));
    check(&cluster, 1, &told);
}

#[test]
fn a_cable_pulled_in_the_middle_of_rebalancing_delays_it() {
    let Some(mut cluster) = Cluster::start(3) else { return };
    wait_until_all_act(&cluster, 3);
    let mut told = [Told::default(); COUNTERS];
    let mut connection = cluster.connect(0);
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    increment(&mut connection, &mut told, || {});
    let () = redis::cmd("NODOSUM").arg("DRAIN").arg("node-2").query(&mut connection).unwrap();
    let owned = |cluster: &Cluster| info(cluster, 2, "partitions_owned")?.parse::<i64>().ok();
    clock::wait_for("a move", || owned(&cluster).filter(|owned| *owned < 330));
    increment(&mut connection, &mut told, || {
        cluster.lab_mut().unplug(2).unwrap();
        // Shorter than a node that is not heard is waited for.
        let over = clock::now() + Duration::from_millis(1500);
        clock::wait_for("the cable", || (clock::now() > over).then_some(()));
        cluster.lab_mut().plug(2).unwrap();
    });
    clock::wait_for("an empty node", || owned(&cluster).filter(|owned| *owned == 0));
    every_key::wait_until_whole(&cluster, 3, "plugged");
    assert_eq!(info(&cluster, 0, "partitions_lost").as_deref(), Some("0"));
    check(&cluster, 1, &told);
}

#[test]
fn the_smaller_side_of_a_cut_refuses_and_the_larger_goes_on() {
    let Some(mut cluster) = Cluster::start(3) else { return };
    wait_until_all_act(&cluster, 3);
    cluster.lab_mut().apply(&Paths::between([2], [0, 1]), Fault::Cut).unwrap();
    clock::wait_for("the end of its authority", || info(&cluster, 2, "acts").filter(|acts| acts == "0"));
    let words =
        [["SEPTUM", "CREATE", "carts"], ["ELECTION", "CAMPAIGN", "billing"], ["LOCK", "ACQUIRE", "job"]];
    let mut asked: Vec<redis::Connection> = words.iter().map(|_| cluster.connect(2)).collect();
    for (connection, words) in asked.iter_mut().zip(&words) {
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let command = redis::cmd(words[0]).arg(&words[1..]).get_packed_command();
        connection.send_packed_command(&command).unwrap();
    }
    // Meanwhile the others agree with each other.
    let mut larger = cluster.connect(0);
    let () = redis::cmd("SEPTUM").arg("CREATE").arg("sessions").query(&mut larger).unwrap();
    clock::wait_for("every key on the larger side", || every_key::write(&cluster, 0, "cut").ok());
    assert!(every_key::read(&cluster, 2, "cut").is_err(), "the smaller side serves what others were given");
    for (mut connection, words) in asked.into_iter().zip(words) {
        let error = connection.recv_response().and_then(Value::extract_error).unwrap_err();
        assert!(matches!(error.code(), Some("CLUSTERDOWN" | "UNKNOWN")), "{words:?}: {error}");
    }
}

#[test]
fn what_is_late_one_way_only_is_late() {
    with_late(&Paths::one_way([2], [0, 1]));
}

#[test]
fn what_is_late_everywhere_is_late() {
    with_late(&Paths::among([0, 1, 2]));
}

/// A cluster whose messages take 120 ms on some paths, about, serves and gives nobody up.
fn with_late(paths: &Paths) {
    let capabilities = Lab::probe();
    if !capabilities.has(Kind::Relay) && !capabilities.has(Kind::Netem) {
        let missing = |capability: &&Capability| matches!(capability.kind, Kind::Relay | Kind::Netem);
        return capabilities.iter().filter(missing).for_each(|capability| eprintln!("{capability}"));
    }
    let Some(mut cluster) = Cluster::start(3) else { return };
    wait_until_all_act(&cluster, 3);
    let late = Impairment {
        delay: Duration::from_millis(120),
        jitter: Duration::from_millis(20),
        ..Impairment::default()
    };
    cluster.lab_mut().apply(paths, Fault::Impair(late)).unwrap();
    every_key::wait_until_whole(&cluster, 3, "late");
    let mut told = [Told::default(); COUNTERS];
    let mut connection = cluster.connect(2);
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for _ in 0..2 {
        increment(&mut connection, &mut told, || {});
    }
    check(&cluster, 0, &told);
    assert_eq!(info(&cluster, 0, "partitions_lost").as_deref(), Some("0"), "nobody was given up");
}

#[test]
fn seeds_are_enough_where_there_is_no_multicast() {
    let options = ClusterOptions::new(3).with("--multicast", "off").with("--join", "10.77.0.1:7946");
    let Some(cluster) = options.start() else { return };
    wait_until_all_act(&cluster, 3);
    every_key::wait_until_whole(&cluster, 3, "seeded");
}
