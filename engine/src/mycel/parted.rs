//! One partition apart from a keyspace: taken out of it whole, or built up elsewhere to be put in.
//!
//! ```text
//!  Keyspace ──split_off(n)──▶ Parted ──graft──▶ Keyspace      of the same hasher
//!                               └─ databases[m]: the boxes of partition n, as they are
//! ```
//!
//! Taking out and putting in moves one pointer per database and says nothing to the sink: what the partition holds does
//! not change, only where it lies. Nothing expires in a parted partition, and no reader sees it.

use super::access::View;
use super::database::Remains;
use super::digest::Digest;
use super::entry::EntryBox;
use super::key::{Hasher, Key};
use super::keyspace::{Db, Keyspace};
use super::partition::{self, Books, Partition, Place};
use super::slot::PARTITIONS;
use super::value::NewValue;

/// One partition of all databases, in no keyspace. Owned by a core.
#[must_use]
pub struct Parted {
    number: usize,
    /// Those that are there have keys.
    databases: Vec<Option<Box<Partition>>>,
}

impl Parted {
    /// A partition without keys. Its number is taken modulo [`PARTITIONS`].
    pub fn new(partition: usize) -> Parted {
        Parted { number: partition % PARTITIONS, databases: Vec::new() }
    }

    /// The number of the partition.
    #[must_use]
    pub fn partition(&self) -> usize {
        self.number
    }

    /// The number of databases up to the last that has keys: a keyspace that it is grafted to has as many afterwards.
    #[must_use]
    pub fn databases(&self) -> usize {
        self.databases.iter().rposition(Option::is_some).map_or(0, |last| last + 1)
    }

    /// The number of keys of all databases.
    #[must_use]
    pub fn len(&self) -> usize {
        self.books().map(|books| books.len).sum()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of its memory, in bytes, as it was asked of the allocator.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.list_bytes() + self.books().map(|books| books.bytes).sum::<usize>()
    }

    /// The same, worked out afresh by a walk over everything.
    #[must_use]
    pub fn recount_bytes(&self) -> usize {
        self.list_bytes() + self.held().map(|(_, partition)| partition.recount()).sum::<usize>()
    }

    /// The digest of its contents: that of [`Keyspace::partition_digest`] for the same.
    #[must_use]
    pub fn digest(&self) -> Digest {
        sum(self.held())
    }

    /// Empties one database and hands out what was in it.
    pub fn clear(&mut self, db: Db) -> Remains {
        let old = self.databases.get_mut(db.index()).and_then(Option::take);
        Remains::new(Box::new([old]))
    }

    /// What it held, to be freed little by little.
    pub fn into_remains(self) -> Remains {
        Remains::new(self.databases.into_boxed_slice())
    }

    /// Lets two databases change places.
    pub(super) fn swap(&mut self, first: Db, second: Db) {
        let upper = first.max(second);
        // Where the upper one has nothing yet, the lower one may still have something for it.
        if self.databases.get(first.min(second).index()).is_some_and(Option::is_some) {
            self.reach(upper);
        }
        if upper.index() < self.databases.len() {
            self.databases.swap(first.index(), second.index());
        }
    }

    /// Where a key is.
    pub(super) fn find(&self, db: Db, key: &Key<'_>) -> Option<Place> {
        let held = self.databases.get(db.index())?.as_ref()?;
        let bucket = partition::find(&held.tables[key.slot().within()], key)?;
        Some(Place { slot: key.slot(), hash: key.hash(), bucket })
    }

    /// Adds a key of this partition that is not there yet.
    pub(super) fn insert(
        &mut self,
        db: Db,
        key: &Key<'_>,
        value: NewValue<'_>,
        deadline_ms: Option<u64>,
        clock: u8,
        hasher: &Hasher,
    ) {
        debug_assert_eq!(key.slot().partition(), self.number, "a key of another partition");
        let held = self.reach(db).get_or_insert_with(Partition::new);
        held.insert(key, value, deadline_ms, clock, hasher);
    }

    /// The entry at a place.
    pub(super) fn entry(&self, db: Db, place: Place) -> &EntryBox {
        let partition = self.databases[db.index()].as_deref().expect("a place lies in a partition");
        let entry = partition.tables[place.slot.within()].get_bucket(place.bucket);
        entry.expect("a place is good until the table changes")
    }

    /// Changes the entry at a place by `edit`.
    pub(super) fn change<R>(&mut self, db: Db, place: Place, edit: impl FnOnce(&mut EntryBox) -> R) -> R {
        self.databases[db.index()].as_mut().expect("a place lies in a partition").change(place, edit)
    }

    /// Takes the entry at a place away.
    pub(super) fn remove(&mut self, db: Db, place: Place, hasher: &Hasher) {
        let held = &mut self.databases[db.index()];
        let partition = held.as_mut().expect("a place lies in a partition");
        drop(partition.remove(place, hasher));
        if partition.books().len == 0 {
            *held = None;
        }
    }

    /// The place of a database, made if it is not there.
    fn reach(&mut self, db: Db) -> &mut Option<Box<Partition>> {
        if self.databases.len() <= db.index() {
            self.databases.resize_with(db.index() + 1, || None);
        }
        &mut self.databases[db.index()]
    }

    fn held(&self) -> impl Iterator<Item = (u16, &Partition)> {
        (0..).zip(&self.databases).filter_map(|(number, held)| Some((number, held.as_deref()?)))
    }

    fn books(&self) -> impl Iterator<Item = Books> {
        self.held().map(|(_, partition)| partition.books())
    }

    fn list_bytes(&self) -> usize {
        self.databases.capacity() * size_of::<Option<Box<Partition>>>()
    }
}

/// Partitions whole. Their numbers are below [`PARTITIONS`]: every method panics on another.
impl Keyspace {
    /// Takes a partition out of all databases. No record is emitted.
    pub fn split_off(&mut self, partition: usize) -> Parted {
        let databases = self.each_database().map(|database| database.take(partition)).collect();
        Parted { number: partition, databases }
    }

    /// Puts a partition in, which must have been made with this keyspace's hasher. No record is emitted.
    ///
    /// There is to be nothing of that partition in the keyspace. If there is, nothing is mixed: it comes back, and is in
    /// its old place no more. A database that the keyspace does not have yet is added, so that no key is lost.
    pub fn graft(&mut self, parted: Parted) -> Parted {
        self.grow_databases(u16::try_from(parted.databases()).unwrap_or(u16::MAX));
        let Parted { number, databases } = parted;
        let before = self.split_off(number);
        for (database, partition) in self.each_database().zip(databases) {
            if let Some(partition) = partition {
                let there = database.put(number, partition);
                debug_assert!(there.is_none(), "it was taken out");
            }
        }
        before
    }

    /// Empties one database of one partition and hands out what was in it. No record is emitted.
    pub fn clear_partition(&mut self, db: Db, partition: usize) -> Remains {
        Remains::new(Box::new([self.database_mut(db).take(partition)]))
    }

    /// The number of keys of a partition, over all databases.
    #[must_use]
    pub fn partition_len(&self, partition: usize) -> usize {
        self.partition_books(partition).map(|books| books.len).sum()
    }

    /// The memory of a partition, over all databases, in bytes.
    #[must_use]
    pub fn partition_bytes(&self, partition: usize) -> usize {
        self.partition_books(partition).map(|books| books.bytes).sum()
    }

    /// The digest of a partition, over all databases. Those without keys do not count.
    #[must_use]
    pub fn partition_digest(&self, partition: usize) -> Digest {
        let databases = (0..self.databases())
            .filter_map(|number| Some((number, self.database(Db::new(number)).partition(partition)?)));
        sum(databases)
    }

    fn partition_books(&self, partition: usize) -> impl Iterator<Item = Books> {
        (0..self.databases())
            .filter_map(move |number| Some(self.database(Db::new(number)).partition(partition)?.books()))
    }
}

fn sum<'a>(databases: impl Iterator<Item = (u16, &'a Partition)>) -> Digest {
    let digest = |partition: &Partition| {
        partition.entries().map(|entry| Digest::of(View::new(entry))).fold(Digest::EMPTY, Digest::with)
    };
    databases.map(|(number, partition)| digest(partition).numbered(number)).fold(Digest::EMPTY, Digest::with)
}

#[cfg(test)]
mod tests;
