//! What the embedding program, or a client, has announced of this node: services, and what its applications can do.
//!
//! The cluster forgets both when it does not hear from the node for a while; the first core keeps them, and announces
//! them again when the node is heard again.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::core::Core;
use super::directory::CoreId;
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::{ClusterState, Command, Presence, Service};

/// What is announced. *First core*.
#[derive(Default)]
pub(crate) struct Announced {
    /// Each with whether the cluster has taken note of it.
    services: BTreeMap<(String, String), (Service, bool)>,
    manifests: BTreeMap<String, BTreeSet<String>>,
    /// Whether something is being announced again.
    under_way: bool,
}

impl Announced {
    /// What the cluster has forgotten, as the changes that remind it.
    fn forgotten(&self, core: &Core, state: &ClusterState) -> Vec<Command> {
        let session = core.session();
        let here = |member: &crate::nodosum::state::Member| {
            member.session() == session && member.presence == Presence::Present
        };
        if self.under_way || !state.member(session.node).is_some_and(here) {
            return Vec::new();
        }
        let registry = state.registry();
        let is_known = |service: &Service| {
            registry.services(Some(&service.name)).any(|known| known.instance == service.instance)
        };
        let services = self.services.values().filter(|(service, noted)| *noted && !is_known(service));
        let services = services.map(|(service, _)| Command::Register(service.clone()));
        let known = registry.manifests().find(|(of, _)| *of == session).map(|(_, manifest)| manifest);
        let manifests = self
            .manifests
            .iter()
            .filter(|(application, _)| !known.is_some_and(|known| known.contains_key(*application)))
            .map(|(application, capabilities)| Command::Declare {
                session,
                application: application.clone(),
                capabilities: capabilities.clone(),
            });
        services.chain(manifests).collect()
    }
}

impl Core {
    /// Has the first core announce an instance of a service of this node, and returns when this core knows of it.
    pub(crate) async fn register(self: &Rc<Self>, service: Service) -> Result<(), ProposeError> {
        self.have_first_do(|first| first.announce_service(service)).await
    }

    /// Has the first core take one back, and returns when this core knows of it.
    pub(crate) async fn deregister(
        self: &Rc<Self>,
        name: String,
        instance: String,
    ) -> Result<(), ProposeError> {
        self.have_first_do(|first| first.withdraw_service(name, instance)).await
    }

    async fn have_first_do<F>(
        self: &Rc<Self>,
        change: impl FnOnce(Rc<Self>) -> F + Send + 'static,
    ) -> Result<(), ProposeError>
    where
        F: Future<Output = Result<(), ProposeError>> + 'static,
    {
        let (outcome, version) = self
            .call_later(CoreId(0), |first: &Rc<Self>, answerer| {
                let core = Rc::clone(first);
                first.spawn(async move {
                    let outcome = change(Rc::clone(&core)).await;
                    answerer.answer(&core, (outcome, core.directory.version()));
                });
            })
            .await;
        self.know(version).await;
        outcome
    }

    /// Announces an instance of a service of this node, or changes it.
    pub(crate) async fn announce_service(self: Rc<Self>, service: Service) -> Result<(), ProposeError> {
        let key = (service.name.clone(), service.instance.clone());
        let before = self.announced.borrow_mut().services.insert(key.clone(), (service.clone(), false));
        let outcome = self.change(Command::Register(service.clone())).await;
        let mut announced = self.announced.borrow_mut();
        match (&outcome, before) {
            (Ok(()), _) | (Err(ProposeError::Unknown), Some(_)) => {
                announced.services.insert(key, (service, true))
            }
            (Err(_), Some(before)) => announced.services.insert(key, before),
            (Err(_), None) => announced.services.remove(&key),
        };
        drop(announced);
        outcome
    }

    /// Takes an instance of a service of this node back.
    pub(crate) async fn withdraw_service(
        self: Rc<Self>,
        name: String,
        instance: String,
    ) -> Result<(), ProposeError> {
        self.announced.borrow_mut().services.remove(&(name.clone(), instance.clone()));
        self.change(Command::Deregister { session: self.session(), name, instance }).await
    }

    /// Announces that an application listens on this node; what it was said to be able to do stays.
    pub(crate) async fn announce_application(
        self: Rc<Self>,
        application: String,
    ) -> Result<(), ProposeError> {
        let known = self.announced.borrow().manifests.get(&application).cloned();
        self.announce_capabilities(application, known.unwrap_or_default()).await
    }

    /// Announces what an application on this node can do, in place of what it could before.
    pub(crate) async fn announce_capabilities(
        self: Rc<Self>,
        application: String,
        capabilities: BTreeSet<String>,
    ) -> Result<(), ProposeError> {
        let session = self.session();
        self.announced.borrow_mut().manifests.insert(application.clone(), capabilities.clone());
        self.change(Command::Declare { session, application, capabilities }).await
    }

    /// An application listens on this node no more.
    pub(crate) async fn withdraw_application(
        self: Rc<Self>,
        application: String,
    ) -> Result<(), ProposeError> {
        self.announced.borrow_mut().manifests.remove(&application);
        self.change(Command::Retract { session: self.session(), application }).await
    }

    /// Announces again what the cluster has forgotten.
    pub(crate) fn remind(self: &Rc<Self>, state: &ClusterState) {
        let forgotten = self.announced.borrow().forgotten(self, state);
        if forgotten.is_empty() {
            return;
        }
        self.announced.borrow_mut().under_way = true;
        let core = Rc::clone(self);
        self.spawn(async move {
            for change in forgotten {
                if let Err(error) = core.change(change).await {
                    tracing::warn!(%error, "what this node has announced was not announced again");
                }
            }
            core.announced.borrow_mut().under_way = false;
        });
    }
}
