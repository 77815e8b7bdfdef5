//! Writes of all kinds, pumps, deliveries and acknowledgements in any order.

use proptest::prelude::*;

use super::super::super::{Db, Deadline, Hasher, NewValue, RecordSink};
use super::super::*;
use super::bench::*;

#[derive(Clone, Debug)]
enum Step {
    Put(u16, u8, u16, Vec<u8>, Deadline),
    PutInt(u16, u8, u16, i64, Deadline),
    Append(u16, u8, u16, Vec<u8>),
    WriteAt(u16, u8, u16, usize, Vec<u8>),
    SetDeadline(u16, u8, u16, Option<u64>),
    Remove(u16, u8, u16),
    /// Adds or removes so many keys from one on, so that tables grow and shrink while they are scanned.
    Many(u16, u8, u16, u16, Option<usize>),
    Clear(u16),
    Swap(u16, u16),
    GrowDatabases(u16),
    Expire(usize),
    Advance(u64),
    Pump(usize),
    Deliver(usize),
    Acknowledge(usize),
    Restart,
    Abort,
    LinkLost,
}

fn steps() -> impl Strategy<Value = Step> {
    let (db, tag, number) = (0..DATABASES, 0..4u8, 0..24u16);
    let at = prop_oneof![4 => START_MS..START_MS + 400, 1 => Just(u64::MAX), 1 => any::<u64>()];
    let deadline = prop_oneof![Just(Deadline::None), Just(Deadline::Keep), at.clone().prop_map(Deadline::At)];
    let length = prop_oneof![8 => 0..60usize, 1 => 4_090..4_100usize, 1 => Just(CHUNK_BYTES)];
    let bytes = (length.clone(), any::<u8>()).prop_map(|(length, byte)| vec![byte; length]);
    let key = (db.clone(), tag.clone(), number);
    let budget = prop_oneof![6 => Just(1usize), 2 => 1..100_000usize, 1 => Just(usize::MAX)];
    prop_oneof![
        6 => (key.clone(), bytes.clone(), deadline.clone()).prop_map(|((d, t, n), v, at)| Step::Put(d, t, n, v, at)),
        2 => (key.clone(), any::<i64>(), deadline).prop_map(|((d, t, n), v, at)| Step::PutInt(d, t, n, v, at)),
        4 => (key.clone(), bytes.clone()).prop_map(|((d, t, n), v)| Step::Append(d, t, n, v)),
        3 => (key.clone(), length, bytes).prop_map(|((d, t, n), o, v)| Step::WriteAt(d, t, n, o, v)),
        3 => (key.clone(), proptest::option::of(at)).prop_map(|((d, t, n), at)| Step::SetDeadline(d, t, n, at)),
        4 => key.prop_map(|(d, t, n)| Step::Remove(d, t, n)),
        4 => (db.clone(), tag, 0..200u16, 1..250u16, prop_oneof![
            3 => Just(None), 2 => (600..900usize).prop_map(Some), 2 => (0..30usize).prop_map(Some),
        ]).prop_map(|(d, t, from, count, len)| Step::Many(d, t, from, count, len)),
        1 => db.clone().prop_map(Step::Clear),
        3 => (db.clone(), db).prop_map(|(a, b)| Step::Swap(a, b)),
        1 => (1..6u16).prop_map(Step::GrowDatabases),
        2 => (0..5usize).prop_map(Step::Expire),
        2 => (0..60u64).prop_map(Step::Advance),
        12 => budget.prop_map(Step::Pump),
        6 => (1..6usize).prop_map(Step::Deliver),
        6 => (1..6usize).prop_map(Step::Acknowledge),
        1 => prop_oneof![3 => Just(Step::Advance(1)), 1 => Just(Step::Restart), 1 => Just(Step::Abort), 1 => Just(Step::LinkLost)],
    ]
}

struct Run {
    bench: Bench,
    epoch: u64,
}

impl Run {
    fn step(&mut self, step: Step) {
        let bench = &mut self.bench;
        match step {
            Step::Put(db, tag, number, value, deadline) => {
                bench.put(db, &name(tag, number), NewValue::Bytes(&value), deadline);
            }
            Step::PutInt(db, tag, number, value, deadline) => {
                bench.put(db, &name(tag, number), NewValue::Int(value), deadline);
            }
            Step::Append(db, tag, number, bytes) => {
                bench.edit(db, &name(tag, number), |mut key| key.append(&bytes));
            }
            Step::WriteAt(db, tag, number, offset, bytes) => {
                bench.edit(db, &name(tag, number), |mut key| key.write_at(offset, &bytes));
            }
            Step::SetDeadline(db, tag, number, at_ms) => {
                bench.edit(db, &name(tag, number), |mut key| key.set_deadline(at_ms));
            }
            Step::Remove(db, tag, number) => bench.remove(db, &name(tag, number)),
            Step::Many(db, tag, from, count, len) => {
                for number in from..from + count {
                    match len {
                        Some(len) => {
                            let value = vec![b'm'; len];
                            bench.put(db, &name(tag, number), NewValue::Bytes(&value), Deadline::Keep);
                        }
                        None => bench.remove(db, &name(tag, number)),
                    }
                }
            }
            Step::Clear(db) => bench.source.clear(Db::new(db)),
            Step::Swap(first, second) => bench.source.swap(Db::new(first), Db::new(second)),
            Step::GrowDatabases(count) => bench.source.grow_databases(count),
            Step::Expire(budget) => {
                bench.source.expire_due(budget);
            }
            Step::Advance(by_ms) => {
                bench.now_ms += by_ms;
                bench.source.set_now(bench.now_ms);
            }
            Step::Pump(budget) => {
                bench.pump(budget);
            }
            Step::Deliver(count) => bench.deliver(count),
            Step::Acknowledge(count) => bench.acknowledge(count),
            Step::Restart | Step::Abort | Step::LinkLost => self.start_over(&step),
        }
    }

    /// The three ways in which an attempt ends before its time; then the next begins.
    fn start_over(&mut self, how: &Step) {
        let bench = &mut self.bench;
        match how {
            Step::Abort => {
                let on_way = &mut bench.on_way;
                bench.exports.borrow_mut().abort(PARTITION, |message| on_way.push_back(Message::of(message)));
                bench.deliver(usize::MAX);
                assert!(bench.imports.iter().next().is_none() && bench.imports.used_bytes() == 0);
                self.epoch += 1;
            }
            Step::LinkLost => {
                bench.on_way.clear();
                drop(bench.exports.borrow_mut().end(PARTITION));
            }
            _ => {}
        }
        // Acknowledgements of the earlier attempt may come late.
        bench.begin(self.epoch);
    }
}

fn run(hasher: Hasher, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut run = Run { bench: Bench::with_hasher(hasher), epoch: 3 };
    let mut steps = steps.into_iter();
    // Something is there already when it begins.
    steps.by_ref().take(20).for_each(|step| run.step(step));
    run.bench.begin(run.epoch);
    steps.for_each(|step| run.step(step));
    let parted = run.bench.complete();
    prop_assert_eq!(parted.used_bytes(), parted.recount_bytes());
    let (digest, len) = (parted.digest(), parted.len());
    prop_assert_eq!(len, run.bench.source.partition_len(PARTITION));
    let (here, there) = (run.bench.held(), held_in(parted));
    let missing: Vec<_> = here.keys().filter(|key| !there.contains_key(*key)).collect();
    let different: Vec<_> = here.iter().filter(|(key, value)| there.get(*key) != Some(value)).collect();
    prop_assert!(missing.is_empty() && different.is_empty(), "{missing:?} {different:?}");
    prop_assert_eq!(there.len(), here.len());
    prop_assert_eq!(digest, run.bench.source.partition_digest(PARTITION));
    for mut remains in run.bench.imports.take_remains() {
        while remains.free_some() {}
    }
    prop_assert_eq!(run.bench.imports.used_bytes(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_destination_ends_with_what_the_source_has(steps in proptest::collection::vec(steps(), 20..160)) {
        run(Hasher::new([3, 4]), steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn and_where_all_hashes_are_equal(steps in proptest::collection::vec(steps(), 20..120)) {
        run(Hasher::constant(), steps)?;
    }
}

/// A database that is half sent changes places with one that is not sent at all.
#[test]
fn a_swap_in_the_middle_of_a_slot_loses_nothing() {
    for rounds in 1..8 {
        let mut bench = Bench::new();
        for number in 0..400 {
            bench.put(0, &name(0, number), NewValue::Bytes(&[b'a'; 700]), Deadline::None);
            bench.put(1, &name(0, number), NewValue::Bytes(&[b'b'; 700]), Deadline::At(START_MS * 2));
        }
        bench.open(1);
        for round in 0..rounds {
            bench.pump(1);
            bench.source.swap(Db::new(round % 2), Db::new(2));
            bench.deliver(1);
        }
        let parted = bench.complete();
        assert_eq!(bench.held().len(), 800);
        assert_eq!(held_in(parted), bench.held());
    }
}

#[test]
fn a_record_of_another_partition_is_not_sent() {
    let mut bench = Bench::new();
    bench.open(1);
    bench.round();
    let before = bench.exports.borrow().export(PARTITION).unwrap().pending_bytes();
    bench.put(0, &name(3, 1), NewValue::Int(1), Deadline::None);
    assert_eq!(bench.exports.borrow().export(PARTITION).unwrap().pending_bytes(), before);
    let record = super::super::super::Record::Clear { db: Db::new(0) };
    bench.exports.borrow_mut().on_record(&record);
    assert!(bench.exports.borrow().export(PARTITION).unwrap().pending_bytes() > before);
    assert!(bench.complete().is_empty());
}
