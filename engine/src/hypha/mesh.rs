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

use mycorrhizal_net::mailbox::{Full, Receiver, Sender};
use mycorrhizal_net::resp::{Args, Protocol, Span};
use mycorrhizal_net::ring::{Ring, RingWaker};

use super::core::Core;
use super::gather::Ticket;
use super::topology::CoreId;
use crate::command::Apply;
use crate::command::table::Row;
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
    /// Commands to run here.
    pub(crate) requests: Requests,
    /// Replies to commands that ran there.
    pub(crate) replies: Replies,
    /// Anything else.
    pub(crate) calls: Vec<Call>,
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
    /// Whether it is a part of a scattered command, which is timed as a whole where it came in.
    pub(crate) is_part: bool,
    /// What it needs to know of the connection.
    pub(crate) context: RequestContext,
    /// Where its reply goes.
    pub(crate) ticket: Ticket,
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

impl Requests {
    /// Adds a command; `args` starts with its name.
    pub(crate) fn push<'a>(&mut self, request: Request, args: impl IntoIterator<Item = &'a [u8]>) {
        for arg in args {
            let start = offset(self.bytes.len());
            self.bytes.extend_from_slice(arg);
            self.spans.push(Span { start, end: offset(self.bytes.len()) });
        }
        self.items.push((request, offset(self.spans.len())));
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The commands in order, each with its arguments.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Request, Args<'_>)> {
        let mut start = 0;
        self.items.iter().map(move |&(request, end)| {
            let spans = &self.spans[start..end as usize];
            start = end as usize;
            (request, Args::new(&self.bytes, spans))
        })
    }

    /// Where the first keys of the commands are.
    pub(crate) fn first_keys(&self) -> impl Iterator<Item = (Db, Slot, u32)> + Clone {
        self.items.iter().filter_map(|(request, _)| {
            let (slot, hash) = request.first_key?;
            Some((request.context.db, slot, hash))
        })
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
        Box::new(Self { from, requests: Requests::default(), replies: Replies::default(), calls: Vec::new() })
    }

    fn is_empty(&self) -> bool {
        self.requests.items.is_empty() && self.replies.items.is_empty() && self.calls.is_empty()
    }

    fn is_full(&self) -> bool {
        self.requests.bytes.len() > MAIL_BYTES || self.replies.bytes.len() > MAIL_BYTES
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

/// What a core has to say to the others in this turn.
pub(crate) struct Outboxes {
    from: CoreId,
    boxes: Vec<Outbox>,
}

#[derive(Default)]
struct Outbox {
    open: Option<Box<Mail>>,
    closed: std::collections::VecDeque<Box<Mail>>,
    spare: Option<Box<Mail>>,
}

impl Outboxes {
    pub(crate) fn new(from: CoreId, cores: usize) -> Self {
        Self { from, boxes: (0..cores).map(|_| Outbox::default()).collect() }
    }

    /// The mail that `to` gets at the end of this turn.
    pub(crate) fn mail(&mut self, to: CoreId) -> &mut Mail {
        let from = self.from;
        let outbox = &mut self.boxes[to.index()];
        if outbox.open.as_ref().is_some_and(|mail| mail.is_full()) {
            outbox.closed.extend(outbox.open.take());
        }
        let spare = &mut outbox.spare;
        outbox.open.get_or_insert_with(|| spare.take().unwrap_or_else(|| Mail::new(from)))
    }

    /// Takes back a mail that has been read, for the next one to its sender.
    pub(crate) fn recycle(&mut self, mut mail: Box<Mail>) {
        mail.requests.clear();
        mail.replies.clear();
        mail.calls.clear();
        let sender = mail.from;
        mail.from = self.from;
        self.boxes[sender.index()].spare = Some(mail);
    }

    /// Posts everything. Returns whether a mailbox was full, so that this must be called again.
    pub(crate) fn flush(&mut self, posts: &[Post], ring: &Ring) -> bool {
        let mut held_back = false;
        for (outbox, post) in self.boxes.iter_mut().zip(posts) {
            if outbox.open.as_ref().is_some_and(|mail| !mail.is_empty()) {
                outbox.closed.extend(outbox.open.take());
            }
            let mut posted = false;
            while let Some(mail) = outbox.closed.pop_front() {
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
