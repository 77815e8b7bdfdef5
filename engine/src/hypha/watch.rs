//! What the members agree on, watched and changed from threads that are no cores.

use std::sync::Arc;

use futures_lite::{Stream, stream};
use tokio::sync::watch;

use crate::node::CoreId;
use crate::node::shared::Node;
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::{ClusterState, Command};

/// The node has stopped: nothing changes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node has stopped")]
pub struct NodeStopped;

impl Node {
    /// Has a change of the coordinated state decided, and returns when the first core knows of it.
    pub(crate) async fn change(&self, command: Command) -> Result<(), ProposeError> {
        self.run_on(CoreId(0), |core| async move { core.change(command).await }).await?
    }

    /// The coordinated state as the first core knows it.
    pub(crate) fn state(&self) -> Arc<ClusterState> {
        Arc::clone(&self.states().borrow())
    }
}

/// The coordinated state, now and as it changes.
#[derive(Clone)]
pub(crate) struct StateWatch {
    node: Arc<Node>,
    states: watch::Receiver<Arc<ClusterState>>,
}

impl StateWatch {
    pub(crate) fn new(node: &Arc<Node>) -> Self {
        Self { node: Arc::clone(node), states: node.states() }
    }

    /// The latest; [`StateWatch::changed`] waits for one after it.
    pub(crate) fn state(&mut self) -> Arc<ClusterState> {
        Arc::clone(&self.states.borrow_and_update())
    }

    /// Waits for a state after the one that was looked at last.
    pub(crate) async fn changed(&mut self) -> Result<(), NodeStopped> {
        if self.node.is_stopping() || self.states.changed().await.is_err() || self.node.is_stopping() {
            return Err(NodeStopped);
        }
        Ok(())
    }
}

/// Something that the members agree on, now and as it changes: who leads, which services there are. Changes that follow
/// each other faster than they are asked for are one.
pub struct Watch<V> {
    source: Source<V>,
    last: Option<V>,
}

/// Where it is known from.
enum Source<V> {
    /// The node in this process.
    State(StateWatch, Arc<dyn Fn(&ClusterState) -> V + Send + Sync>),
    /// A client, which asks nodes.
    Told(watch::Receiver<V>),
}

impl<V: Clone + PartialEq + Send + Sync> Watch<V> {
    pub(crate) fn new(node: &Arc<Node>, pick: impl Fn(&ClusterState) -> V + Send + Sync + 'static) -> Self {
        Self { source: Source::State(StateWatch::new(node), Arc::new(pick)), last: None }
    }

    pub(crate) fn told(values: watch::Receiver<V>) -> Self {
        Self { source: Source::Told(values), last: None }
    }

    /// What it is now.
    pub fn current(&mut self) -> V {
        let value = match &mut self.source {
            Source::State(states, pick) => pick(&states.state()),
            Source::Told(values) => values.borrow_and_update().clone(),
        };
        self.last = Some(value.clone());
        value
    }

    /// What it is, at first; then, each time, what it has become.
    ///
    /// # Errors
    /// The node has stopped.
    pub async fn next(&mut self) -> Result<V, NodeStopped> {
        loop {
            let before = self.last.take();
            let value = self.current();
            if before.as_ref() != Some(&value) {
                return Ok(value);
            }
            match &mut self.source {
                Source::State(states, _) => states.changed().await?,
                Source::Told(values) => values.changed().await.map_err(|_| NodeStopped)?,
            }
        }
    }

    /// The blocking twin of [`Watch::next`].
    ///
    /// # Errors
    /// As there.
    pub fn wait_next(&mut self) -> Result<V, NodeStopped> {
        futures_lite::future::block_on(self.next())
    }

    /// The same as a stream, which ends with the node.
    pub fn into_stream(self) -> impl Stream<Item = V> + Send {
        stream::unfold(self, |mut watch| async move {
            let value = watch.next().await.ok()?;
            Some((value, watch))
        })
    }
}
