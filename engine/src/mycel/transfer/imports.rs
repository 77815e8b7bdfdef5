//! All imports of a core: which message is for which, and what becomes of the void ones.

use std::collections::BTreeMap;

use super::super::database::Remains;
use super::super::keyspace::Db;
use super::super::parted::Parted;
use super::import::{Import, Terms, TransferError};
use super::{Ack, TransferKind, TransferMessage};

/// The imports of one core. Owned by it.
pub struct Imports {
    terms: Terms,
    active: BTreeMap<usize, Import>,
    remains: Vec<Remains>,
}

impl Imports {
    /// No imports.
    #[must_use]
    pub fn new(terms: Terms) -> Imports {
        Imports { terms, active: BTreeMap::new(), remains: Vec::new() }
    }

    /// Takes a message; whoever calls has made sure that the map moves this partition here, from the sender, by the epoch
    /// of the message. `now_ms` is the time of this node since the Unix epoch.
    ///
    /// A Begin replaces an earlier attempt, also one that is complete, and an Abort ends it.
    ///
    /// # Errors
    ///
    /// The message does not fit. It and the import are dropped, and the source is to be told; a message of an attempt
    /// before the present one is refused and harms nothing.
    pub fn on_message(
        &mut self,
        message: &TransferMessage<'_>,
        now_ms: u64,
    ) -> Result<Option<Ack>, TransferError> {
        let partition = usize::from(message.partition);
        let is_late = self.active.get(&partition).is_some_and(|import| is_before(message, import));
        match message.kind {
            _ if is_late => Err(TransferError::PeerOtherTransfer),
            TransferKind::Begin => {
                let (import, ack) = Import::begin(message, self.terms, now_ms)?;
                self.drop_partition(partition);
                self.active.insert(partition, import);
                Ok(Some(ack))
            }
            TransferKind::Abort => {
                self.drop_partition(partition);
                Ok(None)
            }
            TransferKind::Records | TransferKind::SlotDone | TransferKind::Handover => {
                let import = self.active.get_mut(&partition).ok_or(TransferError::PeerOtherTransfer)?;
                let result = import.on_message(message, now_ms);
                self.remains.extend(import.take_cleared());
                if result.is_err() {
                    self.drop_partition(partition);
                }
                result
            }
        }
    }

    /// The import of a partition.
    #[must_use]
    pub fn import(&self, partition: usize) -> Option<&Import> {
        self.active.get(&partition)
    }

    /// All of them, by the number of their partition.
    pub fn iter(&self) -> impl Iterator<Item = &Import> {
        self.active.values()
    }

    /// The map says that this core owns a partition now, by the end of the move that began at `epoch`: gives what has
    /// come. `None` if it did not come whole; then what did is dropped.
    pub fn finish(&mut self, partition: usize, epoch: u64) -> Option<Parted> {
        let import = self.active.remove(&partition)?;
        if import.is_complete() && import.epoch() == epoch {
            return Some(import.finish());
        }
        self.remains.push(import.finish().into_remains());
        None
    }

    /// Drops what has come of a partition: the map says that it does not move here any more, or the link is lost.
    pub fn drop_partition(&mut self, partition: usize) {
        if let Some(import) = self.active.remove(&partition) {
            self.remains.push(import.finish().into_remains());
        }
    }

    /// Empties a database of all that has come: it is dropped on every core, at the same place of the log.
    pub fn clear(&mut self, db: Db) {
        let cleared = self.active.values_mut().map(|import| import.clear(db));
        self.remains.extend(cleared);
    }

    /// The memory of all that has come, in bytes, but for what was dropped.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.iter().map(Import::used_bytes).sum()
    }

    /// Hands out what was dropped, to be freed little by little.
    pub fn take_remains(&mut self) -> Vec<Remains> {
        std::mem::take(&mut self.remains)
    }
}

/// Whether a message is of an earlier move or attempt than an import.
fn is_before(message: &TransferMessage<'_>, import: &Import) -> bool {
    message.epoch < import.epoch() || (message.epoch == import.epoch() && message.sequence < import.next())
}
