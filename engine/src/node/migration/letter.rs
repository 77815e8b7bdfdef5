//! Steps of moves, and the answers to them, on their way from core to core.

use crate::mycel::transfer::{Ack, TransferKind, TransferMessage};

/// A step of a move, on its way.
pub(crate) struct TransferLetter {
    partition: u16,
    epoch: u64,
    sequence: u64,
    kind: TransferKind,
    slot: u16,
    records: Vec<u8>,
}

impl TransferLetter {
    pub(super) fn of(message: &TransferMessage<'_>) -> Self {
        let TransferMessage { partition, epoch, sequence, kind, slot, records } = *message;
        Self { partition, epoch, sequence, kind, slot, records: records.to_vec() }
    }

    /// The step.
    pub(crate) fn message(&self) -> TransferMessage<'_> {
        let Self { partition, epoch, sequence, kind, slot, ref records } = *self;
        TransferMessage { partition, epoch, sequence, kind, slot, records }
    }
}

/// What a destination answers.
#[derive(Clone, Copy)]
pub(crate) enum TransferAnswer {
    /// Everything up to here has been applied.
    Ack(Ack),
    /// This does not fit; what has come is void.
    Refused(Ack),
}
