//! Calls between cores: a closure travels to another core with the turn's mail and runs there; its answer travels back.
//!
//! For what has no place on the data path: settings, statistics, intents, commands over the whole node.

use std::any::Any;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::core::Core;
use super::topology::CoreId;

/// An answer that somebody waits for.
#[derive(Default)]
pub(super) struct PendingAnswer {
    value: Option<Box<dyn Any + Send>>,
    waker: Option<Waker>,
}

/// What a call from another core is answered by.
pub(crate) struct Answerer<R> {
    to: CoreId,
    key: usize,
    result: std::marker::PhantomData<fn(R)>,
}

impl<R: Send + 'static> Answerer<R> {
    /// Sends the answer to the core that called.
    pub(crate) fn answer(self, core: &Rc<Core>, value: R) {
        let key = self.key;
        if self.to == core.id {
            return core.deliver(key, Box::new(value));
        }
        let call = Box::new(move |caller: &Rc<Core>| caller.deliver(key, Box::new(value)));
        core.outboxes.borrow_mut().mail(self.to).calls.push(call);
    }
}

impl Core {
    /// Runs `work` on another core (or this one) and returns what it returned.
    pub(crate) async fn call<R: Send + 'static>(
        self: &Rc<Self>,
        target: CoreId,
        work: impl FnOnce(&Rc<Self>) -> R + Send + 'static,
    ) -> R {
        if target == self.id {
            return work(self);
        }
        self.call_later(target, move |core, answerer: Answerer<R>| answerer.answer(core, work(core))).await
    }

    /// Runs `work` on every core of `targets` at once; the results stand in their order.
    pub(crate) async fn call_all<R: Send + 'static>(
        self: &Rc<Self>,
        targets: &[CoreId],
        work: impl FnOnce(&Rc<Self>) -> R + Send + Clone + 'static,
    ) -> Vec<R> {
        let calls: Vec<_> = targets.iter().map(|&target| self.post(target, work.clone())).collect();
        let mut results = Vec::with_capacity(calls.len());
        for call in calls {
            results.push(self.answer::<R>(call).await);
        }
        results
    }

    /// Runs `work` on another core; the answer comes when `work` uses the [`Answerer`], which it may keep.
    pub(crate) async fn call_later<R: Send + 'static>(
        self: &Rc<Self>,
        target: CoreId,
        work: impl FnOnce(&Rc<Self>, Answerer<R>) + Send + 'static,
    ) -> R {
        let key = self.send_call(target, work);
        self.answer(key).await
    }

    fn post<R: Send + 'static>(
        self: &Rc<Self>,
        target: CoreId,
        work: impl FnOnce(&Rc<Self>) -> R + Send + 'static,
    ) -> usize {
        self.send_call(target, move |core, answerer: Answerer<R>| answerer.answer(core, work(core)))
    }

    fn send_call<R: Send + 'static>(
        self: &Rc<Self>,
        target: CoreId,
        work: impl FnOnce(&Rc<Self>, Answerer<R>) + Send + 'static,
    ) -> usize {
        let key = self.answers.borrow_mut().insert(PendingAnswer::default());
        let answerer = Answerer { to: self.id, key, result: std::marker::PhantomData };
        if target == self.id {
            work(self, answerer);
        } else {
            let call = Box::new(move |core: &Rc<Self>| work(core, answerer));
            self.outboxes.borrow_mut().mail(target).calls.push(call);
        }
        key
    }

    async fn answer<R: 'static>(&self, key: usize) -> R {
        std::future::poll_fn(|context| {
            let mut answers = self.answers.borrow_mut();
            let pending = &mut answers[key];
            let Some(value) = pending.value.take() else {
                pending.waker = Some(context.waker().clone());
                return Poll::Pending;
            };
            answers.remove(key);
            Poll::Ready(*value.downcast::<R>().expect("an answer has the type of its call"))
        })
        .await
    }

    fn deliver(&self, key: usize, value: Box<dyn Any + Send>) {
        let mut answers = self.answers.borrow_mut();
        let pending = &mut answers[key];
        pending.value = Some(value);
        let waker = pending.waker.take();
        drop(answers);
        self.wake(waker);
    }
}
