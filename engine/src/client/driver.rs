//! The client's thread, and the way to it.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use async_executor::LocalExecutor;
use futures_channel::oneshot;

use super::pool::Pool;
use super::{ClientBuilder, ConnectError};
use crate::hypha::CallError;
use crate::hypha::call::{Call, Outcome};

/// Jobs that wait for the client's thread at most; whoever finds no room waits.
const JOBS_WAITING: usize = 4096;

/// Something to be done on the client's thread.
pub(super) enum Job {
    Call(CallJob),
    /// What goes on for longer: a subscription, a lease.
    Errand(Errand),
}

/// What such a thing is, once it has been given the connections.
pub(super) type Errand = Box<dyn FnOnce(Rc<Pool>) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// One call on its way, with where its outcome goes.
pub(super) struct CallJob {
    pub(super) septum: Arc<str>,
    pub(super) call: Call,
    pub(super) outcome: oneshot::Sender<Outcome>,
}

/// The way to the client's thread, which ends with the last clone.
#[derive(Clone)]
pub(crate) struct Driver {
    jobs: async_channel::Sender<Job>,
}

impl Driver {
    /// Starts the thread, and returns when the client knows its cluster.
    pub(super) async fn start(options: ClientBuilder, seeds: Vec<String>) -> Result<Self, ConnectError> {
        if seeds.is_empty() {
            return Err(ConnectError::ConfigNoSeed);
        }
        let (jobs, work) = async_channel::bounded(JOBS_WAITING);
        let (ready, connected) = oneshot::channel();
        let body = move || {
            let executor = Rc::new(LocalExecutor::new());
            let pool = Rc::new(Pool::new(Rc::clone(&executor), options, seeds));
            async_io::block_on(executor.run(drive(&executor, &pool, work, ready)));
        };
        let thread = std::thread::Builder::new().name("mycorrhizal-client".to_owned()).spawn(body);
        thread.map_err(|error| ConnectError::LocalThread(error.to_string()))?;
        connected
            .await
            .unwrap_or_else(|_| Err(ConnectError::PeerUnreachable("the client ended".to_owned())))?;
        Ok(Self { jobs })
    }

    /// Runs calls in a septum, all at once; the outcomes stand in their order.
    pub(crate) async fn run_all(&self, septum: &Arc<str>, calls: Vec<Call>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(calls.len());
        for call in calls {
            let (outcome, receiver) = oneshot::channel();
            let job = Job::Call(CallJob { septum: Arc::clone(septum), call, outcome });
            outcomes.push(self.jobs.send(job).await.map(|()| receiver));
        }
        let mut results = Vec::with_capacity(outcomes.len());
        for sent in outcomes {
            let gone = "the client has ended";
            results.push(match sent {
                Ok(receiver) => receiver.await.unwrap_or_else(|_| Err(CallError::Unknown(gone.to_owned()))),
                Err(_) => Err(CallError::Failed(gone.to_owned())),
            });
        }
        results
    }

    /// Has something done that goes on for longer; nothing is done if the client has ended.
    pub(crate) async fn have_done<F>(&self, errand: impl FnOnce(Rc<Pool>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let errand: Errand = Box::new(move |pool| Box::pin(errand(pool)));
        // Whoever asks finds out by what it waits for.
        drop(self.jobs.send(Job::Errand(errand)).await);
    }
}

/// The body of the thread.
async fn drive(
    executor: &LocalExecutor<'static>,
    pool: &Rc<Pool>,
    work: async_channel::Receiver<Job>,
    ready: oneshot::Sender<Result<(), ConnectError>>,
) {
    let learned = pool.learn().await;
    let serves = learned.is_ok();
    if ready.send(learned).is_err() || !serves {
        return;
    }
    while let Ok(job) = work.recv().await {
        let pool = Rc::clone(pool);
        executor.spawn(async move { pool.run(job).await }).detach();
    }
    pool.settle().await;
}
