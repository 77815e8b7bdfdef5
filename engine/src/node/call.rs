//! Calls between cores: a closure travels to another core with the turn's mail and runs there; its answer travels back.
//!
//! For what has no place on the data path: settings, statistics, intents, commands over the whole node.

use std::any::Any;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use mycorrhizal_net::resp::{Args, Reply};

use super::core::Core;
use super::directory::{CoreId, PeerId};
use super::gather::Ticket;
use super::mesh::{Manner, Request, RequestContext};
use crate::command::table::Row;
use crate::command::{CommandError, DataContext};
use crate::nodosum::service::{Service, Task};

/// How long a core waits until it asks a service core again that was too busy.
const SERVICE_BUSY: Duration = Duration::from_millis(1);

/// An answer that somebody waits for.
#[derive(Default)]
pub(super) struct PendingAnswer {
    value: Option<Box<dyn Any + Send>>,
    waker: Option<Waker>,
}

/// Stands in requests that are not run by their function but as a client's would be.
pub(super) fn never_applied(
    _: &mut DataContext<'_>,
    _: Args<'_>,
    _: &mut Reply<'_>,
) -> Result<(), CommandError> {
    Err(CommandError::Text("ERR a request of another node was run as what it is not"))
}

/// A command that another node is to run.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    /// Its row.
    pub(crate) row: &'static Row,
    /// As whose.
    pub(crate) manner: Manner,
    /// What it needs to know of the connection.
    pub(crate) context: RequestContext,
    /// Its name and arguments.
    pub(crate) args: &'a [&'a [u8]],
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
    /// Has a command run by a core of another node and returns its reply as it came.
    pub(crate) async fn ask(&self, peer: PeerId, question: Question<'_>) -> Vec<u8> {
        let key = self.send_question(peer, question);
        self.answer(key).await
    }

    /// Has a command run by several nodes at once; the replies stand in the order of `peers`.
    pub(crate) async fn ask_all(&self, peers: &[PeerId], question: Question<'_>) -> Vec<Vec<u8>> {
        let keys: Vec<usize> = peers.iter().map(|peer| self.send_question(*peer, question)).collect();
        let mut replies = Vec::with_capacity(keys.len());
        for key in keys {
            replies.push(self.answer(key).await);
        }
        replies
    }

    fn send_question(&self, peer: PeerId, question: Question<'_>) -> usize {
        let Question { row, manner, context, args } = question;
        let key = self.answers.borrow_mut().insert(PendingAnswer::default());
        let piece = u32::try_from(key).expect("answers that are awaited are fewer than 2^32");
        let ticket = Ticket { gather: Ticket::ASKED, piece };
        let request = Request { row, apply: never_applied, first_key: None, manner, context, ticket };
        self.outboxes.borrow_mut().mail(peer).requests.push(request, args.iter().copied());
        key
    }

    /// The reply that [`Core::ask`] waits for has come.
    pub(super) fn deliver_reply(&self, key: u32, reply: Vec<u8>) {
        self.deliver(key as usize, Box::new(reply));
    }

    /// Has something done on the service core, and returns what comes of it.
    pub(crate) async fn on_service<R: Send + 'static>(
        &self,
        service: &Service,
        work: impl Future<Output = R> + Send + 'static,
    ) -> R {
        let key = self.answers.borrow_mut().insert(PendingAnswer::default());
        let reach = self.node.posts[self.id.index()].reach();
        let mut task: Task = Box::pin(async move {
            let value = work.await;
            let deliver = Box::new(move |core: &Rc<Self>| core.deliver(key, Box::new(value)));
            if !reach.call(deliver) {
                tracing::error!("a core is too busy for an answer of the service core");
            }
        });
        while let Err(refused) = service.run(task) {
            task = refused;
            self.ring.sleep_until(self.ring.now() + SERVICE_BUSY).await;
        }
        self.answer(key).await
    }

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
