//! How a node takes part in planning: it campaigns, and while it leads proposes what the planner wants.

use mycorrhizal::nodosum::Time;
use mycorrhizal::nodosum::planner;
use mycorrhizal::nodosum::state::{Command, Session};
use mycorrhizal::nodosum::subsystem::{Campaign, Step};

use super::Node;

/// A node's part in planning.
pub(super) struct Planning {
    campaign: Campaign,
    /// The number of what was proposed last; 0: nothing yet.
    proposed: u64,
}

impl Planning {
    pub(super) fn new(session: Session) -> Planning {
        Planning { campaign: Campaign::new(planner::ELECTION, session), proposed: 0 }
    }
}

impl Node {
    /// Does what is next, unless what was proposed last is under way.
    pub(super) fn plan(&mut self, now: Time) {
        if self.proposals.contains_key(&self.planning.proposed) {
            return;
        }
        let command = match self.planning.campaign.step(&self.state, true) {
            Step::Propose(command) => command,
            Step::Lead if now < self.tenure_until => {
                let changes = planner::plan(self.state.map(), self.state.members());
                let leader = self.state.leases().leader(planner::ELECTION);
                match leader {
                    Some(grant) if !changes.is_empty() => Command::Rebalance { token: grant.token, changes },
                    _ => return,
                }
            }
            Step::Lead | Step::Wait => return,
        };
        self.propose(now, command);
        self.planning.proposed = self.requests;
    }
}
