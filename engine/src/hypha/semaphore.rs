//! Semaphores: so many owners at a time, over the whole cluster.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::block_on;

use super::call::Door;
use super::lease::{self, holding};
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::LeaseKind;

/// A named semaphore. Cheap to clone; for any thread and any executor.
///
/// ```
/// # use mycorrhizal::Hypha;
/// # use std::time::Duration;
/// # let hypha = Hypha::builder().start()?;
/// let mailers = hypha.semaphore("mailers", 2).blocking();
/// let (one, other) = (mailers.acquire()?, mailers.acquire()?);
/// assert!(one.token() < other.token());
/// assert!(mailers.try_acquire(Duration::from_millis(20))?.is_none());
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Semaphore {
    door: Door,
    name: Arc<str>,
    permits: u32,
}

holding! {
    /// A permit that is held. Dropped, it is given up.
    Permit, release, wait_release,
    "Gives it up."
}

impl Semaphore {
    pub(crate) fn new(door: Door, name: &str, permits: u32) -> Self {
        Self { door, name: name.into(), permits }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The blocking twin of this handle, for threads that are no tasks.
    #[must_use]
    pub fn blocking(&self) -> BlockingSemaphore {
        BlockingSemaphore(self.clone())
    }

    /// Waits for a permit, as long as it takes, in the order of asking. Dropped before, the place in the queue is given up.
    ///
    /// # Errors
    /// The node or client stops, or the name is in use with another number of permits, or that number is 0, or the name
    /// begins with `mycel.`: those are reserved.
    pub async fn acquire(&self) -> Result<Permit, ProposeError> {
        lease::acquire(&self.door, self.kind(), &self.name).await.map(Permit)
    }

    /// Waits for a permit; `None`: not within `timeout`.
    ///
    /// # Errors
    /// As for [`Semaphore::acquire`].
    pub async fn try_acquire(&self, timeout: Duration) -> Result<Option<Permit>, ProposeError> {
        let held = lease::acquire_within(&self.door, self.kind(), &self.name, timeout).await?;
        Ok(held.map(Permit))
    }

    fn kind(&self) -> LeaseKind {
        LeaseKind::Semaphore { permits: self.permits }
    }
}

/// The blocking twin of [`Semaphore`].
#[derive(Clone)]
pub struct BlockingSemaphore(Semaphore);

impl BlockingSemaphore {
    /// The blocking twin of [`Semaphore::acquire`].
    ///
    /// # Errors
    /// As there.
    pub fn acquire(&self) -> Result<Permit, ProposeError> {
        block_on(self.0.acquire())
    }

    /// The blocking twin of [`Semaphore::try_acquire`].
    ///
    /// # Errors
    /// As there.
    pub fn try_acquire(&self, timeout: Duration) -> Result<Option<Permit>, ProposeError> {
        block_on(self.0.try_acquire(timeout))
    }
}
