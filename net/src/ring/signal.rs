//! Events between tasks of one core, whose wake-ups the ring sees.
//!
//! The ring sleeps only when no task of its core was woken. It knows of wake-ups by what this crate offers; these
//! are the ones for anything else that one task of a core waits for from another.

use super::core::Core;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A flag that one task sets and one task waits for, as often as needed. Setting it twice before it was waited
/// for counts once. Made by [`super::Ring::signal`].
#[derive(Clone)]
pub struct Signal {
    core: Rc<Core>,
    state: Rc<SignalState>,
}

#[derive(Default)]
struct SignalState {
    set: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Signal {
    pub(super) fn new(core: Rc<Core>) -> Self {
        Self { core, state: Rc::default() }
    }

    /// Lets the waiting task go on, or the next that waits not wait.
    pub fn set(&self) {
        if !self.state.set.replace(true)
            && let Some(waker) = self.state.waker.take()
        {
            self.core.wake(&waker);
        }
    }

    /// Waits until it is set, and takes it back.
    pub async fn wait(&self) {
        poll_fn(|context| {
            if self.state.set.replace(false) {
                return Poll::Ready(());
            }
            self.state.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Takes it back; true if it was set.
    pub fn take(&self) -> bool {
        self.state.set.replace(false)
    }
}

/// The two ends of a value that one task hands to another, once. Made by [`super::Ring::oneshot`].
pub(super) fn oneshot<T>(core: Rc<Core>) -> (OneshotSender<T>, OneshotReceiver<T>) {
    let state = Rc::new(RefCell::new(Oneshot { value: None, waker: None, sender_gone: false }));
    let sender = OneshotSender { core, state: Rc::clone(&state) };
    (sender, OneshotReceiver { state })
}

struct Oneshot<T> {
    value: Option<T>,
    waker: Option<Waker>,
    sender_gone: bool,
}

/// Hands one value to a task of the same core.
pub struct OneshotSender<T> {
    core: Rc<Core>,
    state: Rc<RefCell<Oneshot<T>>>,
}

impl<T> OneshotSender<T> {
    /// Hands the value over.
    pub fn send(self, value: T) {
        self.state.borrow_mut().value = Some(value);
    }
}

impl<T> Drop for OneshotSender<T> {
    fn drop(&mut self) {
        let mut state = self.state.borrow_mut();
        state.sender_gone = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            self.core.wake(&waker);
        }
    }
}

/// Waits for the value of a [`OneshotSender`].
#[must_use = "a value that nobody waits for is lost"]
pub struct OneshotReceiver<T> {
    state: Rc<RefCell<Oneshot<T>>>,
}

impl<T> Future for OneshotReceiver<T> {
    /// None if the sender was dropped without sending.
    type Output = Option<T>;

    fn poll(self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Option<T>> {
        let mut state = self.state.borrow_mut();
        if let Some(value) = state.value.take() {
            return Poll::Ready(Some(value));
        }
        if state.sender_gone {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
