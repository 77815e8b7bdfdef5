//! One core's share of the keyspace.
//!
//! ```text
//!  Keyspace ── databases[n] ── partitions[1024] ── tables[16] ── entries
//!           ├─ now_ms     given once per turn; nothing here reads a clock
//!           ├─ hasher     the node's seed
//!           └─ sink?      told of every change, if there is one
//! ```
//!
//! A key whose deadline lies before `now_ms` is gone for every reader. It is taken away, and its [`Record::Remove`]
//! emitted, when [`entry`](Keyspace::entry) or [`find`](Keyspace::find) comes across it or when
//! [`expire_due`](Keyspace::expire_due) comes to it in the order of deadlines, whichever is first.

use super::access::{Entry, Occupied, Vacant, View};
use super::database::{Database, Remains};
use super::key::{Hasher, Key};
use super::partition::{self, Place};
use super::record::{Cause, Record, RecordSink};
use super::value::NewValue;

/// The number of a numbered database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Db(u16);

impl Db {
    /// The database with this number; whether a keyspace has it is for [`Keyspace::databases`] to say.
    #[must_use]
    pub const fn new(number: u16) -> Db {
        Db(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The number, as an index.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a keyspace is made of.
#[derive(Clone, Copy, Debug)]
pub struct KeyspaceConfig {
    /// How many numbered databases there are, from 0.
    pub databases: u16,
    /// The node's hash function.
    pub hasher: Hasher,
}

/// What [`Keyspace::expire_due`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expired {
    /// How many keys it took away.
    pub count: usize,
    /// The earliest deadline that is left, in ms since the Unix epoch: in the past if the budget was not enough.
    pub more: Option<u64>,
}

/// One core's share of all databases. Owned by the core. A [`Db`] that is given must be one of
/// [`databases`](Keyspace::databases): every method but those that prefetch panics on another.
pub struct Keyspace {
    databases: Vec<Database>,
    /// How many of them clients reach by their numbers: the first.
    numbered: u16,
    hasher: Hasher,
    now_ms: u64,
    expired: u64,
    sink: Option<Box<dyn RecordSink>>,
}

impl Keyspace {
    /// A keyspace without keys, at time 0 and without a sink.
    #[must_use]
    pub fn new(config: KeyspaceConfig) -> Keyspace {
        let databases = (0..config.databases).map(|_| Database::new()).collect();
        Keyspace {
            databases,
            numbered: config.databases,
            hasher: config.hasher,
            now_ms: 0,
            expired: 0,
            sink: None,
        }
    }

    /// The number of databases.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "made from a u16")]
    pub fn databases(&self) -> u16 {
        self.databases.len() as u16
    }

    /// The number of databases that clients reach by their numbers; those behind them are reached by names.
    #[must_use]
    pub fn numbered(&self) -> u16 {
        self.numbered
    }

    /// Sets the number of databases that clients reach by their numbers.
    pub fn set_numbered(&mut self, count: u16) {
        self.grow_databases(count);
        self.numbered = count;
    }

    /// Adds databases, if there are fewer than `count`.
    pub fn grow_databases(&mut self, count: u16) {
        let len = self.databases.len().max(usize::from(count));
        self.databases.reserve_exact(len - self.databases.len());
        self.databases.resize_with(len, Database::new);
    }

    /// The time to live of keys of a database that are written without one, in ms.
    pub fn set_default_ttl(&mut self, db: Db, ttl_ms: Option<u64>) {
        self.database_mut(db).set_default_ttl(ttl_ms);
    }

    /// See [`set_default_ttl`](Keyspace::set_default_ttl).
    #[must_use]
    pub fn default_ttl_ms(&self, db: Db) -> Option<u64> {
        self.database(db).default_ttl_ms()
    }

    /// The memory of a database, in bytes.
    #[must_use]
    pub fn database_bytes(&self, db: Db) -> usize {
        self.database(db).bytes()
    }

    /// The deadline of what is written to a database without one.
    #[inline]
    pub(super) fn default_deadline_ms(&self, db: Db) -> Option<u64> {
        self.database(db).default_ttl_ms().map(|ttl_ms| self.now_ms.saturating_add(ttl_ms))
    }

    /// The hash function that keys are to be made with.
    #[inline]
    #[must_use]
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// A key of this keyspace.
    #[inline]
    #[must_use]
    pub fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        Key::new(bytes, &self.hasher)
    }

    /// Keys taken away because their deadline had passed, since the keyspace was made.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.expired
    }

    /// Tells the time, in ms since the Unix epoch: once per turn.
    pub fn set_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// The time that was told last.
    #[inline]
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Sets or drops the one who is told of every change from here on.
    pub fn set_sink(&mut self, sink: Option<Box<dyn RecordSink>>) {
        self.sink = sink;
    }

    /// Looks a key up for writing.
    #[inline]
    pub fn entry<'a>(&'a mut self, db: Db, key: Key<'a>) -> Entry<'a> {
        match self.find_live(db, &key) {
            Some(place) => Entry::Occupied(Occupied::new(self, db, key, place)),
            None => Entry::Vacant(Vacant::new(self, db, key)),
        }
    }

    /// Looks a key up for reading and notes the access.
    #[inline]
    pub fn find(&mut self, db: Db, key: &Key<'_>) -> Option<View<'_>> {
        let (now_ms, clock, slot) = (self.now_ms, self.clock(), key.slot());
        let table = self.database_mut(db).table_mut(slot)?;
        let bucket = partition::find(table, key)?;
        let entry = table.get_bucket_mut(bucket)?;
        if entry.is_past(now_ms) {
            self.expire(db, Place { slot, hash: key.hash(), bucket });
            return None;
        }
        entry.set_clock(clock);
        self.database(db).table(slot)?.get_bucket(bucket).map(View::new)
    }

    /// Looks a key up for reading without noting an access; takes it away if its deadline has passed.
    pub fn look(&mut self, db: Db, key: &Key<'_>) -> Option<View<'_>> {
        let place = self.find_live(db, key)?;
        Some(View::new(self.database(db).entry(place)))
    }

    /// Looks a key up and leaves no trace: no access is noted, and nothing is taken away.
    #[inline]
    #[must_use]
    pub fn peek(&self, db: Db, key: &Key<'_>) -> Option<View<'_>> {
        let database = self.database(db);
        let entry = database.entry(database.find(key)?);
        if entry.is_past(self.now_ms) { None } else { Some(View::new(entry)) }
    }

    /// Removes a key; says whether it was there.
    pub fn remove(&mut self, db: Db, key: &Key<'_>) -> bool {
        let place = self.find_live(db, key);
        if let Some(place) = place {
            self.remove_at(db, place, Cause::Deleted);
        }
        place.is_some()
    }

    /// The number of keys of a database, those included that are past their deadline but not taken away yet.
    #[must_use]
    pub fn len(&self, db: Db) -> usize {
        self.database(db).len()
    }

    /// Whether a database has no keys.
    #[must_use]
    pub fn is_empty(&self, db: Db) -> bool {
        self.len(db) == 0
    }

    /// The number of keys of a database that have a deadline.
    #[must_use]
    pub fn expiring(&self, db: Db) -> usize {
        self.database(db).expiring()
    }

    /// All memory of the keyspace, in bytes, as it asked the allocator for it.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        let own = self.databases.capacity() * size_of::<Database>();
        own + self.databases.iter().map(Database::bytes).sum::<usize>()
    }

    /// The same, worked out afresh by a walk over everything.
    #[must_use]
    pub fn recount_bytes(&self) -> usize {
        let own = self.databases.capacity() * size_of::<Database>();
        own + self.databases.iter().map(Database::recount).sum::<usize>()
    }

    /// Empties a database and frees what was in it.
    pub fn clear(&mut self, db: Db) {
        drop(self.detach(db));
    }

    /// Empties a database and hands out what was in it, to be freed little by little.
    pub fn detach(&mut self, db: Db) -> Remains {
        let default_ttl_ms = self.database(db).default_ttl_ms();
        let old = std::mem::replace(self.database_mut(db), Database::new());
        self.database_mut(db).set_default_ttl(default_ttl_ms);
        self.emit(|| Record::Clear { db });
        old.into_remains()
    }

    /// Lets two databases change places.
    pub fn swap(&mut self, first: Db, second: Db) {
        self.databases.swap(first.index(), second.index());
        self.emit(|| Record::Swap { first, second });
    }

    /// Takes away up to `budget` keys whose deadline has passed, those of the earliest deadlines first.
    pub fn expire_due(&mut self, budget: usize) -> Expired {
        let mut count = 0;
        for number in 0..self.databases() {
            let db = Db(number);
            while count < budget {
                let Some(place) = self.first_due(db) else { break };
                self.remove_at(db, place, Cause::Expired);
                count += 1;
            }
        }
        Expired { count, more: self.next_deadline_ms() }
    }

    /// The earliest deadline of all databases, in ms since the Unix epoch.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.databases.iter().filter_map(Database::next_deadline_ms).min()
    }

    /// How long ago a clock that [`View::clock`] gave was written, in seconds: up to two minutes less than
    /// the truth, and wrong beyond four and a half hours, where the clock starts over.
    #[must_use]
    pub fn idle_seconds(&self, clock: u8) -> u64 {
        let ticks = u64::from(self.clock().wrapping_sub(clock));
        (ticks.saturating_sub(1) << CLOCK_SHIFT) / 1_000
    }

    #[inline]
    pub(super) fn clock(&self) -> u8 {
        clock(self.now_ms)
    }

    #[inline]
    pub(super) fn database(&self, db: Db) -> &Database {
        &self.databases[db.index()]
    }

    /// A database that may be none.
    #[inline]
    pub(super) fn known_database(&self, db: Db) -> Option<&Database> {
        self.databases.get(db.index())
    }

    #[inline]
    pub(super) fn database_mut(&mut self, db: Db) -> &mut Database {
        &mut self.databases[db.index()]
    }

    pub(super) fn each_database(&mut self) -> impl Iterator<Item = &mut Database> {
        self.databases.iter_mut()
    }

    #[inline]
    pub(super) fn insert(
        &mut self,
        db: Db,
        key: &Key<'_>,
        value: NewValue<'_>,
        deadline_ms: Option<u64>,
    ) -> Place {
        let clock = self.clock();
        self.databases[db.index()].insert(key, value, deadline_ms, clock, &self.hasher)
    }

    /// Takes the entry at a place away and says so.
    pub(super) fn remove_at(&mut self, db: Db, place: Place, cause: Cause) {
        let entry = self.databases[db.index()].remove(place, &self.hasher);
        if cause == Cause::Expired {
            self.expired += 1;
        }
        self.emit(|| Record::Remove { db, key: entry.key(), cause });
    }

    /// Tells the sink, if there is one; `record` is made only then.
    #[inline]
    pub(super) fn emit<'r>(&mut self, record: impl FnOnce() -> Record<'r>) {
        if let Some(sink) = &mut self.sink {
            sink.on_record(&record());
        }
    }

    /// Where `key` is, unless its deadline has passed: then it is taken away.
    #[inline(always)]
    fn find_live(&mut self, db: Db, key: &Key<'_>) -> Option<Place> {
        let table = self.database(db).table(key.slot())?;
        let bucket = partition::find(table, key)?;
        let past = table.get_bucket(bucket).is_some_and(|entry| entry.is_past(self.now_ms));
        let place = Place { slot: key.slot(), hash: key.hash(), bucket };
        if past {
            self.expire(db, place);
            return None;
        }
        Some(place)
    }

    #[cold]
    fn expire(&mut self, db: Db, place: Place) {
        self.remove_at(db, place, Cause::Expired);
    }

    #[inline]
    fn first_due(&self, db: Db) -> Option<Place> {
        self.database(db).first_due(self.now_ms.checked_sub(1)?)
    }
}

/// The access clock at a time in ms since the Unix epoch.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the clock starts over at 256")]
pub(super) fn clock(now_ms: u64) -> u8 {
    (now_ms >> CLOCK_SHIFT) as u8
}

/// The access clock counts units of 65.536 seconds, modulo 256.
const CLOCK_SHIFT: u32 = 16;
