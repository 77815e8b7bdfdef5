//! One core's share of one numbered database: up to 1,024 partitions, made when their first key comes and dropped
//! when their last key goes, and the counters over them.
//!
//! Every change of an entry goes through here, so that `bytes`, `len`, `expiring` and the order of deadlines are
//! right after each. `bytes` counts, exactly: the partition list, each partition's box, tables and deadline index,
//! each entry with its buffer, and the due list; all back to the list alone when the last key is gone.

use super::due::Due;
use super::entry::EntryBox;
use super::key::{Hasher, Key};
use super::partition::{self, Books, Partition, Place, Table};
use super::slot::{PARTITIONS, Slot};
use super::value::NewValue;

type Partitions = [Option<Box<Partition>>; PARTITIONS];

/// One core's share of one database. Owned by the core's keyspace.
pub(super) struct Database {
    partitions: Box<Partitions>,
    due: Option<Box<Due>>,
    bytes: usize,
    len: usize,
    expiring: usize,
    /// Of keys that are written without a time to live.
    default_ttl_ms: Option<u64>,
}

/// What was in a place that is empty now; counted no more, but not freed yet.
#[must_use]
pub struct Remains {
    partitions: Box<[Option<Box<Partition>>]>,
    freed: usize,
}

impl Remains {
    /// What these partitions held.
    pub(super) fn new(partitions: Box<[Option<Box<Partition>>]>) -> Remains {
        Remains { partitions, freed: 0 }
    }

    /// Frees a partition, or some thousand keys of one that has more; says whether there was anything left.
    pub fn free_some(&mut self) -> bool {
        let mut rest = self.partitions.iter_mut().enumerate().skip(self.freed);
        let Some((at, held)) = rest.find(|(_, held)| held.is_some()) else { return false };
        self.freed = at;
        if held.as_mut().is_some_and(|partition| partition.free_some()) {
            *held = None;
        }
        true
    }
}

impl Database {
    pub(super) fn new() -> Database {
        let partitions = Box::new([const { None }; PARTITIONS]);
        let bytes = size_of::<Partitions>();
        Database { partitions, due: None, bytes, len: 0, expiring: 0, default_ttl_ms: None }
    }

    pub(super) fn into_remains(self) -> Remains {
        Remains::new(self.partitions)
    }

    /// The time to live of keys that are written without one.
    #[inline]
    pub(super) fn default_ttl_ms(&self) -> Option<u64> {
        self.default_ttl_ms
    }

    pub(super) fn set_default_ttl(&mut self, ttl_ms: Option<u64>) {
        self.default_ttl_ms = ttl_ms;
    }

    /// The number of keys, those included whose deadline has passed unnoticed.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number of keys with a deadline.
    #[inline]
    pub(super) fn expiring(&self) -> usize {
        self.expiring
    }

    /// All memory of the database but its own few words, in bytes.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The earliest deadline.
    #[inline]
    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        self.due.as_ref().map(|due| due.first())
    }

    /// The partitions that have keys, with their numbers.
    pub(super) fn partitions(&self) -> impl Iterator<Item = (usize, &Partition)> {
        self.partitions.iter().enumerate().filter_map(|(number, held)| Some((number, held.as_deref()?)))
    }

    /// The partition with this number, if it has keys.
    #[inline]
    pub(super) fn partition(&self, number: usize) -> Option<&Partition> {
        self.partitions[number].as_deref()
    }

    /// All entries.
    pub(super) fn entries(&self) -> impl Iterator<Item = &EntryBox> {
        self.partitions().flat_map(|(_, partition)| partition.entries())
    }

    /// The table of a slot, if its partition has keys.
    #[inline]
    pub(super) fn table(&self, slot: Slot) -> Option<&Table> {
        Some(&self.partition(slot.partition())?.tables[slot.within()])
    }

    /// The same, to note accesses in.
    #[inline]
    pub(super) fn table_mut(&mut self, slot: Slot) -> Option<&mut Table> {
        Some(&mut self.partitions[slot.partition()].as_deref_mut()?.tables[slot.within()])
    }

    /// Where `key` is.
    #[inline]
    pub(super) fn find(&self, key: &Key<'_>) -> Option<Place> {
        let bucket = partition::find(self.table(key.slot())?, key)?;
        Some(Place { slot: key.slot(), hash: key.hash(), bucket })
    }

    /// The entry at a place.
    #[inline]
    pub(super) fn entry(&self, place: Place) -> &EntryBox {
        let table = self.table(place.slot).expect("a place lies in a partition");
        table.get_bucket(place.bucket).expect("a place is good until the table changes")
    }

    /// Notes an access.
    #[inline]
    pub(super) fn touch(&mut self, place: Place, clock: u8) {
        held_mut(&mut self.partitions, place.slot).entry_mut(place).set_clock(clock);
    }

    /// Writes a value over one of the same shape; says whether it could. Nothing that is counted changes.
    #[inline]
    pub(super) fn overwrite(&mut self, place: Place, value: NewValue<'_>, clock: u8) -> bool {
        held_mut(&mut self.partitions, place.slot).entry_mut(place).overwrite(value, clock)
    }

    /// A key that is due before or at `now_ms`, one with the earliest deadline of its partition.
    pub(super) fn first_due(&self, now_ms: u64) -> Option<Place> {
        let due = self.due.as_ref()?;
        if due.first() > now_ms {
            return None;
        }
        let number = due.first_partition()?;
        let partition = self.partition(number).expect("a due partition has keys");
        let mark = partition.first_mark().expect("a due partition has a mark");
        let table = &partition.tables[mark.within()];
        let bucket = table
            .iter_hash_buckets(partition::spread(mark.hash()))
            .find(|bucket| {
                let deadline_ms = table.get_bucket(*bucket).and_then(EntryBox::deadline_ms);
                deadline_ms.is_some_and(|deadline_ms| mark.is_of(deadline_ms))
            })
            .expect("every mark stands for a key");
        Some(Place { slot: Slot::at(number, mark.within()), hash: mark.hash(), bucket })
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
        let number = key.slot().partition();
        let held = &mut self.partitions[number];
        let before = held.as_ref().map_or(Books::NONE, |partition| partition.books());
        let partition = held.get_or_insert_with(Partition::new);
        let place = partition.insert(key, value, deadline_ms, clock, hasher);
        let after = partition.books();
        self.settle(number, before, after);
        place
    }

    /// Changes the entry at a place by `edit`.
    #[inline]
    pub(super) fn change<R>(&mut self, place: Place, edit: impl FnOnce(&mut EntryBox) -> R) -> R {
        let partition = held_mut(&mut self.partitions, place.slot);
        let before = partition.books();
        let result = partition.change(place, edit);
        let after = partition.books();
        if before != after {
            self.settle(place.slot.partition(), before, after);
        }
        result
    }

    /// Takes the entry at a place out.
    pub(super) fn remove(&mut self, place: Place, hasher: &Hasher) -> EntryBox {
        let number = place.slot.partition();
        let partition = held_mut(&mut self.partitions, place.slot);
        let before = partition.books();
        let entry = partition.remove(place, hasher);
        let mut after = partition.books();
        if after.len == 0 {
            self.partitions[number] = None;
            after = Books::NONE;
        }
        self.settle(number, before, after);
        entry
    }

    /// Takes a partition out whole.
    pub(super) fn take(&mut self, number: usize) -> Option<Box<Partition>> {
        let partition = self.partitions[number].take()?;
        self.settle(number, partition.books(), Books::NONE);
        Some(partition)
    }

    /// Puts a partition that has keys in, and gives back what was there.
    pub(super) fn put(&mut self, number: usize, partition: Box<Partition>) -> Option<Box<Partition>> {
        debug_assert!(partition.books().len > 0, "a partition without keys is dropped");
        let before = self.take(number);
        self.settle(number, Books::NONE, partition.books());
        self.partitions[number] = Some(partition);
        before
    }

    /// Keeps the books: those of a partition have changed.
    fn settle(&mut self, number: usize, before: Books, after: Books) {
        self.bytes = self.bytes + after.bytes - before.bytes;
        self.len = self.len + after.len - before.len;
        self.expiring = self.expiring + after.expiring - before.expiring;
        if after.first_ms != before.first_ms {
            let due = self.due.get_or_insert_with(|| {
                self.bytes += size_of::<Due>();
                Due::new()
            });
            due.set(number, after.first_ms);
        }
        if self.expiring == 0 && self.due.take().is_some() {
            self.bytes -= size_of::<Due>();
        }
    }

    /// `bytes` worked out afresh, to prove it.
    pub(super) fn recount(&self) -> usize {
        let own = size_of::<Partitions>() + self.due.as_ref().map_or(0, |_| size_of::<Due>());
        own + self.partitions().map(|(_, partition)| partition.recount()).sum::<usize>()
    }
}

fn held_mut(partitions: &mut Partitions, slot: Slot) -> &mut Partition {
    partitions[slot.partition()].as_deref_mut().expect("a place lies in a partition")
}
