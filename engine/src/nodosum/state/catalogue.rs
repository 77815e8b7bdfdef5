//! The catalogue of septa: which named keyspaces there are, and under which policy.
//!
//! A septum is stored as a numbered database: its number is its place in every core's keyspace. The numbered databases
//! that SELECT knows are septa too, named by their numbers; they are there from the start and cannot be dropped.
//!
//! The number of a septum that was dropped is not given to another at once: what is still on its way to the old one must
//! not end in the new one.
//!
//! Limits: names of 1 to 128 bytes without control characters or spaces; at most [`SEPTA_MAX`] septa.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::mycel::Db;

/// Septa at most, the numbered databases among them.
pub const SEPTA_MAX: usize = 4096;

/// Bytes of a name at most.
pub const NAME_BYTES_MAX: usize = 128;

/// Septa that must be dropped after one before its number is given to another.
const NUMBERS_RESTING: usize = 16;

/// Tells a septum from every other that the cluster has or had, whatever their names and numbers: numbered databases have
/// that of 0, all others one of their own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct SeptumId(pub u64);

impl SeptumId {
    /// That of the numbered databases, which are never dropped.
    pub const NUMBERED: SeptumId = SeptumId(0);
    /// That of no septum.
    pub const GONE: SeptumId = SeptumId(u64::MAX);
}

/// What holds for all keys of a septum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Policy {
    /// The time to live of keys that are written without one, in ms.
    pub default_ttl_ms: Option<u64>,
    /// Bytes that its keys may take, over all nodes.
    pub memory_bytes_max: Option<u64>,
    /// Keys that it may have, over all nodes.
    pub entries_max: Option<u64>,
}

/// One septum.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Septum {
    /// Its name.
    pub name: String,
    /// Which of all septa there ever were.
    pub id: SeptumId,
    /// Where it is stored.
    pub number: u16,
    /// What holds for its keys.
    pub policy: Policy,
}

impl Septum {
    /// Where it is stored.
    #[must_use]
    pub fn db(&self) -> Db {
        Db::new(self.number)
    }
}

/// Why a septum was not created, changed or dropped. Nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum SeptumError {
    /// There is one of that name already.
    #[error("septum '{0}' exists already")]
    PeerExists(String),
    /// There is none of that name.
    #[error("no such septum '{0}'")]
    PeerUnknown(String),
    /// Numbered databases cannot be dropped.
    #[error("'{0}' is a numbered database, which cannot be dropped")]
    PeerNumbered(String),
    /// The name cannot be one.
    #[error("a septum's name has 1 to {NAME_BYTES_MAX} bytes, none of them a space or control character")]
    PeerName,
    /// A whole number names a numbered database only.
    #[error("'{0}' is a number, and only the numbered databases have numbers for names")]
    PeerNumber(String),
    /// There are as many as there may be.
    #[error("there are {SEPTA_MAX} septa already")]
    PeerTooMany,
}

/// All septa. *Cluster*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Catalogue {
    by_name: BTreeMap<String, Septum>,
    databases: u16,
    last_id: u64,
    /// The numbers of those dropped last, the latest at the back.
    resting: VecDeque<u16>,
}

impl Catalogue {
    /// A catalogue of the numbered databases.
    #[must_use]
    pub fn new(databases: u16) -> Self {
        let septum = |number: u16| Septum {
            name: number.to_string(),
            id: SeptumId::NUMBERED,
            number,
            policy: Policy::default(),
        };
        let by_name = (0..databases).map(|number| (number.to_string(), septum(number))).collect();
        Self { by_name, databases, last_id: 0, resting: VecDeque::new() }
    }

    /// How many numbered databases there are.
    #[must_use]
    pub fn databases(&self) -> u16 {
        self.databases
    }

    /// The septum of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Septum> {
        self.by_name.get(name)
    }

    /// All septa, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Septum> {
        self.by_name.values()
    }

    /// How many databases a keyspace needs to store them all.
    #[must_use]
    pub fn storage_len(&self) -> u16 {
        self.iter().map(|septum| septum.number + 1).max().unwrap_or(0)
    }

    /// Adds a septum; it gets the lowest free number that does not rest.
    ///
    /// # Errors
    /// The name is taken or cannot be one, or there are too many.
    pub fn create(&mut self, name: &str, policy: Policy) -> Result<(), SeptumError> {
        check_name(name)?;
        if self.by_name.contains_key(name) {
            return Err(SeptumError::PeerExists(name.to_owned()));
        }
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SeptumError::PeerNumber(name.to_owned()));
        }
        if self.by_name.len() >= SEPTA_MAX {
            return Err(SeptumError::PeerTooMany);
        }
        let taken: std::collections::BTreeSet<u16> = self.iter().map(|septum| septum.number).collect();
        let is_free = |number: &u16| !taken.contains(number) && !self.resting.contains(number);
        let number = (0..u16::MAX).find(is_free).ok_or(SeptumError::PeerTooMany)?;
        self.last_id += 1;
        let septum = Septum { name: name.to_owned(), id: SeptumId(self.last_id), number, policy };
        self.by_name.insert(name.to_owned(), septum);
        Ok(())
    }

    /// Changes a septum's policy.
    ///
    /// # Errors
    /// There is no such septum.
    pub fn alter(&mut self, name: &str, policy: Policy) -> Result<(), SeptumError> {
        let septum = self.by_name.get_mut(name).ok_or_else(|| SeptumError::PeerUnknown(name.to_owned()))?;
        septum.policy = policy;
        Ok(())
    }

    /// Removes a septum; its keys go with it.
    ///
    /// # Errors
    /// There is no such septum, or it is a numbered database.
    pub fn drop_septum(&mut self, name: &str) -> Result<Septum, SeptumError> {
        let number = self.find(name).ok_or_else(|| SeptumError::PeerUnknown(name.to_owned()))?.number;
        if number < self.databases {
            return Err(SeptumError::PeerNumbered(name.to_owned()));
        }
        if self.resting.len() == NUMBERS_RESTING {
            self.resting.pop_front();
        }
        self.resting.push_back(number);
        Ok(self.by_name.remove(name).expect("it was just found"))
    }
}

fn check_name(name: &str) -> Result<(), SeptumError> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    let plain = !name.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    if fits && plain { Ok(()) } else { Err(SeptumError::PeerName) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn septa_are_stored_beside_the_numbered_databases() {
        let mut catalogue = Catalogue::new(16);
        assert_eq!(catalogue.find("3").map(Septum::db), Some(Db::new(3)));
        for name in ["sessions", "carts"] {
            catalogue.create(name, Policy::default()).unwrap();
        }
        assert_eq!(catalogue.find("carts").map(|septum| septum.number), Some(17));
        catalogue.drop_septum("sessions").unwrap();
        assert_eq!(catalogue.storage_len(), 18);
        catalogue.create("orders", Policy::default()).unwrap();
        assert_eq!(catalogue.find("orders").map(|septum| septum.number), Some(18), "16 rests");
        for _ in 0..NUMBERS_RESTING {
            catalogue.drop_septum("orders").unwrap();
            catalogue.create("orders", Policy::default()).unwrap();
        }
        let orders = catalogue.find("orders").unwrap();
        assert_eq!((orders.number, orders.id), (16, SeptumId(3 + NUMBERS_RESTING as u64)));
    }

    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        let mut catalogue = Catalogue::new(16);
        catalogue.create("carts", Policy::default()).unwrap();
        let before = catalogue.clone();
        let long = "x".repeat(129);
        for name in ["", "with space", "tab\t", &long] {
            assert_eq!(catalogue.create(name, Policy::default()), Err(SeptumError::PeerName), "{name}");
        }
        assert_eq!(
            catalogue.create("carts", Policy::default()),
            Err(SeptumError::PeerExists("carts".to_owned()))
        );
        assert_eq!(catalogue.create("16", Policy::default()), Err(SeptumError::PeerNumber("16".to_owned())));
        assert_eq!(catalogue.drop_septum("0"), Err(SeptumError::PeerNumbered("0".to_owned())));
        let unknown = SeptumError::PeerUnknown("none".to_owned());
        assert_eq!(catalogue.drop_septum("none"), Err(unknown.clone()));
        assert_eq!(catalogue.alter("none", Policy::default()), Err(unknown));
        assert_eq!(catalogue, before);
    }
}
