//! Partitions on their way to this core.

use std::rc::Rc;

use super::{TransferAnswer, TransferMessage};
use crate::mycel::transfer::{Ack, TransferKind};
use crate::mycel::{Db, Parted};
use crate::node::core::Core;
use crate::node::directory::PeerId;
use crate::node::mesh::Letter;
use crate::nodosum::state::{Ownership, PartitionId};

impl Core {
    /// This core owns a partition from here on: with what has come of it.
    pub(super) fn take_over(&self, partition: usize, old: Ownership) {
        let came = self.migration.imports.borrow_mut().finish(partition, old.epoch);
        if let Some(parted) = came {
            let before: Parted = self.data.borrow_mut().keyspace.graft(parted);
            self.remains.borrow_mut().push(before.into_remains());
            self.migration.moved_in.set(self.migration.moved_in.get() + 1);
        } else if old.owner.is_some() && old.moving_to == Some(self.address()) {
            tracing::error!(partition, "a partition came to this core and did not come whole: it is empty");
        }
    }

    /// A database is no septum any more: what has come of it on its way here goes as well.
    pub(crate) fn drop_staged(&self, db: Db) {
        self.migration.imports.borrow_mut().clear(db);
        self.migration.remains_to(self);
    }

    /// A step of a move has come.
    pub(crate) fn on_transfer(self: &Rc<Self>, from: PeerId, message: &TransferMessage<'_>) {
        let now_ms = self.now_ms();
        let TransferMessage { partition, epoch, sequence, .. } = *message;
        let mark = Ack { partition, epoch, sequence, now_ms };
        let partition = usize::from(message.partition);
        if message.kind == TransferKind::Abort && self.migration.exports.borrow().export(partition).is_some()
        {
            return self.on_transfer_refused(&mark);
        }
        if !self.expects(from, message) {
            return self.send_transfer_answer(from, TransferAnswer::Refused(mark));
        }
        let taken = self.migration.imports.borrow_mut().on_message(message, now_ms);
        self.migration.remains_to(self);
        match taken {
            Ok(Some(ack)) => self.send_transfer_answer(from, TransferAnswer::Ack(ack)),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(partition, %error, "a step of a move was refused");
                self.send_transfer_answer(from, TransferAnswer::Refused(mark));
            }
        }
    }

    /// Whether the map moves a partition here, from this sender, by this epoch.
    fn expects(&self, from: PeerId, message: &TransferMessage<'_>) -> bool {
        let entry = self.directory.state().map().ownership(PartitionId(message.partition));
        entry.moving_to == Some(self.address())
            && entry.owner == Some(self.directory.address(from))
            && entry.epoch == message.epoch
    }

    pub(super) fn send_transfer_answer(&self, to: PeerId, answer: TransferAnswer) {
        match self.directory.local(to) {
            Some(core) => {
                let call = Box::new(move |core: &Rc<Core>| core.on_transfer_answer(answer));
                self.outboxes.borrow_mut().mail(core).calls.push(call);
            }
            None => self.outboxes.borrow_mut().mail(to).letters.push(Letter::TransferAnswer(answer)),
        }
    }
}
