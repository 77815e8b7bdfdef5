//! One core's share of one numbered database: up to 1,024 partitions, made when their first key comes and dropped
//! when their last key goes, and the counters over them.
//!
//! Every change of an entry goes through here, so that `bytes`, `len`, `expiring` and the order of deadlines are
//! right after each. `bytes` counts, exactly: the partition list, each partition's box, tables and deadline index,
//! each entry with its buffer, and the due list; all back to the list alone when the last key is gone.

use super::deadline::Mark;
use super::due::{Due, NEVER};
use super::entry::EntryBox;
use super::key::{Hasher, Key};
use super::partition::{self, Partition, Place, Table};
use super::slot::{PARTITIONS, SLOTS_PER_PARTITION, Slot};
use super::value::NewValue;

type Partitions = [Option<Box<Partition>>; PARTITIONS];

/// One core's share of one database. Owned by the core's keyspace.
pub(super) struct Database {
    partitions: Box<Partitions>,
    due: Option<Box<Due>>,
    bytes: usize,
    len: usize,
    expiring: usize,
}

/// What was in a database that is empty now; counted no more, but not freed yet.
#[must_use]
pub struct Remains {
    partitions: Box<Partitions>,
    freed: usize,
}

impl Remains {
    /// Frees a partition; says whether there was one left.
    pub fn free_some(&mut self) -> bool {
        let rest = self.partitions.iter_mut().skip(self.freed);
        let next = rest.enumerate().find_map(|(ahead, held)| held.take().map(|_| ahead));
        self.freed += next.map_or(0, |ahead| ahead + 1);
        next.is_some()
    }
}

impl Database {
    pub(super) fn new() -> Database {
        let partitions = Box::new([const { None }; PARTITIONS]);
        Database { partitions, due: None, bytes: size_of::<Partitions>(), len: 0, expiring: 0 }
    }

    pub(super) fn into_remains(self) -> Remains {
        Remains { partitions: self.partitions, freed: 0 }
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
        self.partitions().flat_map(|(_, partition)| partition.tables.iter().flatten())
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
        entry_mut(held_mut(&mut self.partitions, place.slot), place).set_clock(clock);
    }

    /// Writes a value over one of the same shape; says whether it could. Nothing that is counted changes.
    #[inline]
    pub(super) fn overwrite(&mut self, place: Place, value: NewValue<'_>, clock: u8) -> bool {
        entry_mut(held_mut(&mut self.partitions, place.slot), place).overwrite(value, clock)
    }

    /// A key that is due before or at `now_ms`, one with the earliest deadline of its partition.
    pub(super) fn first_due(&self, now_ms: u64) -> Option<Place> {
        let due = self.due.as_ref()?;
        if due.first() > now_ms {
            return None;
        }
        let number = due.first_partition()?;
        let partition = self.partition(number).expect("a due partition has keys");
        let mark = partition.deadlines.first().expect("a due partition has a mark");
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
        let slot = key.slot();
        let held = &mut self.partitions[slot.partition()];
        if held.is_none() {
            self.bytes += size_of::<Partition>();
        }
        let partition = held.get_or_insert_default();
        let entry = EntryBox::new(key.bytes(), value, deadline_ms, clock);
        let table = &mut partition.tables[slot.within()];
        let before = table.allocation_size();
        self.bytes += entry.bytes();
        let bucket = partition::insert(table, key.hash(), entry, hasher);
        self.bytes += table.allocation_size() - before;
        partition.len += 1;
        self.len += 1;
        let place = Place { slot, hash: key.hash(), bucket };
        if deadline_ms.is_some() {
            self.reindex(place, None, deadline_ms);
        }
        place
    }

    /// Changes the entry at a place by `edit` and keeps the books.
    #[inline]
    pub(super) fn change<R>(&mut self, place: Place, edit: impl FnOnce(&mut EntryBox) -> R) -> R {
        let entry = entry_mut(held_mut(&mut self.partitions, place.slot), place);
        let (bytes, deadline_ms) = (entry.bytes(), entry.deadline_ms());
        let result = edit(entry);
        let (bytes_now, deadline_now_ms) = (entry.bytes(), entry.deadline_ms());
        self.bytes = self.bytes + bytes_now - bytes;
        if deadline_ms != deadline_now_ms {
            self.reindex(place, deadline_ms, deadline_now_ms);
        }
        result
    }

    /// Takes the entry at a place out.
    pub(super) fn remove(&mut self, place: Place, hasher: &Hasher) -> EntryBox {
        let partition = held_mut(&mut self.partitions, place.slot);
        let table = &mut partition.tables[place.slot.within()];
        let before = table.allocation_size();
        let entry = partition::remove(table, place.bucket, hasher);
        self.bytes = self.bytes + table.allocation_size() - before - entry.bytes();
        partition.len -= 1;
        self.len -= 1;
        let last = partition.len == 0;
        if let Some(deadline_ms) = entry.deadline_ms() {
            self.reindex(place, Some(deadline_ms), None);
        }
        if last {
            self.partitions[place.slot.partition()] = None;
            self.bytes -= size_of::<Partition>();
        }
        entry
    }

    /// Moves a key's mark from one deadline to another.
    fn reindex(&mut self, place: Place, old_ms: Option<u64>, new_ms: Option<u64>) {
        let index = &mut held_mut(&mut self.partitions, place.slot).deadlines;
        let (first, bytes) = (index.first(), index.bytes());
        let mark = |deadline_ms| Mark::new(deadline_ms, place.slot, place.hash);
        if let Some(old_ms) = old_ms {
            let found = index.remove(mark(old_ms));
            debug_assert!(found, "every key with a deadline has a mark");
            self.expiring -= 1;
        }
        if let Some(new_ms) = new_ms {
            index.insert(mark(new_ms));
            self.expiring += 1;
        }
        self.bytes = self.bytes + index.bytes() - bytes;
        if index.first() != first {
            let first_ms = index.first().map_or(NEVER, Mark::deadline_ms);
            let due = self.due.get_or_insert_with(|| {
                self.bytes += size_of::<Due>();
                Due::new()
            });
            due.set(place.slot.partition(), first_ms);
        }
        if self.expiring == 0 && self.due.take().is_some() {
            self.bytes -= size_of::<Due>();
        }
    }

    /// `bytes` worked out afresh, to prove it.
    pub(super) fn recount(&self) -> usize {
        let mut bytes = size_of::<Partitions>() + self.due.as_ref().map_or(0, |_| size_of::<Due>());
        for (_, partition) in self.partitions() {
            bytes += size_of::<Partition>() + partition.deadlines.bytes();
            for table in &partition.tables {
                bytes += table.allocation_size() + table.iter().map(EntryBox::bytes).sum::<usize>();
            }
        }
        bytes
    }
}

fn held_mut(partitions: &mut Partitions, slot: Slot) -> &mut Partition {
    partitions[slot.partition()].as_deref_mut().expect("a place lies in a partition")
}

fn entry_mut(partition: &mut Partition, place: Place) -> &mut EntryBox {
    let table = &mut partition.tables[place.slot.within() % SLOTS_PER_PARTITION];
    table.get_bucket_mut(place.bucket).expect("a place is good until the table changes")
}
