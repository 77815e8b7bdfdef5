//! Walks over the keys: SCAN's cursor, the keys of a slot, all keys, a random key.
//!
//! SCAN keeps nothing between calls, so a cursor must mean the same before and after a table has grown or shrunk. Within
//! a slot the walk goes over *homes*: a key's home is the low bits of its hash, as many as number the table's buckets.
//! Homes are visited in the order of their bits reversed, as Redis does it:
//!
//! ```text
//!  4 buckets   00          10          01          11         low bits of the hash
//!  8 buckets   000   100   010   110   001   101   011   111
//! ```
//!
//! A home of a small table is a run of consecutive homes in a larger one, so at any size the visited homes are the same
//! set of hashes. Hence **a key that is there from the first call to the last is returned at least once**; it is
//! returned twice only if its table changed size in between. The keys of one home are found by the same probing that a
//! lookup uses, once for each of the 128 tags, so that keys which were pushed away from their home are found too.
//!
//! A call visits at least `count` keys, unless the range ends, and looks at no more than 16 homes per wanted key. A slot
//! that has no more keys than are wanted is walked in one go, bucket by bucket, which is many times faster.

use super::access::View;
use super::database::Database;
use super::entry::EntryBox;
use super::key::Hasher;
use super::keyspace::{Db, Keyspace};
use super::partition::Table;
use super::rng::Rng;
use super::slot::{PARTITIONS, SLOTS, SLOTS_PER_PARTITION, Slot};

const TAGS: u64 = 128;
const TAG_SHIFT: u32 = 57;
const HOMES_PER_KEY: usize = 16;

/// How far a SCAN has come: a slot, and a place within it. As a number, 0 is the start, and no later place is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct ScanCursor {
    slot: u16,
    home: u32,
}

impl ScanCursor {
    /// The start of a slot.
    #[must_use]
    pub fn at(slot: Slot) -> ScanCursor {
        ScanCursor { slot: slot.number(), home: 0 }
    }

    /// The cursor that [`number`](Self::number) gave this number, if there is one.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the halves are taken apart")]
    pub fn from_number(number: u64) -> Option<ScanCursor> {
        let slot = u16::try_from(number >> 32).ok().and_then(Slot::new)?;
        Some(ScanCursor { slot: slot.number(), home: number as u32 })
    }

    /// The cursor as a client sees it.
    #[must_use]
    pub fn number(self) -> u64 {
        u64::from(self.slot) << 32 | u64::from(self.home)
    }

    /// The slot that the scan goes on with.
    #[must_use]
    pub fn slot(self) -> Slot {
        Slot::at(usize::from(self.slot) / SLOTS_PER_PARTITION, usize::from(self.slot))
    }
}

impl Keyspace {
    /// Visits `count` keys or a few more, from `from` on, and gives the cursor to go on with; `None` at the end.
    ///
    /// Only slots below number `end` are visited ([`SLOTS`](super::SLOTS) for all). Keys whose deadline has passed
    /// are left out.
    pub fn scan(
        &self,
        db: Db,
        from: ScanCursor,
        end: usize,
        count: usize,
        mut visit: impl FnMut(View<'_>),
    ) -> Option<ScanCursor> {
        let database = self.database(db);
        let (mut number, mut home) = (usize::from(from.slot), from.home);
        let mut left = count.max(1);
        while number < end.min(SLOTS) {
            let slot = Slot::at(number / SLOTS_PER_PARTITION, number);
            if left == 0 {
                return Some(ScanCursor::at(slot));
            }
            let Some(partition) = database.partition(slot.partition()) else {
                (number, home) = ((slot.partition() + 1) * SLOTS_PER_PARTITION, 0);
                continue;
            };
            let table = &partition.tables[slot.within()];
            let next =
                scan_table(table, home, &mut left, self.hasher(), |entry| self.show(entry, &mut visit));
            if let Some(home) = next {
                return Some(ScanCursor { slot: slot.number(), home });
            }
            (number, home) = (number + 1, 0);
        }
        None
    }

    /// Visits keys of a slot from `home` on, 0 being its start, until `visit` says that it is enough, and gives the home
    /// to go on with; `None` at the end. What a scan promises of keys that stay holds here too.
    ///
    /// Keys that are past their deadline and not taken away yet are visited. A slot whose keys take no more than twice
    /// `bytes` is visited in one go; otherwise a home is, and no more than a thousand homes are.
    pub(super) fn walk_slot(
        &self,
        db: Db,
        slot: Slot,
        mut home: u32,
        bytes: usize,
        mut visit: impl FnMut(View<'_>) -> bool,
    ) -> Option<u32> {
        const KEYS_AT_ONCE: usize = 512;
        const HOMES_AT_ONCE: usize = 1_024;
        let table = self.database(db).table(slot)?;
        let is_small = home == 0
            && table.len() <= KEYS_AT_ONCE
            && table.iter().map(EntryBox::bytes).sum::<usize>() <= bytes.saturating_mul(2);
        if is_small {
            table.iter().for_each(|entry| {
                visit(View::new(entry));
            });
            return None;
        }
        let mask = mask(table);
        for _ in 0..HOMES_AT_ONCE {
            let mut on = true;
            visit_home(table, home & mask, mask, self.hasher(), |entry| on &= visit(View::new(entry)));
            home = following(home, mask);
            if home == 0 {
                return None;
            }
            if !on {
                break;
            }
        }
        Some(home)
    }

    /// The number of keys of a slot, for CLUSTER COUNTKEYSINSLOT.
    #[must_use]
    pub fn slot_len(&self, db: Db, slot: Slot) -> usize {
        self.database(db).table(slot).map_or(0, Table::len)
    }

    /// Visits up to `limit` keys of a slot, for CLUSTER GETKEYSINSLOT.
    pub fn for_each_in_slot(&self, db: Db, slot: Slot, limit: usize, mut visit: impl FnMut(View<'_>)) {
        let entries = self.database(db).table(slot).into_iter().flatten();
        entries.filter(|entry| !entry.is_past(self.now_ms())).take(limit).map(View::new).for_each(&mut visit);
    }

    /// Visits all keys of a database, for KEYS.
    pub fn for_each(&self, db: Db, mut visit: impl FnMut(View<'_>)) {
        self.database(db).entries().for_each(|entry| self.show(entry, &mut visit));
    }

    /// A key of a database, each as likely as any other. `None` if there is none, or none whose deadline is ahead
    /// among a hundred draws.
    pub fn random(&self, db: Db, rng: &mut Rng) -> Option<View<'_>> {
        const DRAWS: usize = 100;
        let database = self.database(db);
        (0..DRAWS)
            .map_while(|_| draw(database, rng))
            .find(|entry| !entry.is_past(self.now_ms()))
            .map(View::new)
    }

    fn show(&self, entry: &EntryBox, visit: &mut impl FnMut(View<'_>)) {
        if !entry.is_past(self.now_ms()) {
            visit(View::new(entry));
        }
    }
}

/// Visits the keys of a table from `home` on until none are left to do and gives the home to go on with.
fn scan_table(
    table: &Table,
    mut home: u32,
    left: &mut usize,
    hasher: &Hasher,
    mut visit: impl FnMut(&EntryBox),
) -> Option<u32> {
    if home == 0 && table.len() <= *left {
        *left -= table.len();
        table.iter().for_each(visit);
        return None;
    }
    let mask = mask(table);
    let mut homes = left.saturating_mul(HOMES_PER_KEY);
    while *left > 0 && homes > 0 {
        homes -= 1;
        visit_home(table, home & mask, mask, hasher, |entry| {
            visit(entry);
            *left = left.saturating_sub(1);
        });
        home = following(home, mask);
        if home == 0 {
            return None;
        }
    }
    *left = 0;
    Some(home)
}

/// Visits the keys of one home.
fn visit_home(table: &Table, home: u32, mask: u32, hasher: &Hasher, mut visit: impl FnMut(&EntryBox)) {
    for tag in 0..TAGS {
        let entries = table.iter_hash(tag << TAG_SHIFT | u64::from(home));
        entries.filter(|entry| hasher.hash(entry.key()) & mask == home).for_each(&mut visit);
    }
}

/// The home behind this one, 0 behind the last.
fn following(home: u32, mask: u32) -> u32 {
    (home | !mask).reverse_bits().wrapping_add(1).reverse_bits()
}

fn mask(table: &Table) -> u32 {
    u32::try_from(table.num_buckets() - 1).unwrap_or(u32::MAX)
}

/// An entry, each as likely as any other: a partition and a slot by their shares, then a bucket until one is taken.
fn draw<'a>(database: &'a Database, rng: &mut Rng) -> Option<&'a EntryBox> {
    let mut rank = rng.below(database.len());
    for number in 0..PARTITIONS {
        let Some(partition) = database.partition(number) else { continue };
        let len = partition.books().len;
        if rank >= len {
            rank -= len;
            continue;
        }
        for table in &partition.tables {
            if rank < table.len() {
                return std::iter::repeat_with(|| rng.below(table.num_buckets()))
                    .find_map(|at| table.get_bucket(at));
            }
            rank -= table.len();
        }
    }
    None
}
