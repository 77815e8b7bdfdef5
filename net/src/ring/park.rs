//! How the ring's own task waits: in the ring, or, while glommio has work in flight, through glommio.
//!
//! Waiting through glommio means to await a read of an eventfd that the kernel signals at each completion of the
//! ring; it costs four or five system calls, so it is done only while an [`ExternalWork`] guard exists.

use super::Ring;
use super::core::Core;
use super::eventfd::{self, Blocking};
use super::kernel::Wait;
use glommio::io::BufferedFile;
use glommio::timer::Timer;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{Ordering, fence};
use std::task::Poll;
use std::time::Instant;

/// While it exists, the ring sleeps through glommio, so that glommio's own completions wake the core too. Take one
/// for the time that a glommio file operation or timer is in flight.
#[must_use = "glommio's completions go unseen without it"]
pub struct ExternalWork {
    core: Rc<Core>,
}

impl Drop for ExternalWork {
    fn drop(&mut self) {
        self.core.external.set(self.core.external.get() - 1);
    }
}

impl Ring {
    /// Announces a glommio operation. Take it before the operation is started.
    pub fn external_work(&self) -> ExternalWork {
        self.core.external.set(self.core.external.get() + 1);
        ExternalWork { core: Rc::clone(&self.core) }
    }
}

type Read = Pin<Box<dyn Future<Output = ()>>>;

/// Puts the core to sleep. Owned by the turn loop.
pub(crate) struct Sleeper {
    core: Rc<Core>,
    /// Signalled by the kernel at completions, read through glommio. Made when it is first needed.
    event: Option<Rc<BufferedFile>>,
    /// A read goes on until a signal ends it, over several sleeps if need be.
    read: Option<Read>,
}

impl Sleeper {
    pub(crate) fn new(ring: &Ring) -> Self {
        Self { core: Rc::clone(&ring.core), event: None, read: None }
    }

    /// Submits, sleeps until something happens or `until`, and acts on what happened.
    ///
    /// # Errors
    ///
    /// The ring failed.
    pub(crate) async fn sleep(&mut self, until: Option<Instant>) -> io::Result<()> {
        if self.core.external.get() == 0 {
            return self.core.enter(Wait::Completion(self.core.sleep_limit(until)));
        }
        self.core.enter(Wait::No)?;
        if self.core.has_woken() {
            return Ok(());
        }
        self.sleep_outside(until).await?;
        self.core.enter(Wait::No)
    }

    async fn sleep_outside(&mut self, until: Option<Instant>) -> io::Result<()> {
        let core = Rc::clone(&self.core);
        let event = self.event()?;
        core.kernel.borrow_mut().signal_completions(true);
        // Either the kernel sees that it has to signal, or its completion is seen here.
        fence(Ordering::SeqCst);
        if !core.kernel.borrow_mut().has_completions() {
            let mut timer = core.sleep_limit(until).map(Timer::new);
            let read = self.read.get_or_insert_with(|| read(event));
            let mut over = false;
            let mut first = true;
            poll_fn(|context| {
                over = read.as_mut().poll(context).is_ready();
                let late = timer.as_mut().is_some_and(|timer| Pin::new(timer).poll(context).is_ready());
                if over || late || (!first && !core.is_outside()) {
                    return Poll::Ready(());
                }
                first = false;
                core.go_outside(context.waker());
                Poll::Pending
            })
            .await;
            if over {
                self.read = None;
            }
            core.come_inside();
        }
        core.kernel.borrow_mut().signal_completions(false);
        Ok(())
    }

    fn event(&mut self) -> io::Result<Rc<BufferedFile>> {
        if let Some(event) = &self.event {
            return Ok(Rc::clone(event));
        }
        let event = eventfd::create(Blocking::Yes)?;
        self.core.kernel.borrow_mut().register_event(event.as_fd())?;
        let event = Rc::new(eventfd::readable_by_glommio(event));
        self.event = Some(Rc::clone(&event));
        Ok(event)
    }
}

fn read(event: Rc<BufferedFile>) -> Read {
    Box::pin(async move {
        if let Err(error) = event.read_at(0, size_of::<u64>()).await {
            tracing::error!(%error, "cannot read the ring's event");
        }
    })
}

/// What the turn loop needs of a ring.
impl Ring {
    /// Starts what the tasks asked for.
    pub(crate) fn before_enter(&self) {
        self.core.before_enter();
    }

    /// Submits and harvests without sleeping.
    ///
    /// # Errors
    ///
    /// The ring failed.
    pub(crate) fn enter(&self) -> io::Result<()> {
        self.core.enter(Wait::No)
    }

    /// Tells others that this core is about to sleep.
    pub(crate) fn announce_sleep(&self) {
        self.core.shared.parked.announce();
    }

    /// Tells others that this core is awake.
    pub(crate) fn retract_sleep(&self) {
        self.core.shared.parked.retract();
    }

    /// Whether a task was woken since the last call.
    pub(crate) fn take_woken(&self) -> bool {
        self.core.take_woken()
    }

    /// Whether a task was woken since the last [`Ring::take_woken`].
    pub(crate) fn has_woken(&self) -> bool {
        self.core.has_woken()
    }

    /// Ends every connection and listener; the tasks that wait for them are woken.
    pub(crate) fn shut_down(&self) {
        self.core.shut_down();
    }

    /// Waits a moment for completions, without regard for deadlines.
    ///
    /// # Errors
    ///
    /// The ring failed.
    pub(crate) fn enter_for(&self, limit: std::time::Duration) -> io::Result<()> {
        self.core.enter(Wait::Completion(Some(limit)))
    }

    /// Operations that the kernel has, apart from the poll that wakes the ring.
    pub(crate) fn in_flight(&self) -> usize {
        self.core.kernel.borrow().in_flight().saturating_sub(1)
    }
}
