//! Sleeping until a deadline of the ring's own queue.

use super::core::{Core, Due};
use super::deadlines::DeadlineId;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

/// Completes at its deadline, by the ring's clock. Made by [`super::Ring::sleep_until`].
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    core: Rc<Core>,
    at: Instant,
    id: Option<DeadlineId>,
}

impl Sleep {
    pub(super) fn new(core: Rc<Core>, at: Instant) -> Self {
        Self { core, at, id: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let core = Rc::clone(&self.core);
        if core.now() >= self.at {
            return Poll::Ready(());
        }
        let mut deadlines = core.deadlines.borrow_mut();
        let due = Due::Wake(context.waker().clone());
        match self.id.and_then(|id| deadlines.find_mut(id)) {
            Some(known) => *known = due,
            None => {
                self.id = Some(deadlines.insert(self.at, due));
                core.stir();
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.core.deadlines.borrow_mut().remove(id);
        }
    }
}
