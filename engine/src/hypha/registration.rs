//! A service that this program has registered.

use std::sync::Arc;

use futures_lite::future::block_on;

use super::ServiceSpec;
use super::call::Door;
use crate::client::registration as client;
use crate::node::CoreId;
use crate::node::shared::Node;
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::{Health, Service};

/// A service that this program has registered. Dropped, it is deregistered.
pub struct Registration(Registered);

enum Registered {
    Here(RegisteredHere),
    ByClient(client::Registered),
}

impl Registration {
    pub(super) async fn of(door: &Door, spec: ServiceSpec) -> Result<Self, ProposeError> {
        let registered = match door {
            Door::Node(node) => Registered::Here(RegisteredHere::of(node, spec).await?),
            Door::Client(driver) => Registered::ByClient(client::register(driver, spec).await?),
        };
        Ok(Self(registered))
    }

    /// What is registered; by a client, with the node by which it is so at present.
    #[must_use]
    pub fn service(&self) -> Service {
        match &self.0 {
            Registered::Here(registered) => registered.service.clone(),
            Registered::ByClient(registered) => registered.service(),
        }
    }

    /// Changes whether it should be sent work.
    ///
    /// # Errors
    /// The change was not decided. By a client it was not confirmed in time, and is as soon as a node takes it.
    pub async fn set_health(&mut self, health: Health) -> Result<(), ProposeError> {
        match &mut self.0 {
            Registered::Here(registered) => registered.set_health(health).await,
            Registered::ByClient(registered) => registered.set_health(health).await,
        }
    }

    /// The blocking twin of [`Registration::set_health`].
    ///
    /// # Errors
    /// As there.
    pub fn wait_set_health(&mut self, health: Health) -> Result<(), ProposeError> {
        block_on(self.set_health(health))
    }

    /// Ends it, and returns when that is decided.
    ///
    /// # Errors
    /// The change was not decided; it ends with the node at the latest, by a client in a few seconds.
    pub async fn deregister(self) -> Result<(), ProposeError> {
        match self.0 {
            Registered::Here(registered) => registered.deregister().await,
            Registered::ByClient(registered) => registered.deregister().await,
        }
    }

    /// The blocking twin of [`Registration::deregister`].
    ///
    /// # Errors
    /// As there.
    pub fn wait_deregister(self) -> Result<(), ProposeError> {
        block_on(self.deregister())
    }
}

/// One that is registered by the node in this process.
struct RegisteredHere {
    node: Arc<Node>,
    service: Service,
    ended: bool,
}

impl RegisteredHere {
    async fn of(node: &Arc<Node>, spec: ServiceSpec) -> Result<Self, ProposeError> {
        let numbered = || format!("{:.8}-{}", node.id.to_string(), node.next_connection_id());
        let service = Service {
            instance: spec.instance.unwrap_or_else(numbered),
            name: spec.name,
            address: spec.address,
            health: spec.health,
            metadata: spec.metadata,
            session: node.session(),
        };
        announce(node, service.clone()).await?;
        Ok(Self { node: Arc::clone(node), service, ended: false })
    }

    async fn set_health(&mut self, health: Health) -> Result<(), ProposeError> {
        let changed = Service { health, ..self.service.clone() };
        announce(&self.node, changed).await?;
        self.service.health = health;
        Ok(())
    }

    async fn deregister(mut self) -> Result<(), ProposeError> {
        self.ended = true;
        let (name, instance) = (self.service.name.clone(), self.service.instance.clone());
        let withdrawn = self.node.run_on(CoreId(0), |core| core.withdraw_service(name, instance));
        withdrawn.await?
    }
}

async fn announce(node: &Arc<Node>, service: Service) -> Result<(), ProposeError> {
    node.run_on(CoreId(0), |core| core.announce_service(service, None)).await?
}

impl Drop for RegisteredHere {
    fn drop(&mut self) {
        if self.ended || self.node.is_stopping() {
            return;
        }
        let (name, instance) = (self.service.name.clone(), self.service.instance.clone());
        self.node.have_done(|core| async move {
            if let Err(error) = core.withdraw_service(name, instance).await {
                tracing::warn!(%error, "a service that was dropped is registered until the node ends");
            }
        });
    }
}
