//! Receive buffers: memory that the kernel fills, lent to readers as [`Chunk`]s.
//!
//! ```text
//!  entries (one page-aligned region)          memory (another)
//! ┌──────┬──────┬─────┬──────┐               ┌──────────┬──────────┬─────┐
//! │ e0 ▪ │ e1   │  …  │ eN-1 │  ── address ▶ │ buffer 0 │ buffer 1 │  …  │
//! └──────┴──────┴─────┴──────┘               └──────────┴──────────┴─────┘
//!   ▪ tail, written here with release once per turn, read by the kernel with acquire
//! ```
//!
//! Who has which buffer is the [`Ledger`]'s business; this module moves the bytes and proves the pointers.
#![expect(unsafe_code, reason = "shares the buffer ring and the buffers with the kernel")]

use super::ledger::{BufferId, Ledger};
use super::region::Region;
use io_uring::types::BufRingEntry;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::ops::Deref;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicU16, Ordering};

/// The buffer group of the one pool per ring.
pub(super) const GROUP: u16 = 0;

/// Receive buffers of one core. Outlives the ring while a [`Chunk`] is about.
pub(super) struct Pool {
    entries: Region,
    memory: Region,
    entry_count: u16,
    buffer_bytes: u32,
    tail: Cell<u16>,
    ledger: RefCell<Ledger>,
}

impl Pool {
    /// Allots `buffers` (a power of two) of `buffer_bytes`, of which `in_use` circulate at first.
    ///
    /// # Errors
    ///
    /// What `mmap` says.
    pub(super) fn new(in_use: u16, buffers: u16, buffer_bytes: u32) -> io::Result<Self> {
        assert!(buffers.is_power_of_two(), "the kernel masks the index into the buffer ring");
        Ok(Self {
            entries: Region::new(usize::from(buffers) * size_of::<BufRingEntry>())?,
            memory: Region::new(usize::from(buffers) * buffer_bytes as usize)?,
            entry_count: buffers,
            buffer_bytes,
            tail: Cell::new(0),
            ledger: RefCell::new(Ledger::new(in_use, buffers)),
        })
    }

    /// Address and number of entries, as registering wants them.
    pub(super) fn entries(&self) -> (u64, u16) {
        (self.entries.start().as_ptr() as u64, self.entry_count)
    }

    fn buffer(&self, id: BufferId) -> NonNull<u8> {
        let offset = usize::from(id.0) * self.buffer_bytes as usize;
        assert!(offset + self.buffer_bytes as usize <= self.memory.bytes(), "a buffer lies in the region");
        // SAFETY: the assertion above keeps the offset inside the mapping.
        unsafe { self.memory.start().add(offset) }
    }

    /// Gives every waiting buffer to the kernel, with one store of the tail.
    pub(super) fn provide(&self) {
        let mut ledger = self.ledger.borrow_mut();
        if !ledger.has_waiting() {
            return;
        }
        let base: NonNull<BufRingEntry> = self.entries.start().cast();
        let mut tail = self.tail.get();
        while let Some(id) = ledger.provide() {
            let index = usize::from(tail & (self.entry_count - 1));
            // SAFETY: the index is masked to the number of entries that the region was made for.
            let entry = unsafe { base.add(index) };
            // SAFETY: the entry is mapped, aligned, and not read by the kernel before the tail passes it. There are
            // as many entries as buffers, so it is not one that the kernel has yet to consume.
            let entry = unsafe { &mut *entry.as_ptr() };
            entry.set_addr(self.buffer(id).as_ptr() as u64);
            entry.set_len(self.buffer_bytes);
            entry.set_bid(id.0);
            tail = tail.wrapping_add(1);
        }
        self.tail.set(tail);
        // SAFETY: the base of the entries is what the function wants; it computes an address and reads nothing.
        let shared = unsafe { BufRingEntry::tail(base.as_ptr()) };
        // SAFETY: the tail is two mapped, aligned bytes that only this thread writes and the kernel reads.
        let shared = unsafe { AtomicU16::from_ptr(shared.cast_mut()) };
        shared.store(tail, Ordering::Release);
    }

    /// Takes over a buffer that a completion named, `filled` bytes of it. None if the kernel did not have it.
    pub(super) fn take(self: &Rc<Self>, id: BufferId, filled: u32) -> Option<Chunk> {
        if filled > self.buffer_bytes || !self.ledger.borrow_mut().lend(id) {
            return None;
        }
        Some(Chunk(Bytes::Lent(Lent { pool: Rc::clone(self), id, filled })))
    }

    /// Lets twice as many buffers circulate; false if all do.
    pub(super) fn grow(&self) -> bool {
        self.ledger.borrow_mut().grow()
    }

    pub(super) fn lent(&self) -> u16 {
        self.ledger.borrow().lent()
    }

    pub(super) fn in_use(&self) -> u16 {
        self.ledger.borrow().in_use()
    }

    pub(super) fn available(&self) -> usize {
        self.ledger.borrow().available()
    }
}

/// Bytes that were received. Gives its buffer back on drop: hold it for the turn, copy what must be kept.
pub struct Chunk(Bytes);

enum Bytes {
    Lent(Lent),
    Owned(Box<[u8]>),
}

struct Lent {
    pool: Rc<Pool>,
    id: BufferId,
    filled: u32,
}

impl Chunk {
    /// Frees the receive buffer by moving the bytes to memory of their own.
    pub(super) fn detach(&mut self) {
        if let Bytes::Lent(_) = self.0 {
            self.0 = Bytes::Owned(Box::from(&**self));
        }
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Lent(lent) => {
                let start = lent.pool.buffer(lent.id);
                // SAFETY: the kernel wrote `filled` bytes there (at most the buffer's size, checked when it was
                // taken) and does not touch them again before the buffer is given back, which is on drop.
                unsafe { std::slice::from_raw_parts(start.as_ptr(), lent.filled as usize) }
            }
            Bytes::Owned(bytes) => bytes,
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.ledger.borrow_mut().give_back(self.id);
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Chunk({} bytes)", self.len())
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pool").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}
