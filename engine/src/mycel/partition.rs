//! One partition of one database: 16 slots, each a small hash table of its own, and their deadlines.
//!
//! ```text
//!  Partition ── tables[16] ── HashTable<EntryBox>   8 bytes and a control byte per bucket, at most 7/8 full
//!            ├─ deadlines                           12 bytes per key that has one
//!            └─ len
//! ```
//!
//! A partition is one box, owned by one core, and holds all there is to know about its keys: it can be handed to
//! another core whole. A table that has become empty gives its memory back, and one that is less than an eighth full
//! shrinks, so that memory follows the number of keys both ways.

use hashbrown::HashTable;

use super::deadline::DeadlineIndex;
use super::entry::EntryBox;
use super::key::{Hasher, Key};
use super::slot::{SLOTS_PER_PARTITION, Slot};

/// The entries of one slot.
pub(super) type Table = HashTable<EntryBox>;

/// Where an entry is: its slot and hash, and the bucket of the slot's table. Good until the table changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) slot: Slot,
    pub(super) hash: u32,
    pub(super) bucket: usize,
}

/// 16 slots of one database.
#[derive(Default)]
pub(super) struct Partition {
    pub(super) tables: [Table; SLOTS_PER_PARTITION],
    pub(super) deadlines: DeadlineIndex,
    pub(super) len: usize,
}

const _: () = assert!(size_of::<Table>() == 32 && size_of::<Partition>() == 16 * 32 + 32 + 8);

/// What a table is given as hash: hashbrown takes the bucket from the low bits and the tag from the top seven.
#[inline]
pub(super) fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// The bucket of `key`. Kept out of line, so that the probing is there once and whole and everything around it
/// may be inlined.
#[inline(never)]
pub(super) fn find(table: &Table, key: &Key<'_>) -> Option<usize> {
    table.find_bucket_index(spread(key.hash()), |entry| entry.has_key(key.bytes()))
}

/// Inserts an entry whose key is not there yet.
pub(super) fn insert(table: &mut Table, hash: u32, entry: EntryBox, hasher: &Hasher) -> usize {
    let rehash = |entry: &EntryBox| spread(hasher.hash(entry.key()));
    table.insert_unique(spread(hash), entry, rehash).bucket_index()
}

/// Takes an entry out and lets the table shrink.
pub(super) fn remove(table: &mut Table, bucket: usize, hasher: &Hasher) -> EntryBox {
    const KEPT_BUCKETS: usize = 16;
    let occupied = table.get_bucket_entry(bucket).ok().expect("a place is good until the table changes");
    let (entry, _) = occupied.remove();
    if table.is_empty() {
        *table = Table::new();
    } else if table.num_buckets() > KEPT_BUCKETS && table.len() < table.num_buckets() / 8 {
        let room = table.len() * 2;
        table.shrink_to(room, |entry| spread(hasher.hash(entry.key())));
    }
    entry
}
