//! The service registry: which services run where.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_lite::future::block_on;

use super::watch::Watch;
use crate::node::CoreId;
use crate::node::shared::Node;
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::{ClusterState, Health, Service};

/// The service registry of the cluster. Cheap to clone; for any thread and any executor.
///
/// ```
/// # use mycorrhizal::{Health, Hypha, ServiceSpec};
/// # let hypha = Hypha::builder().start()?;
/// # futures_lite::future::block_on(async {
/// let services = hypha.services();
/// let mail = ServiceSpec::new("mail").address("10.0.0.1:25".parse().unwrap()).metadata("zone", "a");
/// let mut registration = services.register(mail).await?;
/// registration.set_health(Health::Warning).await?;
/// assert_eq!(services.discover("mail")[0].health, Health::Warning);
/// registration.deregister().await?;
/// assert!(services.discover("mail").is_empty());
/// # Ok::<(), mycorrhizal::ProposeError>(())
/// # })?;
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Services(Arc<Node>);

/// A service as it is to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpec {
    name: String,
    instance: Option<String>,
    address: Option<SocketAddr>,
    health: Health,
    metadata: BTreeMap<String, String>,
}

impl ServiceSpec {
    /// A service of this name, healthy, without an address, as an instance of a name of its own.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let (name, metadata) = (name.into(), BTreeMap::new());
        Self { name, instance: None, address: None, health: Health::Passing, metadata }
    }

    /// Which instance of the service it is; no other node may have registered it.
    #[must_use]
    pub fn instance(self, instance: impl Into<String>) -> Self {
        Self { instance: Some(instance.into()), ..self }
    }

    /// Where it is reached.
    #[must_use]
    pub fn address(self, address: SocketAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// Whether it should be sent work.
    #[must_use]
    pub fn health(self, health: Health) -> Self {
        Self { health, ..self }
    }

    /// Something else worth knowing of it; name, instance and all of this take at most 16 KiB.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}

impl Services {
    pub(super) fn new(node: &Arc<Node>) -> Self {
        Self(Arc::clone(node))
    }

    /// The blocking twin of this handle, for threads that are no tasks.
    #[must_use]
    pub fn blocking(&self) -> BlockingServices {
        BlockingServices(self.clone())
    }

    /// Registers a service of this node. It is there until the registration is dropped, or the node ends or is not heard
    /// any more; one that is heard again registers again by itself.
    ///
    /// # Errors
    /// [`ProposeError::Refused`]: another node has registered the instance, or the entry is too large.
    pub async fn register(&self, spec: ServiceSpec) -> Result<Registration, ProposeError> {
        let node = &self.0;
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
        Ok(Registration { node: Arc::clone(node), service, ended: false })
    }

    /// The instances of a service, by name, as far as this node knows.
    #[must_use]
    pub fn discover(&self, name: &str) -> Vec<Service> {
        instances(&self.0.state(), name)
    }

    /// The instances of a service now, and then as they change.
    #[must_use]
    pub fn watch(&self, name: &str) -> Watch<Vec<Service>> {
        let name = name.to_owned();
        Watch::new(&self.0, move |state| instances(state, &name))
    }
}

fn instances(state: &ClusterState, name: &str) -> Vec<Service> {
    state.registry().services(Some(name)).cloned().collect()
}

async fn announce(node: &Arc<Node>, service: Service) -> Result<(), ProposeError> {
    node.run_on(CoreId(0), |core| core.announce_service(service, None)).await?
}

/// A service that this program has registered. Dropped, it is deregistered.
pub struct Registration {
    node: Arc<Node>,
    service: Service,
    ended: bool,
}

impl Registration {
    /// What is registered.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Changes whether it should be sent work.
    ///
    /// # Errors
    /// The change was not decided.
    pub async fn set_health(&mut self, health: Health) -> Result<(), ProposeError> {
        let changed = Service { health, ..self.service.clone() };
        announce(&self.node, changed).await?;
        self.service.health = health;
        Ok(())
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
    /// The change was not decided; it ends with the node at the latest.
    pub async fn deregister(mut self) -> Result<(), ProposeError> {
        self.ended = true;
        let (name, instance) = (self.service.name.clone(), self.service.instance.clone());
        let withdrawn = self.node.run_on(CoreId(0), |core| core.withdraw_service(name, instance));
        withdrawn.await?
    }

    /// The blocking twin of [`Registration::deregister`].
    ///
    /// # Errors
    /// As there.
    pub fn wait_deregister(self) -> Result<(), ProposeError> {
        block_on(self.deregister())
    }
}

impl Drop for Registration {
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

/// The blocking twin of [`Services`].
#[derive(Clone)]
pub struct BlockingServices(Services);

impl BlockingServices {
    /// The blocking twin of [`Services::register`].
    ///
    /// # Errors
    /// As there.
    pub fn register(&self, spec: ServiceSpec) -> Result<Registration, ProposeError> {
        block_on(self.0.register(spec))
    }

    /// See [`Services::discover`].
    #[must_use]
    pub fn discover(&self, name: &str) -> Vec<Service> {
        self.0.discover(name)
    }

    /// See [`Services::watch`]; its steps are those of [`Watch::wait_next`].
    #[must_use]
    pub fn watch(&self, name: &str) -> Watch<Vec<Service>> {
        self.0.watch(name)
    }
}
