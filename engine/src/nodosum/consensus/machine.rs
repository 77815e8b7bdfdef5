//! The state machine as openraft drives it: applies requests, writes snapshots, and publishes what it has become.

use std::sync::Arc;

use mycorrhizal_net::identity::NodeId;
use openraft::storage::RaftStateMachine;
use openraft::{
    EmptyNode, Entry, EntryPayload, LogId, OptionalSend, RaftSnapshotBuilder, Snapshot, SnapshotMeta,
    StorageError, StorageIOError, StoredMembership,
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::Types;
use super::store::{Durability, Store, StoreError};
use crate::nodosum::state::{ClusterState, Outcome};

/// What a node has applied.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The state; readers hold it as long as they like.
    pub state: Arc<ClusterState>,
    /// The last entry that it includes.
    pub last: Option<LogId<NodeId>>,
}

/// The machine of one node. Belongs to its consensus task.
pub struct Machine {
    store: Store,
    applied: Applied,
    membership: StoredMembership<NodeId, EmptyNode>,
    publish: watch::Sender<Applied>,
}

#[derive(Serialize, Deserialize)]
struct StoredSnapshot {
    meta: SnapshotMeta<NodeId, EmptyNode>,
    data: Vec<u8>,
}

impl Machine {
    /// The machine as its last snapshot has it; what came after it is in the log. `publish` is told of every change.
    ///
    /// # Errors
    /// The snapshot cannot be read.
    pub fn restore(store: Store, publish: watch::Sender<Applied>) -> Result<Self, StoreError> {
        let mut machine =
            Self { store, applied: Applied::default(), membership: StoredMembership::default(), publish };
        if let Some(StoredSnapshot { meta, data }) = machine.store.read("snapshot")? {
            machine.load(&meta, &data).map_err(|_| StoreError::LocalBroken("snapshot".to_owned()))?;
        }
        Ok(machine)
    }

    fn load(&mut self, meta: &SnapshotMeta<NodeId, EmptyNode>, data: &[u8]) -> Result<(), postcard::Error> {
        let state: ClusterState = postcard::from_bytes(data)?;
        self.applied = Applied { state: Arc::new(state), last: meta.last_log_id };
        self.membership = meta.last_membership.clone();
        self.publish.send_replace(self.applied.clone());
        Ok(())
    }

    fn snapshot(&self) -> Result<StoredSnapshot, postcard::Error> {
        let last = self.applied.last;
        let meta = SnapshotMeta {
            last_log_id: last,
            last_membership: self.membership.clone(),
            snapshot_id: last.map(|last| last.to_string()).unwrap_or_default(),
        };
        Ok(StoredSnapshot { meta, data: postcard::to_stdvec(&*self.applied.state)? })
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogId<NodeId>>, StoredMembership<NodeId, EmptyNode>), StorageError<NodeId>> {
        Ok((self.applied.last, self.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Outcome>, StorageError<NodeId>>
    where
        I: IntoIterator<Item = Entry<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut outcomes = Vec::new();
        for entry in entries {
            self.applied.last = Some(entry.log_id);
            outcomes.push(match entry.payload {
                EntryPayload::Blank => Ok(()),
                EntryPayload::Normal(request) => Arc::make_mut(&mut self.applied.state).apply(&request),
                EntryPayload::Membership(membership) => {
                    self.membership = StoredMembership::new(Some(entry.log_id), membership);
                    Ok(())
                }
            });
        }
        self.publish.send_replace(self.applied.clone());
        Ok(outcomes)
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder { store: self.store.clone(), snapshot: self.snapshot() }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Vec<u8>>, StorageError<NodeId>> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<NodeId, EmptyNode>,
        snapshot: Box<Vec<u8>>,
    ) -> Result<(), StorageError<NodeId>> {
        self.load(meta, &snapshot).map_err(|error| failed(meta, &error))?;
        let stored = StoredSnapshot { meta: meta.clone(), data: *snapshot };
        self.store.write("snapshot", &stored, Durability::Synced).map_err(|error| failed(meta, &error))
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Types>>, StorageError<NodeId>> {
        let stored: Option<StoredSnapshot> = self.store.read("snapshot").map_err(|error| {
            let source = StorageIOError::read_snapshot(None, openraft::AnyError::new(&error));
            StorageError::IO { source }
        })?;
        Ok(stored.map(|StoredSnapshot { meta, data }| Snapshot { meta, snapshot: Box::new(data) }))
    }
}

/// Writes the snapshot of one moment.
pub struct SnapshotBuilder {
    store: Store,
    snapshot: Result<StoredSnapshot, postcard::Error>,
}

impl RaftSnapshotBuilder<Types> for SnapshotBuilder {
    async fn build_snapshot(&mut self) -> Result<Snapshot<Types>, StorageError<NodeId>> {
        let stored = match &self.snapshot {
            Ok(stored) => stored,
            Err(error) => return Err(failed(&SnapshotMeta::default(), error)),
        };
        self.store
            .write("snapshot", stored, Durability::Synced)
            .map_err(|error| failed(&stored.meta, &error))?;
        Ok(Snapshot { meta: stored.meta.clone(), snapshot: Box::new(stored.data.clone()) })
    }
}

fn failed(
    meta: &SnapshotMeta<NodeId, EmptyNode>,
    error: &(impl std::error::Error + 'static),
) -> StorageError<NodeId> {
    let source = StorageIOError::write_snapshot(Some(meta.signature()), openraft::AnyError::new(error));
    StorageError::IO { source }
}
