//! Locks: one owner at a time, over the whole cluster.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::block_on;

use super::call::Door;
use super::lease::{self, holding};
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::LeaseKind;

/// A named lock. Cheap to clone; for any thread and any executor.
///
/// ```
/// # use mycorrhizal::Hypha;
/// # use std::time::Duration;
/// # let hypha = Hypha::builder().start()?;
/// let stock = hypha.lock("stock").blocking();
/// let guard = stock.acquire()?;
/// assert!(stock.try_acquire(Duration::from_millis(20))?.is_none());
/// drop(guard);
/// stock.acquire()?.wait_release()?;
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Lock {
    door: Door,
    name: Arc<str>,
}

holding! {
    /// A lock that is held. Dropped, it is given up.
    LockGuard, release, wait_release,
    "Gives it up."
}

impl Lock {
    pub(crate) fn new(door: Door, name: &str) -> Self {
        Self { door, name: name.into() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The blocking twin of this handle, for threads that are no tasks.
    #[must_use]
    pub fn blocking(&self) -> BlockingLock {
        BlockingLock(self.clone())
    }

    /// Waits for the lock, as long as it takes, in the order of asking. Dropped before, the place in the queue is given up.
    ///
    /// # Errors
    /// The node or client stops, or the name begins with `mycel.`: those are reserved.
    pub async fn acquire(&self) -> Result<LockGuard, ProposeError> {
        lease::acquire(&self.door, LeaseKind::Lock, &self.name).await.map(LockGuard)
    }

    /// Waits for the lock; `None`: not within `timeout`.
    ///
    /// # Errors
    /// As for [`Lock::acquire`].
    pub async fn try_acquire(&self, timeout: Duration) -> Result<Option<LockGuard>, ProposeError> {
        let held = lease::acquire_within(&self.door, LeaseKind::Lock, &self.name, timeout).await?;
        Ok(held.map(LockGuard))
    }
}

/// The blocking twin of [`Lock`].
#[derive(Clone)]
pub struct BlockingLock(Lock);

impl BlockingLock {
    /// The blocking twin of [`Lock::acquire`].
    ///
    /// # Errors
    /// As there.
    pub fn acquire(&self) -> Result<LockGuard, ProposeError> {
        block_on(self.0.acquire())
    }

    /// The blocking twin of [`Lock::try_acquire`].
    ///
    /// # Errors
    /// As there.
    pub fn try_acquire(&self, timeout: Duration) -> Result<Option<LockGuard>, ProposeError> {
        block_on(self.0.try_acquire(timeout))
    }
}
