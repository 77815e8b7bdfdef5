//! Collects what foca wants done, for [`Membership`](super::Membership) to look at before it is done.

use std::time::Duration;

use foca::{Notification, OwnedNotification, Timer};

use super::MemberIdentity;

/// Foca's runtime: three lists, each in foca's order.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) sends: Vec<(MemberIdentity, Vec<u8>)>,
    pub(super) timers: Vec<(Timer<MemberIdentity>, Duration)>,
    pub(super) notifications: Vec<OwnedNotification<MemberIdentity>>,
}

impl foca::Runtime<MemberIdentity> for Effects {
    fn notify(&mut self, notification: Notification<'_, MemberIdentity>) {
        self.notifications.push(notification.to_owned());
    }

    fn send_to(&mut self, to: MemberIdentity, data: &[u8]) {
        self.sends.push((to, data.to_vec()));
    }

    fn submit_after(&mut self, event: Timer<MemberIdentity>, after: Duration) {
        self.timers.push((event, after));
    }
}
