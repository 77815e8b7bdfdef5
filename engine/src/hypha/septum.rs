//! A septum in the hand of a program: typed values under keys, with a policy of its own.
//!
//! | | |
//! |---|---|
//! | keys | any bytes |
//! | values | a [`Payload`]: whatever serde can write, as JSON, or [`Raw`] bytes |
//! | names | those of SEPTUM CREATE; the numbered databases are the septa `"0"`, `"1"`, … |
//!
//! A handle holds a name, which is looked up at each call: a septum that does not exist, or was dropped, is
//! [`CallError::NoSeptum`], and one that was created anew under the name is found.

mod batch;
mod blocking;
mod scan;

pub use batch::{Answer, Batch};
pub use blocking::BlockingSeptum;
pub use scan::Scan;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use mycorrhizal_net::resp::Value;

use super::call::{CallError, Door};
use super::reply::{bytes, integer};
use super::{Payload, Raw};

/// Values of one type in one septum. Cheap to clone; for any thread and any executor.
///
/// ```
/// # use mycorrhizal::{Hypha, SetOptions, TimeToLive};
/// # use std::time::Duration;
/// # let hypha = Hypha::builder().start()?;
/// # futures_lite::future::block_on(async {
/// let visits = hypha.septum::<i64>("0");
/// visits.set("alice", &1).await?;
/// assert_eq!(visits.increment("alice", 2).await?, 3);
/// assert_eq!(visits.get("alice").await?, Some(3));
///
/// let soon = SetOptions { expire_in: Some(Duration::from_secs(60)), ..SetOptions::default() };
/// visits.set_with("bob", &7, soon).await?;
/// assert!(matches!(visits.time_to_live("bob").await?, TimeToLive::Left(_)));
/// assert_eq!(visits.time_to_live("alice").await?, TimeToLive::Forever);
/// # Ok::<(), mycorrhizal::CallError>(())
/// # })?;
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Septum<T> {
    door: Door,
    name: Arc<str>,
    values: PhantomData<fn() -> T>,
}

impl<T> Clone for Septum<T> {
    fn clone(&self) -> Self {
        Self { door: self.door.clone(), name: Arc::clone(&self.name), values: PhantomData }
    }
}

/// How [`Septum::set_with`] sets a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetOptions {
    /// When the key is to expire, to the millisecond; `None`: as the policy of the septum says.
    pub expire_in: Option<Duration>,
    /// Only if the key exists, or only if it does not.
    pub condition: Condition,
}

/// On what a write depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    /// On nothing.
    #[default]
    Always,
    /// On the key being there.
    IfPresent,
    /// On the key not being there.
    IfAbsent,
}

/// How long a key has yet to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeToLive {
    /// It is not there.
    Absent,
    /// It does not expire.
    Forever,
    /// So long.
    Left(Duration),
}

/// Values that [`Septum::increment`] can add to: integers in decimal digits.
pub trait Countable: Payload {}

impl Countable for i64 {}
impl Countable for Raw {}

impl<T: Payload> Septum<T> {
    pub(crate) fn new(door: Door, name: &str) -> Self {
        Self { door, name: name.into(), values: PhantomData }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The blocking twin of this handle, for threads that are no tasks.
    #[must_use]
    pub fn blocking(&self) -> BlockingSeptum<T> {
        BlockingSeptum::new(self.clone())
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`CallError::Payload`]: what is stored is no `T`. See [`CallError`] for the rest.
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<T>, CallError> {
        decoded(self.execute(&[b"GET", key.as_ref()]).await?)
    }

    /// Sets a key, whatever it held.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn set(&self, key: impl AsRef<[u8]>, value: &T) -> Result<(), CallError> {
        self.set_with(key, value, SetOptions::default()).await.map(drop)
    }

    /// Sets a key under conditions; returns whether it was set.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn set_with(
        &self,
        key: impl AsRef<[u8]>,
        value: &T,
        options: SetOptions,
    ) -> Result<bool, CallError> {
        let args = set_args(key.as_ref(), value.encode()?, options);
        Ok(self.execute(&args).await? != Value::Null)
    }

    /// Removes a key; returns whether it was there.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn delete(&self, key: impl AsRef<[u8]>) -> Result<bool, CallError> {
        Ok(integer(self.execute(&[b"DEL", key.as_ref()]).await?)? == 1)
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn exists(&self, key: impl AsRef<[u8]>) -> Result<bool, CallError> {
        Ok(integer(self.execute(&[b"EXISTS", key.as_ref()]).await?)? == 1)
    }

    /// Lets a key expire after a time, to the millisecond; returns whether it was there.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn expire(&self, key: impl AsRef<[u8]>, after: Duration) -> Result<bool, CallError> {
        let millis = after.as_millis().to_string();
        Ok(integer(self.execute(&[b"PEXPIRE", key.as_ref(), millis.as_bytes()]).await?)? == 1)
    }

    /// How long a key has yet to live.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn time_to_live(&self, key: impl AsRef<[u8]>) -> Result<TimeToLive, CallError> {
        let millis = integer(self.execute(&[b"PTTL", key.as_ref()]).await?)?;
        Ok(match u64::try_from(millis) {
            Ok(millis) => TimeToLive::Left(Duration::from_millis(millis)),
            Err(_) if millis == -2 => TimeToLive::Absent,
            Err(_) => TimeToLive::Forever,
        })
    }

    /// The values of several keys, in their order; all are asked for at once.
    ///
    /// # Errors
    /// That of the first key that has one; see [`Septum::batch`] for an outcome of each.
    pub async fn get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<T>>, CallError> {
        let batch = keys.iter().fold(Batch::new(), Batch::get);
        let value = |outcome| match outcome? {
            Answer::Value(value) => Ok(value),
            Answer::Done(_) => Err(CallError::Unexpected(Value::Null)),
        };
        self.batch(batch).await.into_iter().map(value).collect()
    }

    /// Sets several keys, each for itself; all are sent at once.
    ///
    /// # Errors
    /// That of the first key that has one; the others may have been set. See [`Septum::batch`] for an outcome of each.
    pub async fn set_many<K: AsRef<[u8]>>(&self, pairs: &[(K, T)]) -> Result<(), CallError> {
        let batch = pairs.iter().fold(Batch::new(), |batch, (key, value)| batch.set(key, value));
        self.batch(batch).await.into_iter().try_for_each(|outcome| outcome.map(drop))
    }

    /// Runs many operations at once, each for itself; the outcomes stand in their order.
    pub async fn batch(&self, batch: Batch<T>) -> Vec<Result<Answer<T>, CallError>> {
        batch.run(&self.door, &self.name).await
    }

    /// Walks over the keys of the septum, on all nodes.
    #[must_use]
    pub fn scan(&self) -> Scan {
        Scan::new(self.door.clone(), Arc::clone(&self.name))
    }

    /// The number of keys, on all nodes.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn len(&self) -> Result<u64, CallError> {
        integer(self.execute(&[b"DBSIZE"]).await?).map(i64::unsigned_abs)
    }

    /// Whether there is no key.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn is_empty(&self) -> Result<bool, CallError> {
        Ok(self.len().await? == 0)
    }

    /// Removes all keys, on all nodes.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn clear(&self) -> Result<(), CallError> {
        self.execute(&[b"FLUSHDB"]).await.map(drop)
    }

    /// Runs any command in the septum, its name first, and returns its reply as RESP3 has it; an error reply is an `Err`.
    /// What a command would remember of its connection (SELECT, SUBSCRIBE, a lock) is forgotten with the call.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn execute<A: AsRef<[u8]>>(&self, args: &[A]) -> Result<Value, CallError> {
        self.door.run(&self.name, args).await
    }
}

impl<T: Countable> Septum<T> {
    /// Adds to the integer that a key holds, 0 if it is not there; returns the sum.
    ///
    /// # Errors
    /// The value is no integer, or the sum leaves the range of an `i64`; see [`CallError`] for the rest.
    pub async fn increment(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64, CallError> {
        integer(self.execute(&[b"INCRBY", key.as_ref(), by.to_string().as_bytes()]).await?)
    }
}

/// SET with its options.
fn set_args(key: &[u8], value: Vec<u8>, options: SetOptions) -> Vec<Vec<u8>> {
    let mut args = vec![b"SET".to_vec(), key.to_vec(), value];
    match options.condition {
        Condition::Always => {}
        Condition::IfPresent => args.push(b"XX".to_vec()),
        Condition::IfAbsent => args.push(b"NX".to_vec()),
    }
    if let Some(after) = options.expire_in {
        args.extend([b"PX".to_vec(), after.as_millis().to_string().into_bytes()]);
    }
    args
}

/// A reply that is a value, or nothing.
fn decoded<T: Payload>(value: Value) -> Result<Option<T>, CallError> {
    bytes(value)?.map(|bytes| T::decode(&bytes)).transpose().map_err(CallError::Payload)
}
