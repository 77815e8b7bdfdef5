//! The service registry: which services run where.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use futures_lite::future::block_on;
use mycorrhizal_net::identity::Incarnation;
use mycorrhizal_net::resp::Value;

use super::Registration;
use super::call::{CallError, Door};
use super::reply::Fields;
use super::watch::Watch;
use crate::client::Question;
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::{ClusterState, Health, Service, Session};

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
/// assert_eq!(services.discover("mail").await?[0].health, Health::Warning);
/// registration.deregister().await?;
/// assert!(services.discover("mail").await?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Services(Door);

/// A service as it is to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpec {
    pub(crate) name: String,
    pub(crate) instance: Option<String>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) health: Health,
    pub(crate) metadata: BTreeMap<String, String>,
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
    pub(crate) fn new(door: Door) -> Self {
        Self(door)
    }

    /// The blocking twin of this handle, for threads that are no tasks.
    #[must_use]
    pub fn blocking(&self) -> BlockingServices {
        BlockingServices(self.clone())
    }

    /// Registers a service of this node, or of the one by which a client has it registered. It is there until the
    /// registration is dropped, or the program ends, or its node is not heard any more. A node that is heard again
    /// registers it again by itself, and a client by another node as soon as the cluster takes it for gone.
    ///
    /// # Errors
    /// [`ProposeError::Refused`], by a client [`ProposeError::PeerRefused`]: another node has registered the instance, or
    /// the entry is too large. By a client [`ProposeError::Unknown`]: no node has confirmed it in time.
    pub async fn register(&self, spec: ServiceSpec) -> Result<Registration, ProposeError> {
        Registration::of(&self.0, spec).await
    }

    /// The instances of a service, by name, as far as this node knows, or the one that answers a client.
    ///
    /// # Errors
    /// By a client, see [`CallError`]; a node in this process always knows.
    pub async fn discover(&self, name: &str) -> Result<Vec<Service>, CallError> {
        match &self.0 {
            Door::Node(node) => Ok(instances(&node.state(), name)),
            Door::Client(driver) => question(name).ask(driver).await,
        }
    }

    /// The instances of a service now, and then as they change.
    ///
    /// # Errors
    /// As for [`Services::discover`].
    pub async fn watch(&self, name: &str) -> Result<Watch<Vec<Service>>, CallError> {
        match &self.0 {
            Door::Node(node) => {
                let name = name.to_owned();
                Ok(Watch::new(node, move |state| instances(state, &name)))
            }
            Door::Client(driver) => question(name).watch(driver).await,
        }
    }
}

fn instances(state: &ClusterState, name: &str) -> Vec<Service> {
    state.registry().services(Some(name)).cloned().collect()
}

fn question(name: &str) -> Question<Vec<Service>> {
    Question::new(&["SERVICE", "LIST", name], told)
}

/// What SERVICE LIST replies.
pub(crate) fn told(reply: &Value) -> Option<Vec<Service>> {
    Fields::read_all(reply, |service| {
        Some(Service {
            name: service.text("name")?,
            instance: service.text("instance")?,
            address: service.parsed_or_none("address")?,
            health: service.parsed("health")?,
            metadata: Fields::of(service.value("metadata")?)?.texts()?,
            session: Session {
                node: service.parsed("node")?,
                incarnation: Incarnation(service.number("incarnation")?),
            },
        })
    })
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

    /// The blocking twin of [`Services::discover`].
    ///
    /// # Errors
    /// As there.
    pub fn discover(&self, name: &str) -> Result<Vec<Service>, CallError> {
        block_on(self.0.discover(name))
    }

    /// The blocking twin of [`Services::watch`]; its steps are those of [`Watch::wait_next`].
    ///
    /// # Errors
    /// As there.
    pub fn watch(&self, name: &str) -> Result<Watch<Vec<Service>>, CallError> {
        block_on(self.0.watch(name))
    }
}
