//! The client's connections, and the way of a call over them: to the owner, after a redirection to the next, and again
//! when it was certainly not done.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_executor::{LocalExecutor, Task};
use async_io::Timer;
use futures_lite::future::or;
use mycorrhizal_net::resp::{Value, encode_command};

use super::connection::{Broken, Connection, OnPush, Opening};
use super::driver::{CallJob, Job};
use super::topology::{self, Topology};
use super::{ClientBuilder, ConnectError};
use crate::hypha::CallError;
use crate::hypha::call::{Call, Outcome};

/// The pause before a call is tried again, at first, and at most.
const PAUSE: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// How long a node may take to tell who owns what, until another is asked.
const LEARNING: Duration = Duration::from_secs(2);

/// Redirections in a row after which the client waits a little before it follows the next.
const REDIRECTIONS: u32 = 5;

/// The connections, each by its port and septum.
type Connections = BTreeMap<(Rc<str>, Arc<str>), Connection>;

/// Everything the client's thread owns.
pub(crate) struct Pool {
    executor: Rc<LocalExecutor<'static>>,
    options: ClientBuilder,
    seeds: Vec<Rc<str>>,
    topology: RefCell<Topology>,
    connections: RefCell<Connections>,
    learning: Cell<bool>,
    /// Counts up with every plain port that is used, so that all are.
    turn: Cell<usize>,
    running: Cell<usize>,
}

/// What is to happen after one attempt.
enum Next {
    Done(Outcome),
    /// At this address, which answers for a slot on the move if `asking`.
    At {
        address: Rc<str>,
        asking: bool,
    },
    /// Once more, when the client has learned anew; this is why.
    Again(CallError),
    /// Once more by another connection; this is why.
    Reconnect(CallError),
}

impl Pool {
    pub(super) fn new(
        executor: Rc<LocalExecutor<'static>>,
        options: ClientBuilder,
        seeds: Vec<String>,
    ) -> Self {
        Self {
            executor,
            options,
            seeds: seeds.into_iter().map(Rc::from).collect(),
            topology: RefCell::default(),
            connections: RefCell::default(),
            learning: Cell::new(false),
            turn: Cell::new(0),
            running: Cell::new(0),
        }
    }

    /// Waits until nothing runs any more.
    pub(super) async fn settle(&self) {
        while self.running.get() > 0 {
            Timer::after(PAUSE).await;
        }
    }

    /// Learns who owns what, from whichever node answers first in turn.
    pub(super) async fn learn(&self) -> Result<(), ConnectError> {
        self.connections.borrow_mut().retain(|_, connection| !connection.is_over());
        let mut sources = self.topology.borrow().addresses();
        sources.extend(self.seeds.iter().cloned());
        let mut question = Vec::new();
        encode_command(&mut question, &["CLUSTER", "SLOTS"]);
        encode_command(&mut question, &["NODOSUM", "MEMBERS"]);
        let mut last = ConnectError::PeerUnreachable("no address".to_owned());
        for source in sources {
            let answer = self.connection(&source, &"0".into()).request(question.clone(), 2);
            let late = async {
                Timer::after(LEARNING).await;
                Err(Broken::NotSent(format!("{source} does not answer")))
            };
            match or(answer, late).await {
                Ok(replies) => match &replies[..] {
                    [slots, members] => match Topology::parse(slots, members, &source) {
                        Some(learned) => {
                            *self.topology.borrow_mut() = learned;
                            return Ok(());
                        }
                        None => {
                            let text = format!("{source} does not tell who owns what");
                            last = ConnectError::PeerUnreachable(text);
                        }
                    },
                    _ => unreachable!("as many replies come as were asked for"),
                },
                Err(Broken::Refused(text) | Broken::NoSeptum(text)) => last = ConnectError::PeerRefused(text),
                Err(Broken::NotSent(text) | Broken::Sent(text)) => last = ConnectError::PeerUnreachable(text),
            }
        }
        Err(last)
    }

    /// Learns anew, or waits until somebody else has.
    pub(super) async fn learn_anew(&self) {
        if self.learning.replace(true) {
            while self.learning.get() {
                Timer::after(PAUSE).await;
            }
            return;
        }
        if let Err(error) = self.learn().await {
            tracing::debug!(%error, "who owns what is not known anew");
        }
        self.learning.set(false);
    }

    /// The way to a port, in a septum.
    fn connection(&self, address: &Rc<str>, septum: &Arc<str>) -> super::connection::RequestSender {
        let mut connections = self.connections.borrow_mut();
        let key = (Rc::clone(address), Arc::clone(septum));
        let open = || Connection::open(&self.executor, self.opening(address, septum));
        match connections.get_mut(&key) {
            Some(connection) if !connection.is_over() => connection.sender(),
            Some(ended) => {
                *ended = open();
                ended.sender()
            }
            None => connections.entry(key).or_insert_with(open).sender(),
        }
    }

    fn opening(&self, address: &Rc<str>, septum: &Arc<str>) -> Opening {
        let password = self.options.password.clone();
        Opening { address: Rc::clone(address), password, septum: Arc::clone(septum) }
    }

    /// A connection of one's own, to the next node in turn.
    pub(super) fn own_connection(&self, on_push: OnPush) -> (Connection, Task<()>) {
        Connection::own(&self.executor, self.opening(&self.next_plain(), &"0".into()), on_push)
    }

    /// How long a call is tried.
    pub(super) fn patience(&self) -> Duration {
        self.options.patience
    }

    /// Does a job to its end.
    pub(super) async fn run(self: Rc<Self>, job: Job) {
        self.running.set(self.running.get() + 1);
        match job {
            Job::Call(call) => self.run_call(call).await,
            Job::Errand(errand) => errand(Rc::clone(&self)).await,
        }
        self.running.set(self.running.get() - 1);
    }

    /// Runs a call, and tells its outcome.
    async fn run_call(&self, job: CallJob) {
        let CallJob { septum, call, outcome } = job;
        let progress = Progress::default();
        let late = async {
            Timer::after(self.options.patience).await;
            progress.give_up(&call)
        };
        let result = or(self.pursue(&septum, &call, &progress), late).await;
        // Whoever asked may have gone.
        drop(outcome.send(result));
    }

    async fn pursue(&self, septum: &Arc<str>, call: &Call, progress: &Progress) -> Outcome {
        let (mut next, mut pause, mut redirections, mut reconnected) = (None, PAUSE, 0, false);
        loop {
            let (address, asking) = match next.take() {
                Some(there) => there,
                None => (self.address_for(call), false),
            };
            let step = self.attempt(&address, septum, call, asking, progress).await;
            match step {
                Next::Done(outcome) => return outcome,
                Next::At { address, asking } => {
                    redirections += 1;
                    next = Some((address, asking));
                    if redirections < REDIRECTIONS {
                        continue;
                    }
                    redirections = 0;
                }
                Next::Reconnect(error) => {
                    self.connections.borrow_mut().remove(&(address, Arc::clone(septum)));
                    // There may be another septum of that name by now.
                    if reconnected {
                        return Err(error);
                    }
                    reconnected = true;
                    progress.note(error);
                    continue;
                }
                Next::Again(error) => {
                    progress.note(error);
                    self.learn_anew().await;
                }
            }
            Timer::after(pause).await;
            pause = (2 * pause).min(PAUSE_MAX);
        }
    }

    /// Where a call is for: the owner of its key, or, without one, any node's plain port.
    fn address_for(&self, call: &Call) -> Rc<str> {
        let owner = call.slot.and_then(|slot| self.topology.borrow().owner(slot));
        owner.unwrap_or_else(|| self.next_plain())
    }

    /// The plain port of the next node in turn: it answers for the whole cluster.
    fn next_plain(&self) -> Rc<str> {
        let topology = self.topology.borrow();
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        let ports = if topology.plain().is_empty() { &self.seeds[..] } else { topology.plain() };
        Rc::clone(&ports[turn % ports.len()])
    }

    async fn attempt(
        &self,
        address: &Rc<str>,
        septum: &Arc<str>,
        call: &Call,
        asking: bool,
        progress: &Progress,
    ) -> Next {
        let mut bytes = Vec::new();
        if asking {
            encode_command(&mut bytes, &["ASKING"]);
        }
        bytes.extend_from_slice(&call.bytes);
        progress.under_way.set(true);
        let answer = self.connection(address, septum).request(bytes, 1 + usize::from(asking)).await;
        progress.under_way.set(false);
        match answer {
            Ok(replies) => match replies.into_iter().last() {
                Some(Value::Error(text)) => self.on_error(address, call, &text),
                Some(value) => Next::Done(Ok(value)),
                None => unreachable!("as many replies come as were asked for"),
            },
            Err(Broken::NotSent(text)) => Next::Again(CallError::Failed(text)),
            Err(Broken::Sent(text)) if call.reads => Next::Again(CallError::Failed(text)),
            Err(Broken::Sent(text)) => Next::Done(Err(CallError::Unknown(text))),
            Err(Broken::Refused(text)) => Next::Done(Err(CallError::Refused(text))),
            Err(Broken::NoSeptum(text)) => Next::Reconnect(CallError::NoSeptum(text)),
        }
    }

    /// What an error reply means for a call.
    fn on_error(&self, address: &Rc<str>, call: &Call, text: &[u8]) -> Next {
        let words = String::from_utf8_lossy(text).into_owned();
        let mut split = words.split(' ');
        let code = split.next();
        if let (Some(code @ ("MOVED" | "ASK")), Some(slot), Some(to)) = (code, split.next(), split.next()) {
            let (host, port) = to.rsplit_once(':').unwrap_or((to, "0"));
            let to: Rc<str> = topology::address(host, port.parse().unwrap_or(0), address).into();
            if code == "MOVED" {
                self.topology.borrow_mut().set_owner(slot.parse().unwrap_or(usize::MAX), &to);
            }
            return Next::At { address: to, asking: code == "ASK" };
        }
        match CallError::of_reply(text) {
            error @ CallError::Failed(_) => Next::Again(error),
            error @ CallError::Unknown(_) if call.reads => Next::Again(error),
            error @ CallError::NoSeptum(_) => Next::Reconnect(error),
            error => Next::Done(Err(error)),
        }
    }
}

/// How far a call has come, for when its time is over.
#[derive(Default)]
struct Progress {
    /// Whether it may have been sent and not been answered.
    under_way: Cell<bool>,
    last: RefCell<Option<CallError>>,
}

impl Progress {
    fn note(&self, error: CallError) {
        *self.last.borrow_mut() = Some(error);
    }

    fn give_up(&self, call: &Call) -> Outcome {
        if self.under_way.get() && !call.reads {
            let text = "no answer came in time; whether the call took effect is unknown";
            return Err(CallError::Unknown(text.to_owned()));
        }
        let last = self.last.take();
        Err(last.unwrap_or_else(|| CallError::Failed("no answer came in time".to_owned())))
    }
}
