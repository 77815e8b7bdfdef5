//! One partition of one database: 16 slots, each a small hash table of its own, and their deadlines.
//!
//! ```text
//!  Partition ── tables[16] ── HashTable<EntryBox>   8 bytes and a control byte per bucket, at most 7/8 full
//!            ├─ deadlines                           12 bytes per key that has one
//!            └─ books                               keys, bytes, keys with a deadline, earliest deadline
//! ```
//!
//! A partition is one box, owned by one core, and holds all there is to know about its keys: it can be handed to
//! another core whole, and its books with it. A table that has become empty gives its memory back, and one that is less than an eighth full
//! shrinks, so that memory follows the number of keys both ways.

use hashbrown::HashTable;

use super::deadline::{DeadlineIndex, Mark};
use super::due::NEVER;
use super::entry::EntryBox;
use super::key::{Hasher, Key};
use super::slot::{SLOTS_PER_PARTITION, Slot};
use super::value::NewValue;

/// The entries of one slot.
pub(super) type Table = HashTable<EntryBox>;

/// Where an entry is: its slot and hash, and the bucket of the slot's table. Good until the table changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) slot: Slot,
    pub(super) hash: u32,
    pub(super) bucket: usize,
}

/// What a partition amounts to, exact after each change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Books {
    /// The number of keys.
    pub(super) len: usize,
    /// Its box, tables and deadlines, and the entries with their buffers.
    pub(super) bytes: usize,
    /// The number of keys with a deadline.
    pub(super) expiring: usize,
    /// The earliest deadline, or [`NEVER`].
    pub(super) first_ms: u64,
}

impl Books {
    /// Those of a partition that is not there.
    pub(super) const NONE: Books = Books { len: 0, bytes: 0, expiring: 0, first_ms: NEVER };
}

/// 16 slots of one database.
pub(super) struct Partition {
    pub(super) tables: [Table; SLOTS_PER_PARTITION],
    deadlines: DeadlineIndex,
    books: Books,
}

const _: () = assert!(size_of::<Table>() == 32 && size_of::<Partition>() == 16 * 32 + 32 + 32);

impl Partition {
    /// A partition without keys. Whoever keeps it gives it one or drops it.
    pub(super) fn new() -> Box<Partition> {
        let books = Books { bytes: size_of::<Partition>(), ..Books::NONE };
        Box::new(Partition { tables: Default::default(), deadlines: DeadlineIndex::default(), books })
    }

    #[inline]
    pub(super) fn books(&self) -> Books {
        self.books
    }

    /// The earliest mark.
    pub(super) fn first_mark(&self) -> Option<Mark> {
        self.deadlines.first()
    }

    /// All entries.
    pub(super) fn entries(&self) -> impl Iterator<Item = &EntryBox> {
        self.tables.iter().flatten()
    }

    /// The entry at a place.
    #[inline]
    pub(super) fn entry_mut(&mut self, place: Place) -> &mut EntryBox {
        let table = &mut self.tables[place.slot.within()];
        table.get_bucket_mut(place.bucket).expect("a place is good until the table changes")
    }

    /// Adds a key that is not there yet.
    pub(super) fn insert(
        &mut self,
        key: &Key<'_>,
        value: NewValue<'_>,
        deadline_ms: Option<u64>,
        clock: u8,
        hasher: &Hasher,
    ) -> Place {
        let entry = EntryBox::new(key.bytes(), value, deadline_ms, clock);
        let table = &mut self.tables[key.slot().within()];
        let before = table.allocation_size();
        self.books.bytes += entry.bytes();
        let bucket = insert(table, key.hash(), entry, hasher);
        self.books.bytes += table.allocation_size() - before;
        self.books.len += 1;
        let place = Place { slot: key.slot(), hash: key.hash(), bucket };
        if deadline_ms.is_some() {
            self.reindex(place, None, deadline_ms);
        }
        place
    }

    /// Changes the entry at a place by `edit`.
    #[inline]
    pub(super) fn change<R>(&mut self, place: Place, edit: impl FnOnce(&mut EntryBox) -> R) -> R {
        let entry = self.entry_mut(place);
        let (bytes, deadline_ms) = (entry.bytes(), entry.deadline_ms());
        let result = edit(entry);
        let (bytes_now, deadline_now_ms) = (entry.bytes(), entry.deadline_ms());
        self.books.bytes = self.books.bytes + bytes_now - bytes;
        if deadline_ms != deadline_now_ms {
            self.reindex(place, deadline_ms, deadline_now_ms);
        }
        result
    }

    /// Takes the entry at a place out.
    pub(super) fn remove(&mut self, place: Place, hasher: &Hasher) -> EntryBox {
        let table = &mut self.tables[place.slot.within()];
        let before = table.allocation_size();
        let entry = remove(table, place.bucket, hasher);
        self.books.bytes = self.books.bytes + table.allocation_size() - before - entry.bytes();
        self.books.len -= 1;
        if let Some(deadline_ms) = entry.deadline_ms() {
            self.reindex(place, Some(deadline_ms), None);
        }
        entry
    }

    /// Moves a key's mark from one deadline to another.
    fn reindex(&mut self, place: Place, old_ms: Option<u64>, new_ms: Option<u64>) {
        let before = self.deadlines.bytes();
        let mark = |deadline_ms| Mark::new(deadline_ms, place.slot, place.hash);
        if let Some(old_ms) = old_ms {
            let found = self.deadlines.remove(mark(old_ms));
            debug_assert!(found, "every key with a deadline has a mark");
            self.books.expiring -= 1;
        }
        if let Some(new_ms) = new_ms {
            self.deadlines.insert(mark(new_ms));
            self.books.expiring += 1;
        }
        self.books.bytes = self.books.bytes + self.deadlines.bytes() - before;
        self.books.first_ms = self.deadlines.first().map_or(NEVER, Mark::deadline_ms);
    }

    /// Frees slot after slot until many keys are gone; says whether all are. What is left is in no state to be used.
    pub(super) fn free_some(&mut self) -> bool {
        const KEYS_AT_ONCE: usize = 1_000;
        let mut left = KEYS_AT_ONCE;
        for table in self.tables.iter_mut().filter(|table| !table.is_empty()) {
            if left == 0 {
                return false;
            }
            left = left.saturating_sub(table.len());
            *table = Table::new();
        }
        true
    }

    /// The bytes of the books worked out afresh, to prove them.
    pub(super) fn recount(&self) -> usize {
        let entries: usize = self.entries().map(EntryBox::bytes).sum();
        let tables: usize = self.tables.iter().map(Table::allocation_size).sum();
        size_of::<Partition>() + self.deadlines.bytes() + tables + entries
    }
}

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
fn insert(table: &mut Table, hash: u32, entry: EntryBox, hasher: &Hasher) -> usize {
    let rehash = |entry: &EntryBox| spread(hasher.hash(entry.key()));
    table.insert_unique(spread(hash), entry, rehash).bucket_index()
}

/// Takes an entry out and lets the table shrink.
fn remove(table: &mut Table, bucket: usize, hasher: &Hasher) -> EntryBox {
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
