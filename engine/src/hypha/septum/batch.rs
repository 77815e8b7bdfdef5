//! Many operations on a septum at once.

use std::sync::Arc;

use mycorrhizal_net::resp::Value;

use super::{SetOptions, decoded, set_args};
use crate::hypha::Payload;
use crate::hypha::call::{Call, CallError, Door, Outcome};
use crate::hypha::reply::integer;

/// Operations to be sent at once, each for itself: some may fail while others do not.
///
/// ```
/// # use mycorrhizal::{Answer, Batch, Hypha};
/// # let hypha = Hypha::builder().start()?;
/// let carts = hypha.septum::<Vec<String>>("0").blocking();
/// let batch = Batch::new().set("alice", &vec!["apples".to_owned()]).get("alice").delete("bob");
/// let outcomes = carts.batch(batch);
/// assert_eq!(outcomes[1], Ok(Answer::Value(Some(vec!["apples".to_owned()]))));
/// assert_eq!(outcomes[2], Ok(Answer::Done(false)));
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Batch<T> {
    operations: Vec<Operation>,
    values: std::marker::PhantomData<fn(T)>,
}

/// What came of one operation of a [`Batch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    /// Of a get: the value, if the key is there.
    Value(Option<T>),
    /// Of a set or delete: whether it changed anything.
    Done(bool),
}

#[derive(Debug)]
enum Operation {
    Get(Call),
    Set(Call),
    Delete(Call),
    /// A value that cannot be written.
    Failed(CallError),
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self { operations: Vec::new(), values: std::marker::PhantomData }
    }
}

impl<T: Payload> Batch<T> {
    /// One without operations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a key.
    #[must_use]
    pub fn get(self, key: impl AsRef<[u8]>) -> Self {
        self.with(Operation::Get(Call::new(&[b"GET", key.as_ref()])))
    }

    /// Sets a key.
    #[must_use]
    pub fn set(self, key: impl AsRef<[u8]>, value: &T) -> Self {
        self.set_with(key, value, SetOptions::default())
    }

    /// Sets a key under conditions.
    #[must_use]
    pub fn set_with(self, key: impl AsRef<[u8]>, value: &T, options: SetOptions) -> Self {
        self.with(match value.encode() {
            Ok(value) => Operation::Set(Call::new(&set_args(key.as_ref(), value, options))),
            Err(error) => Operation::Failed(error.into()),
        })
    }

    /// Removes a key.
    #[must_use]
    pub fn delete(self, key: impl AsRef<[u8]>) -> Self {
        self.with(Operation::Delete(Call::new(&[b"DEL", key.as_ref()])))
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    fn with(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }

    pub(super) async fn run(self, door: &Door, septum: &Arc<str>) -> Vec<Result<Answer<T>, CallError>> {
        let (mut calls, mut reads) = (Vec::new(), Vec::with_capacity(self.operations.len()));
        for operation in self.operations {
            reads.push(match operation {
                Operation::Get(call) => {
                    calls.push(call);
                    Ok(Self::of_get as fn(Outcome) -> _)
                }
                Operation::Set(call) => {
                    calls.push(call);
                    Ok(Self::of_set as fn(Outcome) -> _)
                }
                Operation::Delete(call) => {
                    calls.push(call);
                    Ok(Self::of_delete as fn(Outcome) -> _)
                }
                Operation::Failed(error) => Err(error),
            });
        }
        let mut outcomes = door.run_all(septum, calls).await.into_iter();
        let mut next = || outcomes.next().expect("every call has an outcome");
        reads.into_iter().map(|read| read.and_then(|read| read(next()))).collect()
    }

    fn of_get(outcome: Outcome) -> Result<Answer<T>, CallError> {
        decoded(outcome?).map(Answer::Value)
    }

    fn of_set(outcome: Outcome) -> Result<Answer<T>, CallError> {
        Ok(Answer::Done(outcome? != Value::Null))
    }

    fn of_delete(outcome: Outcome) -> Result<Answer<T>, CallError> {
        Ok(Answer::Done(integer(outcome?)? == 1))
    }
}
