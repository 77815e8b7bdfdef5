//! Calls: one command of the embedding program on its way, and what came of it.
//!
//! A call travels through the same path that a client's commands take: one set of rules for both. In the process of a
//! node it goes to one of its cores by the core's mailbox; from a [`Client`](crate::Client) over a connection.

use std::sync::Arc;

use mycorrhizal_net::resp::{Decoder, Protocol, ReplyLimits, Value, encode_command};

use super::PayloadError;
use super::together::all;
use crate::client::Driver;
use crate::command::{Flags, table};
use crate::mycel::{Db, PARTITIONS, Slot};
use crate::node::caller::PortKind;
use crate::node::mesh::RequestContext;
use crate::node::shared::Node;
use crate::node::{Core, CoreId, NOT_HEARD, Unanswered, run_as};
use crate::nodosum::state::Septum;

/// Where commands run that are about no data: a septum that is always there.
pub(crate) const SOMEWHERE: &str = "0";

/// Why a call gave no value. Of every call it is known whether it took effect, except after [`CallError::Unknown`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The command was refused and changed nothing; the text is the one that a client would see.
    #[error("{0}")]
    Refused(String),
    /// There is no septum of that name, or it was dropped meanwhile. Nothing has changed.
    #[error("{0}")]
    NoSeptum(String),
    /// It never takes effect: it was not sent, or whoever got it could not act. It may be tried again.
    #[error("{0}")]
    Failed(String),
    /// It was sent, and no answer came: it took effect, or never will, and which of both is not known.
    #[error("{0}")]
    Unknown(String),
    /// A value is no bytes, or what is stored is no such value. A write has changed nothing.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The reply has another shape than the call promises: the command was changed, or a raw call misused.
    #[error("unexpected reply: {0:?}")]
    Unexpected(Value),
}

impl CallError {
    /// What an error reply means.
    pub(crate) fn of_reply(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text).into_owned();
        match text.split(' ').next() {
            Some("UNKNOWN") => Self::Unknown(text),
            Some("NOSEPTUM") => Self::NoSeptum(text),
            Some("CLUSTERDOWN" | "TRYAGAIN") => Self::Failed(text),
            _ => Self::Refused(text),
        }
    }
}

/// One encoded command.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// As it is sent.
    pub(crate) bytes: Vec<u8>,
    /// Of its first key, or where else it is for; none if it is for nowhere in particular.
    pub(crate) slot: Option<Slot>,
    /// Whether it changes nothing, so that it may be run twice.
    pub(crate) reads: bool,
}

impl Call {
    /// A command, its name first.
    pub(crate) fn new<A: AsRef<[u8]>>(args: &[A]) -> Self {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, args);
        let row = args.first().and_then(|name| table::find(name.as_ref()));
        let key = row.and_then(|row| row.command.keys.first());
        let key = key.and_then(|spec| args.get(usize::from(spec.first)));
        let reads = row.is_some_and(|row| row.command.flags.has(Flags::READONLY));
        Self { bytes, slot: key.map(|key| Slot::of(key.as_ref())), reads }
    }
}

/// What comes of one call.
pub(crate) type Outcome = Result<Value, CallError>;

/// The way to the data: a node in this process, or a client of nodes elsewhere.
#[derive(Clone)]
pub(crate) enum Door {
    Node(Arc<Node>),
    Client(Driver),
}

impl Door {
    /// Runs one command in a septum.
    pub(crate) async fn run<A: AsRef<[u8]>>(&self, septum: &Arc<str>, args: &[A]) -> Outcome {
        self.run_call(septum, Call::new(args)).await
    }

    /// The same for a call that says itself where it is for.
    pub(crate) async fn run_call(&self, septum: &Arc<str>, call: Call) -> Outcome {
        let outcomes = match self {
            Self::Node(node) => {
                let core = core_for(node, &call);
                decode(ask(node, core, Arc::clone(septum), call.bytes).await, 1)
            }
            Self::Client(driver) => driver.run_all(septum, vec![call]).await,
        };
        outcomes.into_iter().next().expect("every call has an outcome")
    }

    /// Runs several commands in a septum, at once as far as they are for different owners; the outcomes stand in their
    /// order.
    pub(crate) async fn run_all(&self, septum: &Arc<str>, calls: Vec<Call>) -> Vec<Outcome> {
        match self {
            Self::Node(node) => run_here(node, septum, calls).await,
            Self::Client(driver) => driver.run_all(septum, calls).await,
        }
    }
}

/// Runs commands on the cores of a node in this process.
async fn run_here(node: &Arc<Node>, septum: &Arc<str>, calls: Vec<Call>) -> Vec<Outcome> {
    let mut groups: Vec<(Vec<u8>, Vec<usize>)> = vec![Default::default(); node.posts.len()];
    let count = calls.len();
    for (at, call) in calls.into_iter().enumerate() {
        let (request, places) = &mut groups[core_for(node, &call).index()];
        request.extend(call.bytes);
        places.push(at);
    }
    let mut outcomes: Vec<Option<Outcome>> = vec![None; count];
    let asked = node.cores().zip(groups).filter(|(_, (_, places))| !places.is_empty());
    let asked = asked.map(|(core, (request, places))| async move {
        (places, ask(node, core, Arc::clone(septum), request).await)
    });
    // All are sent before the first is waited for.
    for (places, reply) in all(asked).await {
        let replies = decode(reply, places.len());
        places.into_iter().zip(replies).for_each(|(at, outcome)| outcomes[at] = Some(outcome));
    }
    outcomes.into_iter().map(|outcome| outcome.expect("every call belongs to a group")).collect()
}

/// The core that owns the key of a call, unless the node belongs to a cluster: then it may be another, and the core hands
/// the command on.
fn core_for(node: &Node, call: &Call) -> CoreId {
    let core = call.slot.map_or(0, |slot| slot.partition() * node.posts.len() / PARTITIONS);
    CoreId(u16::try_from(core).expect("a node has at most 1024 cores"))
}

/// Has one core run commands, and returns their replies as they came.
async fn ask(
    node: &Arc<Node>,
    core: CoreId,
    septum: Arc<str>,
    request: Vec<u8>,
) -> Result<Vec<u8>, CallError> {
    let answer = node.run_on(core, move |core| async move {
        let mut found = find(&core, &septum);
        if found.is_none() && core.suspended.get() {
            // It may know of no septum because it is no member yet.
            if !core.wait_for_tenure().await {
                return Err(CallError::Failed(NOT_HEARD.to_owned()));
            }
            found = find(&core, &septum);
        }
        let unknown =
            || CallError::NoSeptum(format!("NOSEPTUM no such septum '{septum}'; nothing has changed"));
        let db = found.ok_or_else(unknown)?;
        let context = RequestContext { db, protocol: Protocol::Resp3, no_touch: false };
        Ok(run_as(&core, PortKind::InProcess, context, &request).await)
    });
    match answer.await {
        Ok(answer) => answer,
        Err(Unanswered::NotBegun) => {
            Err(CallError::Failed("the node has stopped; nothing has changed".to_owned()))
        }
        Err(Unanswered::Lost) => Err(CallError::Unknown(
            "the node has stopped; whether the call took effect is unknown".to_owned(),
        )),
    }
}

fn find(core: &Core, septum: &str) -> Option<Db> {
    core.directory.state().catalogue().find(septum).map(Septum::db)
}

/// Takes so many replies apart.
fn decode(replies: Result<Vec<u8>, CallError>, count: usize) -> Vec<Outcome> {
    let bytes = match replies {
        Ok(bytes) => bytes,
        Err(error) => return vec![Err(error); count],
    };
    let (mut decoder, mut at) = (Decoder::new(ReplyLimits::default()), 0);
    let mut outcomes = Vec::with_capacity(count);
    while outcomes.len() < count {
        outcomes.push(match decoder.decode(&bytes, at) {
            Ok(Some((value, end))) => {
                at = end;
                outcome(value)
            }
            // The core ended in the middle of it.
            Ok(None) | Err(_) => Err(CallError::Unknown("the reply was cut off".to_owned())),
        });
    }
    outcomes
}

/// What a reply comes to.
pub(crate) fn outcome(value: Value) -> Outcome {
    match value {
        Value::Error(text) => Err(CallError::of_reply(&text)),
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_knows_its_slot_and_whether_it_may_be_repeated() {
        let get = Call::new(&["GET", "{user}.name"]);
        assert_eq!((get.slot, get.reads), (Some(Slot::of(b"user")), true));
        let set = Call::new(&["set", "k", "v"]);
        assert_eq!((set.slot, set.reads), (Some(Slot::of(b"k")), false));
        let none = Call::new(&["PING"]);
        assert_eq!((none.slot, none.bytes.as_slice()), (None, &b"*1\r\n$4\r\nPING\r\n"[..]));
    }

    #[test]
    fn error_replies_say_what_became_of_the_call() {
        for (text, expect) in [
            ("UNKNOWN the link", CallError::Unknown("UNKNOWN the link".to_owned())),
            ("NOSEPTUM gone", CallError::NoSeptum("NOSEPTUM gone".to_owned())),
            ("CLUSTERDOWN x", CallError::Failed("CLUSTERDOWN x".to_owned())),
            ("ERR syntax error", CallError::Refused("ERR syntax error".to_owned())),
        ] {
            assert_eq!(CallError::of_reply(text.as_bytes()), expect);
        }
    }
}
