//! The replicated state: everything that all members agree on, and the one way to change it.
//!
//! Deterministic: the same commands in the same order give the same state on every node, whatever its clock. Each command
//! carries the id of its request, and the outcome of a request is remembered for a while, so that one that was sent twice,
//! because nobody knew whether the first had arrived, takes effect once.

mod catalogue;
mod command;
mod lease;
mod map;
mod member;
mod registry;
mod word;

use std::collections::{BTreeMap, VecDeque};

use mycorrhizal_net::identity::{ClusterId, Incarnation, NodeId};
use serde::{Deserialize, Serialize};

use super::planner;
pub use catalogue::{Catalogue, NAME_BYTES_MAX, Policy, SEPTA_MAX, Septum, SeptumError, SeptumId};
pub use command::{Command, Outcome, Refusal, Request, RequestId};
pub use lease::{
    Candidate, Grant, Lease, LeaseClass, LeaseError, LeaseKind, LeaseName, LeaseStanding, Leases, RESERVED,
    Token, rendezvous,
};
pub use map::{MapChange, Ownership, PartitionId, PartitionMap, StaleChange};
pub use member::{CoreAddress, Member, Presence, Session, Standing};
pub use registry::{Health, REGISTRY_BYTES_MAX, Registry, RegistryError, Service};
pub use word::UnknownWord;

/// Outcomes remembered per session.
const OUTCOMES_KEPT: usize = 128;

/// Ids of nodes that left or were given up, remembered at most; the oldest are forgotten first.
const RETIRED_KEPT: usize = 4096;

/// Everything that the members agree on. *Cluster*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClusterState {
    version: u64,
    cluster: Option<ClusterId>,
    members: BTreeMap<NodeId, Member>,
    retired: VecDeque<NodeId>,
    map: PartitionMap,
    lost: u64,
    leases: Leases,
    catalogue: Catalogue,
    registry: Registry,
    settings: BTreeMap<String, String>,
    outcomes: BTreeMap<Session, VecDeque<(u64, Outcome)>>,
}

impl Default for ClusterState {
    fn default() -> Self {
        Self {
            version: 0,
            cluster: None,
            members: BTreeMap::new(),
            retired: VecDeque::new(),
            map: PartitionMap::default(),
            lost: 0,
            leases: Leases::default(),
            catalogue: Catalogue::new(0),
            registry: Registry::default(),
            settings: BTreeMap::new(),
            outcomes: BTreeMap::new(),
        }
    }
}

impl ClusterState {
    /// Grows with every command that changed something: of two states of one cluster the higher is the later.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The cluster's id, once it has been formed.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterId> {
        self.cluster
    }

    /// All members, by id.
    pub fn members(&self) -> impl Iterator<Item = &Member> + Clone {
        self.members.values()
    }

    /// One member.
    #[must_use]
    pub fn member(&self, id: NodeId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// Whether a node has left for good.
    #[must_use]
    pub fn is_retired(&self, id: NodeId) -> bool {
        self.retired.contains(&id)
    }

    /// Who owns what.
    #[must_use]
    pub fn map(&self) -> &PartitionMap {
        &self.map
    }

    /// Partitions that were lost with their owner since the cluster was formed, each time counted.
    #[must_use]
    pub fn partitions_lost(&self) -> u64 {
        self.lost
    }

    /// Who leads what.
    #[must_use]
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// Which septa there are.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Which services run where.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A setting of the cluster.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// All settings of the cluster, by name.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a life of a node is the present one.
    #[must_use]
    pub fn is_current(&self, session: Session) -> bool {
        self.members.get(&session.node).is_some_and(|member| member.session() == session)
    }

    /// Applies one request, or says again what became of it.
    ///
    /// # Errors
    /// See [`Refusal`]; nothing has changed then.
    pub fn apply(&mut self, request: &Request) -> Outcome {
        let RequestId { session, number } = request.id;
        let known =
            self.outcomes.get(&session).and_then(|kept| kept.iter().find(|(kept, _)| *kept == number));
        if let Some((_, outcome)) = known {
            return outcome.clone();
        }
        let outcome = self.execute(&request.command);
        if outcome.is_ok() {
            self.version += 1;
        }
        let kept = self.outcomes.entry(session).or_default();
        if kept.len() == OUTCOMES_KEPT {
            kept.pop_front();
        }
        kept.push_back((number, outcome.clone()));
        outcome
    }

    fn execute(&mut self, command: &Command) -> Outcome {
        if self.cluster.is_none() && !matches!(command, Command::Form { .. }) {
            return Err(Refusal::PeerUnformed);
        }
        match command {
            Command::Form { cluster, members, databases } => self.form(*cluster, members, *databases)?,
            Command::Join(member) => self.join(member)?,
            Command::Stand { node, standing } => {
                self.members.get_mut(node).ok_or(Refusal::PeerUnknownMember)?.standing = *standing;
            }
            Command::Appear { session, presence } => self.appear(*session, *presence)?,
            Command::Leave(node) => self.leave(*node)?,
            Command::Map(changes) if changes.iter().any(MapChange::is_planned) => {
                return Err(Refusal::PeerNotLeading { election: planner::ELECTION.to_owned() });
            }
            Command::Map(changes) => self.change_map(changes),
            Command::Rebalance { token, changes } => {
                self.check_lead(planner::ELECTION, *token)?;
                self.change_map(changes);
            }
            Command::Ask { name, kind, candidate } => {
                self.check_session(candidate.session)?;
                self.leases.ask(name, *kind, *candidate)?;
            }
            Command::Release { name, candidate } => {
                self.leases.release(name, *candidate);
            }
            Command::CreateSeptum { name, policy } => self.catalogue.create(name, *policy)?,
            Command::AlterSeptum { name, policy } => self.catalogue.alter(name, *policy)?,
            Command::DropSeptum { name } => drop(self.catalogue.drop_septum(name)?),
            Command::Register(service) => {
                self.check_session(service.session)?;
                self.registry.register(service.clone())?;
            }
            Command::Deregister { session, name, instance } => {
                self.registry.deregister(*session, name, instance);
            }
            Command::Declare { session, application, capabilities } => {
                self.check_session(*session)?;
                self.registry.declare(*session, application, capabilities.clone())?;
            }
            Command::Retract { session, application } => self.registry.retract(*session, application),
            Command::Set { name, value: Some(value) } => {
                self.settings.insert(name.clone(), value.clone());
            }
            Command::Set { name, value: None } => {
                self.settings.remove(name);
            }
        }
        Ok(())
    }

    fn form(&mut self, cluster: ClusterId, members: &[Member], databases: u16) -> Outcome {
        if self.cluster.is_some() {
            return Err(Refusal::PeerFormed);
        }
        self.cluster = Some(cluster);
        self.members = members.iter().map(|member| (member.id, member.clone())).collect();
        self.catalogue = Catalogue::new(databases);
        self.map.deal(&planner::shares(self.members.values()));
        Ok(())
    }

    fn join(&mut self, member: &Member) -> Outcome {
        if self.is_retired(member.id) {
            return Err(Refusal::PeerRetiredNode);
        }
        if let Some(known) = self.members.get(&member.id) {
            if known.incarnation > member.incarnation {
                return Err(Refusal::PeerRetiredIncarnation);
            }
            if known.incarnation < member.incarnation {
                let (session, standing) = (known.session(), known.standing);
                self.end_life(session);
                self.members.insert(member.id, Member { standing, ..member.clone() });
                self.lose_missing_cores(member);
                return Ok(());
            }
        }
        self.members.insert(member.id, member.clone());
        Ok(())
    }

    /// A node that was started anew remembers nothing: what it owned is empty, and counted as lost.
    fn end_life(&mut self, session: Session) {
        self.end_session(session);
        self.lost += self.map.owned_count(session.node) as u64;
        let moves: Vec<MapChange> = self
            .map
            .involving(session.node)
            .filter(|(_, entry)| entry.moving_to.is_some())
            .map(|(partition, entry)| MapChange::AbortMove { partition, begun: entry.epoch })
            .collect();
        self.change_map(&moves);
    }

    /// A node that came back with fewer cores gives up what the missing ones owned.
    fn lose_missing_cores(&mut self, member: &Member) {
        let missing: Vec<MapChange> = self
            .map
            .iter()
            .filter_map(|(partition, entry)| {
                let from =
                    entry.owner.filter(|owner| owner.node == member.id && owner.core >= member.cores)?;
                Some(MapChange::Lose { partition, from })
            })
            .collect();
        for change in missing {
            self.map.apply(change).expect("the change was read off this map");
        }
    }

    fn appear(&mut self, session: Session, presence: Presence) -> Outcome {
        let member = self.members.get_mut(&session.node).ok_or(Refusal::PeerUnknownMember)?;
        if member.session() != session {
            return Err(Refusal::PeerRetiredIncarnation);
        }
        member.presence = presence;
        if presence == Presence::Absent {
            self.end_session(session);
        }
        Ok(())
    }

    fn leave(&mut self, node: NodeId) -> Outcome {
        let session = self.members.get(&node).ok_or(Refusal::PeerUnknownMember)?.session();
        if self.map.involving(node).next().is_some() {
            return Err(Refusal::PeerOwnsPartitions);
        }
        self.end_session(session);
        self.outcomes.remove(&session);
        self.members.remove(&node);
        if self.retired.len() == RETIRED_KEPT {
            self.retired.pop_front();
        }
        self.retired.push_back(node);
        Ok(())
    }

    fn change_map(&mut self, changes: &[MapChange]) {
        for change in changes {
            let lost = matches!(change, MapChange::Lose { .. });
            if self.map.apply(*change).is_ok() && lost {
                self.lost += 1;
            }
        }
    }

    fn end_session(&mut self, session: Session) {
        self.leases.end_session(session);
        self.registry.end_session(session);
        self.outcomes.retain(|kept, _| kept.node != session.node || kept.incarnation >= session.incarnation);
    }

    /// Whether `token` is the one of whoever leads an election.
    fn check_lead(&self, election: &str, token: Token) -> Outcome {
        let leads = self.leases.leader(election).is_some_and(|grant| grant.token == token);
        if leads { Ok(()) } else { Err(Refusal::PeerNotLeading { election: election.to_owned() }) }
    }

    fn check_session(&self, session: Session) -> Outcome {
        let live = self
            .members
            .get(&session.node)
            .is_some_and(|member| member.session() == session && member.presence == Presence::Present);
        if live { Ok(()) } else { Err(Refusal::PeerSessionOver) }
    }
}

impl ClusterState {
    /// The state of a cluster that has just been formed: what a node that belongs to no cluster has for itself alone.
    #[must_use]
    pub fn formed(cluster: ClusterId, members: &[Member], databases: u16) -> Self {
        let mut state = Self::default();
        let form = state.form(cluster, members, databases);
        debug_assert_eq!(form, Ok(()), "an empty state can be formed");
        state
    }

    /// Grants only tokens above `to` from here on: for a state that is not kept, of which an earlier life may have
    /// granted some.
    pub(crate) fn raise_token(&mut self, to: u64) {
        self.leases.raise_token(to);
    }
}

/// The first life of a node.
pub const FIRST_INCARNATION: Incarnation = Incarnation(1);

#[cfg(test)]
mod tests;
