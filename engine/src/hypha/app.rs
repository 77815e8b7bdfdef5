//! Applications: messages and requests from one node's part of an application to another's.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::block_on;
use mycorrhizal_net::identity::NodeId;

use super::together::all;
use super::{Payload, PayloadError};
use crate::clock;
use crate::cytoplasm::{Answer, Answering, Delivery, Demand, Outcome};
use crate::node::applications::{Parcel, core_of};
use crate::node::shared::Node;
use crate::node::{CoreId, Unanswered};
use crate::nodosum::service::ProposeError;

/// What became of a message at each node that it was sent to.
pub type Sent = Vec<(NodeId, Result<(), MessageError>)>;

/// Why a message, or a request, came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It has had no effect and never will have. It may be sent again.
    #[error("{0}")]
    Failed(String),
    /// It may have been handled, or not: the link broke, the time was over, or its handler ended without an answer.
    #[error("{0}")]
    Unknown(String),
    /// The message cannot be written, and was not sent; or the answer is no such value, and the request was handled.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

/// Why an application does not listen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// It listens on this node already: its inbox may be cloned.
    #[error("application '{0}' listens on this node already")]
    Taken(String),
    /// The cluster did not take note of it.
    #[error(transparent)]
    Refused(#[from] ProposeError),
}

/// A named application, which sends messages of type `T`. Cheap to clone; for any thread and any executor.
///
/// What one node sends to another arrives in the order in which it was sent. A message is handled once at most, and whoever
/// sent it learns what became of it; when the receiver is slow the sender waits.
///
/// ```
/// # use mycorrhizal::{App, Hypha};
/// # use std::time::Duration;
/// # let hypha = Hypha::builder().start()?;
/// # futures_lite::future::block_on(async {
/// let adder: App<(u32, u32)> = hypha.app("adder");
/// let inbox = adder.listen().await?;
/// adder.declare(["sum"]).await?;
/// let answering = inbox.serve(async |incoming| {
///     let (a, b) = *incoming.message();
///     incoming.answer(&(a + b)).expect("a number can be written");
/// });
/// let asking = adder.route("sum", &(40, 2), Duration::from_secs(5));
/// let sum: u32 = futures_lite::future::or(asking, async { answering.await; unreachable!() }).await?;
/// assert_eq!(sum, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct App<T> {
    node: Arc<Node>,
    name: Arc<str>,
    message: PhantomData<fn(T) -> T>,
}

impl<T> Clone for App<T> {
    fn clone(&self) -> Self {
        Self { node: Arc::clone(&self.node), name: Arc::clone(&self.name), message: PhantomData }
    }
}

impl<T: Payload> App<T> {
    pub(super) fn new(node: &Arc<Node>, name: &str) -> Self {
        Self { node: Arc::clone(node), name: name.into(), message: PhantomData }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The blocking twin of this handle, for threads that are no tasks.
    #[must_use]
    pub fn blocking(&self) -> BlockingApp<T> {
        BlockingApp(self.clone())
    }

    /// Takes messages on this node from here on.
    ///
    /// # Errors
    /// See [`ListenError`]; then nothing has changed.
    pub async fn listen(&self) -> Result<Inbox<T>, ListenError> {
        let (sender, deliveries) = async_channel::unbounded();
        let name = self.name.to_string();
        let opened = self.node.run_on(self.core(), move |core| async move { core.open_inbox(&name, sender) });
        if !opened.await.map_err(ProposeError::from)? {
            return Err(ListenError::Taken(self.name.to_string()));
        }
        let inbox = Inbox {
            deliveries,
            _open: Arc::new(Open(self.node.clone(), self.name.clone())),
            message: PhantomData,
        };
        let name = self.name.to_string();
        let announced = self.node.run_on(CoreId(0), |core| core.announce_application(name));
        announced.await.map_err(ProposeError::from)??;
        Ok(inbox)
    }

    /// Says what the application can do on this node, in place of what it said before; at most 16 KiB.
    ///
    /// # Errors
    /// The cluster did not take note of it.
    pub async fn declare<C: Into<String>>(
        &self,
        capabilities: impl IntoIterator<Item = C>,
    ) -> Result<(), ProposeError> {
        let capabilities: BTreeSet<String> = capabilities.into_iter().map(Into::into).collect();
        let name = self.name.to_string();
        let declared = self.node.run_on(CoreId(0), |core| core.announce_capabilities(name, capabilities));
        declared.await?
    }

    /// The nodes where it listens, as far as this node knows, this one among them.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        self.node.state().registry().listening(&self.name).collect()
    }

    /// The nodes where it can do something, as far as this node knows.
    #[must_use]
    pub fn capable_of(&self, capability: &str) -> Vec<NodeId> {
        let state = self.node.state();
        state.registry().capable(&self.name, capability).map(|session| session.node).collect()
    }

    /// Sends a message to nodes, and returns when each of them has taken it, or will not: what became of it at each, in
    /// their order.
    pub async fn send(&self, message: &T, nodes: &[NodeId]) -> Sent {
        let body = match message.encode() {
            Ok(body) => body,
            Err(error) => return nodes.iter().map(|node| (*node, Err(error.clone().into()))).collect(),
        };
        let sent = nodes.iter().map(|node| self.transmit(*node, Demand::Take, body.clone(), None));
        let outcomes = all(sent).await;
        nodes.iter().zip(outcomes).map(|(node, outcome)| (*node, outcome.map(drop))).collect()
    }

    /// Sends a message to every other node where the application listens; what became of it at each.
    pub async fn broadcast(&self, message: &T) -> Sent {
        let mut nodes = self.nodes();
        nodes.retain(|node| *node != self.node.id);
        self.send(message, &nodes).await
    }

    /// Sends a request to a node and waits for its answer, for `timeout` at most.
    ///
    /// # Errors
    /// See [`MessageError`].
    pub async fn request<R: Payload>(
        &self,
        message: &T,
        node: NodeId,
        timeout: Duration,
    ) -> Result<R, MessageError> {
        let answer = self.transmit(node, Demand::Answer, message.encode()?, Some(timeout)).await?;
        Ok(R::decode(&answer)?)
    }

    /// Sends a request to one of the nodes that are capable of something, each in its turn; to another one if it has had no
    /// effect at the first.
    ///
    /// # Errors
    /// See [`MessageError`]; [`MessageError::Failed`] if no node is capable.
    pub async fn route<R: Payload>(
        &self,
        capability: &str,
        message: &T,
        timeout: Duration,
    ) -> Result<R, MessageError> {
        let body = message.encode()?;
        let nodes = self.node.in_turn(self.capable_of(capability));
        let mut failed = format!("no node's '{}' is capable of '{capability}'", self.name);
        for node in nodes {
            match self.transmit(node, Demand::Answer, body.clone(), Some(timeout)).await {
                Err(MessageError::Failed(reason)) => failed = reason,
                answered => return Ok(R::decode(&answered?)?),
            }
        }
        Err(MessageError::Failed(failed))
    }

    /// The core that its messages go by.
    fn core(&self) -> CoreId {
        core_of(&self.name, u16::try_from(self.node.posts.len()).expect("a node has at most 1024 cores"))
    }

    async fn transmit(
        &self,
        node: NodeId,
        demand: Demand,
        body: Vec<u8>,
        timeout: Option<Duration>,
    ) -> Result<Vec<u8>, MessageError> {
        let parcel = Parcel { application: self.name.to_string(), node, demand, body, timeout };
        let sent = self.node.run_on(self.core(), |core| async move { core.transmit(parcel).await });
        match sent.await {
            Ok(Outcome::Ok(answer)) => Ok(answer),
            Ok(Outcome::Failed(reason)) => Err(MessageError::Failed(reason)),
            Ok(Outcome::Unknown(reason)) => Err(MessageError::Unknown(reason)),
            Err(Unanswered::NotBegun) => Err(MessageError::Failed("the node has stopped".to_owned())),
            Err(Unanswered::Lost) => Err(MessageError::Unknown("the node has stopped".to_owned())),
        }
    }
}

/// The messages of an application that have come to this node. Cheap to clone: each message goes to one of the clones.
/// When all are dropped, the application listens here no more.
pub struct Inbox<T> {
    deliveries: async_channel::Receiver<Delivery>,
    _open: Arc<Open>,
    message: PhantomData<fn() -> T>,
}

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Self { deliveries: self.deliveries.clone(), _open: Arc::clone(&self._open), message: PhantomData }
    }
}

/// An inbox that is open; dropped, its application listens no more.
struct Open(Arc<Node>, Arc<str>);

impl Drop for Open {
    fn drop(&mut self) {
        let name = self.1.to_string();
        if !self.0.is_stopping() {
            self.0.have_done(|core| async move {
                if let Err(error) = core.withdraw_application(name).await {
                    tracing::warn!(%error, "an application that listens no more is listed until the node ends");
                }
            });
        }
    }
}

impl<T: Payload> Inbox<T> {
    /// The next message; `None` when the node has stopped. One that is no `T` is refused, and passed over.
    pub async fn next(&self) -> Option<Incoming<T>> {
        loop {
            let delivery = self.deliveries.recv().await.ok()?;
            let Some(Delivery { from, demand, body, answer, .. }) = delivery.in_time(clock::monotonic())
            else {
                continue;
            };
            match (T::decode(&body), demand) {
                (Err(error), _) => answer.give(Answer::Refused(error.to_string())),
                (Ok(message), Demand::Take) => {
                    answer.give(Answer::Done(Vec::new()));
                    return Some(Incoming { from, message, answer: None });
                }
                (Ok(message), Demand::Answer) => {
                    return Some(Incoming { from, message, answer: Some(answer) });
                }
            }
        }
    }

    /// The blocking twin of [`Inbox::next`].
    #[must_use]
    pub fn wait_next(&self) -> Option<Incoming<T>> {
        block_on(self.next())
    }

    /// Handles messages, one after the other, until the node stops.
    pub async fn serve(&self, handler: impl AsyncFn(Incoming<T>)) {
        while let Some(incoming) = self.next().await {
            handler(incoming).await;
        }
    }
}

/// A message that has come, or a request. A request that is dropped without an answer is `Unknown` to whoever sent it.
pub struct Incoming<T> {
    from: NodeId,
    message: T,
    answer: Option<Answering>,
}

impl<T> Incoming<T> {
    /// The node that sent it.
    #[must_use]
    pub fn from(&self) -> NodeId {
        self.from
    }

    /// What it says.
    #[must_use]
    pub fn message(&self) -> &T {
        &self.message
    }

    /// Whether its sender waits for an answer.
    #[must_use]
    pub fn wants_answer(&self) -> bool {
        self.answer.is_some()
    }

    /// Answers; a message that wants none takes any.
    ///
    /// # Errors
    /// The answer cannot be written: the sender is told that its request is `Unknown`.
    pub fn answer<R: Payload>(self, answer: &R) -> Result<(), PayloadError> {
        let encoded = answer.encode()?;
        if let Some(answering) = self.answer {
            answering.give(Answer::Done(encoded));
        }
        Ok(())
    }

    /// Tells the sender that nothing was done and nothing will be, and why.
    pub fn refuse(self, reason: impl Into<String>) {
        if let Some(answering) = self.answer {
            answering.give(Answer::Refused(reason.into()));
        }
    }
}

/// The blocking twin of [`App`].
pub struct BlockingApp<T>(App<T>);

impl<T: Payload> BlockingApp<T> {
    /// The blocking twin of [`App::listen`].
    ///
    /// # Errors
    /// As there.
    pub fn listen(&self) -> Result<Inbox<T>, ListenError> {
        block_on(self.0.listen())
    }

    /// The blocking twin of [`App::declare`].
    ///
    /// # Errors
    /// As there.
    pub fn declare<C: Into<String>>(
        &self,
        capabilities: impl IntoIterator<Item = C>,
    ) -> Result<(), ProposeError> {
        block_on(self.0.declare(capabilities))
    }

    /// The blocking twin of [`App::send`].
    #[must_use]
    pub fn send(&self, message: &T, nodes: &[NodeId]) -> Sent {
        block_on(self.0.send(message, nodes))
    }

    /// The blocking twin of [`App::broadcast`].
    #[must_use]
    pub fn broadcast(&self, message: &T) -> Sent {
        block_on(self.0.broadcast(message))
    }

    /// The blocking twin of [`App::request`].
    ///
    /// # Errors
    /// As there.
    pub fn request<R: Payload>(
        &self,
        message: &T,
        node: NodeId,
        timeout: Duration,
    ) -> Result<R, MessageError> {
        block_on(self.0.request(message, node, timeout))
    }

    /// The blocking twin of [`App::route`].
    ///
    /// # Errors
    /// As there.
    pub fn route<R: Payload>(
        &self,
        capability: &str,
        message: &T,
        timeout: Duration,
    ) -> Result<R, MessageError> {
        block_on(self.0.route(capability, message, timeout))
    }
}
