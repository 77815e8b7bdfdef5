//! Which broadcasts foca passes on beside its own updates: confirmations of suspicions, each once.

use super::MemberIdentity;
use super::suspicion::{Confirmation, Confirmations};

/// The bytes are no confirmation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a broadcast is no confirmation")]
pub(super) struct NoConfirmation;

/// Foca's handler: what is new is passed on.
#[derive(Clone, Debug, Default)]
pub(super) struct PassOn(Confirmations);

/// Foca's key of a broadcast.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key(Confirmation);

impl foca::Invalidates for Key {
    fn invalidates(&self, other: &Self) -> bool {
        self == other
    }
}

impl foca::BroadcastHandler<MemberIdentity> for PassOn {
    type Key = Key;
    type Error = NoConfirmation;

    fn receive_item(
        &mut self,
        data: &[u8],
        _sender: Option<&MemberIdentity>,
    ) -> Result<Option<Key>, NoConfirmation> {
        let confirmation = Confirmation::decode(data).ok_or(NoConfirmation)?;
        Ok(self.0.insert(confirmation).then_some(Key(confirmation)))
    }
}
