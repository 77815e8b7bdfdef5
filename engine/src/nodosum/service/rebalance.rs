//! The subsystem `mycel.rebalance`: whoever leads it keeps the partition map as the planner wants it.
//!
//! What it plans carries its fencing token, and the state refuses every other: of two that take themselves for the leader
//! one changes nothing. The moves themselves are the owners' work, and so is saying that one has finished; that a
//! partition is lost is for the leader of consensus to say.

use std::time::Duration;

use super::host::Host;
use crate::nodosum::planner;
use crate::nodosum::state::{Command, Token};

/// How soon a plan is made anew that could not be decided.
const AGAIN: Duration = Duration::from_millis(100);

impl Host {
    /// Plans for as long as it is let.
    pub(super) async fn rebalance(&self, token: Token) {
        let mut applied = self.publish.subscribe();
        loop {
            let state = applied.borrow_and_update().state.clone();
            let changes = planner::plan(state.map(), state.members());
            if changes.is_empty() {
                // The same state gives the same plan.
                drop(applied.changed().await);
            } else {
                self.decree(Command::Rebalance { token, changes }).await;
                drop(tokio::time::timeout(AGAIN, applied.changed()).await);
            }
        }
    }
}
