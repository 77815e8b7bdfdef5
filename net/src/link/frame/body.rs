//! The bodies of the frame kinds, and the heads that their lists are made of.
//!
//! Heads are laid out without padding, in memory as on the wire, so that a list of them is copied whole.

use crate::resp::Span;
use rkyv::with::AsVec;
use rkyv::{Archive, Serialize};

/// Commands for the partitions of a core, in the order in which they are to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
pub struct Requests<'a> {
    /// The epoch of the partition map by which the sender chose the receiver.
    pub epoch: u64,
    /// One per command.
    #[rkyv(with = AsVec)]
    pub items: &'a [RequestHead],
    /// Where in `bytes` the arguments lie, command after command.
    #[rkyv(with = AsVec)]
    pub spans: &'a [Span],
    /// The arguments.
    #[rkyv(with = AsVec)]
    pub bytes: &'a [u8],
}

/// One command.
///
/// ```text
///  0        4            8           12         14     16      18     20
/// │ ticket │ generation │ spans_end │ database │ part │ flags │ hops │
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Archive, Serialize)]
#[repr(C)]
pub struct RequestHead {
    /// Where the sender waits for the reply …
    pub ticket: u32,
    /// … and which of those that waited there this is.
    pub generation: u32,
    /// Its spans end here; they begin where those of the command before it end.
    pub spans_end: u32,
    /// The numbered database that it means.
    pub database: u16,
    /// Which part it is, of a command that was cut up.
    pub part: u16,
    /// [`RequestFlags`].
    pub flags: u16,
    /// How often it has been handed on already.
    pub hops: u16,
}

const _: () = assert!(size_of::<RequestHead>() == 20 && RequestHead::COPY_OPTIMIZATION.is_enabled());

/// What [`RequestHead::flags`] is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFlags;

impl RequestFlags {
    /// The reply is wanted in RESP3.
    pub const RESP3: u16 = 1;
    /// Reading does not count as use of the key.
    pub const NO_TOUCH: u16 = 1 << 1;
    /// It is a part of a command that was cut up by owners.
    pub const PART: u16 = 1 << 2;
    /// It runs whole and isolated on the receiving node, over all of its cores.
    pub const WHOLE: u16 = 1 << 3;
    /// It runs as a client of the receiving core's own port would have it run; beside [`RequestFlags::WHOLE`].
    pub const OF_CORE: u16 = 1 << 5;
    /// The client said ASKING.
    pub const ASKING: u16 = 1 << 4;
}

/// Replies, in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
pub struct Replies<'a> {
    /// One per reply.
    #[rkyv(with = AsVec)]
    pub items: &'a [ReplyHead],
    /// The replies, one after the other.
    #[rkyv(with = AsVec)]
    pub bytes: &'a [u8],
}

/// One reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Archive, Serialize)]
#[repr(C)]
pub struct ReplyHead {
    /// Of the request.
    pub ticket: u32,
    /// Of the request.
    pub generation: u32,
    /// It ends here in the bytes, and begins where the one before it ends.
    pub end: u32,
}

const _: () = assert!(size_of::<ReplyHead>() == 12 && ReplyHead::COPY_OPTIMIZATION.is_enabled());

/// A word of the coordination layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
pub struct Control<'a> {
    /// Whom it concerns at the receiver.
    pub channel: u8,
    /// Of the exchange: a response bears that of its request.
    pub id: u64,
    /// Which side of the exchange it is.
    pub kind: ControlKind,
    /// The word.
    #[rkyv(with = AsVec)]
    pub body: &'a [u8],
}

/// Which side of an exchange a [`Control`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
#[rkyv(derive(Clone, Copy, Debug, PartialEq, Eq))]
pub enum ControlKind {
    /// An answer is awaited.
    Request,
    /// The answer.
    Response,
    /// Why there is no answer.
    Failure,
    /// No answer is awaited.
    OneWay,
}

/// A step of moving a partition from one core to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
pub struct Transfer<'a> {
    /// Which.
    pub partition: u16,
    /// The epoch of the map that ordered the move.
    pub epoch: u64,
    /// Counts the steps of the move; an acknowledgement bears the highest that was applied.
    pub sequence: u64,
    /// The step.
    pub kind: TransferKind,
    /// The slot that it is about.
    pub slot: u16,
    /// Effect records, or what else the step needs.
    #[rkyv(with = AsVec)]
    pub records: &'a [u8],
}

/// The steps of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
#[rkyv(derive(Clone, Copy, Debug, PartialEq, Eq))]
pub enum TransferKind {
    /// It begins.
    Begin,
    /// Records to apply.
    Records,
    /// A slot is over there in full.
    SlotDone,
    /// Nothing more will come; the receiver may take over.
    Handover,
    /// Everything up to the sequence was applied.
    Ack,
    /// It ends, and what was moved is void.
    Abort,
}

/// Changes of what the sender has subscribers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
pub struct Interest<'a> {
    /// What was known of the sender before is void.
    pub reset: bool,
    /// The sender's count of changes, after these; 0: more follows, and that is acknowledged.
    pub version: u64,
    /// New, with a subscriber now.
    #[rkyv(with = AsVec)]
    pub added: &'a [InterestHead],
    /// Without a subscriber now.
    #[rkyv(with = AsVec)]
    pub removed: &'a [InterestHead],
    /// The names: of those added, then of those removed.
    #[rkyv(with = AsVec)]
    pub bytes: &'a [u8],
}

/// One channel or pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Archive, Serialize)]
#[repr(C)]
pub struct InterestHead {
    /// Channel, pattern or shard channel.
    pub kind: u32,
    /// Its name ends here in the bytes, and begins where the one before it ends.
    pub end: u32,
}

const _: () = assert!(size_of::<InterestHead>() == 8 && InterestHead::COPY_OPTIMIZATION.is_enabled());
const _: () = assert!(Span::COPY_OPTIMIZATION.is_enabled());

/// A message between applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
pub struct Message<'a> {
    /// The application's name; empty in an answer.
    #[rkyv(with = AsVec)]
    pub application: &'a [u8],
    /// Which side of the exchange it is.
    pub kind: MessageKind,
    /// Of the exchange: an answer bears that of what it answers.
    pub id: u64,
    /// How long the sender waits for an answer, in ms; 0: for ever.
    pub timeout_ms: u32,
    /// The message, the answer, or why there is none.
    #[rkyv(with = AsVec)]
    pub body: &'a [u8],
}

/// Which side of an exchange a [`Message`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
#[rkyv(derive(Clone, Copy, Debug, PartialEq, Eq))]
pub enum MessageKind {
    /// It is to be taken.
    Take,
    /// It is to be answered.
    Answer,
    /// It was taken, or answered by this.
    Done,
    /// Nothing has been done with it; the body says why.
    Refused,
    /// It was taken, and nobody will answer.
    Unanswered,
}

/// The last frame of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
pub struct Goodbye<'a> {
    /// Why, as text.
    #[rkyv(with = AsVec)]
    pub reason: &'a [u8],
}
