//! The file of the coordination layer: who this node is, and what consensus must not forget.
//!
//! One redb database. Two tables: the log's entries by index, and facts by name. Everything that is written here is on
//! disk when the call returns, but for [`Durability::Lazy`] writes.
//!
//! After a write that the disk refused, redb refuses everything until it is opened anew: so that is done before the next
//! access, and what was lazily written may be gone then. Consensus ends at such an error, and starts again from the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mycorrhizal_net::identity::{ClusterId, ID_BYTES, Incarnation, NodeId};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");
const FACTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("facts");

/// The version of everything in the file.
const FORMAT: u32 = 1;

/// Why the file could not be read or written. What was written before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system or the file refused; with a full disk, trying again helps once there is room.
    #[error("the coordination file: {0}")]
    LocalFile(Box<redb::Error>),
    /// The file says what no version of this program has written.
    #[error("the coordination file holds something unreadable under '{0}'")]
    LocalBroken(String),
    /// Consensus cannot start on what the file says.
    #[error("consensus cannot start: {0}")]
    LocalConsensus(String),
    /// The file is of another version of this program.
    #[error("the coordination file has format {found}, this program reads format {FORMAT}")]
    ConfigFormat {
        /// The file's format.
        found: u32,
    },
    /// The directory belongs to a node of another cluster.
    #[error(
        "the data directory belongs to cluster '{found}', not to '{wanted}'; give the node a directory of its own"
    )]
    ConfigOtherCluster {
        /// The name in the file.
        found: String,
        /// The name that was asked for.
        wanted: String,
    },
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::LocalFile(Box::new(error.into()))
    }
}

/// Whether a write is on disk when the call returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// It is.
    Synced,
    /// It may be lost, with everything after it, if the machine fails; never torn.
    Lazy,
}

/// The open file. Cheap to clone; belongs to the service core.
#[derive(Clone)]
pub struct Store {
    file: Arc<StoreFile>,
}

struct StoreFile {
    /// `None` in memory, where nothing fails.
    path: Option<PathBuf>,
    /// `None` after a failure, until it can be opened again.
    database: watch::Sender<Option<Arc<Database>>>,
    /// The disk has refused something since the file was opened.
    failed: AtomicBool,
}

impl Store {
    /// Opens the file of the node whose data lies in `directory`, or makes one.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join("nodosum.redb");
        Self::prepare(Database::create(&path)?, Some(path))
    }

    /// A store in memory, for nodes that keep nothing.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn in_memory() -> Result<Self, StoreError> {
        let backend = redb::backends::InMemoryBackend::new();
        Self::prepare(Database::builder().create_with_backend(backend)?, None)
    }

    fn prepare(database: Database, path: Option<PathBuf>) -> Result<Self, StoreError> {
        let database = Arc::new(database);
        let (sender, _) = watch::channel(Some(Arc::clone(&database)));
        let store =
            Self { file: Arc::new(StoreFile { path, database: sender, failed: AtomicBool::new(false) }) };
        let write = database.begin_write()?;
        write.open_table(ENTRIES)?;
        write.open_table(FACTS)?;
        write.commit()?;
        match store.read("format")? {
            None => store.write("format", &FORMAT, Durability::Synced)?,
            Some(FORMAT) => {}
            Some(found) => return Err(StoreError::ConfigFormat { found }),
        }
        Ok(store)
    }

    /// Does something with the file, opened anew if it has failed.
    fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.file.failed.load(Ordering::Acquire) {
            self.reopen()?;
        }
        let database = self.file.database.borrow().clone();
        let done = match database {
            Some(database) => act(&database),
            None => Err(redb::Error::PreviousIo.into()),
        };
        if matches!(done, Err(StoreError::LocalFile(_))) && self.file.path.is_some() {
            self.file.failed.store(true, Ordering::Release);
        }
        done
    }

    /// Closes the file and opens it again, unless somebody has done so or is still reading it.
    fn reopen(&self) -> Result<(), StoreError> {
        let Some(path) = &self.file.path else { return Ok(()) };
        let mut reopened = Ok(());
        // Whoever else comes here waits for the outcome of the first.
        self.file.database.send_if_modified(|database| {
            if !self.file.failed.load(Ordering::Acquire) {
                return false;
            }
            if let Some(open) = database.take()
                && let Err(in_use) = Arc::try_unwrap(open)
            {
                *database = Some(in_use);
                reopened = Err(redb::Error::PreviousIo.into());
                return false;
            }
            match Database::create(path) {
                Ok(opened) => {
                    *database = Some(Arc::new(opened));
                    self.file.failed.store(false, Ordering::Release);
                }
                Err(error) => reopened = Err(error.into()),
            }
            true
        });
        reopened
    }

    /// Reads a fact.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        self.with(|database| {
            let read = database.begin_read()?;
            let table = read.open_table(FACTS)?;
            let Some(bytes) = table.get(name)? else { return Ok(None) };
            let broken = |_| StoreError::LocalBroken(name.to_owned());
            postcard::from_bytes(bytes.value()).map(Some).map_err(broken)
        })
    }

    /// Writes a fact.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn write<T: Serialize>(
        &self,
        name: &str,
        value: &T,
        durability: Durability,
    ) -> Result<(), StoreError> {
        let bytes = postcard::to_stdvec(value).map_err(|_| StoreError::LocalBroken(name.to_owned()))?;
        self.change(durability, |_, facts| {
            facts.insert(name, bytes.as_slice())?;
            Ok(())
        })
    }

    /// Takes a fact back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn erase(&self, name: &str) -> Result<(), StoreError> {
        self.change(Durability::Synced, |_, facts| {
            facts.remove(name)?;
            Ok(())
        })
    }

    /// The id of the node, `random` if it has none yet.
    ///
    /// # Errors
    /// See [`StoreError`]; among them that the directory belongs to a node of another cluster.
    pub fn node_id(&self, cluster_name: &str, random: [u8; ID_BYTES]) -> Result<NodeId, StoreError> {
        match self.read::<String>("cluster-name")? {
            Some(found) if found != cluster_name => {
                return Err(StoreError::ConfigOtherCluster { found, wanted: cluster_name.to_owned() });
            }
            Some(_) => {}
            None => self.write("cluster-name", &cluster_name, Durability::Synced)?,
        }
        if let Some(id) = self.read("node-id")? {
            return Ok(id);
        }
        self.write("node-id", &NodeId(random), Durability::Synced)?;
        Ok(NodeId(random))
    }

    /// Begins a life of the node: its id, drawn from `random` if it has none yet, and an incarnation that it never had.
    ///
    /// # Errors
    /// See [`StoreError`]; among them that the directory belongs to a node of another cluster.
    pub fn begin_life(
        &self,
        cluster_name: &str,
        random: [u8; ID_BYTES],
    ) -> Result<(NodeId, Incarnation), StoreError> {
        let id = self.node_id(cluster_name, random)?;
        let last = self.read("incarnation")?.unwrap_or(Incarnation(0));
        let incarnation = Incarnation(last.0 + 1);
        self.write("incarnation", &incarnation, Durability::Synced)?;
        Ok((id, incarnation))
    }

    /// The cluster that this node belongs to, if it does.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn cluster(&self) -> Result<Option<ClusterId>, StoreError> {
        self.read("cluster-id")
    }

    /// Makes this node one of a cluster, for ever.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn set_cluster(&self, cluster: ClusterId) -> Result<(), StoreError> {
        self.write("cluster-id", &cluster, Durability::Synced)
    }

    pub(super) fn change(
        &self,
        durability: Durability,
        act: impl FnOnce(
            &mut redb::Table<'_, u64, &[u8]>,
            &mut redb::Table<'_, &str, &[u8]>,
        ) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.with(|database| {
            let mut write = database.begin_write()?;
            write.set_durability(match durability {
                Durability::Synced => redb::Durability::Immediate,
                Durability::Lazy => redb::Durability::None,
            })?;
            act(&mut write.open_table(ENTRIES)?, &mut write.open_table(FACTS)?)?;
            write.commit()?;
            Ok(())
        })
    }

    pub(super) fn entries<T: DeserializeOwned>(
        &self,
        range: impl std::ops::RangeBounds<u64>,
    ) -> Result<Vec<T>, StoreError> {
        self.with(|database| {
            let read = database.begin_read()?;
            let table = read.open_table(ENTRIES)?;
            let mut entries = Vec::new();
            for row in table.range(range)? {
                let (index, bytes) = row?;
                let broken = |_| StoreError::LocalBroken(format!("entry {}", index.value()));
                entries.push(postcard::from_bytes(bytes.value()).map_err(broken)?);
            }
            Ok(entries)
        })
    }

    pub(super) fn last_entry<T: DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        self.with(|database| {
            let read = database.begin_read()?;
            let table = read.open_table(ENTRIES)?;
            let Some((index, bytes)) = table.last()? else { return Ok(None) };
            let broken = |_| StoreError::LocalBroken(format!("entry {}", index.value()));
            postcard::from_bytes(bytes.value()).map(Some).map_err(broken)
        })
    }
}
