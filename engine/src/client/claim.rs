//! What a client holds to the exclusion of others: a leased claim on a connection of its own, asked for again and again.
//!
//! ```text
//!   ask … LEASE ──▶ null: not yet ──▶ ask again (the place in the queue is kept)
//!              └──▶ [token, ms] ──▶ held until *sent + ms* ──▶ ask again, every RENEW_EVERY ──┬─▶ given up, or dropped
//!                                                                                            └─▶ lost: no answer in time,
//!                                                                                                or the connection broke
//! ```
//!
//! The node's answer is a promise that nobody else is granted it for so long after the question was sent;
//! [`crate::node::claim`] says why that holds. The client counts by its own clock since the machine's boot, which goes on
//! while the process is paused and while the machine sleeps: so it knows that it has lost before anybody else can win,
//! also when it is cut off from its node, or its node stands still. Once lost it stays lost. A client that ends without
//! having given it up keeps others from it for as long as the last promise, and no longer than 1.2 s.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_io::Timer;
use futures_channel::oneshot;
use futures_lite::future::or;
use mycorrhizal_net::resp::{Value, encode_command};

use super::connection::Connection;
use super::driver::Driver;
use super::pool::Pool;
use crate::clock;
use crate::hypha::CallError;
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::LeaseKind;

/// How long a node is to wait for a grant until it says that there is none yet.
const WAIT_MS: &str = "300";

/// How long its answer may take then, before the next node is asked.
const ANSWER: Duration = Duration::from_millis(1500);

/// How often a holder asks again: three times while a promise lasts, and more.
const RENEW_EVERY: Duration = Duration::from_millis(250);

/// How soon it does when nothing was promised.
const RENEW_AGAIN: Duration = Duration::from_millis(50);

/// The pause before the next node is asked.
const PAUSE: Duration = Duration::from_millis(50);

/// Until when the holder takes itself for one. Written by the client's thread, read by everybody.
struct Belief {
    /// Ms since the machine's boot; 0 once it is lost.
    until_ms: AtomicU64,
}

impl Belief {
    fn until(&self) -> Duration {
        Duration::from_millis(self.until_ms.load(Ordering::Acquire))
    }

    /// Whether it is held at `now`. Whoever finds that it is not has made it so for ever.
    fn holds(&self, now: Duration) -> bool {
        let lost = |until_ms| (millis(now) >= until_ms).then_some(0);
        self.until_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, lost).is_err()
    }

    /// It is promised until `until`, as is known at `now`; `false`: it was lost before.
    fn extend(&self, until: Duration, now: Duration) -> bool {
        let later = |until_ms: u64| (millis(now) < until_ms).then(|| until_ms.max(millis(until)));
        self.until_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, later).is_ok()
    }

    fn lose(&self) {
        self.until_ms.store(0, Ordering::Release);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A lease that this client holds. Dropped, it is given up.
pub(crate) struct Held {
    token: u64,
    belief: Arc<Belief>,
    /// Closed when the holder has dropped it; what is sent asks for what comes of that.
    release: Sender<oneshot::Sender<Result<(), ProposeError>>>,
    /// Closed when it has ended.
    ended: Receiver<()>,
    /// Whoever holds something keeps the client going.
    _driver: Driver,
}

impl Held {
    pub(crate) fn token(&self) -> u64 {
        self.token
    }

    /// Whether it is held at this moment, by the client's clock.
    pub(crate) fn is_held(&self) -> bool {
        self.belief.holds(clock::since_boot())
    }

    /// Waits until it is lost.
    pub(crate) async fn lost(&self) {
        while self.is_held() {
            let left = self.belief.until().saturating_sub(clock::since_boot());
            let over = async {
                Timer::after(left + Duration::from_millis(1)).await;
            };
            or(over, async { self.ended.recv().await.unwrap_or(()) }).await;
        }
    }

    /// Gives it up.
    pub(crate) async fn release(self) -> Result<(), ProposeError> {
        let (reply, released) = oneshot::channel();
        // One that has ended was given up, or is by its node.
        if self.release.send(reply).await.is_err() {
            return Ok(());
        }
        released.await.unwrap_or(Err(ProposeError::Unknown))
    }
}

/// Waits for a grant as long as it takes, by whichever node answers. Dropped before, the place in the queue is given up.
pub(crate) async fn acquire(driver: &Driver, kind: LeaseKind, name: &str) -> Result<Held, ProposeError> {
    let (granted, grant) = oneshot::channel();
    let (words, keeper) = (Words::of(kind, name), driver.clone());
    driver.have_done(move |pool| pursue(pool, words, keeper, granted)).await;
    grant.await.unwrap_or(Err(ProposeError::Stopping))
}

/// What a node is told.
struct Words {
    /// Replies with a grant, or that there is none yet.
    ask: Vec<u8>,
    /// The same at once.
    renew: Vec<u8>,
    release: Vec<u8>,
}

impl Words {
    fn of(kind: LeaseKind, name: &str) -> Self {
        let permits;
        let (container, ask, release) = match kind {
            LeaseKind::Election | LeaseKind::SpreadElection => ("ELECTION", vec!["CAMPAIGN", name], "RESIGN"),
            LeaseKind::Lock => ("LOCK", vec!["ACQUIRE", name], "RELEASE"),
            LeaseKind::Semaphore { permits: number } => {
                permits = number.to_string();
                ("SEMAPHORE", vec!["ACQUIRE", name, &permits], "RELEASE")
            }
        };
        let encode = |words: &[&str]| {
            let mut bytes = Vec::new();
            encode_command(&mut bytes, words);
            bytes
        };
        let asking = |wait| encode(&[&[container], &ask[..], &["TIMEOUT", wait, "LEASE"]].concat());
        Self { ask: asking(WAIT_MS), renew: asking("0"), release: encode(&[container, release, name]) }
    }
}

/// What a node has answered.
enum Answer {
    /// It is granted, and promised for so long.
    Granted {
        token: u64,
        promised: Duration,
    },
    /// Not yet; or nothing can be promised now.
    NotYet,
    /// It has not, or not any more; it may be asked for anew.
    Failed,
    Refused(String),
}

async fn ask(connection: &Connection, question: &[u8], patience: Duration) -> Answer {
    let reply = match connection.consult(question, patience).await {
        Ok(Some(reply)) => reply,
        Ok(None) => return Answer::Failed,
        Err(refusal) => return Answer::Refused(refusal.to_string()),
    };
    match &reply {
        Value::Null => return Answer::NotYet,
        Value::Array(items) => {
            if let [Value::Integer(token), Value::Integer(promised_ms)] = items[..] {
                let promised = Duration::from_millis(promised_ms.unsigned_abs());
                return Answer::Granted { token: token.unsigned_abs(), promised };
            }
        }
        _ => {}
    }
    Answer::Refused(CallError::Unexpected(reply).to_string())
}

type Granted = oneshot::Sender<Result<Held, ProposeError>>;

/// Asks one node after the other, until one has granted it or whoever wants it has gone.
async fn pursue(pool: Rc<Pool>, words: Words, driver: Driver, mut granted: Granted) {
    loop {
        // Dropped, the connection is closed.
        let (connection, _open) = pool.own_connection(Box::new(|_| true));
        let won = async { Some(win(&connection, &words).await) };
        let gone = async {
            granted.cancellation().await;
            None
        };
        match or(won, gone).await {
            Some(Ok(Some((token, until)))) => {
                let belief = Arc::new(Belief { until_ms: AtomicU64::new(millis(until)) });
                let (release, releases) = async_channel::bounded(1);
                let (_ending, ended) = async_channel::bounded(1);
                let held = Held { token, belief: Arc::clone(&belief), release, ended, _driver: driver };
                // One that nobody takes is dropped here, and so given up.
                drop(granted.send(Ok(held)));
                return keep(&connection, &words, token, &belief, &releases).await;
            }
            Some(Ok(None)) => {}
            Some(Err(refusal)) => return drop(granted.send(Err(refusal))),
            None => return drop(connection.ask(&words.release, ANSWER).await),
        }
        drop(_open);
        pool.learn_anew().await;
        Timer::after(PAUSE).await;
    }
}

/// Waits for a grant by one node: its token, and until when it is promised; `None`: the next node is to be asked.
async fn win(connection: &Connection, words: &Words) -> Result<Option<(u64, Duration)>, ProposeError> {
    loop {
        let sent = clock::since_boot();
        match ask(connection, &words.ask, ANSWER).await {
            Answer::Granted { token, promised } if clock::since_boot() < sent + promised => {
                return Ok(Some((token, sent + promised)));
            }
            Answer::Granted { .. } | Answer::NotYet => {}
            Answer::Failed => return Ok(None),
            Answer::Refused(text) => return Err(ProposeError::PeerRefused(text)),
        }
    }
}

/// Holds what was granted, until it is given up or lost.
async fn keep(
    connection: &Connection,
    words: &Words,
    token: u64,
    belief: &Belief,
    releases: &Receiver<oneshot::Sender<Result<(), ProposeError>>>,
) {
    loop {
        let mut pause = RENEW_EVERY;
        let sent = clock::since_boot();
        match ask(connection, &words.renew, belief.until().saturating_sub(sent)).await {
            Answer::Granted { token: same, promised } if same == token => {
                if !belief.extend(sent + promised, clock::since_boot()) {
                    return;
                }
            }
            Answer::NotYet if belief.holds(clock::since_boot()) => pause = RENEW_AGAIN,
            _ => return belief.lose(),
        }
        let given_up = async { Some(releases.recv().await.ok()) };
        let again = async {
            Timer::after(pause).await;
            None
        };
        if let Some(asks) = or(given_up, again).await {
            belief.lose();
            let outcome = match connection.ask(&words.release, ANSWER).await {
                Ok(Value::Integer(_)) => Ok(()),
                _ => Err(ProposeError::Unknown),
            };
            // Whoever asked may have gone.
            asks.into_iter().for_each(|reply| drop(reply.send(outcome.clone())));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_was_lost_stays_lost() {
        let belief = Belief { until_ms: AtomicU64::new(1_000) };
        assert!(belief.holds(ms(999)));
        assert!(belief.extend(ms(1_500), ms(999)));
        assert!(belief.extend(ms(1_200), ms(1_000)), "an earlier end takes nothing back");
        assert!(belief.holds(ms(1_499)) && !belief.holds(ms(1_500)));
        assert!(!belief.extend(ms(3_000), ms(1_501)) && !belief.holds(ms(1_000)));
        let unseen = Belief { until_ms: AtomicU64::new(1_000) };
        assert!(!unseen.extend(ms(3_000), ms(1_000)), "nobody looked, and it was lost all the same");
    }

    #[test]
    fn words_are_those_of_the_commands() {
        let words = Words::of(LeaseKind::Semaphore { permits: 3 }, "pool");
        let text = String::from_utf8(words.renew).unwrap().replace("\r\n", " ");
        assert!(text.contains("ACQUIRE $4 pool $1 3 $7 TIMEOUT $1 0 $5 LEASE"), "{text}");
    }
}
