//! What can be asked of the replicated state, and why it may be refused.

use std::collections::BTreeSet;

use mycorrhizal_net::identity::{ClusterId, NodeId};
use serde::{Deserialize, Serialize};

use super::{
    Candidate, LeaseError, LeaseKind, LeaseName, MapChange, Member, Policy, Presence, RegistryError,
    SeptumError, Service, Session, Standing, Token,
};

/// Names one request of one life of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RequestId {
    /// Who asks.
    pub session: Session,
    /// Which of its requests.
    pub number: u64,
}

/// One entry of the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// What is asked.
    pub command: Command,
}

/// A change of the replicated state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// The cluster begins, with these members and numbered databases.
    Form {
        /// Its id.
        cluster: ClusterId,
        /// Its first members.
        members: Vec<Member>,
        /// How many numbered databases there are.
        databases: u16,
    },
    /// A node becomes a member, or comes back in another life.
    Join(Member),
    /// A member gives its partitions away, or takes them again.
    Stand {
        /// The member.
        node: NodeId,
        /// What it is to be.
        standing: Standing,
    },
    /// The leader does not hear from a member any more, or hears from it again.
    Appear {
        /// Which life of it.
        session: Session,
        /// Whether it is heard.
        presence: Presence,
    },
    /// A member is none any more, and its id never will be again.
    Leave(NodeId),
    /// What has become of partitions; changes that come too late are left out. What is [planned](MapChange::is_planned)
    /// does not come so.
    Map(Vec<MapChange>),
    /// What the planner wants changed; changes that come too late are left out.
    Rebalance {
        /// The fencing token by which it leads [the election of planners](crate::nodosum::planner::ELECTION).
        token: Token,
        /// The changes.
        changes: Vec<MapChange>,
    },
    /// Somebody wants a lease.
    Ask {
        /// Its name.
        name: String,
        /// What it is used as.
        kind: LeaseKind,
        /// Who wants it.
        candidate: Candidate,
    },
    /// Somebody gives up a lease, or waiting for it.
    Release {
        /// Its name.
        name: LeaseName,
        /// Who gives it up.
        candidate: Candidate,
    },
    /// A septum is created.
    CreateSeptum {
        /// Its name.
        name: String,
        /// Its policy.
        policy: Policy,
    },
    /// A septum gets another policy.
    AlterSeptum {
        /// Its name.
        name: String,
        /// Its policy.
        policy: Policy,
    },
    /// A septum goes, with all its keys.
    DropSeptum {
        /// Its name.
        name: String,
    },
    /// An instance of a service is registered, or changes.
    Register(Service),
    /// An instance of a service goes.
    Deregister {
        /// Whose it is.
        session: Session,
        /// The service.
        name: String,
        /// The instance.
        instance: String,
    },
    /// An application listens on a node, and says what it can do.
    Declare {
        /// Whose application it is.
        session: Session,
        /// Its name.
        application: String,
        /// What it can do.
        capabilities: BTreeSet<String>,
    },
    /// An application on a node listens no more.
    Retract {
        /// Whose application it is.
        session: Session,
        /// Its name.
        application: String,
    },
    /// A setting of the cluster gets a value, or loses it.
    Set {
        /// The setting.
        name: String,
        /// Its value.
        value: Option<String>,
    },
}

/// Why a command changed nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// The cluster has been formed already.
    #[error("the cluster exists already")]
    PeerFormed,
    /// The cluster has not been formed yet.
    #[error("the cluster has not been formed yet")]
    PeerUnformed,
    /// There is no such member.
    #[error("no such member")]
    PeerUnknownMember,
    /// A life of a node that is over.
    #[error("this life of the node is over: it must start anew")]
    PeerRetiredIncarnation,
    /// A node that left for good.
    #[error("the id of this node is retired: it left the cluster, or was given up")]
    PeerRetiredNode,
    /// The member still owns partitions.
    #[error("the member still owns partitions")]
    PeerOwnsPartitions,
    /// The session is over.
    #[error("the session is over")]
    PeerSessionOver,
    /// It is for the one who leads an election, and came without the fencing token of that.
    #[error("who asked does not lead {election}")]
    PeerNotLeading {
        /// The election.
        election: String,
    },
    /// See [`LeaseError`].
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// See [`SeptumError`].
    #[error(transparent)]
    Septum(#[from] SeptumError),
    /// See [`RegistryError`].
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// What became of a command.
pub type Outcome = Result<(), Refusal>;
