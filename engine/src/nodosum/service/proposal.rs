//! Proposals: a change travels to whoever leads consensus, again and again under one id until its outcome is known.

use std::time::Duration;

use mycorrhizal_net::identity::NodeId;
use openraft::error::{ClientWriteError, RaftError};

use super::ProposeError;
use super::host::Host;
use crate::clock;
use crate::nodosum::consensus::Raft;
use crate::nodosum::rpc::{Proposed, Rpc};
use crate::nodosum::state::{Command, Request, RequestId};

/// How long a proposal is tried.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(3);

/// The pause before the next attempt when nobody is known to lead.
const PAUSE: Duration = Duration::from_millis(50);

impl Host {
    /// Whom this node takes for the leader of consensus.
    pub(super) fn leader(&self) -> Option<NodeId> {
        let known = self.raft().and_then(|raft| raft.metrics().borrow().current_leader);
        known.or(self.leader_hint.get())
    }

    /// Has a command decided.
    pub(super) async fn propose(&self, command: Command) -> Result<(), ProposeError> {
        self.requests.set(self.requests.get() + 1);
        if command == Command::Leave(self.me()) {
            self.has_left.set(true);
        }
        let id = RequestId { session: self.session(), number: self.requests.get() };
        let request = Request { id, command };
        let deadline = clock::since_boot() + PATIENCE;
        let (mut sent, mut turn) = (false, 0);
        while clock::since_boot() < deadline {
            let target = self.leader().or_else(|| self.anybody(turn));
            turn += 1;
            let Some(target) = target else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            match self.attempt(target, &request).await {
                Some(Proposed::Decided(outcome, index)) => {
                    self.catch_up(index).await;
                    return outcome.map_err(ProposeError::Refused);
                }
                Some(Proposed::NotLeader(hint)) => self.leader_hint.set(hint.filter(|hint| *hint != target)),
                None => {
                    sent = true;
                    self.leader_hint.set(None);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(if sent { ProposeError::Unknown } else { ProposeError::NoLeader })
    }

    /// Has a command decided that will be made anew if it is still due.
    pub(super) async fn decree(&self, command: Command) {
        if let Err(error) = self.propose(command).await {
            tracing::debug!(%error, "a decree came to nothing");
        }
    }

    /// Waits until this node has applied an entry of the log too: who has made a change is to see it.
    async fn catch_up(&self, index: u64) {
        let mut applied = self.publish.subscribe();
        let known = applied.wait_for(|applied| applied.last.is_some_and(|last| last.index >= index));
        if tokio::time::timeout(PATIENCE, known).await.is_err() {
            tracing::warn!(index, "this node is far behind the others");
        }
    }

    async fn attempt(&self, target: NodeId, request: &Request) -> Option<Proposed> {
        if target == self.me() {
            let raft = self.raft()?;
            return tokio::time::timeout(ATTEMPT, self.decide(&raft, request.clone())).await.ok();
        }
        self.caller().ask(target, Rpc::Propose(Box::new(request.clone())), ATTEMPT).await.ok()
    }

    /// Some node that may know who leads; another one each turn.
    fn anybody(&self, turn: usize) -> Option<NodeId> {
        let alive = self.alive.borrow();
        let others: Vec<NodeId> = alive.iter().copied().filter(|node| *node != self.me()).collect();
        if others.is_empty() { self.raft().map(|_| self.me()) } else { Some(others[turn % others.len()]) }
    }

    /// Decides a request, if this node leads.
    pub(super) async fn decide(&self, raft: &Raft, request: Request) -> Proposed {
        match raft.client_write(request).await {
            Ok(written) => Proposed::Decided(written.data, written.log_id.index),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to))) => {
                Proposed::NotLeader(to.leader_id)
            }
            Err(error) => {
                tracing::debug!(%error, "a proposal was not decided");
                Proposed::NotLeader(None)
            }
        }
    }
}
