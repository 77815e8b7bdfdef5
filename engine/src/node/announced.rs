//! What the embedding program, or a client, has announced of this node: services, and what its applications can do.
//!
//! The cluster forgets both when it does not hear from the node for a while; the first core keeps them, and announces
//! them again when the node is heard again.
//!
//! A service may be announced with a *lease*, for one who is to say again and again that it is there: it is taken back
//! when that has not been said for so long.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::core::Core;
use super::directory::CoreId;
use crate::clock;
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::{ClusterState, Command, Presence, Service};

/// What is announced. *First core*.
#[derive(Default)]
pub(crate) struct Announced {
    /// By name and instance.
    services: BTreeMap<(String, String), Entry>,
    manifests: BTreeMap<String, BTreeSet<String>>,
    /// Whether something is being announced again.
    under_way: bool,
}

/// How often a lease that is over, and may be extended yet, is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// A service that is announced.
#[derive(Clone)]
struct Entry {
    service: Service,
    /// Whether the cluster has taken note of it.
    is_noted: bool,
    lease: Option<Lease>,
}

/// When it is over, since the machine's boot.
type Lease = Rc<Cell<Duration>>;

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
        let services = self.services.values().filter(|entry| entry.is_noted && !is_known(&entry.service));
        let services = services.map(|entry| Command::Register(entry.service.clone()));
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

    /// Forgets what was announced for a client that has had it announced by another node since.
    fn forget_moved(&mut self, core: &Core, state: &ClusterState) {
        let node = core.node.id;
        let moved = |service: &Service| {
            let mut known = state.registry().services(Some(&service.name));
            known.any(|known| known.instance == service.instance && known.session.node != node)
        };
        self.services.retain(|_, entry| entry.lease.is_none() || !moved(&entry.service));
    }

    /// Removes a service if its lease is over; whether it was.
    fn remove_lapsed(&mut self, key: &(String, String)) -> bool {
        let now = clock::since_boot();
        let lapsed = |entry: &Entry| entry.lease.as_ref().is_some_and(|lease| lease.get() <= now);
        self.services.get(key).is_some_and(lapsed) && self.services.remove(key).is_some()
    }
}

impl Core {
    /// Has the first core announce an instance of a service of this node, and returns when this core knows of it.
    pub(crate) async fn register(
        self: &Rc<Self>,
        service: Service,
        lease: Option<Duration>,
    ) -> Result<(), ProposeError> {
        self.have_first_do(move |first| first.announce_service(service, lease)).await
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

    /// Announces an instance of a service of this node, or changes it, for as long as `lease` if there is one.
    pub(crate) async fn announce_service(
        self: Rc<Self>,
        service: Service,
        lease: Option<Duration>,
    ) -> Result<(), ProposeError> {
        let key = (service.name.clone(), service.instance.clone());
        let before = self.announced.borrow().services.get(&key).cloned();
        let known_lease = before.as_ref().and_then(|before| before.lease.clone());
        let lease = lease.map(|lease| self.extend(known_lease, lease, &key));
        let entry = Entry { service: service.clone(), is_noted: false, lease };
        if before.as_ref().is_some_and(|before| before.is_noted) && self.knows(&service) {
            self.announced.borrow_mut().services.insert(key, Entry { is_noted: true, ..entry });
            return Ok(());
        }
        self.announced.borrow_mut().services.insert(key.clone(), entry.clone());
        let outcome = self.change(Command::Register(service)).await;
        let mut announced = self.announced.borrow_mut();
        match (&outcome, before) {
            (Ok(()), _) | (Err(ProposeError::Unknown), Some(_)) => {
                announced.services.insert(key, Entry { is_noted: true, ..entry })
            }
            // The cluster may know of it, and it is taken back when its lease is over.
            (Err(ProposeError::Unknown), None) if entry.lease.is_some() => {
                announced.services.insert(key, Entry { is_noted: true, ..entry })
            }
            (Err(_), Some(before)) => announced.services.insert(key, before),
            (Err(_), None) => announced.services.remove(&key),
        };
        drop(announced);
        outcome
    }

    /// Whether the cluster has taken note of a service as it is to be announced.
    fn knows(&self, wanted: &Service) -> bool {
        let state = self.directory.state();
        self.may_act() && state.registry().services(Some(&wanted.name)).any(|known| known == wanted)
    }

    /// A lease for so long from now on: the one that there is, or a new one.
    fn extend(self: &Rc<Self>, known: Option<Lease>, lease: Duration, key: &(String, String)) -> Lease {
        let until = clock::since_boot() + lease;
        if let Some(known) = known {
            known.set(until);
            return known;
        }
        let lease = Rc::new(Cell::new(until));
        self.spawn(Rc::clone(self).watch_lease(Rc::downgrade(&lease), key.clone()));
        lease
    }

    /// Takes a service back when its lease is over.
    async fn watch_lease(self: Rc<Self>, lease: Weak<Cell<Duration>>, key: (String, String)) {
        while let Some(until) = lease.upgrade().map(|lease| lease.get()) {
            let left = until.saturating_sub(clock::since_boot());
            if left.is_zero() && self.announced.borrow_mut().remove_lapsed(&key) {
                let ((name, instance), session) = (key.clone(), self.session());
                self.give_up(Command::Deregister { session, name, instance }).await;
            }
            self.ring.sleep_until(self.ring.now() + left.max(LOOK)).await;
        }
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
        self.announced.borrow_mut().forget_moved(self, state);
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
