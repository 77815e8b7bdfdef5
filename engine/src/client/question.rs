//! What a client asks nodes about what their cluster agrees on: once, or again whenever that changes.
//!
//! ```text
//!   NODOSUM WAIT version ──▶ a later version, or the same after WAIT_MS ──▶ the question ──▶ told, if it has changed
//!        ▲                                                                                     │
//!        └─────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A watch has a connection of its own, to any node, and another one when that breaks, or when its node does not hear from
//! its cluster: what such a node knows may be long over.

use std::rc::Rc;
use std::time::Duration;

use async_executor::Task;
use async_io::Timer;
use futures_channel::oneshot;
use futures_lite::future::or;
use mycorrhizal_net::resp::{Value, encode_command};
use tokio::sync::watch;

use super::connection::Connection;
use super::driver::Driver;
use super::pool::Pool;
use crate::hypha::call::{Call, SOMEWHERE};
use crate::hypha::reply::number;
use crate::hypha::{CallError, Watch};

/// How long a node is to wait for a change until it says that there is none.
const WAIT_MS: &str = "500";

/// How long its answer may take then, before the next node is asked.
const ANSWER: Duration = Duration::from_millis(1500);

/// The pause before the next node is asked.
const PAUSE: Duration = Duration::from_millis(100);

/// A question, and how its answer is read.
pub(crate) struct Question<V> {
    call: Call,
    /// `None`: the reply is something else.
    read: fn(&Value) -> Option<V>,
}

impl<V: Clone + PartialEq + Send + Sync + 'static> Question<V> {
    /// A command that changes nothing, its name first.
    pub(crate) fn new(words: &[&str], read: fn(&Value) -> Option<V>) -> Self {
        Self { call: Call { reads: true, ..Call::new(words) }, read }
    }

    /// Asks it.
    pub(crate) async fn ask(self, driver: &Driver) -> Result<V, CallError> {
        let read = self.read;
        let mut outcomes = driver.run_all(&SOMEWHERE.into(), vec![self.call]).await;
        let reply = outcomes.pop().expect("every call has an outcome")?;
        read(&reply).ok_or(CallError::Unexpected(reply))
    }

    /// Asks it until nobody wants to know any more; whoever does keeps the client going.
    pub(crate) async fn watch(self, driver: &Driver) -> Result<Watch<V>, CallError> {
        let (told, begun) = oneshot::channel();
        let keeper = driver.clone();
        let errand = move |pool| async move {
            Asker { pool, question: self, connection: None, seen: None }.live(told).await;
            drop(keeper);
        };
        driver.have_done(errand).await;
        let gone = || Err(CallError::Failed("the client has ended".to_owned()));
        begun.await.unwrap_or_else(|_| gone()).map(Watch::told)
    }
}

/// Asks one question again and again.
struct Asker<V> {
    pool: Rc<Pool>,
    question: Question<V>,
    /// Dropped with its task, it is closed.
    connection: Option<(Connection, Task<()>)>,
    /// The version that was told last.
    seen: Option<u64>,
}

impl<V: Clone + PartialEq> Asker<V> {
    async fn live(mut self, told: oneshot::Sender<Result<watch::Receiver<V>, CallError>>) {
        let patience = self.pool.patience();
        let late = async {
            Timer::after(patience).await;
            Err(CallError::Failed("no node has told it in time".to_owned()))
        };
        let shown = match or(self.answer(), late).await {
            Ok(first) => {
                let (shown, watched) = watch::channel(first);
                // Whoever asked may have gone, here as below.
                drop(told.send(Ok(watched)));
                shown
            }
            Err(error) => return drop(told.send(Err(error))),
        };
        let tell = async {
            loop {
                match self.answer().await {
                    Ok(value) => {
                        shown.send_if_modified(|last| std::mem::replace(last, value.clone()) != value);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "what is watched is not told at the moment");
                        Timer::after(ANSWER).await;
                    }
                }
            }
        };
        or(shown.closed(), tell).await;
    }

    /// The answer of whichever node gives one, once there may be another than before; an error is a refusal.
    async fn answer(&mut self) -> Result<V, CallError> {
        loop {
            if self.connection.is_none() {
                self.connection = Some(self.pool.own_connection(Box::new(|_| true)));
            }
            if let Some((connection, _)) = &self.connection
                && let Some((version, value)) = ask(connection, &self.question, self.seen).await?
            {
                self.seen = Some(version);
                return Ok(value);
            }
            self.connection = None;
            Timer::after(PAUSE).await;
            self.pool.learn_anew().await;
        }
    }
}

/// Asks one node: at once if nothing was `seen` yet, else when it knows of a later version, or after a while. `None`:
/// another is to be asked.
async fn ask<V>(
    connection: &Connection,
    question: &Question<V>,
    seen: Option<u64>,
) -> Result<Option<(u64, V)>, CallError> {
    let (seen, wait_ms) = seen.map_or((0, "0"), |seen| (seen, WAIT_MS));
    let mut wait = Vec::new();
    encode_command(&mut wait, &["NODOSUM", "WAIT", &seen.to_string(), wait_ms]);
    let Some(version) = connection.consult(&wait, ANSWER).await? else { return Ok(None) };
    let Some(version) = number(&version) else { return Err(CallError::Unexpected(version)) };
    let Some(reply) = connection.consult(&question.call.bytes, ANSWER).await? else { return Ok(None) };
    match (question.read)(&reply) {
        Some(value) => Ok(Some((version, value))),
        None => Err(CallError::Unexpected(reply)),
    }
}
