//! Calls between the coordination layers of two nodes: what is asked, and in which envelope.
//!
//! A call is answered or it fails; a call that fails may have been acted on. Bodies are postcard; the links that carry
//! them have authenticated both ends and agreed on the protocol version before the first one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mycorrhizal_net::identity::{ClusterId, NodeId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::consensus;
use super::state::{Member, Outcome, Request, Session};

/// What one node's coordination layer asks of another's.
#[derive(Serialize, Deserialize)]
pub enum Rpc {
    /// Who are you? Answered by a [`Description`].
    Describe,
    /// Will you be a founding member of this cluster? Answered by a [`Promise`].
    Promise {
        /// The cluster to be.
        cluster: ClusterId,
    },
    /// The cluster that was asked about will not be.
    Withdraw {
        /// The cluster that was to be.
        cluster: ClusterId,
    },
    /// A call of consensus. Answered by what it answers.
    Consensus(Box<consensus::Call>),
    /// Please have this done. Answered by a [`Proposed`].
    Propose(Box<Request>),
    /// I live. Answered by a [`Heard`].
    Alive(Session),
}

/// A call on its way.
#[derive(Serialize, Deserialize)]
pub struct Envelope {
    /// The caller's cluster, if it belongs to one.
    pub cluster: Option<ClusterId>,
    /// What is asked.
    pub rpc: Rpc,
}

/// An answer on its way.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// What was asked for.
    Body(Vec<u8>),
    /// Nothing, because.
    Failed(CallFailed),
}

/// Who a node is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Description {
    /// As it would join.
    pub member: Member,
    /// The cluster that it belongs to.
    pub cluster: Option<ClusterId>,
}

/// Whether a node will be a founding member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Promise {
    /// It will, as this.
    Given(Box<Member>),
    /// It belongs to a cluster, or has given its word to another.
    Refused,
}

/// What became of a proposal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Proposed {
    /// It was decided, by the entry of the log with this index.
    Decided(Outcome, u64),
    /// This node does not lead; that one may.
    NotLeader(Option<NodeId>),
}

/// Whether a sign of life was taken note of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Heard {
    /// It was, by one that was the leader after it had come, and whose state then had this version.
    Yes(u64),
    /// It was, but the member counts as absent still.
    Absent,
    /// That life of the node is over, or it is no member.
    SessionOver,
    /// This node does not lead; that one may.
    NotLeader(Option<NodeId>),
}

/// Why a call got no answer. The other side may have acted on it all the same.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum CallFailed {
    /// There is no way to the node, or it gave no answer in time.
    #[error("node {0} cannot be reached")]
    PeerUnreachable(NodeId),
    /// The node belongs to another cluster.
    #[error("node {node} belongs to cluster {cluster}")]
    PeerOtherCluster {
        /// The node.
        node: NodeId,
        /// Its cluster.
        cluster: ClusterId,
    },
    /// The node does not take part in a cluster yet.
    #[error("node {0} belongs to no cluster yet")]
    PeerFresh(NodeId),
    /// What came is nothing that this version knows.
    #[error("node {0} sent something that cannot be read")]
    PeerUnreadable(NodeId),
    /// The node's coordination layer has failed; its log says why.
    #[error("the coordination layer of node {0} has failed")]
    PeerFailed(NodeId),
}

/// Bytes on their way back.
pub type Bytes = Pin<Box<dyn Future<Output = Result<Vec<u8>, CallFailed>> + Send>>;

/// Carries calls to other nodes.
pub trait Transport: Send + Sync + 'static {
    /// Sends `body` to the coordination layer of `node` and returns what that answers, or fails after `timeout`.
    fn call(&self, node: NodeId, body: Vec<u8>, timeout: Duration) -> Bytes;
}

/// Calls other nodes in the name of this one.
#[derive(Clone)]
pub struct Caller {
    /// What carries the calls.
    pub transport: Arc<dyn Transport>,
    /// The cluster that this node belongs to.
    pub cluster: Option<ClusterId>,
}

impl Caller {
    /// Asks `node` and returns its answer.
    ///
    /// # Errors
    /// See [`CallFailed`].
    pub async fn ask<R: DeserializeOwned>(
        &self,
        node: NodeId,
        rpc: Rpc,
        timeout: Duration,
    ) -> Result<R, CallFailed> {
        let unreadable = |_| CallFailed::PeerUnreadable(node);
        let envelope = Envelope { cluster: self.cluster, rpc };
        let body = postcard::to_stdvec(&envelope).map_err(unreadable)?;
        let bytes = self.transport.call(node, body, timeout).await?;
        match postcard::from_bytes(&bytes).map_err(unreadable)? {
            Answer::Body(body) => postcard::from_bytes(&body).map_err(unreadable),
            Answer::Failed(error) => Err(error),
        }
    }
}
