//! What an export has to send, in order, and how much of it may be on its way.

use std::collections::VecDeque;

use super::super::record::Record;
use super::super::slot::Slot;
use super::super::value::NewValue;
use super::{Ack, CHUNK_BYTES, PIECE_BYTES, TransferKind, WINDOW_BYTES, message_bytes};

/// The content of a message that is not sent yet.
enum Piece {
    Begin,
    Records(Vec<u8>),
    SlotDone(Slot),
    Handover,
}

impl Piece {
    fn records(&self) -> &[u8] {
        match self {
            Piece::Records(records) => records,
            Piece::Begin | Piece::SlotDone(_) | Piece::Handover => &[],
        }
    }

    fn bytes(&self) -> usize {
        message_bytes(self.records().len())
    }

    fn kind(&self) -> TransferKind {
        match self {
            Piece::Begin => TransferKind::Begin,
            Piece::Records(_) => TransferKind::Records,
            Piece::SlotDone(_) => TransferKind::SlotDone,
            Piece::Handover => TransferKind::Handover,
        }
    }
}

/// What is sent next.
pub(super) struct Sent<'a> {
    pub(super) sequence: u64,
    pub(super) kind: TransferKind,
    pub(super) slot: u16,
    pub(super) records: &'a [u8],
    pub(super) bytes: usize,
}

/// The queue of one export. Owned by it.
pub(super) struct Outbox {
    queue: VecDeque<Piece>,
    pending_bytes: usize,
    on_way: VecDeque<(u64, usize)>,
    on_way_bytes: usize,
    first: u64,
    next: u64,
    /// What was sent last, kept for its borrower; its room is used again.
    last: Vec<u8>,
}

impl Outbox {
    /// A queue whose first message is a Begin with this number.
    pub(super) fn new(first: u64) -> Outbox {
        Outbox {
            queue: VecDeque::from([Piece::Begin]),
            pending_bytes: Piece::Begin.bytes(),
            on_way: VecDeque::new(),
            on_way_bytes: 0,
            first,
            next: first,
            last: Vec::new(),
        }
    }

    /// Bytes that wait to be sent.
    pub(super) fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Bytes that were sent and not acknowledged.
    pub(super) fn on_way_bytes(&self) -> usize {
        self.on_way_bytes
    }

    /// The number of the Begin.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Whether a message with this number was sent.
    pub(super) fn has_sent(&self, sequence: u64) -> bool {
        (self.first..self.next).contains(&sequence)
    }

    /// Whether anything may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.on_way_bytes < WINDOW_BYTES
    }

    /// Appends a record, in pieces if its value is long; says how many bytes that were.
    pub(super) fn push(&mut self, record: &Record<'_>) -> usize {
        let before = self.pending_bytes;
        for_each_piece(record, |piece| self.push_piece(piece));
        self.pending_bytes - before
    }

    pub(super) fn push_slot_done(&mut self, slot: Slot) {
        self.push_step(Piece::SlotDone(slot));
    }

    pub(super) fn push_handover(&mut self) {
        self.push_step(Piece::Handover);
    }

    /// Takes the first message, if the window has room for it.
    pub(super) fn pop(&mut self) -> Option<Sent<'_>> {
        let bytes = self.queue.front()?.bytes();
        if self.on_way_bytes > 0 && self.on_way_bytes + bytes > WINDOW_BYTES {
            return None;
        }
        let piece = self.queue.pop_front()?;
        let (sequence, kind) = (self.next, piece.kind());
        self.next += 1;
        self.pending_bytes -= bytes;
        self.on_way.push_back((sequence, bytes));
        self.on_way_bytes += bytes;
        let mut slot = 0;
        match piece {
            Piece::Records(records) => self.last = records,
            Piece::SlotDone(done) => (slot, self.last) = (done.number(), Vec::new()),
            Piece::Begin | Piece::Handover => self.last = Vec::new(),
        }
        Some(Sent { sequence, kind, slot, records: &self.last, bytes })
    }

    /// Notes what has arrived; says whether the acknowledgement is of something that is on its way.
    pub(super) fn on_ack(&mut self, ack: &Ack) -> bool {
        let Some((first, _)) = self.on_way.front() else { return false };
        if ack.sequence < *first || ack.sequence >= self.next {
            return false;
        }
        while let Some((_, bytes)) = self.on_way.pop_front_if(|(sequence, _)| *sequence <= ack.sequence) {
            self.on_way_bytes -= bytes;
        }
        true
    }

    /// Drops what is not sent yet and gives the number of the next message.
    pub(super) fn stop(&mut self) -> u64 {
        self.queue = VecDeque::new();
        self.pending_bytes = 0;
        self.next
    }

    fn push_step(&mut self, piece: Piece) {
        self.pending_bytes += piece.bytes();
        self.queue.push_back(piece);
    }

    fn push_piece(&mut self, record: &Record<'_>) {
        match self.queue.back_mut() {
            Some(Piece::Records(open)) if open.len() < CHUNK_BYTES => {
                let before = open.len();
                record.encode(open);
                self.pending_bytes += open.len() - before;
            }
            _ => {
                let mut open = Vec::new();
                record.encode(&mut open);
                self.push_step(Piece::Records(open));
            }
        }
    }
}

/// Gives a record as it is, or as several that come to the same and of which none has a value over [`PIECE_BYTES`].
fn for_each_piece(record: &Record<'_>, mut emit: impl FnMut(&Record<'_>)) {
    let appends = |db, key, rest: &[u8], emit: &mut dyn FnMut(&Record<'_>)| {
        rest.chunks(PIECE_BYTES).for_each(|bytes| emit(&Record::Append { db, key, bytes }));
    };
    match *record {
        Record::Put { db, key, value, deadline_ms } => {
            let (first, rest) = match value {
                NewValue::Bytes(bytes) if bytes.len() > PIECE_BYTES => {
                    (NewValue::Bytes(&bytes[..PIECE_BYTES]), &bytes[PIECE_BYTES..])
                }
                NewValue::Raw(bytes) if bytes.len() > PIECE_BYTES => {
                    (NewValue::Raw(&bytes[..PIECE_BYTES]), &bytes[PIECE_BYTES..])
                }
                value => (value, &[][..]),
            };
            emit(&Record::Put { db, key, value: first, deadline_ms });
            appends(db, key, rest, &mut emit);
        }
        Record::Append { db, key, bytes } if bytes.len() > PIECE_BYTES => {
            appends(db, key, bytes, &mut emit);
        }
        Record::WriteAt { db, key, offset, bytes } if bytes.len() > PIECE_BYTES => {
            for (number, bytes) in (0..).zip(bytes.chunks(PIECE_BYTES)) {
                emit(&Record::WriteAt { db, key, offset: offset + number * PIECE_BYTES as u64, bytes });
            }
        }
        record => emit(&record),
    }
}
