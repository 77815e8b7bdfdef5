//! Prefetching: asks the processor for the memory of keys that are about to be looked up, so that the cache misses of
//! a batch overlap instead of queueing.
//!
//! A lookup walks partition list → partition (table header) → control bytes and bucket → entry. Each step needs the one
//! before, so one key's misses add up, and only those of different keys can overlap. A batch is prepared in two rounds:
//!
//! ```text
//!  for key in batch: prefetch_table   list; asks for the table header
//!  for key in batch: prefetch_entry   header is here; reads control bytes and bucket, asks for the entry
//!  for key in batch: run the command  everything is here
//! ```
#![expect(unsafe_code, reason = "the prefetch instruction takes a pointer")]

use super::keyspace::{Db, Keyspace};
use super::partition::spread;
use super::slot::Slot;

impl Keyspace {
    /// Both rounds, for keys that are looked up next, given by database, slot and hash. For one alone there is nothing
    /// to overlap with, and nothing is done.
    #[inline]
    pub fn prefetch(&self, keys: impl Iterator<Item = (Db, Slot, u32)> + Clone) {
        if keys.clone().nth(1).is_none() {
            return;
        }
        keys.clone().for_each(|(db, slot, _)| self.prefetch_table(db, slot));
        keys.for_each(|(db, slot, hash)| self.prefetch_entry(db, slot, hash));
    }

    /// First round: asks for the header of a slot's table.
    #[inline]
    pub fn prefetch_table(&self, db: Db, slot: Slot) {
        if let Some(table) = self.known_database(db).and_then(|database| database.table(slot)) {
            touch(std::ptr::from_ref(table).cast());
        }
    }

    /// Second round: reads the control bytes and asks for the entries that a key of this hash may have.
    #[inline]
    pub fn prefetch_entry(&self, db: Db, slot: Slot, hash: u32) {
        if let Some(table) = self.known_database(db).and_then(|database| database.table(slot)) {
            for entry in table.iter_hash(spread(hash)) {
                entry.prefetch();
            }
        }
    }
}

/// Asks for the cache line that `address` is in. Any address will do: the instruction never faults.
#[inline]
pub(super) fn touch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint: it reads nothing that the program can see and does not fault.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
