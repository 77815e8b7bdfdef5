//! The data of one core, and what limits it: septa, their policies, and the core's share of `maxmemory`. *Core*.

use super::intent::Intents;
use crate::mycel::{Db, Keyspace, PARTITIONS};
use crate::nodosum::state::{Catalogue, Policy, SeptumId};

/// The data that a core owns, and the intents on it.
pub(crate) struct Data {
    /// Its share of the keyspace.
    pub(crate) keyspace: Keyspace,
    /// Keys that a command over several cores holds.
    pub(crate) intents: Intents,
    /// Bytes that this core's data may take in this turn: what `maxmemory` leaves beside the other cores.
    pub(crate) bytes_max: usize,
    /// `proto-max-bulk-len`.
    pub(crate) value_bytes_max: usize,
    /// What holds for each database, by its number; none where nothing does.
    policies: Vec<Option<Policy>>,
    /// Which septum each database behind the numbered ones stores.
    septa: Vec<Option<SeptumId>>,
}

impl Data {
    pub(super) fn new(keyspace: Keyspace) -> Self {
        Self {
            keyspace,
            intents: Intents::default(),
            bytes_max: usize::MAX,
            value_bytes_max: usize::MAX,
            policies: Vec::new(),
            septa: Vec::new(),
        }
    }

    /// The septum that a database stores; none if it stores none any more, or this core does not know of it yet.
    #[inline]
    pub(crate) fn septum_at(&self, db: Db) -> Option<SeptumId> {
        match db.index().checked_sub(usize::from(self.keyspace.numbered())) {
            None => Some(SeptumId::NUMBERED),
            Some(at) => self.septa.get(at).copied().flatten(),
        }
    }

    /// Makes room for all septa, and puts their policies in force.
    pub(crate) fn set_septa(&mut self, catalogue: &Catalogue) {
        let numbered = catalogue.databases();
        self.keyspace.set_numbered(numbered);
        self.keyspace.grow_databases(catalogue.storage_len());
        self.septa.clear();
        self.septa.resize(usize::from(catalogue.storage_len().saturating_sub(numbered)), None);
        for septum in catalogue.iter().filter(|septum| septum.number >= numbered) {
            self.septa[usize::from(septum.number - numbered)] = Some(septum.id);
        }
        self.set_policies(catalogue);
    }

    fn set_policies(&mut self, catalogue: &Catalogue) {
        self.policies.clear();
        self.policies.resize(usize::from(catalogue.storage_len()), None);
        for septum in catalogue.iter().filter(|septum| septum.policy != Policy::default()) {
            self.policies[usize::from(septum.number)] = Some(septum.policy);
        }
        for (number, policy) in (0..).zip(&self.policies) {
            let default_ttl_ms = policy.and_then(|policy| policy.default_ttl_ms);
            self.keyspace.set_default_ttl(Db::new(number), default_ttl_ms);
        }
        if self.policies.iter().all(Option::is_none) {
            self.policies = Vec::new();
        }
    }

    /// Why nothing more may be written to a database, if its septum is full: a core may fill as much of a septum as it
    /// owns of all partitions.
    #[inline]
    pub(crate) fn is_full(&self, db: Db, owned_partitions: usize) -> bool {
        let Some(Some(policy)) = self.policies.get(db.index()) else { return false };
        let share = |limit: u64| limit.saturating_mul(owned_partitions as u64).div_ceil(PARTITIONS as u64);
        let entries = policy.entries_max.is_some_and(|max| self.keyspace.len(db) as u64 >= share(max));
        let bytes =
            policy.memory_bytes_max.is_some_and(|max| self.keyspace.database_bytes(db) as u64 >= share(max));
        entries || bytes
    }

    /// Whether this core's data takes all that `maxmemory` leaves it.
    #[inline]
    pub(crate) fn is_over_budget(&self) -> bool {
        self.bytes_max != usize::MAX && self.keyspace.used_bytes() > self.bytes_max
    }
}
