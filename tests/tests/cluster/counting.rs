//! Clients that count: what they were told is held against what is there in the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use redis::{Commands as _, ConnectionLike as _};

/// Keys of each client.
const KEYS: usize = 200;

/// Clients that increment counters through several nodes until they are stopped.
pub(crate) struct Counting {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Counted>>,
}

/// What one client was told.
pub(crate) struct Counted {
    client: usize,
    /// Increments that were acknowledged, by key.
    acknowledged: Vec<i64>,
    /// Increments of which nobody knows.
    unknown: Vec<i64>,
    /// Errors other than that.
    pub(crate) errors: Vec<String>,
}

impl Counting {
    /// Begins, with one client for each of these plain ports.
    pub(crate) fn begin(ports: &[u16]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let clients = ports.iter().enumerate().map(|(client, &port)| {
            let stop = Arc::clone(&stop);
            let body = move || count(client, port, &stop);
            std::thread::Builder::new().name(format!("client-{client}")).spawn(body).unwrap()
        });
        Self { clients: clients.collect(), stop }
    }

    /// Ends it, and returns what the clients were told.
    pub(crate) fn end(self) -> Vec<Counted> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().map(|client| client.join().unwrap()).collect()
    }
}

fn count(client: usize, port: u16, stop: &AtomicBool) -> Counted {
    let mut counted =
        Counted { client, acknowledged: vec![0; KEYS], unknown: vec![0; KEYS], errors: Vec::new() };
    let mut connection = connect(port);
    let mut next = 0;
    while !stop.load(Ordering::Relaxed) {
        let keys: Vec<usize> = (0..16).map(|at| (next + at * 7) % KEYS).collect();
        next += 1;
        let mut pipe = redis::pipe();
        for key in &keys {
            pipe.incr(name(client, *key), 1);
        }
        let bytes = pipe.get_packed_pipeline();
        match connection.req_packed_commands(&bytes, 0, keys.len()) {
            Ok(replies) => counted.take_note(&keys, replies),
            Err(error) => {
                // The node has ended the connection: it may have lost its cluster in the middle of a turn.
                counted.errors.push(error.to_string());
                keys.iter().for_each(|key| counted.unknown[*key] += 1);
                connection = connect(port);
            }
        }
    }
    counted
}

/// A connection to a plain port.
pub(crate) fn connect(port: u16) -> redis::Connection {
    redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap().get_connection().unwrap()
}

fn name(client: usize, key: usize) -> String {
    format!("count:{client}:{key}")
}

impl Counted {
    fn take_note(&mut self, keys: &[usize], replies: Vec<redis::Value>) {
        for (key, reply) in keys.iter().zip(replies) {
            match reply {
                redis::Value::Int(_) => self.acknowledged[*key] += 1,
                other if format!("{other:?}").contains("UNKNOWN") => self.unknown[*key] += 1,
                other => self.errors.push(format!("{other:?}")),
            }
        }
    }

    /// How many increments were acknowledged.
    pub(crate) fn acknowledged(&self) -> i64 {
        self.acknowledged.iter().sum()
    }

    /// Holds it against what a node answers now: nothing is lost, and nothing was done twice.
    pub(crate) fn check(&self, port: u16) {
        self.check_outside(port, &BTreeSet::new());
    }

    /// Holds keys outside of these slots against what a node answers now, and returns how many those are. Keys in these
    /// slots may be less, but not more.
    pub(crate) fn check_outside(&self, port: u16, lost: &BTreeSet<i64>) -> usize {
        let mut connection = connect(port);
        let mut checked = 0;
        for key in 0..KEYS {
            let name = name(self.client, key);
            let found: Option<i64> = connection.get(&name).unwrap();
            let slot: i64 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(&name).query(&mut connection).unwrap();
            let (found, acknowledged) = (found.unwrap_or(0), self.acknowledged[key]);
            let most = acknowledged + self.unknown[key];
            let least = if lost.contains(&slot) { 0 } else { acknowledged };
            assert!((least..=most).contains(&found), "{name}: {least} <= {found} <= {most}");
            checked += usize::from(!lost.contains(&slot));
        }
        checked
    }
}
