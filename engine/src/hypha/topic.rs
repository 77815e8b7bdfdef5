//! Topics: messages of one type on one channel, which every subscriber of the cluster gets.

use std::marker::PhantomData;
use std::sync::Arc;

use futures_lite::future::block_on;
use mycorrhizal_net::resp::Value;

use super::call::{CallError, Door};
use super::{Payload, PayloadError};
use crate::cytoplasm::Kind;
use crate::node::in_process::{Delivery, Lagged, Subscription};
use crate::node::shared::Node;
use crate::node::{CoreId, Unanswered};

/// Messages that a subscriber has not taken yet at most; one that is further behind has lagged.
const WAITING_MAX: usize = 16 * 1024;

/// A named topic with messages of type `T`. Cheap to clone; for any thread and any executor.
///
/// A topic is the channel of its name: what is published on it by PUBLISH arrives as well, and SUBSCRIBE sees what is
/// published here. Messages of one publisher arrive in their order; what is published anywhere after [`Topic::subscribe`]
/// has returned arrives.
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
    node: Arc<Node>,
    name: Arc<str>,
    message: PhantomData<fn(T) -> T>,
}

impl<T> Clone for Topic<T> {
    fn clone(&self) -> Self {
        Self { node: Arc::clone(&self.node), name: Arc::clone(&self.name), message: PhantomData }
    }
}

impl<T: Payload> Topic<T> {
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
    pub fn blocking(&self) -> BlockingTopic<T> {
        BlockingTopic(self.clone())
    }

    /// Publishes a message; returns how many subscribers of the cluster it went to.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn publish(&self, message: &T) -> Result<u64, CallError> {
        let body = message.encode()?;
        let door = Door::Node(Arc::clone(&self.node));
        match door.run(&"0".into(), &[b"PUBLISH", self.name.as_bytes(), &body]).await? {
            Value::Integer(receivers) => Ok(receivers.unsigned_abs()),
            other => Err(CallError::Unexpected(other)),
        }
    }

    /// Subscribes to the topic.
    ///
    /// # Errors
    /// The node stops.
    pub async fn subscribe(&self) -> Result<Messages<T>, CallError> {
        self.subscribe_as(Kind::Channel).await
    }

    /// Subscribes to all topics whose names the name of this one matches as a pattern, as PSUBSCRIBE has them: `chat.*`.
    ///
    /// # Errors
    /// The node stops.
    pub async fn subscribe_matching(&self) -> Result<Messages<T>, CallError> {
        self.subscribe_as(Kind::Pattern).await
    }

    async fn subscribe_as(&self, kind: Kind) -> Result<Messages<T>, CallError> {
        let (sender, deliveries) = async_channel::bounded(WAITING_MAX);
        let core = self.node.in_turn(self.node.cores().collect())[0];
        let name = Arc::clone(&self.name);
        let subscribed = self.node.run_on(core, move |core| async move {
            core.subscribe_in_process(kind, name.as_bytes(), sender).await
        });
        let subscription = subscribed.await.map_err(|unanswered| match unanswered {
            Unanswered::NotBegun | Unanswered::Lost => CallError::Failed("the node has stopped".to_owned()),
        })?;
        Ok(Messages { node: Arc::clone(&self.node), core, subscription, deliveries, message: PhantomData })
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
    /// What was published is no such value; the next message may be.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

/// The messages of a subscription, which ends when this is dropped.
pub struct Messages<T> {
    node: Arc<Node>,
    core: CoreId,
    subscription: Subscription,
    deliveries: async_channel::Receiver<Result<Delivery, Lagged>>,
    message: PhantomData<fn() -> T>,
}

impl<T: Payload> Messages<T> {
    /// The next message; `None` when the node has stopped, or after [`TopicError::Lagged`].
    pub async fn next(&mut self) -> Option<Result<Message<T>, TopicError>> {
        let delivered = self.deliveries.recv().await.ok()?;
        Some(match delivered {
            Ok(Delivery { channel, message, .. }) => {
                let topic = String::from_utf8_lossy(&channel).into_owned();
                T::decode(&message).map(|message| Message { topic, message }).map_err(TopicError::Payload)
            }
            Err(Lagged) => Err(TopicError::Lagged),
        })
    }

    /// The blocking twin of [`Messages::next`].
    pub fn wait_next(&mut self) -> Option<Result<Message<T>, TopicError>> {
        block_on(self.next())
    }
}

impl<T> Drop for Messages<T> {
    fn drop(&mut self) {
        let subscription = self.subscription;
        // A node that has stopped has no subscriptions.
        self.node.reach(self.core).call(Box::new(move |core| core.unsubscribe_in_process(subscription)));
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
