//! Errands: what threads that are no cores have done on a core, and what comes of it.

use std::rc::Rc;

use futures_channel::oneshot;

use super::core::Core;
use super::directory::CoreId;
use super::mesh::Call;
use super::shared::Node;
use crate::nodosum::service::ProposeError;

/// Why nothing came of an errand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The core has ended; nothing was done.
    NotBegun,
    /// The core ended before it answered; something may have been done.
    Lost,
}

impl From<Unanswered> for ProposeError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NotBegun => Self::Stopping,
            Unanswered::Lost => Self::Unknown,
        }
    }
}

impl Node {
    /// Has a core do `work`, from a thread that is none, and returns what it came to. Once this was first polled the work
    /// is done to its end, whether anybody waits for it or not.
    pub(crate) async fn run_on<R, F>(
        &self,
        core: CoreId,
        work: impl FnOnce(Rc<Core>) -> F + Send + 'static,
    ) -> Result<R, Unanswered>
    where
        R: Send + 'static,
        F: Future<Output = R> + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let call: Call = Box::new(move |core: &Rc<Core>| {
            let task = work(Rc::clone(core));
            core.spawn(async move {
                // Whoever asked may have gone meanwhile; what was to be done has been done all the same.
                drop(sender.send(task.await));
            });
        });
        let post = &self.posts[core.index()];
        post.calls.send(call).await.map_err(|_| Unanswered::NotBegun)?;
        post.waker.wake();
        receiver.await.map_err(|_| Unanswered::Lost)
    }

    /// Has the first core do something, without waiting for it; nothing is done if that has ended.
    pub(crate) fn have_done<F>(&self, work: impl FnOnce(Rc<Core>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let done = self.reach(CoreId(0)).call(Box::new(move |core: &Rc<Core>| {
            let task = work(Rc::clone(core));
            core.spawn(task);
        }));
        if !done && !self.is_stopping() {
            tracing::warn!("a core is too busy for what was to be done on it");
        }
    }
}
