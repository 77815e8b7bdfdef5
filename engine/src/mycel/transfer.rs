//! Moving a partition from one core to another while the one that has it goes on serving: two machines without I/O.
//!
//! ```text
//!  source                                                        destination
//!  keyspace ─records─▶ Exports ─▶ Export ─ Begin ─────────────▶ Import ─▶ Parted, seen by nobody
//!     │                            ◀─────── Ack, with its time ─
//!     └────────snapshot───────────▶        Records… SlotDone ─▶
//!                                  ◀─────────────────── Ack ──
//!  frozen                                  Handover ──────────▶
//!                                  ◀─────────────────── Ack ──
//!  the owner changes by the map: split_off, freed                graft
//! ```
//!
//! The source sends slot after slot, in each slot database after database, some [`CHUNK_BYTES`] at a time, and between
//! them, **in the order in which they happened**, the records of what its commands do meanwhile. Records about slots that
//! it has not begun are left out, for their snapshot brings the outcome.
//!
//! # Why the destination ends with the source's content, exactly
//!
//! Everything goes through one queue, so what arrives is one sequence in the order of the source's time: a snapshot's
//! [`Put`](Record::Put) states what its key holds at that moment, a record what happened at that moment. The destination
//! plays leniently: a change of a key that it does not have is passed over; a `Put` is always taken. Hence at any point of
//! the sequence
//!
//! > **every key of every database is at the destination either absent or what it was at the source at that point.**
//!
//! It holds for an empty destination. `Put` makes the key what it is at the source. `Append`, `WriteAt` and `Deadline` do
//! to a key that was equal what was done to it at the source, and leave an absent one absent. `Remove` and `Clear` leave
//! both sides without. `Swap` exchanges databases on both sides, absent keys with them. A record that was left out is of a
//! slot that was not begun, all keys of which are absent. A key that was sent, removed and made anew is a `Remove` and a
//! `Put`; one that the scan returns twice is put twice, the second time as it is then.
//!
//! In the end no key is absent. The scan of a slot's table returns every key that is in it from the scan's begin to its end,
//! though the table grow, shrink or be emptied meanwhile; any other key was put while its slot was begun already, and so
//! its record was sent. When two databases change places in the middle of a slot, their tables do, and the places that
//! the scan has reached in them go along, for the destination's content has gone along too.
//!
//! Nothing expires at the destination before it is the owner: the source's `Remove` says when. What expires at the source
//! after [`hand_over`](Export::hand_over) goes by its deadline at the destination. Keys past their deadline that the source
//! has not taken away yet are sent like others.
//!
//! # Clocks
//!
//! The clocks of two nodes may differ by a day. The source notes when it sends Begin and when the acknowledgement comes that
//! bears the destination's time, and so knows the difference to within half of the time between the two. If that leaves no
//! doubt that it is more than [`CLOCK_TOLERANCE_MS`], deadlines are sent shifted by it, so that what remains of them stays;
//! otherwise they are sent as they are, however slow the way was. Nothing else is sent before that acknowledgement.
//!
//! # Attempts
//!
//! Links keep the order, but break. Every attempt numbers its messages from where no earlier one of the core has been,
//! so that no message and no acknowledgement of one attempt is taken for one of another.
//!
//! # Limits
//!
//! [`WINDOW_BYTES`] are on their way at most, or one message. When more than [`PENDING_MAX_BYTES`] of records wait to be
//! sent the export [is behind](Export::is_behind), and its partition takes no writes for a while. Long values travel in
//! pieces of [`PIECE_BYTES`], so that no message is larger than a key and [`PIECE_BYTES`] and [`CHUNK_BYTES`] together.

mod export;
mod exports;
mod import;
mod imports;
mod outbox;
mod snapshot;
#[cfg(test)]
mod tests;

pub use export::Export;
pub use exports::Exports;
pub use import::{Import, Terms, TransferError};
pub use imports::Imports;

#[cfg(doc)]
use super::record::Record;

/// Most bytes that were sent and not acknowledged.
pub const WINDOW_BYTES: usize = 1 << 20;
/// Bytes of records that may wait to be sent before writes are to be held up.
pub const PENDING_MAX_BYTES: usize = 8 << 20;
/// A message is sent when it holds as much.
pub const CHUNK_BYTES: usize = 8 << 10;
/// Values longer than this travel in several records.
pub const PIECE_BYTES: usize = 256 << 10;
/// With no more than this waiting, a partition may be frozen for the last step.
pub const READY_BYTES: usize = 16 << 10;
/// Clocks that differ by more than this are taken to be wrong, and deadlines shifted by the difference.
pub const CLOCK_TOLERANCE_MS: u64 = 1_000;

/// A step of a move, from the source to the destination. Maps one to one to the frame of that name between nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransferMessage<'a> {
    /// The partition.
    pub partition: u16,
    /// The epoch at which the map ordered the move.
    pub epoch: u64,
    /// One more than that of the message before.
    pub sequence: u64,
    /// Which step.
    pub kind: TransferKind,
    /// The slot that is done; 0 in other steps.
    pub slot: u16,
    /// Encoded records; empty but in [`TransferKind::Records`].
    pub records: &'a [u8],
}

/// The steps of a move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransferKind {
    /// An attempt begins; what an earlier one has brought is void.
    Begin,
    /// Records to apply.
    Records,
    /// The snapshot of a slot has been sent.
    SlotDone,
    /// Nothing more will come.
    Handover,
    /// The attempt ends, and what it has brought is void.
    Abort,
}

/// The destination has applied everything up to a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack {
    /// The partition.
    pub partition: u16,
    /// The epoch of the move.
    pub epoch: u64,
    /// That of the message.
    pub sequence: u64,
    /// When it came, by the destination's clock, in ms since the Unix epoch; between nodes, the frame's 8 bytes of
    /// records, the least first.
    pub now_ms: u64,
}

/// What a message counts for in windows and budgets.
fn message_bytes(records: usize) -> usize {
    const HEAD_BYTES: usize = 64;
    HEAD_BYTES + records
}
