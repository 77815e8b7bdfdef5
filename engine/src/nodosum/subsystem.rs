//! Subsystems: work of the cluster's own that one node at a time does for all, spread over the nodes.
//!
//! A subsystem has an election, whose name is [`RESERVED`](super::state::RESERVED) for it. Every member campaigns that is
//! present and not about to leave. Whoever leads does the work, and shows the fencing token with all that it changes.
//!
//! ```text
//!   ask ──▶ wait ──▶ lead ──▶ resign (one of a higher rendezvous weight waits, or this member leaves)
//!    ▲                          │
//!    └──────────────────────────┘
//! ```
//!
//! The lead is handed on to higher weights only. So when members come and go no more, it is where rendezvous hashing puts
//! the name, whoever came first, and stays there.
//!
//! Pure: told the state, a [`Campaign`] says what its member does next. The node and the simulator run the same.

use super::state::{Candidate, ClusterState, Command, LeaseKind, LeaseName, LeaseStanding, Member, Session};

/// A member's part in the election of one subsystem. *Node*.
pub struct Campaign {
    name: LeaseName,
    candidate: Candidate,
}

/// What a member does next in the election of a subsystem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// It waits for the state to change.
    Wait,
    /// It has this decided; until then it does no work of the subsystem.
    Propose(Command),
    /// It does the work of the subsystem, if it [may act](super::service::Hold) on the grant.
    Lead,
}

impl Campaign {
    /// The part of one life of a node.
    #[must_use]
    pub fn new(election: &str, session: Session) -> Self {
        // Connections and handles of the program, which ask for leases too, count from 1.
        Self { name: LeaseName::election(election), candidate: Candidate { session, number: 0 } }
    }

    /// The election.
    #[must_use]
    pub fn name(&self) -> &LeaseName {
        &self.name
    }

    /// The member, as a candidate.
    #[must_use]
    pub fn candidate(&self) -> Candidate {
        self.candidate
    }

    /// What the member does next. One that is not `able` to do the work leaves the lead to others.
    #[must_use]
    pub fn step(&self, state: &ClusterState, able: bool) -> Step {
        let stays = |member: &Member| member.session() == self.candidate.session && member.takes_partitions();
        let campaigns = able && state.member(self.candidate.session.node).is_some_and(stays);
        let lease = state.leases().find(&self.name);
        let outweighed = lease.is_some_and(|lease| lease.is_outweighed(&self.name.name));
        match lease.and_then(|lease| lease.standing(self.candidate)) {
            None if campaigns => Step::Propose(self.ask()),
            Some(LeaseStanding::Granted(_)) if campaigns && !outweighed => Step::Lead,
            Some(LeaseStanding::Waiting) if campaigns => Step::Wait,
            Some(_) => Step::Propose(self.resign()),
            None => Step::Wait,
        }
    }

    fn ask(&self) -> Command {
        let (name, candidate) = (self.name.name.clone(), self.candidate);
        Command::Ask { name, kind: LeaseKind::SpreadElection, candidate }
    }

    fn resign(&self) -> Command {
        Command::Release { name: self.name.clone(), candidate: self.candidate }
    }
}

#[cfg(test)]
mod tests;
