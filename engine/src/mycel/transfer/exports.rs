//! All exports of a core: where the records of its keyspace go, and whose turn it is to send.

use std::collections::BTreeMap;

use super::super::keyspace::Keyspace;
use super::super::record::{Record, RecordSink};
use super::super::slot::Slot;
use super::{Ack, CHUNK_BYTES, Export, TransferMessage};

/// The numbers of one attempt: far more messages than it can send.
const ATTEMPT_SHIFT: u32 = 32;

/// The exports of one core. Owned by it; as the sink of its keyspace, by `Rc<RefCell<Exports>>`.
#[derive(Default)]
pub struct Exports {
    active: BTreeMap<usize, Export>,
    attempts: u64,
    /// Who sent last.
    last: usize,
}

impl Exports {
    /// No exports.
    #[must_use]
    pub fn new() -> Exports {
        Exports::default()
    }

    /// Begins to send a partition, anew if it was being sent. From here on every record of the keyspace must come to [`on_record`](RecordSink::on_record).
    pub fn begin(&mut self, partition: usize, epoch: u64) {
        self.attempts += 1;
        let export = Export::begin(partition, epoch, self.attempts << ATTEMPT_SHIFT);
        self.active.insert(export.partition(), export);
    }

    /// The export of a partition.
    #[must_use]
    pub fn export(&self, partition: usize) -> Option<&Export> {
        self.active.get(&partition)
    }

    /// All of them, by the number of their partition.
    pub fn iter(&self) -> impl Iterator<Item = &Export> {
        self.active.values()
    }

    /// Whether there are none: then the keyspace needs no sink for them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Whether writes to a partition are to wait: see [`Export::is_behind`].
    #[must_use]
    pub fn is_behind(&self, partition: usize) -> bool {
        self.export(partition).is_some_and(Export::is_behind)
    }

    /// Whether any partition is frozen. Until none is, no database may be emptied or swapped as a whole.
    #[must_use]
    pub fn any_frozen(&self) -> bool {
        self.iter().any(Export::is_frozen)
    }

    /// Lets each export in turn send some, about `budget_bytes` together, and those that are frozen, for which somebody may
    /// wait, all that they have. Says whether there is more to send at once.
    pub fn pump(
        &mut self,
        keyspace: &Keyspace,
        budget_bytes: usize,
        mut emit: impl FnMut(TransferMessage<'_>),
    ) -> bool {
        let mut more = false;
        for frozen in self.active.values_mut().filter(|export| export.is_frozen()) {
            more |= frozen.pump(keyspace, usize::MAX, &mut emit);
        }
        if budget_bytes == 0 {
            return true;
        }
        let share = (budget_bytes / self.active.len().max(1)).max(CHUNK_BYTES);
        let mut left = budget_bytes;
        let from = self.last + 1;
        let turns: Vec<usize> = (self.active.range(from..).chain(self.active.range(..from)))
            .filter(|(_, export)| !export.is_frozen())
            .map(|(number, _)| *number)
            .collect();
        for partition in turns {
            let Some(export) = self.active.get_mut(&partition) else { continue };
            if left == 0 {
                return true;
            }
            let before = export.sent_bytes();
            more |= export.pump(keyspace, share.min(left), &mut emit);
            let sent = usize::try_from(export.sent_bytes() - before).unwrap_or(usize::MAX);
            left = left.saturating_sub(sent);
            if sent > 0 {
                self.last = partition;
            }
        }
        more
    }

    /// Takes note of an acknowledgement, also of one that is too late. `now_ms` is the time of this node since the Unix
    /// epoch.
    pub fn on_ack(&mut self, ack: &Ack, now_ms: u64) {
        if let Some(export) = self.active.get_mut(&usize::from(ack.partition)) {
            export.on_ack(ack, now_ms);
        }
    }

    /// The destination has refused a message. Ends the export unless the message was of an earlier attempt; says whether
    /// it did.
    pub fn on_refused(&mut self, partition: usize, epoch: u64, sequence: u64) -> bool {
        let refused = self.export(partition).is_some_and(|export| export.has_sent(epoch, sequence));
        refused && self.active.remove(&partition).is_some()
    }

    /// See [`Export::hand_over`].
    pub fn hand_over(&mut self, partition: usize) -> bool {
        self.active.get_mut(&partition).is_some_and(Export::hand_over)
    }

    /// Ends an export and tells the destination.
    pub fn abort(&mut self, partition: usize, emit: impl FnOnce(TransferMessage<'_>)) {
        if let Some(mut export) = self.active.remove(&partition) {
            export.abort(emit);
        }
    }

    /// Forgets an export: the map says that the move has ended, or the link is lost.
    pub fn end(&mut self, partition: usize) -> Option<Export> {
        self.active.remove(&partition)
    }
}

impl RecordSink for Exports {
    fn on_record(&mut self, record: &Record<'_>) {
        match record.key().map(Slot::of) {
            Some(slot) => {
                if let Some(export) = self.active.get_mut(&slot.partition()) {
                    export.on_own_record(record, Some(slot));
                }
            }
            None => self.active.values_mut().for_each(|export| export.on_own_record(record, None)),
        }
    }
}
