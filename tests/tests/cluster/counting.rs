//! Clients that count: what they were told is held against what is there in the end.

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
    let mut connection =
        redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap().get_connection().unwrap();
    let mut next = 0;
    while !stop.load(Ordering::Relaxed) {
        let keys: Vec<usize> = (0..16).map(|at| (next + at * 7) % KEYS).collect();
        next += 1;
        let mut pipe = redis::pipe();
        for key in &keys {
            pipe.incr(name(client, *key), 1);
        }
        let bytes = pipe.get_packed_pipeline();
        let replies = connection.req_packed_commands(&bytes, 0, keys.len());
        counted.take_note(&keys, replies);
    }
    counted
}

fn name(client: usize, key: usize) -> String {
    format!("count:{client}:{key}")
}

impl Counted {
    fn take_note(&mut self, keys: &[usize], replies: redis::RedisResult<Vec<redis::Value>>) {
        let replies = replies.unwrap();
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
        let mut connection =
            redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap().get_connection().unwrap();
        for key in 0..KEYS {
            let found: Option<i64> = connection.get(name(self.client, key)).unwrap();
            let (found, least) = (found.unwrap_or(0), self.acknowledged[key]);
            let most = least + self.unknown[key];
            assert!(
                (least..=most).contains(&found),
                "{}: {least} <= {found} <= {most}",
                name(self.client, key)
            );
        }
    }
}
