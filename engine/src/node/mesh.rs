//! Messages between the cores of one node.
//!
//! During a turn a core collects what it has to say to each other core: requests of its connections, replies to
//! theirs, and calls. At the end of the turn all of it goes as one [`Mail`] into the other's mailbox, and the other is
//! woken only if it is parked. Boxes travel back and forth and are used again, so that a steady exchange allocates
//! nothing.
//!
//! ```text
//!   core 0  Outbox[1] ──Mail──▶ mailbox of core 1 ──▶ apply ──▶ Outbox[0] ──Mail──▶ mailbox of core 0
//! ```

use std::rc::Rc;
use std::sync::Arc;

use mycorrhizal_net::mailbox::{Full, Receiver, Sender};
use mycorrhizal_net::resp::{Args, Protocol, Span};
use mycorrhizal_net::ring::{Ring, RingWaker};

use super::applications::MessageLetter;
use super::core::Core;
use super::directory::{CoreId, PeerId};
use super::gather::Ticket;
use super::migration::{TransferAnswer, TransferLetter};
use crate::command::Apply;
use crate::command::table::Row;
use crate::cytoplasm::Delta;
use crate::mycel::{Db, Slot};

/// Mails that wait in one mailbox at most; a sender that finds it full keeps its mail for the next turn.
pub(crate) const MAILBOX_MAILS: usize = 1024;

/// Bytes of arguments after which a mail is closed and another begun. Spans hold 32-bit offsets.
const MAIL_BYTES: usize = 64 * 1024 * 1024;

/// Bytes of capacity that an emptied mail keeps.
const KEPT_BYTES: usize = 256 * 1024;

/// Something to be done on another core, outside the path of data commands.
pub(crate) type Call = Box<dyn FnOnce(&Rc<Core>) + Send>;

/// All that one core has to say to another in one turn.
pub(crate) struct Mail {
    /// Who says it.
    pub(crate) from: CoreId,
    /// The version of the cluster's state by which the requests found their way.
    pub(crate) version: u64,
    /// Commands to run here.
    pub(crate) requests: Requests,
    /// Replies to commands that ran there.
    pub(crate) replies: Replies,
    /// Anything else, to a core of this node.
    pub(crate) calls: Vec<Call>,
    /// Anything else, to a core of another node.
    pub(crate) letters: Vec<Letter>,
}

/// Something for a core of another node, outside the path of data commands.
pub(crate) enum Letter {
    /// A call of its coordination layer.
    Call {
        /// Which call.
        id: u64,
        /// The call.
        body: Vec<u8>,
    },
    /// A step of a move.
    Transfer(TransferLetter),
    /// The answer to one.
    TransferAnswer(TransferAnswer),
    /// A message between applications, or an answer.
    Message(MessageLetter),
    /// What this core has subscribers for.
    Interest(Arc<Delta>),
    /// All cores of this node know of the peer's subscribers, up to a version.
    InterestAck(u64),
    /// Nothing: there is to be a link.
    Hail,
    /// The answer to such a call.
    Answer {
        /// To which call.
        id: u64,
        /// The answer.
        body: Vec<u8>,
    },
}

/// Data commands with their arguments, all in three allocations.
#[derive(Default)]
pub(crate) struct Requests {
    /// Each with the end of its spans.
    items: Vec<(Request, u32)>,
    spans: Vec<Span>,
    bytes: Vec<u8>,
}

/// One data command on its way to the owner of its keys.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    /// The command's row.
    pub(crate) row: &'static Row,
    /// Its function, or that of one element of it.
    pub(crate) apply: Apply,
    /// Slot and hash of its first key.
    pub(crate) first_key: Option<(Slot, u32)>,
    /// How it is to be run.
    pub(crate) manner: Manner,
    /// What it needs to know of the connection.
    pub(crate) context: RequestContext,
    /// Where its reply goes.
    pub(crate) ticket: Ticket,
}

/// How a request is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// By its function, on the core that owns its keys.
    Direct,
    /// By the function for one element: a part of a scattered command, which is timed as a whole where it came in.
    Part,
    /// A message of the bus for the subscribers of the core: a part of PUBLISH.
    Publish,
    /// As a client of this core's own port would have it run.
    OfCore,
    /// As a client would have it run who sees this node and no other.
    OfNode,
}

/// What a data command needs to know of the connection it came by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestContext {
    /// The selected database.
    pub(crate) db: Db,
    /// The version in which to reply.
    pub(crate) protocol: Protocol,
    /// Whether it leaves the idle time of keys alone (CLIENT NO-TOUCH).
    pub(crate) no_touch: bool,
}

/// Data commands that lie somewhere: in a mail, or in a frame that has just come in.
#[derive(Clone, Copy)]
pub(crate) struct RequestList<'a> {
    items: &'a [(Request, u32)],
    spans: &'a [Span],
    bytes: &'a [u8],
}

impl<'a> RequestList<'a> {
    /// Commands, each with the end of its spans; the spans speak of `bytes`.
    pub(crate) fn new(items: &'a [(Request, u32)], spans: &'a [Span], bytes: &'a [u8]) -> Self {
        Self { items, spans, bytes }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(self) -> bool {
        self.items.is_empty()
    }

    /// The commands in order, each with its arguments.
    pub(crate) fn iter(self) -> impl Iterator<Item = (Request, Args<'a>)> {
        let mut start = 0;
        self.items.iter().map(move |&(request, end)| {
            let spans = &self.spans[start..end as usize];
            start = end as usize;
            (request, Args::new(self.bytes, spans))
        })
    }

    /// Where the first keys of the commands are.
    pub(crate) fn first_keys(self) -> impl Iterator<Item = (Db, Slot, u32)> + Clone + 'a {
        self.items.iter().filter_map(|(request, _)| {
            let (slot, hash) = request.first_key?;
            Some((request.context.db, slot, hash))
        })
    }
}

impl Requests {
    /// The commands, to be read.
    pub(crate) fn list(&self) -> RequestList<'_> {
        RequestList::new(&self.items, &self.spans, &self.bytes)
    }

    /// Adds a command; `args` starts with its name.
    pub(crate) fn push<'a>(&mut self, request: Request, args: impl IntoIterator<Item = &'a [u8]>) {
        for arg in args {
            let start = offset(self.bytes.len());
            self.bytes.extend_from_slice(arg);
            self.spans.push(Span { start, end: offset(self.bytes.len()) });
        }
        self.items.push((request, offset(self.spans.len())));
    }

    /// The commands, and for each where its spans end.
    pub(crate) fn items(&self) -> &[(Request, u32)] {
        &self.items
    }

    /// Where the arguments lie in [`Requests::bytes`].
    pub(crate) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The arguments.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn clear(&mut self) {
        self.items.clear();
        self.spans.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
    }
}

/// Replies on their way to the cores that asked.
#[derive(Default)]
pub(crate) struct Replies {
    items: Vec<(Ticket, u32)>,
    bytes: Vec<u8>,
}

impl Replies {
    /// Adds the reply that `write` appends; returns its length in bytes.
    pub(crate) fn push(&mut self, ticket: Ticket, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.items.push((ticket, offset(self.bytes.len())));
        self.bytes.len() - start
    }

    /// The replies' tickets, and for each where it ends.
    pub(crate) fn items(&self) -> &[(Ticket, u32)] {
        &self.items
    }

    /// The replies.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The replies in the order in which they were added.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ticket, &[u8])> {
        let mut start = 0;
        self.items.iter().map(move |&(ticket, end)| {
            let reply = &self.bytes[start..end as usize];
            start = end as usize;
            (ticket, reply)
        })
    }

    fn clear(&mut self) {
        self.items.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
    }
}

/// An offset into a mail's bytes.
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a mail is closed long before 4 GiB")
}

impl Mail {
    fn new(from: CoreId) -> Box<Self> {
        Box::new(Self {
            from,
            version: 0,
            requests: Requests::default(),
            replies: Replies::default(),
            calls: Vec::new(),
            letters: Vec::new(),
        })
    }

    fn is_empty(&self) -> bool {
        self.requests.items.is_empty()
            && self.replies.items.is_empty()
            && self.calls.is_empty()
            && self.letters.is_empty()
    }

    fn clear(&mut self) {
        self.requests.clear();
        self.replies.clear();
        self.calls.clear();
        self.letters.clear();
    }

    fn is_full(&self) -> bool {
        self.requests.bytes.len() > MAIL_BYTES || self.replies.bytes.len() > MAIL_BYTES
    }
}

/// How a core is reached from threads that are no cores. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reach {
    calls: async_channel::Sender<Call>,
    waker: RingWaker,
}

impl Reach {
    /// Has something done on the core; `false`: so much waits for it that this cannot.
    pub(crate) fn call(&self, call: Call) -> bool {
        let sent = self.calls.try_send(call).is_ok();
        self.waker.wake();
        sent
    }
}

impl Post {
    /// The way to this core from other threads.
    pub(crate) fn reach(&self) -> Reach {
        Reach { calls: self.calls.clone(), waker: self.waker.clone() }
    }
}

/// How one core is reached by the others. *Node*.
pub(crate) struct Post {
    /// Into its mailbox.
    pub(crate) mailbox: Sender<Box<Mail>>,
    /// Calls from threads that are no cores.
    pub(crate) calls: async_channel::Sender<Call>,
    /// Wakes it if it is parked.
    pub(crate) waker: RingWaker,
}

/// What a core has to say to the others in this turn: to those of its node, which get it as mail, and to those of other
/// nodes, which get it over a link.
pub(crate) struct Outboxes {
    from: CoreId,
    cores: usize,
    boxes: Vec<Outbox>,
    /// Peers of other nodes that there is something for.
    waiting: Vec<PeerId>,
}

#[derive(Default)]
struct Outbox {
    open: Option<Box<Mail>>,
    closed: std::collections::VecDeque<Box<Mail>>,
    spare: Option<Box<Mail>>,
    /// Whether it stands among those that wait for a link.
    noted: bool,
}

impl Outboxes {
    pub(crate) fn new(from: CoreId, cores: usize) -> Self {
        Self { from, cores, boxes: (0..cores).map(|_| Outbox::default()).collect(), waiting: Vec::new() }
    }

    /// The mail that `to` gets at the end of this turn.
    pub(crate) fn mail(&mut self, to: impl Into<PeerId>) -> &mut Mail {
        let (from, to) = (self.from, to.into());
        if to.index() >= self.cores {
            self.note_remote(to);
        }
        let outbox = &mut self.boxes[to.index()];
        if outbox.open.as_ref().is_some_and(|mail| mail.is_full()) {
            outbox.closed.extend(outbox.open.take());
        }
        let spare = &mut outbox.spare;
        outbox.open.get_or_insert_with(|| spare.take().unwrap_or_else(|| Mail::new(from)))
    }

    fn note_remote(&mut self, to: PeerId) {
        if to.index() >= self.boxes.len() {
            self.boxes.resize_with(to.index() + 1, Outbox::default);
        }
        if !self.boxes[to.index()].noted {
            self.boxes[to.index()].noted = true;
            self.waiting.push(to);
        }
    }

    /// The peers of other nodes that there is something for; those that cannot be served now are to be put back by
    /// [`Outboxes::put_back`].
    pub(crate) fn take_waiting(&mut self) -> Vec<PeerId> {
        let waiting = std::mem::take(&mut self.waiting);
        waiting.iter().for_each(|peer| self.boxes[peer.index()].noted = false);
        waiting
    }

    /// The next mail for a peer of another node.
    pub(crate) fn take(&mut self, peer: PeerId) -> Option<Box<Mail>> {
        let outbox = &mut self.boxes[peer.index()];
        outbox.closed.pop_front().or_else(|| outbox.open.take()).filter(|mail| !mail.is_empty())
    }

    /// Keeps what there is for a peer of another node until its link can take it.
    pub(crate) fn put_back(&mut self, peer: PeerId) {
        self.note_remote(peer);
    }

    /// Takes back a mail that has been sent to a peer of another node.
    pub(crate) fn reuse(&mut self, peer: PeerId, mut mail: Box<Mail>) {
        mail.clear();
        self.boxes[peer.index()].spare = Some(mail);
    }

    /// Takes back a mail that has been read, for the next one to its sender.
    pub(crate) fn recycle(&mut self, mut mail: Box<Mail>) {
        mail.clear();
        let sender = mail.from;
        mail.from = self.from;
        self.boxes[sender.index()].spare = Some(mail);
    }

    /// Posts everything for this node's cores, as of `version` of the cluster's state. Returns whether a mailbox was
    /// full, so that this must be called again.
    pub(crate) fn flush(&mut self, posts: &[Post], ring: &Ring, version: u64) -> bool {
        let mut held_back = false;
        for (outbox, post) in self.boxes.iter_mut().zip(posts) {
            if outbox.open.as_ref().is_some_and(|mail| !mail.is_empty()) {
                outbox.closed.extend(outbox.open.take());
            }
            let mut posted = false;
            while let Some(mut mail) = outbox.closed.pop_front() {
                mail.version = version;
                match post.mailbox.try_send(mail) {
                    Ok(()) => posted = true,
                    Err(Full::NoRoom(mail)) => {
                        outbox.closed.push_front(mail);
                        held_back = true;
                        break;
                    }
                    // The node is on its way down, and nobody will read this.
                    Err(Full::Gone(_)) => {}
                }
            }
            if posted {
                ring.wake_peer(&post.waker);
            }
        }
        held_back
    }
}

/// The mailbox of one core, at its own end.
pub(crate) struct Inbox {
    /// From other cores.
    pub(crate) mails: Receiver<Box<Mail>>,
    /// From threads that are no cores.
    pub(crate) calls: async_channel::Receiver<Call>,
}

impl Inbox {
    /// Whether there is nothing to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.mails.is_empty() && self.calls.is_empty()
    }
}
