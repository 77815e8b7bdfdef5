//! The destination's side of a move: a partition that is built up where nobody sees it.

use super::super::database::Remains;
use super::super::key::{Hasher, Key};
use super::super::keyspace::{self, Db};
use super::super::parted::Parted;
use super::super::record::{Record, Records};
use super::super::slot::SLOTS_PER_PARTITION;
use super::{Ack, TransferKind, TransferMessage, WINDOW_BYTES, message_bytes};

/// An acknowledgement is due when as much has come.
const ACK_BYTES: usize = WINDOW_BYTES / 8;

/// What imports of a core have in common.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// That of the keyspace that partitions are grafted to.
    pub hasher: Hasher,
    /// No value is taken to be longer, in bytes.
    pub value_bytes_max: usize,
    /// Records are about databases below this number.
    pub databases_max: u16,
}

/// Why a message was refused. What the attempt has brought is void, unless the message was of an earlier attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TransferError {
    /// The message is of another move or attempt than the one that is being received, or of none.
    #[error("the peer sent a part of another transfer")]
    PeerOtherTransfer,
    /// Messages are missing, or came twice.
    #[error("the peer sent message {found} of a transfer where {expected} was due")]
    PeerOutOfSequence {
        /// The number that was due.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// Something came after the Handover.
    #[error("the peer went on with a transfer after its end")]
    PeerAfterHandover,
    /// The bytes are no records.
    #[error("the peer sent a transfer that cannot be read")]
    PeerBadRecords,
    /// A record is about a key of another partition.
    #[error("the peer sent a key of another partition")]
    PeerForeignKey,
    /// A record is about a database beyond all that there may be.
    #[error("the peer sent a record about database {}, which cannot be there", .0.number())]
    PeerUnknownDatabase(Db),
    /// A value would be longer than is allowed.
    #[error("the peer sent a value of {bytes} bytes, and {max} is the limit")]
    PeerValueTooLong {
        /// In bytes.
        bytes: usize,
        /// In bytes.
        max: usize,
    },
}

/// One attempt to receive a partition. Owned by the core that is to own the partition.
pub struct Import {
    terms: Terms,
    epoch: u64,
    next: u64,
    parted: Parted,
    clock: u8,
    slots_done: usize,
    received_bytes: u64,
    unacknowledged_bytes: usize,
    is_complete: bool,
    cleared: Vec<Remains>,
}

impl Import {
    /// Begins with a message of kind [`TransferKind::Begin`]. `now_ms` is the time of this node since the Unix epoch.
    ///
    /// # Errors
    ///
    /// The message is of another kind, or malformed.
    pub fn begin(
        message: &TransferMessage<'_>,
        terms: Terms,
        now_ms: u64,
    ) -> Result<(Import, Ack), TransferError> {
        if message.kind != TransferKind::Begin {
            return Err(TransferError::PeerOtherTransfer);
        }
        let parted = Parted::new(usize::from(message.partition));
        if parted.partition() != usize::from(message.partition) {
            return Err(TransferError::PeerForeignKey);
        }
        let import = Import {
            terms,
            epoch: message.epoch,
            next: message.sequence.wrapping_add(1),
            parted,
            clock: keyspace::clock(now_ms),
            slots_done: 0,
            received_bytes: 0,
            unacknowledged_bytes: 0,
            is_complete: false,
            cleared: Vec::new(),
        };
        Ok((import, ack(message, now_ms)))
    }

    /// Takes a message other than a Begin. `now_ms` is the time of this node since the Unix epoch.
    ///
    /// # Errors
    ///
    /// The message does not fit, or is an Abort of another attempt. The import is of no further use then.
    pub fn on_message(
        &mut self,
        message: &TransferMessage<'_>,
        now_ms: u64,
    ) -> Result<Option<Ack>, TransferError> {
        if message.epoch != self.epoch || usize::from(message.partition) != self.parted.partition() {
            return Err(TransferError::PeerOtherTransfer);
        }
        if message.sequence != self.next {
            return Err(TransferError::PeerOutOfSequence { expected: self.next, found: message.sequence });
        }
        if self.is_complete {
            return Err(TransferError::PeerAfterHandover);
        }
        self.next = self.next.wrapping_add(1);
        match message.kind {
            TransferKind::Begin | TransferKind::Abort => return Err(TransferError::PeerOtherTransfer),
            TransferKind::Records => self.apply_all(message.records)?,
            TransferKind::SlotDone => self.slots_done = (self.slots_done + 1).min(SLOTS_PER_PARTITION),
            TransferKind::Handover => self.is_complete = true,
        }
        let bytes = message_bytes(message.records.len());
        self.received_bytes += bytes as u64;
        self.unacknowledged_bytes += bytes;
        if self.is_complete || self.unacknowledged_bytes >= ACK_BYTES {
            self.unacknowledged_bytes = 0;
            return Ok(Some(ack(message, now_ms)));
        }
        Ok(None)
    }

    /// Empties a database of what has come.
    pub(super) fn clear(&mut self, db: Db) -> Remains {
        self.parted.clear(db)
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> usize {
        self.parted.partition()
    }

    /// The epoch of the move.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The number of the message that is due.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// How many of the partition's slots have come in full.
    #[must_use]
    pub fn slots_done(&self) -> usize {
        self.slots_done
    }

    /// Bytes that have come in this attempt.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// The number of keys that are there so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parted.len()
    }

    /// Whether no key is there so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parted.is_empty()
    }

    /// The memory of what is there so far, in bytes.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.parted.used_bytes()
    }

    /// Whether everything is there, and has been since the Handover was acknowledged.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// What has come, to be grafted.
    pub fn finish(self) -> Parted {
        self.parted
    }

    /// What was there and is not any more, to be freed little by little.
    pub(super) fn take_cleared(&mut self) -> Vec<Remains> {
        std::mem::take(&mut self.cleared)
    }

    fn apply_all(&mut self, bytes: &[u8]) -> Result<(), TransferError> {
        let mut records = Records::new(bytes);
        for record in &mut records {
            self.apply(&record)?;
        }
        if records.rest().is_empty() { Ok(()) } else { Err(TransferError::PeerBadRecords) }
    }

    /// Applies a record as the module's text says: a change of a key that is not there is passed over.
    fn apply(&mut self, record: &Record<'_>) -> Result<(), TransferError> {
        let db = highest(record);
        if db.number() >= self.terms.databases_max {
            return Err(TransferError::PeerUnknownDatabase(db));
        }
        match *record {
            Record::Clear { db } => {
                self.cleared.push(self.parted.clear(db));
                return Ok(());
            }
            Record::Swap { first, second } => {
                self.parted.swap(first, second);
                return Ok(());
            }
            _ => {}
        }
        let Some(bytes) = record.key() else { return Ok(()) };
        let key = Key::new(bytes, &self.terms.hasher);
        if key.slot().partition() != self.parted.partition() {
            return Err(TransferError::PeerForeignKey);
        }
        self.apply_to(&key, record)
    }

    fn apply_to(&mut self, key: &Key<'_>, record: &Record<'_>) -> Result<(), TransferError> {
        let (Terms { hasher, .. }, clock) = (self.terms, self.clock);
        match *record {
            Record::Put { db, value, deadline_ms, .. } => {
                let value = value.decided();
                match self.parted.find(db, key) {
                    Some(place) => self.parted.change(db, place, |entry| {
                        entry.replace(value, deadline_ms);
                        entry.set_clock(clock);
                    }),
                    None => self.parted.insert(db, key, value, deadline_ms, clock, &hasher),
                }
            }
            Record::Append { db, bytes, .. } => {
                let Some(place) = self.parted.find(db, key) else { return Ok(()) };
                let len = self.parted.entry(db, place).value().len();
                self.check_len(len.saturating_add(bytes.len()))?;
                self.parted.change(db, place, |entry| {
                    entry.append(bytes);
                });
            }
            Record::WriteAt { db, offset, bytes, .. } => {
                let Some(place) = self.parted.find(db, key) else { return Ok(()) };
                let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                self.check_len(offset.saturating_add(bytes.len()))?;
                self.parted.change(db, place, |entry| entry.write_at(offset, bytes));
            }
            Record::Deadline { db, deadline_ms, .. } => {
                let Some(place) = self.parted.find(db, key) else { return Ok(()) };
                self.parted.change(db, place, |entry| entry.set_deadline(deadline_ms));
            }
            Record::Remove { db, .. } => {
                let Some(place) = self.parted.find(db, key) else { return Ok(()) };
                self.parted.remove(db, place, &hasher);
            }
            Record::Clear { .. } | Record::Swap { .. } => {}
        }
        Ok(())
    }

    fn check_len(&self, bytes: usize) -> Result<(), TransferError> {
        let max = self.terms.value_bytes_max;
        if bytes <= max { Ok(()) } else { Err(TransferError::PeerValueTooLong { bytes, max }) }
    }
}

/// The database that a record is about; of two the one with the higher number.
fn highest(record: &Record<'_>) -> Db {
    match *record {
        Record::Put { db, .. }
        | Record::Append { db, .. }
        | Record::WriteAt { db, .. }
        | Record::Deadline { db, .. }
        | Record::Remove { db, .. }
        | Record::Clear { db } => db,
        Record::Swap { first, second } => first.max(second),
    }
}

fn ack(message: &TransferMessage<'_>, now_ms: u64) -> Ack {
    Ack { partition: message.partition, epoch: message.epoch, sequence: message.sequence, now_ms }
}
