//! What an embedding application holds: typed calls on the data of a node, from any thread, under any executor.
//!
//! A call travels as one command to the core that owns its key, and comes back as one reply, through the same path that
//! a client's commands take: one set of rules for both.

use std::sync::Arc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_lite::future::block_on;
use mycorrhizal_net::resp::{Decoder, Protocol, ReplyLimits, Value, encode_command};

use crate::command::table;
use crate::mycel::{Db, PARTITIONS, Slot};
use crate::node::caller::PortKind;
use crate::node::mesh::{Call, RequestContext};
use crate::node::run_as;
use crate::node::shared::Node;

/// A handle on the data of one node. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    node: Arc<Node>,
    db: Db,
}

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The command was refused and changed nothing; the text is the one that a client would see.
    #[error("{0}")]
    Refused(String),
    /// The node has stopped. Whether the call took effect is unknown.
    #[error("the node has stopped; whether the call took effect is unknown")]
    Stopped,
    /// The reply has another shape than the call promises: the command was changed, or a raw call misused.
    #[error("unexpected reply: {0:?}")]
    Unexpected(Value),
}

/// How [`Handle::set_with`] sets a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetOptions {
    /// When the key is to expire; `None`: never.
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

impl Handle {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node, db: Db::default() }
    }

    /// The same handle on another numbered database.
    ///
    /// # Errors
    /// There is no such database.
    pub fn database(&self, number: u16) -> Result<Self, CallError> {
        if number >= self.node.settings.databases {
            return Err(CallError::Refused("ERR DB index is out of range".to_owned()));
        }
        Ok(Self { db: Db::new(number), ..self.clone() })
    }

    /// The blocking twin of this handle, for threads that are no tasks.
    #[must_use]
    pub fn blocking(&self) -> BlockingHandle {
        BlockingHandle(self.clone())
    }

    /// Runs any command, its name first, and returns its reply as RESP3 has it; an error reply is an `Err`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn execute<A: AsRef<[u8]>>(&self, args: &[A]) -> Result<Value, CallError> {
        let mut request = Vec::new();
        encode_command(&mut request, args);
        let post = &self.node.posts[self.core_for(args)];
        let (sender, receiver) = oneshot::channel();
        let db = self.db;
        let call: Call = Box::new(move |core| {
            let core = std::rc::Rc::clone(core);
            core.ring.note_wake();
            let answer = async move {
                // Whoever asked may have gone meanwhile; the command has run all the same.
                let context = RequestContext { db, protocol: Protocol::Resp3, no_touch: false };
                drop(sender.send(run_as(&core, PortKind::InProcess, context, &request).await));
            };
            glommio::spawn_local(answer).detach();
        });
        post.calls.send(call).await.map_err(|_| CallError::Stopped)?;
        post.waker.wake();
        let reply = receiver.await.map_err(|_| CallError::Stopped)?;
        match Decoder::new(ReplyLimits::default()).decode(&reply, 0) {
            Ok(Some((Value::Error(text), _))) => {
                Err(CallError::Refused(String::from_utf8_lossy(&text).into_owned()))
            }
            Ok(Some((value, _))) => Ok(value),
            Ok(None) | Err(_) => Err(CallError::Stopped),
        }
    }

    /// The core that owns the first key of a command, unless the node belongs to a cluster: then it may be another, and
    /// the core hands the command on.
    fn core_for<A: AsRef<[u8]>>(&self, args: &[A]) -> usize {
        let row = args.first().and_then(|name| table::find(name.as_ref()));
        let spec = row.and_then(|row| row.command.keys.first());
        let key = spec.and_then(|spec| args.get(usize::from(spec.first)));
        key.map_or(0, |key| Slot::of(key.as_ref()).partition() * self.node.posts.len() / PARTITIONS)
    }

    /// The value of a key.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, CallError> {
        bytes(self.execute(&[b"GET", key.as_ref()]).await?)
    }

    /// Sets a key, whatever it held.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), CallError> {
        self.set_with(key, value, SetOptions::default()).await.map(drop)
    }

    /// Sets a key under conditions; returns whether it was set.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn set_with(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: SetOptions,
    ) -> Result<bool, CallError> {
        let expiry = options.expire_in.map(|after| after.as_millis().to_string());
        let mut args: Vec<&[u8]> = vec![b"SET", key.as_ref(), value.as_ref()];
        match options.condition {
            Condition::Always => {}
            Condition::IfPresent => args.push(b"XX"),
            Condition::IfAbsent => args.push(b"NX"),
        }
        if let Some(millis) = &expiry {
            args.extend([&b"PX"[..], millis.as_bytes()]);
        }
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

    /// Lets a key expire after a time; returns whether it was there.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn expire(&self, key: impl AsRef<[u8]>, after: Duration) -> Result<bool, CallError> {
        let millis = after.as_millis().to_string();
        Ok(integer(self.execute(&[b"PEXPIRE", key.as_ref(), millis.as_bytes()]).await?)? == 1)
    }

    /// How long a key has yet to live: `None` if it is not there, `Some(None)` if it lives for ever.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn time_to_live(&self, key: impl AsRef<[u8]>) -> Result<Option<Option<Duration>>, CallError> {
        let millis = integer(self.execute(&[b"PTTL", key.as_ref()]).await?)?;
        Ok((millis != -2).then(|| u64::try_from(millis).ok().map(Duration::from_millis)))
    }

    /// Adds to the integer that a key holds, 0 if it is not there; returns the sum.
    ///
    /// # Errors
    /// The value is no integer, or the sum leaves the range of an `i64`; see [`CallError`] for the rest.
    pub async fn increment(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64, CallError> {
        integer(self.execute(&[b"INCRBY", key.as_ref(), by.to_string().as_bytes()]).await?)
    }

    /// The values of several keys, in their order.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<Vec<u8>>>, CallError> {
        let args: Vec<&[u8]> = std::iter::once(&b"MGET"[..]).chain(keys.iter().map(AsRef::as_ref)).collect();
        match self.execute(&args).await? {
            Value::Array(values) => values.into_iter().map(bytes).collect(),
            other => Err(CallError::Unexpected(other)),
        }
    }

    /// Sets several keys. Each is set as a whole; over several cores others may see some of them first.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn set_many<K: AsRef<[u8]>, V: AsRef<[u8]>>(&self, pairs: &[(K, V)]) -> Result<(), CallError> {
        let pairs = pairs.iter().flat_map(|(key, value)| [key.as_ref(), value.as_ref()]);
        let args: Vec<&[u8]> = std::iter::once(&b"MSET"[..]).chain(pairs).collect();
        self.execute(&args).await.map(drop)
    }

    /// The number of keys of the database.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn key_count(&self) -> Result<u64, CallError> {
        integer(self.execute(&[b"DBSIZE"]).await?).map(i64::unsigned_abs)
    }

    /// Removes all keys of the database.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn clear(&self) -> Result<(), CallError> {
        self.execute(&[b"FLUSHDB"]).await.map(drop)
    }
}

fn bytes(value: Value) -> Result<Option<Vec<u8>>, CallError> {
    match value {
        Value::Bulk(bytes) => Ok(Some(bytes)),
        Value::Null => Ok(None),
        other => Err(CallError::Unexpected(other)),
    }
}

fn integer(value: Value) -> Result<i64, CallError> {
    match value {
        Value::Integer(number) => Ok(number),
        other => Err(CallError::Unexpected(other)),
    }
}

/// The blocking twin of [`Handle`]: the same calls, for threads that are no tasks. Not to be used on a core.
#[derive(Clone)]
pub struct BlockingHandle(Handle);

/// Blocking twins of async calls: same arguments, same result.
macro_rules! blocking {
    ($($name:ident $(<$($generic:ident: $bound:path),*>)? ($($arg:ident: $kind:ty),*) -> $output:ty;)*) => {
        impl BlockingHandle {
            $(
                #[doc = concat!("The blocking twin of [`Handle::", stringify!($name), "`].")]
                ///
                /// # Errors
                /// See [`CallError`].
                pub fn $name $(<$($generic: $bound),*>)? (&self, $($arg: $kind),*) -> Result<$output, CallError> {
                    block_on(self.0.$name($($arg),*))
                }
            )*
        }
    };
}

blocking! {
    execute<A: AsRef<[u8]>>(args: &[A]) -> Value;
    get<K: AsRef<[u8]>>(key: K) -> Option<Vec<u8>>;
    set<K: AsRef<[u8]>, V: AsRef<[u8]>>(key: K, value: V) -> ();
    set_with<K: AsRef<[u8]>, V: AsRef<[u8]>>(key: K, value: V, options: SetOptions) -> bool;
    delete<K: AsRef<[u8]>>(key: K) -> bool;
    exists<K: AsRef<[u8]>>(key: K) -> bool;
    expire<K: AsRef<[u8]>>(key: K, after: Duration) -> bool;
    time_to_live<K: AsRef<[u8]>>(key: K) -> Option<Option<Duration>>;
    increment<K: AsRef<[u8]>>(key: K, by: i64) -> i64;
    get_many<K: AsRef<[u8]>>(keys: &[K]) -> Vec<Option<Vec<u8>>>;
    set_many<K: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(K, V)]) -> ();
    key_count() -> u64;
    clear() -> ();
}
