//! The log on disk, as openraft asks for it.

use std::fmt::Debug;
use std::ops::RangeBounds;

use mycorrhizal_net::identity::NodeId;
use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{
    Entry, ErrorSubject, ErrorVerb, LogId, LogState, OptionalSend, RaftLogReader, StorageError,
    StorageIOError, Vote,
};

use super::Types;
use super::store::{Durability, Store, StoreError};

/// The log of one node. Vote and entries are synced before a call returns.
#[derive(Clone)]
pub struct LogStore {
    store: Store,
}

impl LogStore {
    /// The log in `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Runs `work` where it may wait for the disk without holding up the service core.
    async fn on_disk<T: Send + 'static>(
        &self,
        verb: ErrorVerb,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StorageError<NodeId>> {
        let store = self.store.clone();
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        let failed = |error: std::io::Error| StorageError::IO {
            source: StorageIOError::new(ErrorSubject::Logs, verb, anyerror(&error)),
        };
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(failed(std::io::Error::other(error))),
            Err(error) => Err(failed(std::io::Error::other(error))),
        }
    }
}

fn anyerror(error: &std::io::Error) -> openraft::AnyError {
    openraft::AnyError::new(error)
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<B: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: B,
    ) -> Result<Vec<Entry<Types>>, StorageError<NodeId>> {
        let range = (range.start_bound().cloned(), range.end_bound().cloned());
        self.on_disk(ErrorVerb::Read, move |store| store.entries(range)).await
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, StorageError<NodeId>> {
        self.on_disk(ErrorVerb::Read, |store| {
            let last_purged_log_id: Option<LogId<NodeId>> = store.read("purged")?;
            let last: Option<Entry<Types>> = store.last_entry()?;
            Ok(LogState {
                last_purged_log_id,
                last_log_id: last.map(|entry| entry.log_id).or(last_purged_log_id),
            })
        })
        .await
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<NodeId>) -> Result<(), StorageError<NodeId>> {
        let vote = *vote;
        self.on_disk(ErrorVerb::Write, move |store| store.write("vote", &vote, Durability::Synced)).await
    }

    async fn read_vote(&mut self) -> Result<Option<Vote<NodeId>>, StorageError<NodeId>> {
        self.on_disk(ErrorVerb::Read, |store| store.read("vote")).await
    }

    async fn save_committed(&mut self, committed: Option<LogId<NodeId>>) -> Result<(), StorageError<NodeId>> {
        let write = move |store: &Store| store.write("committed", &committed, Durability::Lazy);
        self.on_disk(ErrorVerb::Write, write).await
    }

    async fn read_committed(&mut self) -> Result<Option<LogId<NodeId>>, StorageError<NodeId>> {
        self.on_disk(ErrorVerb::Read, |store| Ok(store.read("committed")?.flatten())).await
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<Types>) -> Result<(), StorageError<NodeId>>
    where
        I: IntoIterator<Item = Entry<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut rows = Vec::new();
        for entry in entries {
            let bytes = postcard::to_stdvec(&entry).map_err(|error| {
                let source = StorageIOError::write_log_entry(entry.log_id, openraft::AnyError::new(&error));
                StorageError::IO { source }
            })?;
            rows.push((entry.log_id.index, bytes));
        }
        self.on_disk(ErrorVerb::Write, move |store| {
            store.change(Durability::Synced, |log, _| {
                for (index, bytes) in &rows {
                    log.insert(index, bytes.as_slice())?;
                }
                Ok(())
            })
        })
        .await?;
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId<NodeId>) -> Result<(), StorageError<NodeId>> {
        self.on_disk(ErrorVerb::Write, move |store| {
            store.change(Durability::Synced, |log, _| Ok(log.retain_in(log_id.index.., |_, _| false)?))
        })
        .await
    }

    async fn purge(&mut self, log_id: LogId<NodeId>) -> Result<(), StorageError<NodeId>> {
        self.on_disk(ErrorVerb::Write, move |store| {
            let purged =
                postcard::to_stdvec(&log_id).map_err(|_| StoreError::LocalBroken("purged".to_owned()))?;
            store.change(Durability::Synced, |log, facts| {
                facts.insert("purged", purged.as_slice())?;
                Ok(log.retain_in(..=log_id.index, |_, _| false)?)
            })
        })
        .await
    }
}
