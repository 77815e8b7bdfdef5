//! The registry: which services run where, and what each node's application can do.
//!
//! An entry belongs to a [`Session`] and ends with it: what a node has registered is gone when the node is.
//!
//! Limits: names and values as [`REGISTRY_BYTES_MAX`] says, per entry.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use mycorrhizal_net::identity::NodeId;
use serde::{Deserialize, Serialize};

use super::member::Session;
use super::word::words;

/// Bytes of name, instance and metadata of one entry at most.
pub const REGISTRY_BYTES_MAX: usize = 16 * 1024;

/// Whether an instance should be sent work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Health {
    /// It should.
    #[default]
    Passing,
    /// It works, and asks for less.
    Warning,
    /// It should not.
    Critical,
}

words! {
    Health: Passing "passing", Warning "warning", Critical "critical"
}

/// One instance of a service.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Service {
    /// What it serves.
    pub name: String,
    /// Which instance of it, unique among those of the name.
    pub instance: String,
    /// Where it is reached, if it has an address.
    pub address: Option<SocketAddr>,
    /// Whether it should be sent work.
    pub health: Health,
    /// Whatever else is worth knowing.
    pub metadata: BTreeMap<String, String>,
    /// Whose it is.
    pub session: Session,
}

/// Why an entry was refused. Nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum RegistryError {
    /// Another node has registered the same instance.
    #[error("instance '{instance}' of '{name}' belongs to another node")]
    PeerTaken {
        /// The service.
        name: String,
        /// The instance.
        instance: String,
    },
    /// The entry is too large.
    #[error("an entry of the registry takes at most {REGISTRY_BYTES_MAX} bytes")]
    PeerTooLarge,
    /// Names have at least one byte.
    #[error("a service and its instance need names")]
    PeerName,
}

/// All services and manifests. *Cluster*.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Registry {
    services: BTreeMap<(String, String), Service>,
    manifests: BTreeMap<Session, BTreeMap<String, BTreeSet<String>>>,
}

impl Registry {
    /// The instances of one service, or of all.
    pub fn services(&self, name: Option<&str>) -> impl Iterator<Item = &Service> {
        self.services.values().filter(move |service| name.is_none_or(|name| service.name == name))
    }

    /// Adds an instance, or changes it.
    ///
    /// # Errors
    /// It belongs to another session, or is too large.
    pub fn register(&mut self, service: Service) -> Result<(), RegistryError> {
        if service.name.is_empty() || service.instance.is_empty() {
            return Err(RegistryError::PeerName);
        }
        let metadata: usize = service.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        if service.name.len() + service.instance.len() + metadata > REGISTRY_BYTES_MAX {
            return Err(RegistryError::PeerTooLarge);
        }
        let key = (service.name.clone(), service.instance.clone());
        if self.services.get(&key).is_some_and(|known| known.session.node != service.session.node) {
            let (name, instance) = key;
            return Err(RegistryError::PeerTaken { name, instance });
        }
        self.services.insert(key, service);
        Ok(())
    }

    /// Removes an instance of this session; returns whether it was there.
    pub fn deregister(&mut self, session: Session, name: &str, instance: &str) -> bool {
        let key = (name.to_owned(), instance.to_owned());
        let own = self.services.get(&key).is_some_and(|service| service.session == session);
        own && self.services.remove(&key).is_some()
    }

    /// An application listens on a node; says what it can do, in place of what it said before.
    ///
    /// # Errors
    /// It is too much.
    pub fn declare(
        &mut self,
        session: Session,
        application: &str,
        capabilities: BTreeSet<String>,
    ) -> Result<(), RegistryError> {
        let bytes: usize = capabilities.iter().map(String::len).sum();
        if application.len() + bytes > REGISTRY_BYTES_MAX {
            return Err(RegistryError::PeerTooLarge);
        }
        self.manifests.entry(session).or_default().insert(application.to_owned(), capabilities);
        Ok(())
    }

    /// An application listens no more on a node.
    pub fn retract(&mut self, session: Session, application: &str) {
        if let Some(manifest) = self.manifests.get_mut(&session) {
            manifest.remove(application);
        }
    }

    /// The nodes where an application listens.
    pub fn listening<'a>(&'a self, application: &'a str) -> impl Iterator<Item = NodeId> + 'a {
        let listens = self.manifests.iter().filter(move |(_, manifest)| manifest.contains_key(application));
        listens.map(|(session, _)| session.node)
    }

    /// The nodes whose application can do something.
    pub fn capable<'a>(
        &'a self,
        application: &'a str,
        capability: &'a str,
    ) -> impl Iterator<Item = Session> + 'a {
        let can = move |manifest: &BTreeMap<String, BTreeSet<String>>| {
            manifest.get(application).is_some_and(|capabilities| capabilities.contains(capability))
        };
        self.manifests.iter().filter(move |(_, manifest)| can(manifest)).map(|(session, _)| *session)
    }

    /// What all applications can do, by node.
    pub fn manifests(&self) -> impl Iterator<Item = (Session, &BTreeMap<String, BTreeSet<String>>)> {
        self.manifests.iter().map(|(session, manifest)| (*session, manifest))
    }

    /// Ends all that a session has registered.
    pub fn end_session(&mut self, session: Session) {
        self.services.retain(|_, service| service.session != session);
        self.manifests.remove(&session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mycorrhizal_net::identity::{Incarnation, NodeId};

    fn session(node: u8) -> Session {
        Session { node: NodeId([node; 20]), incarnation: Incarnation(1) }
    }

    fn service(node: u8, instance: &str) -> Service {
        Service {
            name: "mail".to_owned(),
            instance: instance.to_owned(),
            address: None,
            health: Health::Passing,
            metadata: BTreeMap::new(),
            session: session(node),
        }
    }

    #[test]
    fn entries_end_with_their_session() {
        let mut registry = Registry::default();
        registry.register(service(1, "a")).unwrap();
        registry.register(service(2, "b")).unwrap();
        registry.declare(session(1), "shop", ["refund".to_owned()].into()).unwrap();
        assert_eq!(registry.capable("shop", "refund").collect::<Vec<_>>(), [session(1)]);
        registry.end_session(session(1));
        assert_eq!(registry.services(Some("mail")).map(|found| &*found.instance).collect::<Vec<_>>(), ["b"]);
        assert_eq!(registry.capable("shop", "refund").count(), 0);
    }

    #[test]
    fn an_instance_belongs_to_one_node() {
        let mut registry = Registry::default();
        registry.register(service(1, "a")).unwrap();
        let error = registry.register(service(2, "a")).unwrap_err();
        assert_eq!(error.to_string(), "instance 'a' of 'mail' belongs to another node");
        assert!(!registry.deregister(session(2), "mail", "a"));
        assert!(registry.deregister(session(1), "mail", "a"));
        registry.register(service(2, "a")).unwrap();
        let mut large = service(1, "c");
        large.metadata.insert("text".to_owned(), "x".repeat(REGISTRY_BYTES_MAX));
        assert_eq!(registry.register(large), Err(RegistryError::PeerTooLarge));
    }
}
