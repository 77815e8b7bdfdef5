//! Waking a core that sleeps in its ring, and not paying for it when it does not.
//!
//! ```text
//!  the core                              whoever has something for it
//!  parked = true                         put it into the mailbox
//!  fence                                 fence
//!  look into the mailboxes once more     parked.swap(false)?  →  signal
//!  sleep, unless there was something
//! ```
//!
//! The two fences make one of the sides see the other: either the core finds the message, or the sender finds the
//! flag. Only the one who turns the flag off signals, so a sleep is ended by one signal, not by a thousand.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// The flag of the parking protocol, apart from the files, so that it can be tested without a ring.
#[derive(Debug, Default)]
pub(super) struct Parked(AtomicBool);

impl Parked {
    /// The core is about to sleep; it looks into its mailboxes once more after this.
    pub(super) fn announce(&self) {
        self.0.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The core is awake.
    pub(super) fn retract(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Something was put before the core; true if the caller has to signal it.
    #[must_use]
    pub(super) fn claim(&self) -> bool {
        fence(Ordering::SeqCst);
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}

/// What a core shares with those who wake it. Shared by all threads of the node.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) parked: Parked,
    event: File,
    ring: OwnedFd,
}

impl Shared {
    /// `event` is an eventfd that the ring polls; `ring` a descriptor of the ring's own, which keeps its number
    /// from meaning something else after the ring is gone.
    pub(super) fn new(event: OwnedFd, ring: OwnedFd) -> Self {
        Self { parked: Parked::default(), event: File::from(event), ring }
    }

    pub(super) fn event(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    pub(super) fn ring(&self) -> RawFd {
        self.ring.as_raw_fd()
    }

    /// Signals through the eventfd.
    pub(super) fn signal(&self) {
        match (&self.event).write(&1u64.to_ne_bytes()) {
            Ok(_) => {}
            // The counter is at its limit: a signal is pending already.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => tracing::error!(%error, "cannot signal a core"),
        }
    }
}

/// Wakes one core from any thread. Cheap when the core is awake: a fence and a load.
#[derive(Clone, Debug)]
pub struct RingWaker(pub(super) Arc<Shared>);

impl RingWaker {
    /// Wakes the core if it sleeps. Put the work where the core looks for it before calling this.
    pub fn wake(&self) {
        if self.0.parked.claim() {
            self.0.signal();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_parked_core_is_signalled_and_only_once() {
        let parked = Parked::default();
        assert!(!parked.claim());
        parked.announce();
        assert!(parked.claim());
        assert!(!parked.claim());
        parked.announce();
        parked.retract();
        assert!(!parked.claim());
    }
}
