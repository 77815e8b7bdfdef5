//! Consensus between nodes: openraft's calls, carried as [`Rpc::Consensus`].

use std::future::Future;

use mycorrhizal_net::identity::NodeId;
use openraft::error::{
    Fatal, RPCError, RaftError, RemoteError, ReplicationClosed, StreamingError, Unreachable,
};
use openraft::network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{EmptyNode, OptionalSend, Snapshot, SnapshotMeta, Vote};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{HEARTBEAT, Raft, Types};
use crate::nodosum::rpc::{CallFailed, Caller, Rpc};

/// A call of one node's consensus to another's.
#[derive(Serialize, Deserialize)]
pub enum Call {
    /// Entries of the log, or a heartbeat.
    Append(AppendEntriesRequest<Types>),
    /// A candidate asks for a vote.
    Vote(VoteRequest<NodeId>),
    /// The whole state, for one that lacks too much.
    Install {
        /// The leader's vote.
        vote: Vote<NodeId>,
        /// What the snapshot includes.
        meta: SnapshotMeta<NodeId, EmptyNode>,
        /// The state.
        data: Vec<u8>,
    },
}

/// What openraft reaches other nodes by.
#[derive(Clone)]
pub struct Network {
    caller: Caller,
}

impl Network {
    /// Calls by this.
    #[must_use]
    pub fn new(caller: Caller) -> Self {
        Self { caller }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: NodeId, _: &EmptyNode) -> Peer {
        Peer { target, caller: self.caller.clone() }
    }
}

/// The way to one other node.
pub struct Peer {
    target: NodeId,
    caller: Caller,
}

impl Peer {
    async fn call<R: DeserializeOwned>(&self, call: Call, option: &RPCOption) -> Result<R, CallFailed> {
        self.caller.ask(self.target, Rpc::Consensus(Box::new(call)), option.hard_ttl()).await
    }
}

fn unreachable<E: std::error::Error>(error: &CallFailed) -> RPCError<NodeId, EmptyNode, E> {
    RPCError::Unreachable(Unreachable::new(error))
}

impl RaftNetwork<Types> for Peer {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RPCError<NodeId, EmptyNode, RaftError<NodeId>>> {
        let answer: Result<_, RaftError<NodeId>> =
            self.call(Call::Append(rpc), &option).await.map_err(|error| unreachable(&error))?;
        answer.map_err(|source| RPCError::RemoteError(RemoteError::new(self.target, source)))
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RPCError<NodeId, EmptyNode, RaftError<NodeId>>> {
        let answer: Result<_, RaftError<NodeId>> =
            self.call(Call::Vote(rpc), &option).await.map_err(|error| unreachable(&error))?;
        answer.map_err(|source| RPCError::RemoteError(RemoteError::new(self.target, source)))
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote<NodeId>,
        snapshot: Snapshot<Types>,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<NodeId>, StreamingError<Types, Fatal<NodeId>>> {
        let call = Call::Install { vote, meta: snapshot.meta, data: *snapshot.snapshot };
        let answer: Result<SnapshotResponse<NodeId>, Fatal<NodeId>> = self
            .call(call, &option)
            .await
            .map_err(|error| StreamingError::Unreachable(Unreachable::new(&error)))?;
        answer.map_err(|source| StreamingError::RemoteError(RemoteError::new(self.target, source)))
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(HEARTBEAT))
    }
}

/// Answers a call of another node's consensus.
///
/// # Errors
/// The answer cannot be encoded.
pub async fn answer(raft: &Raft, call: Call) -> Result<Vec<u8>, postcard::Error> {
    match call {
        Call::Append(rpc) => postcard::to_stdvec(&raft.append_entries(rpc).await),
        Call::Vote(rpc) => postcard::to_stdvec(&raft.vote(rpc).await),
        Call::Install { vote, meta, data } => {
            let snapshot = Snapshot { meta, snapshot: Box::new(data) };
            postcard::to_stdvec(&raft.install_full_snapshot(vote, snapshot).await)
        }
    }
}
