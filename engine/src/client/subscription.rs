//! A subscription: a connection of its own to any node, and another one when that breaks.
//!
//! ```text
//!   SUBSCRIBE ──▶ confirmed ──▶ messages … ─┬─▶ the subscriber is gone, or did not keep up: the end
//!       ▲                                   └─▶ the node is gone, or does not answer a PING
//!       └──────────── next node ◀───────────────────┘   (when confirmed again: "messages may be missing here")
//! ```
//!
//! A connection that is given up is closed at once: a node that wakes up late has nothing more to say.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_executor::Task;
use async_io::Timer;
use futures_channel::oneshot;
use futures_lite::future::or;
use mycorrhizal_net::resp::{Value, encode_command};

use super::connection::{Connection, OnPush};
use super::driver::Driver;
use super::pool::Pool;
use crate::cytoplasm::Kind;
use crate::cytoplasm::sink::Sink;
use crate::hypha::CallError;

/// How often a node is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(1);

/// How long it may take to answer that, or to subscribe.
const ANSWER: Duration = Duration::from_secs(3);

/// The pause before the next node is tried.
const PAUSE: Duration = Duration::from_millis(50);

/// Subscribes; the messages go into `sink`, until its other end is dropped.
pub(crate) async fn subscribe(
    driver: &Driver,
    kind: Kind,
    name: Arc<str>,
    sink: Sink,
) -> Result<(), CallError> {
    let (confirmed, confirmation) = oneshot::channel();
    let errand = move |pool| Subscriber { pool, kind, name, sink }.live(confirmed);
    driver.have_done(errand).await;
    confirmation.await.unwrap_or_else(|_| Err(CallError::Failed("the client has ended".to_owned())))
}

struct Subscriber {
    pool: Rc<Pool>,
    kind: Kind,
    name: Arc<str>,
    sink: Sink,
}

impl Subscriber {
    async fn live(self, confirmed: oneshot::Sender<Result<(), CallError>>) {
        let began = self.stay_subscribed(confirmed);
        or(began, self.sink.closed()).await;
    }

    async fn stay_subscribed(&self, confirmed: oneshot::Sender<Result<(), CallError>>) {
        let late = async {
            Timer::after(self.pool.patience()).await;
            Err(CallError::Failed("no node has confirmed the subscription in time".to_owned()))
        };
        let mut current = match or(self.begin(false), late).await {
            Ok(current) => current,
            // Whoever asked may have gone, here as below.
            Err(error) => return drop(confirmed.send(Err(error))),
        };
        drop(confirmed.send(Ok(())));
        loop {
            current.end().await;
            current = loop {
                self.pool.learn_anew().await;
                match self.begin(true).await {
                    Ok(begun) => break begun,
                    Err(error) => tracing::warn!(topic = &*self.name, %error, "cannot subscribe anew yet"),
                }
                Timer::after(PING_EVERY).await;
            };
        }
    }

    /// Subscribes by whichever node does it first; an error is a refusal.
    async fn begin(&self, again: bool) -> Result<Subscribed, CallError> {
        loop {
            let (on_push, ended) = self.on_push(again);
            let (connection, task) = self.pool.own_connection(on_push);
            let mut request = Vec::new();
            let subscribe = match self.kind {
                Kind::Channel => "SUBSCRIBE",
                Kind::Pattern => "PSUBSCRIBE",
                Kind::Shard => "SSUBSCRIBE",
            };
            encode_command(&mut request, &[subscribe, &self.name]);
            // A confirmation is no reply; what is answered after it is.
            encode_command(&mut request, &["PING"]);
            if connection.consult(&request, ANSWER).await?.is_some() {
                return Ok(Subscribed { connection, ended, _task: task });
            }
            drop(task);
            self.pool.learn_anew().await;
            Timer::after(PAUSE).await;
        }
    }

    /// What takes the pushes of one connection, and what tells that this has ended.
    fn on_push(&self, again: bool) -> (OnPush, oneshot::Receiver<()>) {
        let (alive, ended) = oneshot::channel();
        let (sink, is_gap) = (self.sink.clone(), Cell::new(again));
        let on_push = move |items: &[Value]| {
            let _ended_with_the_connection = &alive;
            let texts: Vec<&[u8]> = items.iter().filter_map(Value::as_bytes).collect();
            match texts[..] {
                [b"message" | b"smessage", channel, message] | [b"pmessage", _, channel, message] => {
                    sink.deliver(channel, message)
                }
                // Confirmed: what is published from here on arrives.
                [b"subscribe" | b"psubscribe" | b"ssubscribe", ..] => {
                    !is_gap.replace(false) || sink.interrupt()
                }
                _ => true,
            }
        };
        (Box::new(on_push), ended)
    }
}

/// A connection that is subscribed.
struct Subscribed {
    connection: Connection,
    ended: oneshot::Receiver<()>,
    /// Dropped, it closes the connection.
    _task: Task<()>,
}

impl Subscribed {
    /// Waits until the connection has ended, or its node does not answer any more.
    async fn end(self) {
        let ended = async { self.ended.await.unwrap_or(()) };
        or(ping(&self.connection), ended).await;
    }
}

/// Asks a node whether it is there, until it does not answer.
async fn ping(connection: &Connection) {
    let mut request = Vec::new();
    encode_command(&mut request, &["PING"]);
    loop {
        Timer::after(PING_EVERY).await;
        if connection.ask(&request, ANSWER).await.is_err() {
            return;
        }
    }
}
