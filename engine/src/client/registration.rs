//! A service that a client has registered: by one node, which is told again and again that the client is there, and by
//! another when that one is gone.
//!
//! ```text
//!   REGISTER … LEASE ──▶ OK ──▶ again, every RENEW_EVERY, or at once with another health ──┬─▶ DEREGISTER, or dropped
//!        ▲                                                                                ├─▶ no answer, or it cannot
//!        └────── next node, until one takes it ◀──────────────────────────────────────────┘
//! ```
//!
//! While the cluster hears the node that had it, and its lease is not over, other nodes refuse the instance: it is
//! registered, after all. A client that ends without a word is registered for as long as the lease.

use std::rc::Rc;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_executor::Task;
use async_io::Timer;
use futures_channel::oneshot;
use futures_lite::future::or;
use mycorrhizal_net::random;
use mycorrhizal_net::resp::{Value, encode_command};
use tokio::sync::watch;

use super::connection::Connection;
use super::driver::Driver;
use super::pool::Pool;
use crate::hypha::services::told;
use crate::hypha::{CallError, ServiceSpec};
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::{Health, Service};

/// How long a service is registered without a word of its client: as long as that may stand still.
const LEASE_MS: &str = "5000";

/// How often a node is told that the client is there.
const RENEW_EVERY: Duration = Duration::from_millis(500);

/// How long its answer may take, before the next node is asked.
const ANSWER: Duration = Duration::from_millis(1500);

/// The pause before the next node is asked.
const PAUSE: Duration = Duration::from_millis(250);

/// What is to become of it.
enum Order {
    Health(Health, Told),
    End(Told),
}

/// Where it is told whether it has.
type Told = oneshot::Sender<Result<(), ProposeError>>;

/// A service that this client has registered. Dropped, it is deregistered.
pub(crate) struct Registered {
    service: watch::Receiver<Service>,
    /// Closed when it is dropped.
    orders: Sender<Order>,
    /// How long its changes are waited for.
    patience: Duration,
    /// Whoever has registered something keeps the client going.
    _driver: Driver,
}

impl Registered {
    pub(crate) fn service(&self) -> Service {
        self.service.borrow().clone()
    }

    pub(crate) async fn set_health(&self, health: Health) -> Result<(), ProposeError> {
        let (told, is_told) = oneshot::channel();
        let changed = async {
            self.orders.send(Order::Health(health, told)).await.map_err(|_| ProposeError::Stopping)?;
            is_told.await.unwrap_or(Err(ProposeError::Stopping))
        };
        let late = async {
            Timer::after(self.patience).await;
            Err(ProposeError::Unknown)
        };
        or(changed, late).await
    }

    pub(crate) async fn deregister(self) -> Result<(), ProposeError> {
        let (told, is_told) = oneshot::channel();
        self.orders.send(Order::End(told)).await.map_err(|_| ProposeError::Stopping)?;
        is_told.await.unwrap_or(Err(ProposeError::Stopping))
    }
}

/// Registers a service, by whichever node takes it.
pub(crate) async fn register(driver: &Driver, mut spec: ServiceSpec) -> Result<Registered, ProposeError> {
    let instance = spec.instance.take().unwrap_or_else(|| format!("client-{:016x}", random::number()));
    let (told, is_told) = oneshot::channel();
    let keeper = driver.clone();
    let errand = move |pool| {
        Registrar { pool, spec, instance, connection: None, shown: None, is_sure: true }.live(told, keeper)
    };
    driver.have_done(errand).await;
    is_told.await.unwrap_or(Err(ProposeError::Stopping))
}

/// Keeps one service registered.
struct Registrar {
    pool: Rc<Pool>,
    spec: ServiceSpec,
    instance: String,
    /// To the node that has it, or is asked to. Dropped with its task, it is closed.
    connection: Option<(Connection, Task<()>)>,
    /// What that node has been told to register; none if it has not said that it has.
    shown: Option<Service>,
    /// Whether no other node has it for this client.
    is_sure: bool,
}

impl Registrar {
    async fn live(mut self, mut told: oneshot::Sender<Result<Registered, ProposeError>>, driver: Driver) {
        let patience = self.pool.patience();
        let late = async {
            Timer::after(patience).await;
            Some(Err(ProposeError::Unknown))
        };
        let gone = async {
            told.cancellation().await;
            None
        };
        let first =
            async { Some(self.announce().await.map_err(|text| ProposeError::PeerRefused(text.to_string()))) };
        match or(or(first, late), gone).await {
            Some(Ok(service)) => {
                let (shown, service) = watch::channel(service);
                let (orders, waiting) = async_channel::bounded(1);
                // One that nobody takes is dropped here, and so deregistered.
                drop(told.send(Ok(Registered { service, orders, patience, _driver: driver })));
                self.keep(&shown, &waiting).await;
            }
            Some(Err(error)) => {
                if error == ProposeError::Unknown {
                    drop(self.withdraw().await);
                }
                // Whoever asked may have gone.
                drop(told.send(Err(error)));
            }
            None => drop(self.withdraw().await),
        }
    }

    /// Keeps it registered, until it is to end.
    async fn keep(&mut self, shown: &watch::Sender<Service>, orders: &Receiver<Order>) {
        let (mut pause, mut waiting) = (RENEW_EVERY, Vec::new());
        loop {
            let ordered = async { Some(orders.recv().await.ok()) };
            let announced = async {
                Timer::after(pause).await;
                // Only the first announcement can be refused.
                if let Ok(service) = self.announce().await {
                    shown.send_if_modified(|last| std::mem::replace(last, service.clone()) != service);
                }
                None
            };
            // Whoever has ordered something may have gone.
            match or(ordered, announced).await {
                None => {
                    pause = RENEW_EVERY;
                    waiting.drain(..).for_each(|told: Told| drop(told.send(Ok(()))));
                }
                Some(Some(Order::Health(health, told))) => {
                    self.shown.iter_mut().for_each(|shown| shown.health = health);
                    (self.spec.health, pause) = (health, Duration::ZERO);
                    waiting.push(told);
                }
                Some(Some(Order::End(told))) => return drop(told.send(self.withdraw().await)),
                Some(None) => return drop(self.withdraw().await),
            }
        }
    }

    /// Registers it by the node that has it, or else by the next that takes it. An error is a refusal, by the first.
    async fn announce(&mut self) -> Result<Service, CallError> {
        loop {
            match self.announce_once().await {
                Ok(Some(service)) => {
                    self.is_sure = false;
                    return Ok(service);
                }
                Ok(None) => self.is_sure = false,
                Err(refusal) if self.is_sure => return Err(refusal),
                // By the node that has it for this client, if it has, for as long as the cluster knows of that.
                Err(refusal) => tracing::debug!(%refusal, "a service is not registered by another node yet"),
            }
            (self.connection, self.shown) = (None, None);
            Timer::after(PAUSE).await;
            self.pool.learn_anew().await;
        }
    }

    async fn announce_once(&mut self) -> Result<Option<Service>, CallError> {
        let (register, list) = (self.words("REGISTER"), self.words("LIST"));
        let opened = self.connection.take().unwrap_or_else(|| self.pool.own_connection(Box::new(|_| true)));
        let (connection, _) = self.connection.insert(opened);
        if connection.consult(&register, ANSWER).await?.is_none() {
            return Ok(None);
        }
        if self.shown.is_none() {
            let Some(reply) = connection.consult(&list, ANSWER).await? else { return Ok(None) };
            let instances = told(&reply).ok_or(CallError::Unexpected(reply))?;
            self.shown = instances.into_iter().find(|service| service.instance == self.instance);
        }
        Ok(self.shown.clone())
    }

    fn words(&self, what: &str) -> Vec<u8> {
        let ServiceSpec { name, address, health, metadata, .. } = &self.spec;
        let mut words = vec!["SERVICE", what, name];
        if what != "LIST" {
            words.push(&self.instance);
        }
        let address = address.map(|address| address.to_string());
        if what == "REGISTER" {
            words.extend(["HEALTH", health.word(), "LEASE", LEASE_MS]);
            address.iter().for_each(|address| words.extend(["ADDRESS", address]));
            metadata.iter().for_each(|(key, value)| words.extend(["META", key, value]));
        }
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &words);
        bytes
    }

    /// Takes it back from the node that has it; one that cannot be reached does so itself when the lease is over.
    async fn withdraw(&self) -> Result<(), ProposeError> {
        let Some((connection, _)) = &self.connection else { return Err(ProposeError::Unknown) };
        match connection.consult(&self.words("DEREGISTER"), ANSWER).await {
            Ok(Some(Value::Integer(_))) if self.shown.is_some() => Ok(()),
            _ => Err(ProposeError::Unknown),
        }
    }
}
