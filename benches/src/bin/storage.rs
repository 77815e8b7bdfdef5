//! The storage of one core, measured: memory per key, the worst stall of an insert, the cost of random accesses.
//!
//! ```text
//! storage [KEYS]      default 5,000,000; keys of 16 bytes, values of 64 bytes, mimalloc, one thread
//! ```
//!
//! Costs are CPU time of the thread, so that other work on the machine disturbs them little; stalls are wall time, so
//! judge those on a machine that has nothing else to do.

use std::time::Instant;

use mycorrhizal::mycel::{
    Db, Deadline, Entry, Hasher, Key, Keyspace, KeyspaceConfig, NewValue, Rng, SLOTS, ScanCursor, Value,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 64;
const ACCESSES: usize = 4_000_000;
const BATCH: usize = 32;
const DB: Db = Db::new(0);
const NOW_MS: u64 = 1_700_000_000_000;

fn main() {
    let keys = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5_000_000);
    let mut bench = Bench::new(keys);
    bench.fill();
    bench.memory("filled");
    bench.gets();
    bench.sets();
    bench.hashing();
    bench.scans();
    bench.deadlines();
    bench.memory("with deadlines");
    bench.expire();
    bench.memory("empty again");
}

struct Bench {
    keyspace: Keyspace,
    keys: usize,
    rng: Rng,
    rss_before: usize,
    empty_bytes: usize,
}

impl Bench {
    fn new(keys: usize) -> Bench {
        let mut keyspace = Keyspace::new(KeyspaceConfig { databases: 16, hasher: Hasher::new([1, 2]) });
        keyspace.set_now(NOW_MS);
        let empty_bytes = keyspace.used_bytes();
        Bench { keyspace, keys, rng: Rng::new(1), rss_before: rss_bytes(), empty_bytes }
    }

    fn fill(&mut self) {
        let (mut worst_ns, mut over_100_us) = (0, 0);
        let start = cpu_ns();
        let mut last = now();
        for number in 0..self.keys {
            let name = name(number);
            let key = self.keyspace.key(&name);
            self.keyspace.entry(DB, key).put(NewValue::Bytes(&[b'v'; VALUE_BYTES]), Deadline::None);
            let at = now();
            let took_ns = at.duration_since(last).as_nanos();
            worst_ns = worst_ns.max(took_ns);
            over_100_us += usize::from(took_ns > 100_000);
            last = at;
        }
        report("insert, ns", per(start, self.keys));
        println!("  worst insert {} µs; {over_100_us} above 100 µs", worst_ns / 1_000);
    }

    fn memory(&self, when: &str) {
        let used = self.keyspace.used_bytes() - self.empty_bytes;
        let rss = rss_bytes().saturating_sub(self.rss_before);
        let len = self.keyspace.len(DB).max(1) as f64;
        let beyond = used as f64 / len - (KEY_BYTES + VALUE_BYTES) as f64;
        println!(
            "{when}: {} keys, {:.2} bytes per key by the books ({beyond:.2} beyond key and value), {:.2} resident",
            self.keyspace.len(DB),
            used as f64 / len,
            rss as f64 / len
        );
    }

    fn gets(&mut self) {
        let names = self.random_names();
        let start = cpu_ns();
        let mut sum = 0;
        for name in &names {
            let key = self.keyspace.key(name);
            sum += read(&mut self.keyspace, &key);
        }
        report("random get, ns", per(start, names.len()));
        for rounds in [0, 1, 2] {
            let start = cpu_ns();
            for batch in names.chunks(BATCH) {
                let keys: Vec<Key<'_>> = batch.iter().map(|name| self.keyspace.key(name)).collect();
                prefetch(&self.keyspace, &keys, rounds);
                sum += keys.iter().map(|key| read(&mut self.keyspace, key)).sum::<usize>();
            }
            report(
                &format!("random get in batches of {BATCH}, {rounds} rounds of prefetch, ns"),
                per(start, names.len()),
            );
        }
        assert!(sum > 0);
    }

    fn sets(&mut self) {
        let names = self.random_names();
        for rounds in [0, 1, 2] {
            let start = cpu_ns();
            for (number, batch) in names.chunks(BATCH).enumerate() {
                let keys: Vec<Key<'_>> = batch.iter().map(|name| self.keyspace.key(name)).collect();
                prefetch(&self.keyspace, &keys, rounds);
                for key in keys {
                    let value = [number.to_le_bytes()[0]; VALUE_BYTES];
                    self.keyspace.entry(DB, key).put(NewValue::Bytes(&value), Deadline::None);
                }
            }
            report(
                &format!("random overwrite in batches of {BATCH}, {rounds} rounds of prefetch, ns"),
                per(start, names.len()),
            );
        }
        // Few enough keys to stay in the cache: what the instructions cost.
        let names: Vec<_> = (0..1_000.min(self.keys)).map(name).collect();
        let start = cpu_ns();
        let mut sum = 0;
        for round in 0..1_000 {
            for name in &names {
                let key = self.keyspace.key(name);
                sum += read(&mut self.keyspace, &key) + round;
            }
        }
        report("cached get, ns", per(start, names.len() * 1_000));
        let start = cpu_ns();
        for round in 0..1_000_usize {
            let value = [round.to_le_bytes()[0]; VALUE_BYTES];
            for name in &names {
                let key = self.keyspace.key(name);
                self.keyspace.entry(DB, key).put(NewValue::Text(&value), Deadline::None);
            }
        }
        report("cached overwrite, ns", per(start, names.len() * 1_000));
        assert!(sum > 0);
    }

    fn hashing(&self) {
        let names: Vec<_> = (0..1_000).map(name).collect();
        let start = cpu_ns();
        let mut sum = 0;
        for _ in 0..1_000 {
            for name in &names {
                sum += u64::from(mycorrhizal::mycel::slot_of(std::hint::black_box(name)).number());
            }
        }
        report("slot of a key, ns", per(start, 1_000_000));
        let start = cpu_ns();
        for _ in 0..1_000 {
            for name in &names {
                sum += u64::from(self.keyspace.hasher().hash(std::hint::black_box(name)));
            }
        }
        report("hash of a key, ns", per(start, 1_000_000));
        assert!(sum > 0);
    }

    fn scans(&self) {
        for count in [10, 1_000] {
            let start = cpu_ns();
            let (mut seen, mut cursor) = (0, Some(ScanCursor::default()));
            while let Some(from) = cursor {
                cursor = self
                    .keyspace
                    .scan(DB, from, SLOTS, count, |view| seen += usize::from(!view.key().is_empty()));
            }
            assert_eq!(seen, self.keys);
            report(&format!("scan with COUNT {count}, ns per key"), per(start, self.keys));
        }
    }

    fn deadlines(&mut self) {
        let start = cpu_ns();
        let mut worst_ns = 0;
        for number in 0..self.keys {
            let name = name(number);
            let key = self.keyspace.key(&name);
            let at_ms = NOW_MS + self.rng.below(3_600_000) as u64;
            let before = now();
            if let Entry::Occupied(mut occupied) = self.keyspace.entry(DB, key) {
                occupied.set_deadline(Some(at_ms));
            }
            worst_ns = worst_ns.max(now().duration_since(before).as_nanos());
        }
        report("set a deadline, ns", per(start, self.keys));
        println!("  worst {} µs", worst_ns / 1_000);
    }

    fn expire(&mut self) {
        self.keyspace.set_now(NOW_MS + 4_000_000);
        let start = cpu_ns();
        let mut worst_ns = 0;
        let mut last = now();
        loop {
            let expired = self.keyspace.expire_due(100);
            let at = now();
            worst_ns = worst_ns.max(at.duration_since(last).as_nanos());
            last = at;
            if expired.more.is_none() {
                break;
            }
        }
        report("expire, ns per key", per(start, self.keys));
        println!("  worst hundred {} µs", worst_ns / 1_000);
        assert_eq!(self.keyspace.used_bytes(), self.empty_bytes);
    }

    fn random_names(&mut self) -> Vec<[u8; KEY_BYTES]> {
        (0..ACCESSES).map(|_| name(self.rng.below(self.keys))).collect()
    }
}

fn prefetch(keyspace: &Keyspace, keys: &[Key<'_>], rounds: usize) {
    if rounds > 1 {
        keys.iter().for_each(|key| keyspace.prefetch_table(DB, key.slot()));
    }
    if rounds > 0 {
        keys.iter().for_each(|key| keyspace.prefetch_entry(DB, key.slot(), key.hash()));
    }
}

#[inline]
fn read(keyspace: &mut Keyspace, key: &Key<'_>) -> usize {
    match keyspace.find(DB, key).map(|view| view.value()) {
        Some(Value::Bytes(bytes)) => usize::from(*bytes.last().unwrap_or(&0)),
        Some(Value::Int(_)) | None => 0,
    }
}

/// `key:` and twelve digits.
fn name(number: usize) -> [u8; KEY_BYTES] {
    let mut name = *b"key:000000000000";
    let (mut rest, mut at) = (number, KEY_BYTES);
    while rest > 0 {
        at -= 1;
        name[at] = b'0' + (rest % 10).to_le_bytes()[0];
        rest /= 10;
    }
    name
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// CPU time of this thread so far, in ns.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

fn per(start_ns: u64, operations: usize) -> f64 {
    (cpu_ns() - start_ns) as f64 / operations as f64
}

fn report(what: &str, figure: f64) {
    println!("{figure:9.1}  {what}");
}

fn rss_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|text| text.parse::<usize>().ok()).unwrap_or(0) * 1_024
}
