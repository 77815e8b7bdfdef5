//! The keyspace against a model: ordered maps and a clock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;

use super::rng::Rng;
use super::*;

const DATABASES: u16 = 3;
const START_MS: u64 = 1_000_000;

#[derive(Clone, Debug)]
enum Step {
    Put(u16, u8, Vec<u8>, Deadline),
    PutInt(u16, u8, i64, Deadline),
    Text(u16, u8, i64),
    Append(u16, u8, Vec<u8>),
    WriteAt(u16, u8, usize, Vec<u8>),
    SetDeadline(u16, u8, Option<u64>),
    Remove(u16, u8),
    Find(u16, u8),
    Clear(u16),
    Swap(u16, u16),
    Expire(usize),
    Advance(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    let db = 0..DATABASES;
    let at = prop_oneof![3 => START_MS..START_MS + 200, 1 => Just(u64::MAX), 1 => any::<u64>()];
    let deadline = prop_oneof![Just(Deadline::None), Just(Deadline::Keep), at.clone().prop_map(Deadline::At)];
    let length = prop_oneof![8 => 0..80usize, 1 => 250..260usize, 1 => 4_090..4_100usize];
    let bytes = (length.clone(), any::<u8>()).prop_map(|(length, byte)| vec![byte; length]);
    let key = any::<u8>();
    prop_oneof![
        6 => (db.clone(), key, bytes.clone(), deadline.clone()).prop_map(|(d, k, v, t)| Step::Put(d, k, v, t)),
        2 => (db.clone(), key, any::<i64>(), deadline).prop_map(|(d, k, v, t)| Step::PutInt(d, k, v, t)),
        1 => (db.clone(), key, any::<i64>()).prop_map(|(d, k, v)| Step::Text(d, k, v)),
        2 => (db.clone(), key, bytes.clone()).prop_map(|(d, k, v)| Step::Append(d, k, v)),
        2 => (db.clone(), key, length, bytes).prop_map(|(d, k, o, v)| Step::WriteAt(d, k, o, v)),
        3 => (db.clone(), key, proptest::option::of(at)).prop_map(|(d, k, t)| Step::SetDeadline(d, k, t)),
        3 => (db.clone(), key).prop_map(|(d, k)| Step::Remove(d, k)),
        3 => (db.clone(), key).prop_map(|(d, k)| Step::Find(d, k)),
        1 => prop_oneof![9 => Just(None), 1 => Just(Some(()))].prop_flat_map(|clear| (0..DATABASES).prop_map(move |d| {
            if clear.is_some() { Step::Clear(d) } else { Step::Advance(1) }
        })),
        1 => (db.clone(), db).prop_map(|(a, b)| Step::Swap(a, b)),
        2 => (0..5usize).prop_map(Step::Expire),
        2 => (0..40u64).prop_map(Step::Advance),
    ]
}

type Content = (Vec<u8>, Option<u64>);
type Held = BTreeMap<Vec<u8>, Content>;

struct Bench {
    keyspace: Keyspace,
    records: Rc<RefCell<RecordBuffer>>,
    model: Vec<Held>,
    now_ms: u64,
}

fn name(number: u8) -> Vec<u8> {
    // A few slots with many keys each, and some keys that are alone.
    match number {
        0..=99 => format!("{{tag}}{number}").into_bytes(),
        100..=199 => format!("{{gat}}{number}").into_bytes(),
        _ => vec![number; usize::from(number)],
    }
}

fn empty(hasher: Hasher) -> Keyspace {
    let mut keyspace = Keyspace::new(KeyspaceConfig { databases: DATABASES, hasher });
    keyspace.set_now(START_MS);
    keyspace
}

impl Bench {
    fn new(hasher: Hasher) -> Bench {
        let records = Rc::new(RefCell::new(RecordBuffer::new()));
        let mut keyspace = empty(hasher);
        keyspace.set_sink(Some(Box::new(Rc::clone(&records))));
        Bench { keyspace, records, model: vec![Held::new(); usize::from(DATABASES)], now_ms: START_MS }
    }

    fn live(&mut self, db: u16) -> &mut Held {
        let now_ms = self.now_ms;
        let held = &mut self.model[usize::from(db)];
        held.retain(|_, (_, deadline_ms)| deadline_ms.is_none_or(|deadline_ms| deadline_ms >= now_ms));
        held
    }

    fn put(&mut self, db: u16, key: u8, value: NewValue<'_>, string: Vec<u8>, deadline: Deadline) {
        let key = name(key);
        let before = self.live(db).get(&key).and_then(|(_, deadline_ms)| *deadline_ms);
        self.live(db).insert(key.clone(), (string, deadline.resolve(before, || None)));
        let key = self.keyspace.key(&key);
        self.keyspace.entry(Db::new(db), key).put(value, deadline);
    }

    fn edit(&mut self, db: u16, key: u8, model: impl FnOnce(&mut Content), edit: impl FnOnce(Occupied<'_>)) {
        let key = name(key);
        let expect = self.live(db).get_mut(&key).map(model).is_some();
        let key = self.keyspace.key(&key);
        match self.keyspace.entry(Db::new(db), key) {
            Entry::Occupied(occupied) => {
                assert!(expect);
                edit(occupied);
            }
            Entry::Vacant(_) => assert!(!expect),
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Put(db, key, value, deadline) => {
                self.put(db, key, NewValue::Bytes(&value), value.clone(), deadline);
            }
            Step::PutInt(db, key, number, deadline) => {
                self.put(db, key, NewValue::Int(number), number.to_string().into_bytes(), deadline);
            }
            Step::Text(db, key, number) => {
                let text = number.to_string().into_bytes();
                self.put(db, key, NewValue::Text(&text), text.clone(), Deadline::None);
                let view = self.keyspace.peek(Db::new(db), &self.keyspace.key(&name(key))).unwrap();
                assert_eq!((view.value(), view.encoding()), (Value::Int(number), Encoding::Int));
            }
            Step::Append(db, key, tail) => {
                let model = |(value, _): &mut Content| value.extend_from_slice(&tail);
                self.edit(db, key, model, |mut occupied| {
                    let len = occupied.append(&tail);
                    assert_eq!(len, occupied.value().len());
                });
            }
            Step::WriteAt(db, key, offset, bytes) => {
                let end = offset + bytes.len();
                let model = |(value, _): &mut Content| {
                    value.resize(value.len().max(end), 0);
                    value[offset..end].copy_from_slice(&bytes);
                };
                self.edit(db, key, model, |mut occupied| {
                    let len = occupied.write_at(offset, &bytes);
                    assert_eq!(len, occupied.value().len());
                });
            }
            Step::SetDeadline(db, key, at_ms) => {
                let model = |(_, deadline_ms): &mut Content| *deadline_ms = at_ms;
                self.edit(db, key, model, |mut occupied| occupied.set_deadline(at_ms));
            }
            Step::Remove(db, key) => {
                let expect = self.live(db).remove(&name(key)).is_some();
                let key = name(key);
                let key = self.keyspace.key(&key);
                assert_eq!(self.keyspace.remove(Db::new(db), &key), expect);
            }
            Step::Find(db, key) => self.find(db, &name(key)),
            Step::Clear(db) => {
                self.model[usize::from(db)].clear();
                self.keyspace.clear(Db::new(db));
            }
            Step::Swap(first, second) => {
                self.model.swap(usize::from(first), usize::from(second));
                self.keyspace.swap(Db::new(first), Db::new(second));
            }
            Step::Expire(budget) => {
                let expired = self.keyspace.expire_due(budget);
                assert!(expired.count <= budget);
                assert!(expired.count == budget || expired.more.is_none_or(|at_ms| at_ms >= self.now_ms));
            }
            Step::Advance(by_ms) => {
                self.now_ms += by_ms;
                self.keyspace.set_now(self.now_ms);
            }
        }
    }

    fn find(&mut self, db: u16, key: &[u8]) {
        let expect = self.live(db).get(key).cloned();
        let key = self.keyspace.key(key);
        let seen = |view: View<'_>| (view.value().bytes(&mut Decimal::new()).to_vec(), view.deadline_ms());
        assert_eq!(self.keyspace.peek(Db::new(db), &key).map(seen), expect);
        assert_eq!(self.keyspace.find(Db::new(db), &key).map(seen), expect);
    }

    /// Everything that must hold at any time.
    fn check(&mut self) {
        assert_eq!(self.keyspace.used_bytes(), self.keyspace.recount_bytes());
        for number in 0..DATABASES {
            let expect = self.live(number).clone();
            let (db, mut seen) = (Db::new(number), Held::new());
            self.keyspace.for_each(db, |view| {
                let value = view.value().bytes(&mut Decimal::new()).to_vec();
                assert!(seen.insert(view.key().to_vec(), (value, view.deadline_ms())).is_none());
            });
            assert_eq!(seen, expect);
            assert!(self.keyspace.len(db) >= expect.len());
        }
        let mut replica = empty(*self.keyspace.hasher());
        for record in self.records.borrow().iter() {
            replica.replay(&record).unwrap();
        }
        assert_eq!(replica.digest_all(), self.keyspace.digest_all());
        assert_eq!(replica.recount_bytes(), replica.used_bytes());
    }

    /// With everything that is due taken away, the counters are those of the model.
    fn settle(&mut self) {
        self.keyspace.expire_due(usize::MAX);
        let mut first = None;
        for number in 0..DATABASES {
            let deadlines: Vec<u64> = self.live(number).values().filter_map(|(_, at_ms)| *at_ms).collect();
            assert_eq!(self.keyspace.len(Db::new(number)), self.live(number).len());
            assert_eq!(self.keyspace.expiring(Db::new(number)), deadlines.len());
            first = first.into_iter().chain(deadlines).min();
        }
        // What lies beyond the year 36 million is due in the year 36 million.
        assert_eq!(self.keyspace.next_deadline_ms(), first.map(|at_ms| at_ms.min(u64::MAX >> 4)));
    }
}

fn run(hasher: Hasher, steps: Vec<Step>) {
    let mut bench = Bench::new(hasher);
    let baseline = bench.keyspace.used_bytes();
    for (number, step) in steps.into_iter().enumerate() {
        bench.run(step);
        if number % 32 == 0 {
            bench.check();
        }
    }
    bench.check();
    bench.settle();
    bench.check();
    for number in 0..DATABASES {
        let keys: Vec<Vec<u8>> = bench.live(number).keys().cloned().collect();
        for key in keys {
            let key = bench.keyspace.key(&key);
            assert!(bench.keyspace.remove(Db::new(number), &key));
        }
    }
    assert_eq!(bench.keyspace.used_bytes(), baseline);
    assert_eq!(bench.keyspace.digest_all(), Digest::EMPTY);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_model(steps in proptest::collection::vec(steps(), 0..400)) {
        run(Hasher::new([3, 4]), steps);
    }

    /// The same where every key has the same hash, and so many keys have the same mark.
    #[test]
    fn agrees_with_the_model_when_all_hashes_are_equal(steps in proptest::collection::vec(steps(), 0..200)) {
        run(Hasher::constant(), steps);
    }

    /// A key that is there during the whole scan is returned, whatever comes and goes beside it.
    #[test]
    fn a_scan_returns_what_stays(
        stay in 0..300u32,
        count in 1..40usize,
        churn in proptest::collection::vec((any::<bool>(), 0..1_500u32, 1..400u32), 0..60),
    ) {
        let mut keyspace = empty(Hasher::new([5, 6]));
        let db = Db::default();
        let stays = |number: u32| format!("{{s}}stay{number}");
        let comes = |number: u32| format!("{{s}}come{number}");
        let put = |keyspace: &mut Keyspace, name: String| {
            let key = keyspace.key(name.as_bytes());
            keyspace.entry(db, key).put(NewValue::Bytes(b"v"), Deadline::None);
        };
        (0..stay).for_each(|number| put(&mut keyspace, stays(number)));
        let mut seen = std::collections::BTreeSet::new();
        let mut cursor = ScanCursor::default();
        let mut churn = churn.into_iter();
        loop {
            let next = keyspace.scan(db, cursor, SLOTS, count, |view| {
                seen.insert(view.key().to_vec());
            });
            let Some(next) = next else { break };
            prop_assert_eq!(ScanCursor::from_number(next.number()), Some(next));
            cursor = next;
            if let Some((come, first, many)) = churn.next() {
                for number in first..first + many {
                    if come {
                        put(&mut keyspace, comes(number));
                    } else {
                        let name = comes(number);
                        let key = keyspace.key(name.as_bytes());
                        keyspace.remove(db, &key);
                    }
                }
            }
        }
        for number in 0..stay {
            prop_assert!(seen.contains(stays(number).as_bytes()), "{}", number);
        }
    }
}

#[test]
fn a_scan_without_churn_returns_every_key_once_and_in_bounds() {
    let mut keyspace = empty(Hasher::new([1, 1]));
    let db = Db::default();
    for number in 0..20_000 {
        let name = if number % 2 == 0 { format!("k{number}") } else { format!("{{one}}{number}") };
        let key = keyspace.key(name.as_bytes());
        keyspace.entry(db, key).put(NewValue::Int(number), Deadline::None);
    }
    for count in [1, 10, 100, 100_000] {
        let (mut seen, mut cursor, mut calls) = (Vec::new(), Some(ScanCursor::default()), 0);
        while let Some(from) = cursor {
            let before = seen.len();
            cursor = keyspace.scan(db, from, SLOTS, count, |view| seen.push(view.key().to_vec()));
            assert!(seen.len() - before < count + 32, "a call returns about as many as were wanted");
            calls += 1;
        }
        assert!(calls <= 20_000 / count * 2 + 2, "{calls} calls for {count} keys each");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 20_000);
    }
}

#[test]
fn random_keys_are_even() {
    let mut keyspace = empty(Hasher::new([1, 2]));
    let db = Db::default();
    let mut rng = Rng::new(1);
    assert!(keyspace.random(db, &mut rng).is_none());
    for number in 0..60 {
        let name = if number < 40 { format!("{{a}}{number}") } else { format!("b{number}") };
        let key = keyspace.key(name.as_bytes());
        keyspace.entry(db, key).put(NewValue::Int(number), Deadline::None);
    }
    let mut drawn = [0; 60];
    for _ in 0..60_000 {
        let Some(Value::Int(number)) = keyspace.random(db, &mut rng).map(|view| view.value()) else {
            panic!("there are keys")
        };
        drawn[usize::try_from(number).unwrap()] += 1;
    }
    assert!(drawn.iter().all(|count| (850..1_150).contains(count)), "{drawn:?}");
}

#[test]
fn nothing_of_a_key_is_seen_after_its_deadline() {
    let mut keyspace = empty(Hasher::new([1, 2]));
    let db = Db::new(2);
    let key = keyspace.key(b"key");
    keyspace.entry(db, key).put(NewValue::Bytes(b"v"), Deadline::At(START_MS + 5));
    keyspace.set_now(START_MS + 5);
    assert!(keyspace.peek(db, &key).is_some(), "the deadline is the last moment");
    keyspace.set_now(START_MS + 6);
    assert!(keyspace.peek(db, &key).is_none());
    assert_eq!(keyspace.len(db), 1, "a peek leaves it");
    let mut seen = 0;
    keyspace.for_each(db, |_| seen += 1);
    keyspace.for_each_in_slot(db, key.slot(), 9, |_| seen += 1);
    assert_eq!(keyspace.scan(db, ScanCursor::default(), SLOTS, 10, |_| seen += 1), None);
    assert!(seen == 0 && keyspace.random(db, &mut Rng::new(1)).is_none());
    assert!(keyspace.find(db, &key).is_none());
    assert_eq!((keyspace.len(db), keyspace.expiring(db), keyspace.next_deadline_ms()), (0, 0, None));
}

#[test]
fn what_is_detached_is_counted_no_more_and_freed_in_parts() {
    let mut keyspace = empty(Hasher::new([1, 2]));
    let (db, before) = (Db::new(0), keyspace.used_bytes());
    for number in 0..10_000_u32 {
        let name = number.to_le_bytes();
        let key = Key::new(&name, keyspace.hasher());
        keyspace.entry(db, key).put(NewValue::Bytes(b"value"), Deadline::At(u64::MAX));
    }
    let mut remains = keyspace.detach(db);
    assert_eq!((keyspace.len(db), keyspace.used_bytes()), (0, before));
    let mut parts = 0;
    while remains.free_some() {
        parts += 1;
    }
    assert!((2..=PARTITIONS).contains(&parts), "{parts} parts");
}

#[test]
fn a_record_that_does_not_fit_changes_nothing() {
    let mut keyspace = empty(Hasher::new([1, 2]));
    let before = keyspace.used_bytes();
    let (db, far) = (Db::new(0), Db::new(DATABASES));
    let missing = Err(ReplayError::PeerMissingKey);
    let unknown = Err(ReplayError::PeerUnknownDatabase(far));
    assert_eq!(keyspace.replay(&Record::Append { db, key: b"k", bytes: b"x" }), missing);
    assert_eq!(keyspace.replay(&Record::Remove { db, key: b"k", cause: Cause::Deleted }), missing);
    assert_eq!(keyspace.replay(&Record::Clear { db: far }), unknown);
    assert_eq!(keyspace.replay(&Record::Swap { first: db, second: far }), unknown);
    assert_eq!(keyspace.used_bytes(), before);
}

#[test]
fn idle_time_is_a_lower_bound() {
    let mut keyspace = empty(Hasher::new([1, 2]));
    let clock = keyspace.clock();
    for (after_s, least, most) in [(0, 0, 0), (50, 0, 50), (600, 460, 600), (16_000, 15_860, 16_000)] {
        keyspace.set_now(START_MS + after_s * 1_000);
        let idle = keyspace.idle_seconds(clock);
        assert!((least..=most).contains(&idle), "{idle} s after {after_s} s");
    }
}
