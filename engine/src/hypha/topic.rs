//! Topics: messages of one type on one channel, which every subscriber of the cluster gets.

use std::marker::PhantomData;
use std::sync::Arc;

use futures_lite::future::block_on;
use mycorrhizal_net::resp::Value;

use super::call::{Call, CallError, Door, SOMEWHERE};
use super::{Payload, PayloadError};
use crate::client::{self, Driver};
use crate::cytoplasm::Kind;
use crate::cytoplasm::sink::{Deliveries, Delivery, Gap, Sink};
use crate::mycel::Slot;
use crate::node::in_process::Subscription;
use crate::node::shared::Node;
use crate::node::{CoreId, Unanswered};

/// Messages that a subscriber has not taken yet at most; one that is further behind has lagged.
const WAITING_MAX: usize = 16 * 1024;

/// A named topic with messages of type `T`. Cheap to clone; for any thread and any executor.
///
/// A topic is the channel of its name: what is published on it by PUBLISH arrives as well, and SUBSCRIBE sees what is
/// published here. Messages of one publisher arrive in their order; what is published anywhere after [`Topic::subscribe`]
/// has returned arrives. A subscription of a client whose node is gone goes on by another, and says that messages may be
/// missing: [`TopicError::Interrupted`].
///
/// ```
/// # use mycorrhizal::{Hypha, Topic};
/// # let hypha = Hypha::builder().start()?;
/// let lines: Topic<String> = hypha.topic("chat");
/// let mut heard = lines.blocking().subscribe()?;
/// assert_eq!(lines.blocking().publish(&"hello".to_owned())?, 1);
/// assert_eq!(heard.wait_next().expect("the node runs")?.message, "hello");
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Topic<T> {
    door: Door,
    name: Arc<str>,
    message: PhantomData<fn(T) -> T>,
}

impl<T> Clone for Topic<T> {
    fn clone(&self) -> Self {
        Self { door: self.door.clone(), name: Arc::clone(&self.name), message: PhantomData }
    }
}

impl<T: Payload> Topic<T> {
    pub(crate) fn new(door: Door, name: &str) -> Self {
        Self { door, name: name.into(), message: PhantomData }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The blocking twin of this handle, for threads that are no tasks.
    #[must_use]
    pub fn blocking(&self) -> BlockingTopic<T> {
        BlockingTopic(self.clone())
    }

    /// Publishes a message; returns how many subscribers of the cluster it went to.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn publish(&self, message: &T) -> Result<u64, CallError> {
        let body = message.encode()?;
        // What is published on one topic goes by one way, and so in order.
        let slot = Some(Slot::of(self.name.as_bytes()));
        let call = Call { slot, ..Call::new(&[b"PUBLISH", self.name.as_bytes(), &body]) };
        match self.door.run_call(&SOMEWHERE.into(), call).await? {
            Value::Integer(receivers) => Ok(receivers.unsigned_abs()),
            other => Err(CallError::Unexpected(other)),
        }
    }

    /// Subscribes to the topic.
    ///
    /// # Errors
    /// The node or client stops; by a client, see [`CallError`] as well.
    pub async fn subscribe(&self) -> Result<Messages<T>, CallError> {
        self.subscribe_as(Kind::Channel).await
    }

    /// Subscribes to all topics whose names the name of this one matches as a pattern, as PSUBSCRIBE has them: `chat.*`.
    ///
    /// # Errors
    /// The node or client stops; by a client, see [`CallError`] as well.
    pub async fn subscribe_matching(&self) -> Result<Messages<T>, CallError> {
        self.subscribe_as(Kind::Pattern).await
    }

    async fn subscribe_as(&self, kind: Kind) -> Result<Messages<T>, CallError> {
        let (sink, deliveries) = Sink::new(WAITING_MAX);
        let name = Arc::clone(&self.name);
        let source = match &self.door {
            Door::Node(node) => Source::Here(subscribe_here(node, kind, name, sink).await?),
            Door::Client(driver) => {
                client::subscription::subscribe(driver, kind, name, sink).await?;
                Source::ByClient(driver.clone())
            }
        };
        Ok(Messages { _source: source, deliveries, message: PhantomData })
    }
}

/// A message of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<T> {
    /// The name of the topic that it was published on.
    pub topic: String,
    /// What it says.
    pub message: T,
}

/// Why there is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// The subscriber did not keep up, and the subscription has ended: messages are lost to it.
    #[error("the subscriber did not keep up; the subscription has ended")]
    Lagged,
    /// The connection of a client to its node broke: what was published since the message before may be lost to it. The
    /// subscription goes on by another connection, and what is published from here on arrives.
    #[error("the connection to the node broke; messages may be missing here")]
    Interrupted,
    /// What was published is no such value; the next message may be.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

/// The messages of a subscription, which ends when this is dropped.
pub struct Messages<T> {
    /// Dropped, it ends the subscription.
    _source: Source,
    deliveries: Deliveries,
    message: PhantomData<fn() -> T>,
}

/// Where messages come from.
#[expect(dead_code, reason = "held for what happens when they are dropped")]
enum Source {
    Here(SubscriptionHere),
    /// Whoever listens keeps the client going.
    ByClient(Driver),
}

/// A subscription on a core of this process.
struct SubscriptionHere {
    node: Arc<Node>,
    core: CoreId,
    subscription: Subscription,
}

async fn subscribe_here(
    node: &Arc<Node>,
    kind: Kind,
    name: Arc<str>,
    sink: Sink,
) -> Result<SubscriptionHere, CallError> {
    let core = node.in_turn(node.cores().collect())[0];
    let subscribed =
        node.run_on(
            core,
            move |core| async move { core.subscribe_in_process(kind, name.as_bytes(), sink).await },
        );
    let subscription = subscribed.await.map_err(|unanswered| match unanswered {
        Unanswered::NotBegun | Unanswered::Lost => CallError::Failed("the node has stopped".to_owned()),
    })?;
    Ok(SubscriptionHere { node: Arc::clone(node), core, subscription })
}

impl Drop for SubscriptionHere {
    fn drop(&mut self) {
        let subscription = self.subscription;
        // A node that has stopped has no subscriptions.
        self.node.reach(self.core).call(Box::new(move |core| core.unsubscribe_in_process(subscription)));
    }
}

impl<T: Payload> Messages<T> {
    /// The next message; `None` when the node or client has stopped, or after [`TopicError::Lagged`].
    pub async fn next(&mut self) -> Option<Result<Message<T>, TopicError>> {
        let delivered = self.deliveries.recv().await.ok()?;
        Some(match delivered {
            Ok(Delivery { channel, message }) => {
                let topic = String::from_utf8_lossy(&channel).into_owned();
                T::decode(&message).map(|message| Message { topic, message }).map_err(TopicError::Payload)
            }
            Err(Gap::Lagged) => Err(TopicError::Lagged),
            Err(Gap::Interrupted) => Err(TopicError::Interrupted),
        })
    }

    /// The blocking twin of [`Messages::next`].
    pub fn wait_next(&mut self) -> Option<Result<Message<T>, TopicError>> {
        block_on(self.next())
    }
}

/// The blocking twin of [`Topic`].
pub struct BlockingTopic<T>(Topic<T>);

impl<T: Payload> BlockingTopic<T> {
    /// The blocking twin of [`Topic::publish`].
    ///
    /// # Errors
    /// As there.
    pub fn publish(&self, message: &T) -> Result<u64, CallError> {
        block_on(self.0.publish(message))
    }

    /// The blocking twin of [`Topic::subscribe`].
    ///
    /// # Errors
    /// As there.
    pub fn subscribe(&self) -> Result<Messages<T>, CallError> {
        block_on(self.0.subscribe())
    }

    /// The blocking twin of [`Topic::subscribe_matching`].
    ///
    /// # Errors
    /// As there.
    pub fn subscribe_matching(&self) -> Result<Messages<T>, CallError> {
        block_on(self.0.subscribe_matching())
    }
}
