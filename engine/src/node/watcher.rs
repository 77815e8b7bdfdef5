//! Tasks of a core that wait for the next change of the coordinated state.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use futures_lite::future::or;
use slab::Slab;

use super::core::Core;

/// Who waits. *Core*.
#[derive(Default)]
pub(crate) struct Watchers(RefCell<Slab<Waker>>);

/// A task that waits; it is no watcher any more when this is dropped.
struct Watcher<'c> {
    watchers: &'c Watchers,
    key: Option<usize>,
}

impl Watcher<'_> {
    fn note(&mut self, context: &Context<'_>) {
        let (mut watchers, waker) = (self.watchers.0.borrow_mut(), context.waker().clone());
        match self.key {
            Some(key) => watchers[key] = waker,
            None => self.key = Some(watchers.insert(waker)),
        }
    }
}

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.watchers.0.borrow_mut().remove(key);
        }
    }
}

impl Core {
    /// Waits until this core knows of a later state than now, or until `deadline`.
    pub(crate) async fn wait_for_change(&self, deadline: Instant) {
        let before = self.directory.version();
        let mut watcher = Watcher { watchers: &self.watchers, key: None };
        let changed = poll_fn(|context| {
            if self.directory.version() > before {
                return Poll::Ready(());
            }
            watcher.note(context);
            Poll::Pending
        });
        or(changed, self.ring.sleep_until(deadline)).await;
    }

    /// The state has changed.
    pub(super) fn wake_watchers(&self) {
        let waiting: Vec<Waker> = self.watchers.0.borrow().iter().map(|(_, waker)| waker.clone()).collect();
        waiting.into_iter().for_each(|waker| self.wake(Some(waker)));
    }
}
