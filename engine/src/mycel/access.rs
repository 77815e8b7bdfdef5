//! Handles: one key of a keyspace while a command reads or writes it.
//!
//! [`Keyspace::entry`] looks a key up once; the handle remembers where it was, so that nothing is probed again.
//! Each mutating method emits exactly one record.

use super::entry::EntryBox;
use super::key::Key;
use super::keyspace::{Db, Keyspace};
use super::partition::Place;
use super::record::{Cause, Record};
use super::value::{Deadline, Encoding, Kind, NewValue, Value};

/// A key that is being looked at. Keys whose deadline has passed are not there.
pub enum Entry<'a> {
    /// The key is there.
    Occupied(Occupied<'a>),
    /// The key is not there.
    Vacant(Vacant<'a>),
}

impl<'a> Entry<'a> {
    /// The value, if the key is there.
    #[must_use]
    pub fn view(&self) -> Option<View<'_>> {
        match self {
            Entry::Occupied(occupied) => Some(occupied.view()),
            Entry::Vacant(_) => None,
        }
    }

    /// Writes value and deadline whether the key is there or not.
    pub fn put(self, value: NewValue<'_>, deadline: Deadline) {
        match self {
            Entry::Occupied(mut occupied) => occupied.replace(value, deadline),
            Entry::Vacant(vacant) => {
                vacant.insert(value, deadline);
            }
        }
    }
}

/// What a key holds, for reading.
#[derive(Clone, Copy)]
pub struct View<'a> {
    entry: &'a EntryBox,
}

impl<'a> View<'a> {
    #[inline]
    pub(super) fn new(entry: &'a EntryBox) -> View<'a> {
        View { entry }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        self.entry.key()
    }

    /// The value.
    #[inline]
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        self.entry.value()
    }

    /// The deadline, in ms since the Unix epoch.
    #[inline]
    #[must_use]
    pub fn deadline_ms(&self) -> Option<u64> {
        self.entry.deadline_ms()
    }

    /// The type of the value.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.entry.kind()
    }

    /// How the value is kept.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.entry.encoding()
    }

    /// What another key must be given to hold the same, kept in the same way.
    #[must_use]
    pub fn copy(&self) -> NewValue<'a> {
        match self.value() {
            Value::Int(number) => NewValue::Int(number),
            Value::Bytes(bytes) if self.encoding() == Encoding::Raw => NewValue::Raw(bytes),
            Value::Bytes(bytes) => NewValue::Bytes(bytes),
        }
    }

    /// The access clock of the last access: see [`Keyspace::idle_seconds`].
    #[must_use]
    pub fn clock(&self) -> u8 {
        self.entry.clock()
    }

    /// What the key takes in memory, in bytes: the entry, its buffer, and its share of the table at least.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.entry.bytes() + size_of::<EntryBox>() + 1
    }
}

/// A key that is there.
pub struct Occupied<'a> {
    keyspace: &'a mut Keyspace,
    db: Db,
    key: Key<'a>,
    place: Place,
}

impl<'a> Occupied<'a> {
    #[inline]
    pub(super) fn new(keyspace: &'a mut Keyspace, db: Db, key: Key<'a>, place: Place) -> Occupied<'a> {
        Occupied { keyspace, db, key, place }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> Key<'a> {
        self.key
    }

    /// What the key holds.
    #[inline]
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View::new(self.keyspace.database(self.db).entry(self.place))
    }

    /// The value.
    #[inline]
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        self.view().value()
    }

    /// The deadline, in ms since the Unix epoch.
    #[must_use]
    pub fn deadline_ms(&self) -> Option<u64> {
        self.view().deadline_ms()
    }

    /// Notes an access, for OBJECT IDLETIME and eviction.
    pub fn touch(&mut self) {
        let clock = self.keyspace.clock();
        self.keyspace.database_mut(self.db).touch(self.place, clock);
    }

    /// Writes a new value, in place where it fits.
    pub fn replace(&mut self, value: NewValue<'_>, deadline: Deadline) {
        let (value, clock) = (value.decided(), self.keyspace.clock());
        let current_ms = self.deadline_ms();
        let deadline_ms = deadline.resolve(current_ms, || self.keyspace.default_deadline_ms(self.db));
        let (db, key) = (self.db, self.key.bytes());
        let database = self.keyspace.database_mut(db);
        if deadline_ms != current_ms || !database.overwrite(self.place, value, clock) {
            database.change(self.place, |entry| {
                entry.replace(value, deadline_ms);
                entry.set_clock(clock);
            });
        }
        self.keyspace.emit(|| Record::Put { db, key, value, deadline_ms });
    }

    /// Appends to the string form of the value and gives the new length in bytes.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let len = self.keyspace.database_mut(self.db).change(self.place, |entry| entry.append(bytes));
        let (db, key) = (self.db, self.key.bytes());
        self.keyspace.emit(|| Record::Append { db, key, bytes });
        len
    }

    /// Writes over the string form of the value from `offset`, zeros before it if the value is shorter, and gives
    /// the new length in bytes.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> usize {
        let len = self.keyspace.database_mut(self.db).change(self.place, |entry| {
            entry.write_at(offset, bytes);
            entry.value().len()
        });
        let (db, key, offset) = (self.db, self.key.bytes(), offset as u64);
        self.keyspace.emit(|| Record::WriteAt { db, key, offset, bytes });
        len
    }

    /// Sets or drops the deadline, in ms since the Unix epoch.
    pub fn set_deadline(&mut self, deadline_ms: Option<u64>) {
        self.keyspace.database_mut(self.db).change(self.place, |entry| entry.set_deadline(deadline_ms));
        let (db, key) = (self.db, self.key.bytes());
        self.keyspace.emit(|| Record::Deadline { db, key, deadline_ms });
    }

    /// Removes the key.
    pub fn remove(self) {
        self.keyspace.remove_at(self.db, self.place, Cause::Deleted);
    }
}

/// A key that is not there.
pub struct Vacant<'a> {
    keyspace: &'a mut Keyspace,
    db: Db,
    key: Key<'a>,
}

impl<'a> Vacant<'a> {
    #[inline]
    pub(super) fn new(keyspace: &'a mut Keyspace, db: Db, key: Key<'a>) -> Vacant<'a> {
        Vacant { keyspace, db, key }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> Key<'a> {
        self.key
    }

    /// Adds the key and gives its handle.
    pub fn insert(self, value: NewValue<'_>, deadline: Deadline) -> Occupied<'a> {
        let Vacant { keyspace, db, key } = self;
        let (value, deadline_ms) =
            (value.decided(), deadline.resolve(None, || keyspace.default_deadline_ms(db)));
        let place = keyspace.insert(db, &key, value, deadline_ms);
        let bytes = key.bytes();
        keyspace.emit(|| Record::Put { db, key: bytes, value, deadline_ms });
        Occupied::new(keyspace, db, key, place)
    }
}
