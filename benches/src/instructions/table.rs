//! The storage of one core, without commands.

use mycorrhizal::mycel::{Db, Deadline, Entry, Hasher, Key, Keyspace, KeyspaceConfig, NewValue};

use super::{VALUE, Work, key};

const DB: Db = Db::new(0);
const NOW_MS: u64 = 1_700_000_000_000;

/// Keys that are there before the work begins, for each operation: tables have a usual size, and a tiny run stays tiny.
const PRESENT_PER_OPERATION: usize = 10;

pub(super) fn empty_keyspace() -> Keyspace {
    let mut keyspace = Keyspace::new(KeyspaceConfig { databases: 1, hasher: Hasher::new([1, 2]) });
    keyspace.set_now(NOW_MS);
    keyspace
}

/// A keyspace in which the first keys are present.
pub(super) fn full_keyspace(operations: usize) -> Keyspace {
    let mut keyspace = empty_keyspace();
    for number in 0..PRESENT_PER_OPERATION * operations {
        put(&mut keyspace, &key(number), Deadline::Keep);
    }
    keyspace
}

pub(super) fn slot_and_hash(operations: usize) -> Work {
    let keys = keys(0, operations);
    let hasher = Hasher::new([1, 2]);
    Box::new(move || {
        let parts = keys.iter().map(|bytes| Key::new(bytes, &hasher));
        parts.map(|key| 1 + usize::from(key.hash() == 0)).sum()
    })
}

pub(super) fn hit(operations: usize) -> Work {
    find(0, operations)
}

pub(super) fn miss(operations: usize) -> Work {
    find(PRESENT_PER_OPERATION * operations, operations)
}

fn find(first: usize, operations: usize) -> Work {
    let mut keyspace = full_keyspace(operations);
    let keys = keys(first, operations);
    Box::new(move || {
        let mut bytes = 0;
        for key in &keys {
            let key = keyspace.key(key);
            bytes += keyspace.find(DB, &key).map_or(1, |view| view.value().len());
        }
        bytes
    })
}

pub(super) fn replace(operations: usize) -> Work {
    write(full_keyspace(operations), 0, operations, Deadline::None)
}

pub(super) fn insert(operations: usize) -> Work {
    write(full_keyspace(operations), PRESENT_PER_OPERATION * operations, operations, Deadline::None)
}

pub(super) fn insert_with_deadline(operations: usize) -> Work {
    write(
        full_keyspace(operations),
        PRESENT_PER_OPERATION * operations,
        operations,
        Deadline::At(NOW_MS + 60_000),
    )
}

pub(super) fn remove(operations: usize) -> Work {
    let mut keyspace = full_keyspace(operations);
    let keys = keys(0, operations);
    Box::new(move || {
        let mut removed = 0;
        for bytes in &keys {
            let key = keyspace.key(bytes);
            removed += usize::from(keyspace.remove(DB, &key));
        }
        removed
    })
}

fn write(mut keyspace: Keyspace, first: usize, operations: usize, deadline: Deadline) -> Work {
    let keys = keys(first, operations);
    Box::new(move || {
        for key in &keys {
            put(&mut keyspace, key, deadline);
        }
        keys.len()
    })
}

fn put(keyspace: &mut Keyspace, bytes: &[u8], deadline: Deadline) {
    let key = keyspace.key(bytes);
    let entry: Entry<'_> = keyspace.entry(DB, key);
    entry.put(NewValue::Bytes(&VALUE), deadline);
}

fn keys(first: usize, count: usize) -> Vec<Vec<u8>> {
    (first..first + count).map(key).collect()
}
