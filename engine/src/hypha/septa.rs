//! The septa of a cluster: created, changed, dropped, listed.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::block_on;

use super::call::{CallError, Door, SOMEWHERE};
use super::reply::{Fields, text};

/// What holds for all keys of a septum; `None`: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeptumPolicy {
    /// The time to live of keys that are written without one, to the millisecond.
    pub default_ttl: Option<Duration>,
    /// Bytes that its keys may take, over all nodes. What would need more is refused.
    pub max_memory: Option<u64>,
    /// Keys that it may have, over all nodes. What would add one is refused.
    pub max_entries: Option<u64>,
}

/// What is known of a septum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeptumInfo {
    /// Its name.
    pub name: String,
    /// What holds for its keys.
    pub policy: SeptumPolicy,
    /// How many keys it has, on all nodes.
    pub keys: u64,
}

/// The septa of a cluster, or of a node that belongs to none.
///
/// ```
/// # use mycorrhizal::{CallError, Hypha, SeptumPolicy};
/// # use std::time::Duration;
/// # let hypha = Hypha::builder().start()?;
/// # futures_lite::future::block_on(async {
/// let policy = SeptumPolicy { default_ttl: Some(Duration::from_secs(1800)), ..SeptumPolicy::default() };
/// hypha.septa().create("sessions", policy).await?;
/// let sessions = hypha.septum::<String>("sessions");
/// sessions.set("alice", &"signed in".to_owned()).await?;
/// assert_eq!(hypha.septa().info("sessions").await?.keys, 1);
///
/// hypha.septa().drop_septum("sessions").await?;
/// assert!(matches!(sessions.get("alice").await, Err(CallError::NoSeptum(_))));
/// # Ok::<(), CallError>(())
/// # })?;
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Septa {
    door: Door,
    somewhere: Arc<str>,
}

impl Septa {
    pub(crate) fn new(door: Door) -> Self {
        Self { door, somewhere: SOMEWHERE.into() }
    }

    /// The blocking twin of this handle, for threads that are no tasks.
    #[must_use]
    pub fn blocking(&self) -> BlockingSepta {
        BlockingSepta(self.clone())
    }

    /// Creates a septum: a name of 1 to 128 bytes without spaces or control characters, and no number.
    ///
    /// # Errors
    /// [`CallError::Refused`]: it exists, or its name cannot be one. See [`CallError`] for the rest.
    pub async fn create(&self, name: &str, policy: SeptumPolicy) -> Result<(), CallError> {
        self.say("CREATE", name, policy).await
    }

    /// Gives a septum another policy. A time to live holds for what is written from then on.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn alter(&self, name: &str, policy: SeptumPolicy) -> Result<(), CallError> {
        self.say("ALTER", name, policy).await
    }

    /// Removes a septum with all its keys.
    ///
    /// # Errors
    /// [`CallError::Refused`]: it is a numbered database. See [`CallError`] for the rest.
    pub async fn drop_septum(&self, name: &str) -> Result<(), CallError> {
        self.door.run(&self.somewhere, &["SEPTUM", "DROP", name]).await.map(drop)
    }

    /// The names of all septa, in order.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn list(&self) -> Result<Vec<String>, CallError> {
        let reply = self.door.run(&self.somewhere, &["SEPTUM", "LIST"]).await?;
        Ok(reply.as_values().unwrap_or_default().iter().filter_map(text).collect())
    }

    /// What is known of one.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn info(&self, name: &str) -> Result<SeptumInfo, CallError> {
        let reply = self.door.run(&self.somewhere, &["SEPTUM", "INFO", name]).await?;
        let Some(fields) = Fields::of(&reply) else { return Err(CallError::Unexpected(reply)) };
        let limit = |name| fields.number(name).filter(|limit| *limit > 0);
        let policy = SeptumPolicy {
            default_ttl: limit("ttl").map(Duration::from_millis),
            max_memory: limit("maxmemory"),
            max_entries: limit("maxentries"),
        };
        Ok(SeptumInfo { name: name.to_owned(), policy, keys: fields.number("keys").unwrap_or(0) })
    }

    async fn say(&self, what: &str, name: &str, policy: SeptumPolicy) -> Result<(), CallError> {
        let ttl = policy.default_ttl.map_or(0, |ttl| ttl.as_millis()).to_string();
        let [memory, entries] =
            [policy.max_memory, policy.max_entries].map(|limit| limit.unwrap_or(0).to_string());
        let args = ["SEPTUM", what, name, "TTL", &ttl, "MAXMEMORY", &memory, "MAXENTRIES", &entries];
        self.door.run(&self.somewhere, &args).await.map(drop)
    }
}

/// The blocking twin of [`Septa`].
#[derive(Clone)]
pub struct BlockingSepta(Septa);

impl BlockingSepta {
    /// The blocking twin of [`Septa::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, name: &str, policy: SeptumPolicy) -> Result<(), CallError> {
        block_on(self.0.create(name, policy))
    }

    /// The blocking twin of [`Septa::alter`].
    ///
    /// # Errors
    /// As there.
    pub fn alter(&self, name: &str, policy: SeptumPolicy) -> Result<(), CallError> {
        block_on(self.0.alter(name, policy))
    }

    /// The blocking twin of [`Septa::drop_septum`].
    ///
    /// # Errors
    /// As there.
    pub fn drop_septum(&self, name: &str) -> Result<(), CallError> {
        block_on(self.0.drop_septum(name))
    }

    /// The blocking twin of [`Septa::list`].
    ///
    /// # Errors
    /// As there.
    pub fn list(&self) -> Result<Vec<String>, CallError> {
        block_on(self.0.list())
    }

    /// The blocking twin of [`Septa::info`].
    ///
    /// # Errors
    /// As there.
    pub fn info(&self, name: &str) -> Result<SeptumInfo, CallError> {
        block_on(self.0.info(name))
    }
}
