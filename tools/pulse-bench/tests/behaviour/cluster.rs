//! Cluster mode against two and three endpoints that check whether what they get is theirs.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};

use pulse_bench::slot::slot_of;

use crate::fake::{Answer, Request, Session, number, ok, reply, run, serve_on};

/// Slots that are on their way from the first endpoint to the second: asked for by `ASK`.
const MIGRATING: std::ops::Range<u16> = 100..400;
const KEYS: usize = 5_000;

/// What the endpoints of one cluster share.
struct Cluster {
    ports: Vec<u16>,
    /// The first slot of each endpoint, as `CLUSTER SLOTS` tells it until the first `MOVED`.
    told: Vec<u16>,
    /// As it is.
    real: Vec<AtomicU16>,
    has_migration: bool,
    has_moved: AtomicBool,
    maps: AtomicU64,
    moved: AtomicU64,
    asked: AtomicU64,
    /// Requests per key.
    keys: Vec<AtomicU64>,
}

impl Cluster {
    fn owner(&self, slot: u16) -> usize {
        self.real.iter().rposition(|first| slot >= first.load(Ordering::Relaxed)).unwrap()
    }

    /// The map as it is told: wrong until somebody was sent elsewhere.
    fn slots(&self) -> Answer {
        self.maps.fetch_add(1, Ordering::Relaxed);
        let firsts = if self.has_moved.load(Ordering::Relaxed) {
            self.real.iter().map(|first| first.load(Ordering::Relaxed)).collect()
        } else {
            self.told.clone()
        };
        let mut text = format!("*{}\r\n", firsts.len());
        for (index, first) in firsts.iter().enumerate() {
            let last = firsts.get(index + 1).map_or(16_383, |next| next - 1);
            text += &format!(
                "*3\r\n:{first}\r\n:{last}\r\n*3\r\n$9\r\n127.0.0.1\r\n:{}\r\n$2\r\nid\r\n",
                self.ports[index]
            );
        }
        reply(&text)
    }

    /// Endpoint `index` is asked for keys; `asking` if `ASKING` came before.
    fn keyed(&self, index: usize, keys: &[&Vec<u8>], asking: bool) -> Answer {
        let slot = slot_of(keys[0]);
        if keys.iter().any(|key| slot_of(key) != slot) {
            return reply("-CROSSSLOT Keys in request don't hash to the same slot\r\n");
        }
        let owner = self.owner(slot);
        let is_migrating = self.has_migration && MIGRATING.contains(&slot);
        if is_migrating && index == 0 {
            self.asked.fetch_add(1, Ordering::Relaxed);
            return reply(&format!("-ASK {slot} 127.0.0.1:{}\r\n", self.ports[1]));
        }
        if owner != index && !(is_migrating && index == 1 && asking) {
            self.moved.fetch_add(1, Ordering::Relaxed);
            self.has_moved.store(true, Ordering::Relaxed);
            return reply(&format!("-MOVED {slot} 127.0.0.1:{}\r\n", self.ports[owner]));
        }
        for key in keys {
            self.keys[number(key)].fetch_add(1, Ordering::Relaxed);
        }
        ok()
    }

    fn session(self: Arc<Self>, index: usize) -> Session {
        let mut asking = false;
        Box::new(move |request: &Request| {
            let was_asking = std::mem::take(&mut asking);
            let keys = |step| request[1..].iter().step_by(step).collect::<Vec<&Vec<u8>>>();
            match request[0].as_slice() {
                b"CLUSTER" => self.slots(),
                b"ASKING" => {
                    asking = true;
                    ok()
                }
                b"MGET" => self.keyed(index, &keys(1), was_asking),
                b"GET" | b"SET" => self.keyed(index, &[&request[1]], was_asking),
                b"MSET" => self.keyed(index, &keys(2), was_asking),
                b"PING" => ok(),
                _ => reply("-ERR unknown command\r\n"),
            }
        })
    }
}

fn start(told: &[u16], real: &[u16], has_migration: bool) -> Arc<Cluster> {
    let listeners = real.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect::<Vec<_>>();
    let cluster = Arc::new(Cluster {
        ports: listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect(),
        told: told.to_vec(),
        real: real.iter().copied().map(AtomicU16::new).collect(),
        has_migration,
        has_moved: AtomicBool::new(false),
        maps: AtomicU64::new(0),
        moved: AtomicU64::new(0),
        asked: AtomicU64::new(0),
        keys: (0..KEYS).map(|_| AtomicU64::new(0)).collect(),
    });
    for (index, listener) in listeners.into_iter().enumerate() {
        let cluster = Arc::clone(&cluster);
        serve_on(listener, move || Arc::clone(&cluster).session(index));
    }
    cluster
}

fn accepted(cluster: &Cluster) -> u64 {
    cluster.keys.iter().map(|count| count.load(Ordering::Relaxed)).sum()
}

fn load(cluster: &Cluster, flags: &str) -> pulse_bench::tally::Tally {
    let flags = format!("--cluster --keyspace {KEYS} {flags}");
    run(cluster.ports[0], &flags).unwrap().tally
}

#[test]
fn every_key_goes_to_the_endpoint_of_its_slot() {
    let cluster = start(&[0, 8_192], &[0, 8_192], false);
    let tally = load(&cluster, "-P 8 -c 6 --threads 2 --mix get:2,set:1,ping:1 -n 20000");
    assert_eq!((tally.operations, tally.error_count(), tally.redirects), (20_000, 0, 0));
    assert_eq!(cluster.moved.load(Ordering::Relaxed), 0);
    assert!(accepted(&cluster) > 10_000);
}

#[test]
fn moved_is_followed_and_the_map_asked_for_again() {
    let cluster = start(&[0, 8_192], &[0, 4_096], false);
    let tally = load(&cluster, "-P 8 -c 6 --mix get -n 20000");
    assert_eq!((tally.operations, tally.error_count()), (20_000, 0));
    assert_eq!(accepted(&cluster), 20_000);
    let moved = cluster.moved.load(Ordering::Relaxed);
    assert_eq!(tally.redirects, moved);
    assert!((1..2_000).contains(&moved), "{moved} redirections: the map was not corrected");
    assert!(cluster.maps.load(Ordering::Relaxed) >= 2);
}

#[test]
fn an_endpoint_that_moved_names_first_is_connected_to() {
    let cluster = start(&[0, 8_192], &[0, 8_192, 12_000], false);
    let tally = load(&cluster, "-P 4 -c 4 --mix set -n 10000");
    assert_eq!((tally.operations, tally.error_count()), (10_000, 0));
    assert!(tally.redirects > 0);
    assert_eq!(accepted(&cluster), 10_000);
}

#[test]
fn ask_is_followed_once_per_operation() {
    let cluster = start(&[0, 8_192], &[0, 8_192], true);
    let tally = load(&cluster, "-P 8 -c 4 --mix get -n 20000");
    assert_eq!((tally.operations, tally.error_count()), (20_000, 0));
    let asked = cluster.asked.load(Ordering::Relaxed);
    assert!(asked > 100, "{asked}");
    assert_eq!((tally.redirects, cluster.moved.load(Ordering::Relaxed)), (asked, 0));
    assert_eq!(accepted(&cluster), 20_000);
}

#[test]
fn several_keys_share_a_slot() {
    let cluster = start(&[0, 8_192], &[0, 8_192], false);
    let tally = load(&cluster, "-P 4 -c 4 --mix mget:5,mset:3 -n 4000");
    assert_eq!((tally.operations, tally.error_count()), (4_000, 0));
    assert!(accepted(&cluster) > 14_000);
}

#[test]
fn filling_sets_every_key_once() {
    let cluster = start(&[0, 8_192], &[0, 8_192], false);
    load(&cluster, "-c 4 --threads 2 --mix ping -n 10 --fill");
    assert!(cluster.keys.iter().all(|count| count.load(Ordering::Relaxed) == 1));
}

#[test]
fn an_open_loop_reaches_every_endpoint() {
    let cluster = start(&[0, 8_192], &[0, 8_192], false);
    let tally = load(&cluster, "-c 4 --mix get --rate 4000 --duration 0.5");
    assert_eq!((tally.operations, tally.error_count(), tally.unsent), (2_000, 0, 0));
}

#[test]
fn a_hole_in_the_map_ends_the_run() {
    let cluster = start(&[5, 8_192], &[0, 8_192], false);
    let error = run(cluster.ports[0], "--cluster -n 1").unwrap_err().to_string();
    assert!(error.contains("no owner for slot 0"), "{error}");
}
