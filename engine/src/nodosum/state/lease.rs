//! Leases: named elections, locks and semaphores, one structure for all three.
//!
//! A lease has a number of permits (one for elections and locks) and a queue of those who want one. Every grant carries a
//! fencing token that is higher than any granted before, by whatever lease of the cluster, so that a guarded resource
//! that remembers the highest token it has seen can refuse a holder that does not know yet that it lost.
//!
//! A candidate belongs to a [`Session`]; when that ends, so do its candidacies and its grants. Whether a session has run
//! out is decided outside (by the leader's clock), and the holder's own clock says so to the holder first.
//!
//! Source for fencing tokens: Kleppmann, "How to do distributed locking", 2016; the Chubby paper's sequencers.

use std::collections::{BTreeMap, VecDeque};

use mycorrhizal_net::identity::NodeId;
use serde::{Deserialize, Serialize};

use super::member::Session;

/// Names that begin so are for the elections of [subsystems](crate::nodosum::subsystem), and for nothing else.
pub const RESERVED: &str = "mycel.";

/// What a lease is used as: its name is unique among those of its kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum LeaseKind {
    /// One leader; of those who campaign the first is elected.
    Election,
    /// One leader, of a subsystem; of those who campaign the one is elected whom rendezvous hashing gives this name, so
    /// that leaders of different names are spread over the nodes. The name begins with [`RESERVED`].
    SpreadElection,
    /// One owner, in the order of asking.
    Lock,
    /// As many owners as there are permits, in the order of asking.
    Semaphore {
        /// How many may hold it at once.
        permits: u32,
    },
}

/// A name among those of one kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct LeaseName {
    /// Elections, locks and semaphores have names of their own.
    pub class: LeaseClass,
    /// The name.
    pub name: String,
}

impl LeaseName {
    /// The name of an election.
    #[must_use]
    pub fn election(name: &str) -> Self {
        Self { class: LeaseClass::Election, name: name.to_owned() }
    }
}

/// The name spaces of leases.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum LeaseClass {
    /// Of elections of both kinds.
    Election,
    /// Of locks.
    Lock,
    /// Of semaphores.
    Semaphore,
}

impl LeaseKind {
    /// The name space of this kind.
    #[must_use]
    pub fn class(self) -> LeaseClass {
        match self {
            Self::Election | Self::SpreadElection => LeaseClass::Election,
            Self::Lock => LeaseClass::Lock,
            Self::Semaphore { .. } => LeaseClass::Semaphore,
        }
    }

    fn permits(self) -> usize {
        match self {
            Self::Semaphore { permits } => permits as usize,
            Self::Election | Self::SpreadElection | Self::Lock => 1,
        }
    }
}

/// One who wants a lease or holds it: a session may have many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// Whose it is.
    pub session: Session,
    /// Which of that session's.
    pub number: u64,
}

/// Proof of a grant: grows with every grant of the cluster.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Token(pub u64);

/// A lease that somebody holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Who holds it.
    pub candidate: Candidate,
    /// The fencing token.
    pub token: Token,
}

/// One lease.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lease {
    /// What it is used as.
    pub kind: LeaseKind,
    /// Who holds it, in the order of grants.
    pub grants: Vec<Grant>,
    /// Who waits, in the order of asking.
    pub queue: VecDeque<Candidate>,
}

/// How a candidate stands with a lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeaseStanding {
    /// It waits.
    Waiting,
    /// It holds it.
    Granted(Grant),
}

/// Why a lease could not be asked for. Nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum LeaseError {
    /// The name is in use with another kind, or another number of permits.
    #[error("{name} is in use with another kind or number of permits")]
    PeerOtherKind {
        /// The name.
        name: String,
    },
    /// The name is one of those that are for subsystems.
    #[error("names that begin with {RESERVED} are reserved for subsystems of the nodes")]
    PeerReserved,
    /// A semaphore without permits would never be granted.
    #[error("a semaphore needs at least one permit")]
    PeerNoPermits,
}

/// All leases. *Cluster*.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Leases {
    by_name: BTreeMap<LeaseName, Lease>,
    last_token: u64,
}

impl Leases {
    /// The lease of a name, if anybody holds it or waits for it.
    #[must_use]
    pub fn find(&self, name: &LeaseName) -> Option<&Lease> {
        self.by_name.get(name)
    }

    /// Who leads an election, if it has been won.
    #[must_use]
    pub fn leader(&self, election: &str) -> Option<Grant> {
        self.find(&LeaseName::election(election))?.leader()
    }

    /// All leases that somebody holds or waits for, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&LeaseName, &Lease)> {
        self.by_name.iter()
    }

    /// Tokens granted from here on are higher than this.
    pub fn raise_token(&mut self, to: u64) {
        self.last_token = self.last_token.max(to);
    }

    /// Joins the queue of a lease; asking twice is asking once.
    ///
    /// # Errors
    /// See [`LeaseError`].
    pub fn ask(&mut self, name: &str, kind: LeaseKind, candidate: Candidate) -> Result<(), LeaseError> {
        if kind.permits() == 0 {
            return Err(LeaseError::PeerNoPermits);
        }
        if name.starts_with(RESERVED) && kind != LeaseKind::SpreadElection {
            return Err(LeaseError::PeerReserved);
        }
        let key = LeaseName { class: kind.class(), name: name.to_owned() };
        let fresh = || Lease { kind, grants: Vec::new(), queue: VecDeque::new() };
        let lease = self.by_name.entry(key).or_insert_with(fresh);
        if lease.kind != kind {
            return Err(LeaseError::PeerOtherKind { name: name.to_owned() });
        }
        let known =
            lease.queue.contains(&candidate) || lease.grants.iter().any(|grant| grant.candidate == candidate);
        if !known {
            lease.queue.push_back(candidate);
        }
        lease.grant(name, &mut self.last_token);
        Ok(())
    }

    /// Gives a lease up, or a place in its queue; returns whether the candidate had either.
    pub fn release(&mut self, name: &LeaseName, candidate: Candidate) -> bool {
        let Some(lease) = self.by_name.get_mut(name) else { return false };
        let had = lease.remove(|held| held == candidate);
        self.regrant(|key| key == name);
        had
    }

    /// Ends all that a session holds and waits for.
    pub fn end_session(&mut self, session: Session) {
        for lease in self.by_name.values_mut() {
            lease.remove(|candidate| candidate.session == session);
        }
        self.regrant(|_| true);
    }

    fn regrant(&mut self, which: impl Fn(&LeaseName) -> bool) {
        for (name, lease) in self.by_name.iter_mut().filter(|(name, _)| which(name)) {
            lease.grant(&name.name, &mut self.last_token);
        }
        self.by_name.retain(|_, lease| !lease.grants.is_empty() || !lease.queue.is_empty());
    }
}

impl Lease {
    /// The one who leads, if this is an election that has been won.
    #[must_use]
    pub fn leader(&self) -> Option<Grant> {
        self.grants.first().copied()
    }

    /// How a candidate stands; `None`: it has neither asked nor been granted it.
    #[must_use]
    pub fn standing(&self, candidate: Candidate) -> Option<LeaseStanding> {
        let granted = self.grants.iter().find(|grant| grant.candidate == candidate);
        let waiting = self.queue.contains(&candidate).then_some(LeaseStanding::Waiting);
        granted.map(|grant| LeaseStanding::Granted(*grant)).or(waiting)
    }

    /// Whether rendezvous hashing gives the `name` of this election to one who waits rather than to the one who leads.
    #[must_use]
    pub fn is_outweighed(&self, name: &str) -> bool {
        let weight = |candidate: &Candidate| rendezvous(name, candidate.session.node);
        let leader = self.leader().map(|grant| weight(&grant.candidate));
        leader < self.queue.iter().map(weight).max()
    }

    fn remove(&mut self, which: impl Fn(Candidate) -> bool) -> bool {
        let before = self.grants.len() + self.queue.len();
        self.grants.retain(|grant| !which(grant.candidate));
        self.queue.retain(|candidate| !which(*candidate));
        before != self.grants.len() + self.queue.len()
    }

    fn grant(&mut self, name: &str, last_token: &mut u64) {
        while self.grants.len() < self.kind.permits() {
            let Some(candidate) = self.take_next(name) else { return };
            *last_token += 1;
            self.grants.push(Grant { candidate, token: Token(*last_token) });
        }
    }

    fn take_next(&mut self, name: &str) -> Option<Candidate> {
        if self.kind != LeaseKind::SpreadElection {
            return self.queue.pop_front();
        }
        let weight = |candidate: &Candidate| rendezvous(name, candidate.session.node);
        let (at, _) = self.queue.iter().enumerate().max_by_key(|(_, candidate)| weight(candidate))?;
        self.queue.remove(at)
    }
}

/// The weight of a node for a name: the node with the highest is where the name belongs.
///
/// Source: Thaler, Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996.
#[must_use]
pub fn rendezvous(name: &str, node: NodeId) -> u64 {
    let hasher = crate::mycel::Hasher::new([0x6d79_636f, 0x7272_6869]);
    hasher.hash64(&[name.as_bytes(), &node.0].concat())
}

#[cfg(test)]
mod tests;
