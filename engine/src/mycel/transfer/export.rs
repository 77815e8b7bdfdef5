//! The source's side of a move: a snapshot and the records that are made meanwhile, in one order.

use super::super::keyspace::Keyspace;
use super::super::record::{Cause, Record};
use super::super::slot::{PARTITIONS, Slot};
use super::outbox::{Outbox, Sent};
use super::snapshot::{Snapshot, Step};
use super::{
    Ack, CHUNK_BYTES, CLOCK_TOLERANCE_MS, PENDING_MAX_BYTES, READY_BYTES, TransferKind, TransferMessage,
};

/// With so much credit a chunk of the snapshot is added.
const CREDIT_MAX_BYTES: isize = CHUNK_BYTES.cast_signed();

/// What an export is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The destination has not answered yet. The time when it was asked is known once it was.
    Asking(Option<u64>),
    /// Records go out, and the partition is served here as ever.
    Serving,
    /// It is frozen; the number of the Handover is known once that is sent.
    HandingOver(Option<u64>),
    /// The destination has everything.
    HandedOver,
    /// Nothing will come of it.
    Void,
}

/// One attempt to send a partition. Owned by the core that owns the partition.
pub struct Export {
    partition: u16,
    epoch: u64,
    phase: Phase,
    snapshot: Snapshot,
    outbox: Outbox,
    /// What is added to deadlines.
    shift_ms: i64,
    behind: bool,
    /// Bytes of snapshot that may be added though records wait: half of what was sent, less what was added.
    credit: isize,
    sent_bytes: u64,
}

impl Export {
    /// Begins an attempt. `epoch` is that at which the map ordered the move, `first` the number of its first message:
    /// above that of any message of an earlier attempt. The partition's number is taken modulo [`PARTITIONS`].
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "there are 1,024 partitions")]
    pub fn begin(partition: usize, epoch: u64, first: u64) -> Export {
        let partition = partition % PARTITIONS;
        Export {
            partition: partition as u16,
            epoch,
            phase: Phase::Asking(None),
            snapshot: Snapshot::new(partition),
            outbox: Outbox::new(first),
            shift_ms: 0,
            behind: false,
            credit: 0,
            sent_bytes: 0,
        }
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> usize {
        usize::from(self.partition)
    }

    /// The epoch of the move.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How many of the partition's slots were read in full.
    #[must_use]
    pub fn slots_done(&self) -> usize {
        self.snapshot.slots_done()
    }

    /// By how much deadlines are shifted because the clocks of the two nodes differ, in ms: what the destination's is
    /// ahead, or 0 within [`CLOCK_TOLERANCE_MS`].
    #[must_use]
    pub fn shift_ms(&self) -> i64 {
        self.shift_ms
    }

    /// Bytes that were sent in this attempt.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// Bytes that wait here to be sent.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.outbox.pending_bytes()
    }

    /// Bytes that were sent and not acknowledged.
    #[must_use]
    pub fn on_way_bytes(&self) -> usize {
        self.outbox.on_way_bytes()
    }

    /// Whether writes to the partition are to wait: from when [`PENDING_MAX_BYTES`] are exceeded until half is sent, or,
    /// when the snapshot is complete, until the partition is ready to be handed over.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.behind && matches!(self.phase, Phase::Asking(_) | Phase::Serving)
    }

    /// Whether little enough is left for the partition to be frozen.
    #[must_use]
    pub fn ready_to_hand_over(&self) -> bool {
        self.phase == Phase::Serving && self.snapshot.is_done() && self.outbox.pending_bytes() <= READY_BYTES
    }

    /// Whether the partition is frozen by [`hand_over`](Self::hand_over).
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        matches!(self.phase, Phase::HandingOver(_) | Phase::HandedOver)
    }

    /// Whether the destination has said that it has everything.
    #[must_use]
    pub fn handed_over(&self) -> bool {
        self.phase == Phase::HandedOver
    }

    /// Whether nothing can come of this attempt: it was aborted, or something was written after
    /// [`hand_over`](Self::hand_over).
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.phase == Phase::Void
    }

    /// Takes note of a change of the source's keyspace, of whichever partition.
    pub fn on_record(&mut self, record: &Record<'_>) {
        let slot = record.key().map(Slot::of);
        if slot.is_none_or(|slot| slot.partition() == self.partition()) {
            self.on_own_record(record, slot);
        }
    }

    /// Takes note of a change of this partition, in `slot` or, without one, of whole databases.
    pub(super) fn on_own_record(&mut self, record: &Record<'_>, slot: Option<Slot>) {
        match self.phase {
            Phase::Asking(_) | Phase::Serving => {}
            // The destination has the deadline, and the key goes by it there.
            Phase::HandingOver(_) | Phase::HandedOver if is_expiry(record) => return,
            Phase::HandingOver(_) | Phase::HandedOver => self.phase = Phase::Void,
            Phase::Void => return,
        }
        if let Record::Swap { first, second } = *record {
            self.snapshot.on_swap(first, second);
        }
        if slot.is_none_or(|slot| self.snapshot.has_begun(slot)) {
            self.outbox.push(&shifted(record, self.shift_ms));
            self.behind |= self.outbox.pending_bytes() > PENDING_MAX_BYTES;
        }
    }

    /// Sends about `budget_bytes`, as far as the window allows. Says whether there is more to send at once.
    pub fn pump(
        &mut self,
        keyspace: &Keyspace,
        budget_bytes: usize,
        mut emit: impl FnMut(TransferMessage<'_>),
    ) -> bool {
        let mut left = budget_bytes;
        match self.phase {
            Phase::Asking(None) => self.phase = Phase::Asking(Some(keyspace.now_ms())),
            Phase::Asking(Some(_)) | Phase::Void => return false,
            Phase::Serving | Phase::HandingOver(_) | Phase::HandedOver => self.read_ahead(keyspace),
        }
        while left > 0 {
            let Some(sent) = self.outbox.pop() else { return false };
            let Sent { sequence, kind, slot, records, bytes } = sent;
            let (partition, epoch) = (self.partition, self.epoch);
            emit(TransferMessage { partition, epoch, sequence, kind, slot, records });
            if kind == TransferKind::Handover {
                self.phase = Phase::HandingOver(Some(sequence));
            }
            left = left.saturating_sub(bytes);
            self.credit = self.credit.saturating_add_unsigned(bytes / 2).min(CREDIT_MAX_BYTES);
            self.sent_bytes += bytes as u64;
            if kind == TransferKind::Begin {
                return false;
            }
            self.catch_up();
            self.read_ahead(keyspace);
        }
        true
    }

    /// Whether a message was sent in this attempt.
    pub(super) fn has_sent(&self, epoch: u64, sequence: u64) -> bool {
        epoch == self.epoch && self.outbox.has_sent(sequence)
    }

    /// Takes note of an acknowledgement, of whichever attempt. `now_ms` is the time of this node since the Unix epoch.
    pub fn on_ack(&mut self, ack: &Ack, now_ms: u64) {
        if ack.epoch != self.epoch || ack.partition != self.partition || !self.outbox.on_ack(ack) {
            return;
        }
        match self.phase {
            Phase::Asking(Some(asked_ms)) if ack.sequence == self.outbox.first() => {
                self.shift_ms = difference(asked_ms, ack.now_ms, now_ms);
                self.phase = Phase::Serving;
            }
            Phase::HandingOver(Some(sequence)) if ack.sequence == sequence => {
                self.phase = Phase::HandedOver;
            }
            _ => {}
        }
    }

    /// The partition is frozen: until the move has ended, nothing is written to it, nor is a whole database emptied or
    /// swapped. Does nothing and says false unless it is [ready](Self::ready_to_hand_over).
    pub fn hand_over(&mut self) -> bool {
        let ready = self.ready_to_hand_over();
        if ready {
            self.outbox.push_handover();
            self.phase = Phase::HandingOver(None);
        }
        ready
    }

    /// Ends the attempt and tells the destination, which may know of an earlier one.
    pub fn abort(&mut self, emit: impl FnOnce(TransferMessage<'_>)) {
        self.phase = Phase::Void;
        let (partition, epoch, sequence) = (self.partition, self.epoch, self.outbox.stop());
        emit(TransferMessage {
            partition,
            epoch,
            sequence,
            kind: TransferKind::Abort,
            slot: 0,
            records: &[],
        });
    }

    /// Reads some of the snapshot, if it is its turn: nothing waits, or twice as much was sent since.
    fn read_ahead(&mut self, keyspace: &Keyspace) {
        while self.outbox.has_room() && !self.snapshot.is_done() {
            let waits = self.outbox.pending_bytes() >= CHUNK_BYTES;
            if waits && self.credit < CREDIT_MAX_BYTES {
                return;
            }
            let (outbox, shift_ms) = (&mut self.outbox, self.shift_ms);
            let before = outbox.pending_bytes();
            let put = |record: &Record<'_>| outbox.push(&shifted(record, shift_ms));
            let step = self.snapshot.step(keyspace, CHUNK_BYTES, put);
            if let Step::Slot(slot) = step {
                outbox.push_slot_done(slot);
            }
            let added = if waits { outbox.pending_bytes() - before } else { 0 };
            self.credit = self.credit.saturating_sub_unsigned(added);
        }
    }

    fn catch_up(&mut self) {
        let low = if self.snapshot.is_done() { READY_BYTES } else { PENDING_MAX_BYTES / 2 };
        self.behind &= self.outbox.pending_bytes() > low;
    }
}

/// A record with its deadline shifted.
fn shifted<'r>(record: &Record<'r>, by_ms: i64) -> Record<'r> {
    let mut record = *record;
    if let Record::Put { deadline_ms: Some(at_ms), .. } | Record::Deadline { deadline_ms: Some(at_ms), .. } =
        &mut record
    {
        *at_ms = at_ms.saturating_add_signed(by_ms);
    }
    record
}

/// What the clock of another is ahead that said `there_ms` between two moments here; 0 if it may be within the tolerance.
fn difference(from_ms: u64, there_ms: u64, to_ms: u64) -> i64 {
    let wait_ms = to_ms.saturating_sub(from_ms);
    let ahead_ms = i128::from(there_ms) - i128::from(from_ms) - i128::from(wait_ms / 2);
    if ahead_ms.unsigned_abs() <= u128::from(CLOCK_TOLERANCE_MS) + u128::from(wait_ms.div_ceil(2)) {
        return 0;
    }
    i64::try_from(ahead_ms).unwrap_or(if ahead_ms > 0 { i64::MAX } else { i64::MIN })
}

fn is_expiry(record: &Record<'_>) -> bool {
    matches!(record, Record::Remove { cause: Cause::Expired, .. })
}

const _: () = assert!(READY_BYTES < PENDING_MAX_BYTES / 2);
