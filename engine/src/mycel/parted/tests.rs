//! Taking partitions out and putting them in, against walks over everything.

use proptest::prelude::*;

use super::super::{Deadline, Entry, KeyspaceConfig, RecordBuffer, Slot};
use super::*;
use std::cell::RefCell;
use std::rc::Rc;

const DATABASES: u16 = 3;
const START_MS: u64 = 1_000_000;

fn keyspace(databases: u16) -> Keyspace {
    let mut keyspace = Keyspace::new(KeyspaceConfig { databases, hasher: Hasher::new([3, 4]) });
    keyspace.set_now(START_MS);
    keyspace
}

fn name(number: u8) -> Vec<u8> {
    // Three partitions with many keys each, and some that have few.
    match number {
        0..=199 => format!("{{{}}}{number}", number % 3).into_bytes(),
        _ => number.to_string().into_bytes(),
    }
}

fn put(keyspace: &mut Keyspace, db: u16, number: u8, len: usize, after_ms: Option<u64>) {
    let key = name(number);
    let deadline = after_ms.map_or(Deadline::None, |after_ms| Deadline::At(START_MS + after_ms));
    let key = keyspace.key(&key);
    keyspace.entry(Db::new(db), key).put(NewValue::Bytes(&vec![number; len]), deadline);
}

/// Every count as a walk finds it.
fn check(keyspace: &Keyspace) {
    assert_eq!(keyspace.used_bytes(), keyspace.recount_bytes());
    let mut lens = vec![0; PARTITIONS];
    let mut first_ms = None;
    for db in (0..keyspace.databases()).map(Db::new) {
        let (mut len, mut expiring) = (0, 0);
        keyspace.for_each(db, |view| {
            lens[Slot::of(view.key()).partition()] += 1;
            len += 1;
            expiring += usize::from(view.deadline_ms().is_some());
            first_ms = first_ms.into_iter().chain(view.deadline_ms()).min();
        });
        assert_eq!((keyspace.len(db), keyspace.expiring(db)), (len, expiring));
    }
    assert_eq!(keyspace.next_deadline_ms(), first_ms);
    for (partition, len) in lens.into_iter().enumerate() {
        assert_eq!(keyspace.partition_len(partition), len);
        assert_eq!(keyspace.partition_bytes(partition) > 0, len > 0);
        assert_eq!(keyspace.partition_digest(partition) == Digest::EMPTY, len == 0);
    }
}

type Put = (u16, u8, usize, Option<u64>);

fn puts() -> impl Strategy<Value = Vec<Put>> {
    let len = prop_oneof![4 => 0..80usize, 1 => 4_000..5_000usize];
    proptest::collection::vec((0..DATABASES, any::<u8>(), len, proptest::option::of(0..100u64)), 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A partition goes from one keyspace to another as it is, and both keep their books.
    #[test]
    fn a_partition_moves_whole(here in puts(), there in puts(), which in any::<prop::sample::Index>()) {
        let (mut from, mut to) = (keyspace(DATABASES), keyspace(1));
        let records = Rc::new(RefCell::new(RecordBuffer::new()));
        here.into_iter().for_each(|(db, number, len, at)| put(&mut from, db, number, len, at));
        there.into_iter().for_each(|(_, number, len, at)| put(&mut to, 0, number, len, at));
        from.set_sink(Some(Box::new(Rc::clone(&records))));
        to.set_sink(Some(Box::new(Rc::clone(&records))));
        let partition = Slot::of(&name(which.index(256).try_into().unwrap())).partition();
        let (digest, len) = (from.partition_digest(partition), from.partition_len(partition));
        let (total, other) = (from.used_bytes(), to.partition_digest(partition));

        let parted = from.split_off(partition);
        prop_assert_eq!((parted.digest(), parted.len(), parted.partition()), (digest, len, partition));
        prop_assert_eq!(parted.used_bytes(), parted.recount_bytes());
        prop_assert_eq!(from.partition_len(partition), 0);
        prop_assert!(from.used_bytes() <= total);
        check(&from);

        let before = to.graft(parted);
        prop_assert_eq!(before.digest(), other);
        prop_assert_eq!(to.partition_digest(partition), digest);
        check(&to);

        // And back, where all is as it was.
        drop(from.graft(to.split_off(partition)));
        prop_assert_eq!(from.used_bytes(), total);
        check(&from);
        check(&to);
        prop_assert!(records.borrow().is_empty());
        drop(to.graft(before));
        check(&to);
    }

    #[test]
    fn a_database_of_a_partition_is_cleared(here in puts(), db in 0..DATABASES) {
        let mut keyspace = keyspace(DATABASES);
        here.into_iter().for_each(|(db, number, len, at)| put(&mut keyspace, db, number, len, at));
        let partition = Slot::of(&name(0)).partition();
        let (len, all) = (keyspace.len(Db::new(db)), keyspace.partition_len(partition));
        let mut remains = keyspace.clear_partition(Db::new(db), partition);
        prop_assert_eq!(len - keyspace.len(Db::new(db)), all - keyspace.partition_len(partition));
        while remains.free_some() {}
        check(&keyspace);
    }
}

#[test]
fn databases_are_added_while_there_are_keys() {
    let mut keyspace = keyspace(1);
    put(&mut keyspace, 0, 1, 10, Some(5));
    keyspace.grow_databases(20);
    keyspace.grow_databases(3);
    assert_eq!(keyspace.databases(), 20);
    put(&mut keyspace, 19, 1, 10, None);
    check(&keyspace);
}

#[test]
fn what_is_taken_out_is_freed_little_by_little() {
    let mut keyspace = keyspace(2);
    for number in 0..5_000 {
        let name = format!("{{{}}}{number}", if number % 2 == 0 { "0" } else { "abc" });
        let key = keyspace.key(name.as_bytes());
        keyspace.entry(Db::new(number % 2), key).put(NewValue::Int(1), Deadline::None);
    }
    let before = keyspace.used_bytes();
    let parted = keyspace.split_off(Slot::of(b"0").partition());
    assert!(parted.len() >= 2_500 && before - keyspace.used_bytes() > 2_500 * 16);
    let mut remains = parted.into_remains();
    assert!(remains.free_some());
    while remains.free_some() {}
    assert!(!remains.free_some());
}

#[test]
fn a_key_that_has_expired_on_the_way_is_gone_when_it_is_put_in() {
    let (mut from, mut to) = (keyspace(1), keyspace(1));
    put(&mut from, 0, 1, 10, Some(5));
    let parted = from.split_off(Slot::of(&name(1)).partition());
    to.set_now(START_MS + 6);
    drop(to.graft(parted));
    let name = name(1);
    let key = to.key(&name);
    assert!(matches!(to.entry(Db::new(0), key), Entry::Vacant(_)));
    check(&to);
}
