//! This node's part in the elections of [subsystems](crate::nodosum::subsystem): it campaigns, and does the work while it
//! leads.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::hold::Hold;
use super::host::Host;
use super::sessions::SESSION;
use crate::clock;
use crate::nodosum::state::Token;
use crate::nodosum::subsystem::{Campaign, Step};

/// How often a node looks at its part, if the state does not change.
const LOOK: Duration = Duration::from_millis(500);

impl Host {
    /// Standing task: campaigns for a subsystem, and does its `work` whenever this node leads. The work is given the
    /// fencing token; it is dropped when the lead is lost or to be given up, which is before another can be granted it.
    pub(super) async fn campaign(self: Rc<Self>, election: &str, work: impl AsyncFn(&Self, Token)) {
        let campaign = Campaign::new(election, self.session());
        let mut applied = self.publish.subscribe();
        loop {
            let state = applied.borrow_and_update().state.clone();
            match campaign.step(&state, self.keeps_up()) {
                Step::Wait => {}
                Step::Propose(command) => self.decree(command).await,
                Step::Lead => {
                    let (name, candidate, now) = (campaign.name(), campaign.candidate(), clock::since_boot());
                    if let Some(hold) = Hold::of(name, candidate, &state, Some(&self.tenure), now) {
                        self.work_while_held(&campaign, &hold, &work).await;
                    }
                }
            }
            // A change of the state may make the next step due; without one, time may.
            drop(tokio::time::timeout(LOOK, applied.changed()).await);
        }
    }

    async fn work_while_held(&self, campaign: &Campaign, hold: &Hold, work: &impl AsyncFn(&Self, Token)) {
        let (election, token) = (&campaign.name().name, hold.token());
        tracing::info!(election, token = token.0, "this node leads a subsystem");
        tokio::select! {
            // In this order: after a pause of the process the lead is looked at before the work.
            biased;
            () = self.lead_over(campaign, hold) => {}
            () = work(self, token) => {}
        }
        tracing::info!(election, token = token.0, "this node leads a subsystem no more");
    }

    /// Waits until the lead is lost, or to be given up.
    async fn lead_over(&self, campaign: &Campaign, hold: &Hold) {
        let mut applied = self.publish.subscribe();
        loop {
            let (state, now) = (applied.borrow_and_update().state.clone(), clock::since_boot());
            let is_held = hold.is_held(&state, Some(&self.tenure), now);
            if !is_held || campaign.step(&state, self.keeps_up()) != Step::Lead {
                return;
            }
            let left = self.tenure.until().saturating_sub(now) + Duration::from_millis(1);
            drop(tokio::time::timeout(left.min(LOOK), applied.changed()).await);
        }
    }

    /// The leader's state had this version when it confirmed a sign of life of this node.
    pub(super) fn on_version(&self, version: u64) {
        self.pace.on_version(clock::since_boot(), version, self.applied().state.version());
    }

    /// Whether this node knows in time what is decided, and so is able to lead a subsystem.
    fn keeps_up(&self) -> bool {
        self.pace.keeps_up(clock::since_boot(), self.applied().state.version())
    }
}

/// Whether this node applies what was decided within a session's time of when it was told that there is something. One
/// whose disk is full lives, is heard and serves its data; but what it leads stands still.
#[derive(Default)]
pub(super) struct Pace {
    /// A version of the state that the leader has had.
    awaited: Cell<u64>,
    /// When it was heard of, since the machine's boot.
    since: Cell<Duration>,
}

impl Pace {
    fn on_version(&self, now: Duration, version: u64, applied: u64) {
        if applied >= self.awaited.get() {
            self.awaited.set(version);
            self.since.set(now);
        }
    }

    fn keeps_up(&self, now: Duration, applied: u64) -> bool {
        applied >= self.awaited.get() || now < self.since.get() + SESSION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_applies_nothing_any_more_is_behind_after_a_while() {
        let ms = Duration::from_millis;
        let pace = Pace::default();
        assert!(pace.keeps_up(ms(90_000), 0), "nothing is known to have been decided");
        pace.on_version(ms(10_000), 5, 3);
        pace.on_version(ms(10_250), 9, 3);
        assert!(pace.keeps_up(ms(11_199), 3) && !pace.keeps_up(ms(11_200), 4));
        assert!(pace.keeps_up(ms(11_200), 5), "what it waited for is there");
        pace.on_version(ms(11_250), 9, 5);
        assert!(pace.keeps_up(ms(12_449), 5) && !pace.keeps_up(ms(12_450), 8));
    }
}
