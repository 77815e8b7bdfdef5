//! What the machines of a rebalancing say to each other and to the checker.

use std::fmt;
use std::rc::Rc;

use mycorrhizal::mycel::transfer::{Ack, TransferKind, TransferMessage};
use mycorrhizal::nodosum::Time;
use mycorrhizal::nodosum::state::{Request, Session};

use crate::machine::Message;

/// What a client wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// GET.
    Get,
    /// SET to a value that no other operation sets.
    Set,
    /// SET of so many bytes.
    SetLong(usize),
    /// APPEND of the operation's number.
    Append,
    /// INCR, of keys that nothing but INCR and DEL is done to.
    Increment,
    /// DEL.
    Remove,
    /// PEXPIRE.
    Expire(u64),
    /// FLUSHDB of what the asked node owns.
    Clear,
    /// SWAPDB of what the asked node owns.
    Swap,
}

/// One request of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// Unique.
    pub number: u64,
    /// Where the client is.
    pub client: usize,
    /// The database.
    pub db: u16,
    /// The key; empty for those over whole databases.
    pub key: Rc<[u8]>,
    /// What.
    pub action: Action,
}

impl Operation {
    /// What [`Action::Set`] sets and [`Action::Append`] appends.
    pub fn token(&self) -> Vec<u8> {
        match self.action {
            Action::SetLong(len) => {
                self.number.to_string().into_bytes().into_iter().cycle().take(len).collect()
            }
            _ => format!("{},", self.number).into_bytes(),
        }
    }

    /// Whether it is over whole databases.
    pub fn is_whole(&self) -> bool {
        matches!(self.action, Action::Clear | Action::Swap)
    }
}

/// What came of an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The value of the key, after a write: that which was written.
    Value(Option<Vec<u8>>),
    /// Whether the key was there.
    Was(bool),
    /// It was done to what the node owned.
    Done,
}

/// What travels.
#[derive(Clone)]
pub struct Note {
    /// What it says.
    pub body: Body,
    bytes: Rc<[u8]>,
}

/// What a note says.
#[derive(Clone, Debug)]
pub enum Body {
    /// A node lives and has applied so many entries.
    Fetch {
        /// Whose life.
        session: Session,
        /// How many.
        applied: u64,
        /// When it said so.
        sent: Time,
    },
    /// Entries of the log.
    Entries {
        /// The number of the first.
        first: u64,
        /// They.
        entries: Rc<[Request]>,
        /// The sign of life that was taken note of, and how many entries there were then.
        heard: Option<(Time, u64)>,
    },
    /// A node wants something to be in the log.
    Propose(Rc<Request>),
    /// An operation, for whoever owns its key.
    Ask {
        /// It.
        operation: Rc<Operation>,
        /// The version of the state by which the receiver was chosen.
        chosen_by: u64,
    },
    /// What came of it.
    Reply {
        /// Its number.
        number: u64,
    },
    /// A step of a move.
    Transfer(Rc<Step>),
    /// It has been applied.
    Ack(Ack),
    /// It does not fit.
    Refused {
        /// Of the message.
        partition: u16,
        /// Of the message.
        epoch: u64,
        /// Of the message.
        sequence: u64,
    },
}

/// A transfer message that owns its bytes.
#[derive(Clone, Debug)]
pub struct Step {
    /// As in [`TransferMessage`].
    pub partition: u16,
    /// As in [`TransferMessage`].
    pub epoch: u64,
    /// As in [`TransferMessage`].
    pub sequence: u64,
    kind: TransferKind,
    slot: u16,
    records: Vec<u8>,
}

impl Step {
    /// A copy.
    pub fn of(message: TransferMessage<'_>) -> Step {
        let TransferMessage { partition, epoch, sequence, kind, slot, records } = message;
        Step { partition, epoch, sequence, kind, slot, records: records.to_vec() }
    }

    /// It, borrowed.
    pub fn message(&self) -> TransferMessage<'_> {
        let Step { partition, epoch, sequence, kind, slot, ref records } = *self;
        TransferMessage { partition, epoch, sequence, kind, slot, records }
    }
}

impl Note {
    /// Puts it into bytes, for the trace.
    pub fn new(body: Body) -> Note {
        let bytes = match &body {
            Body::Transfer(step) => {
                let mut bytes = step.records.clone();
                for word in [u64::from(step.partition), step.epoch, step.sequence, u64::from(step.slot)] {
                    bytes.extend_from_slice(&word.to_le_bytes());
                }
                bytes.push(step.kind as u8);
                bytes
            }
            Body::Entries { first, entries, .. } => {
                let mut bytes = first.to_le_bytes().to_vec();
                for entry in entries.iter() {
                    bytes.extend_from_slice(&entry.id.session.incarnation.0.to_le_bytes());
                    bytes.extend_from_slice(&entry.id.session.node.0);
                    bytes.extend_from_slice(&entry.id.number.to_le_bytes());
                }
                bytes
            }
            body => format!("{body:?}").into_bytes(),
        };
        Note { body, bytes: bytes.into() }
    }
}

impl Message for Note {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn describe(&self) -> String {
        match &self.body {
            Body::Transfer(step) => {
                let Step { partition, epoch, sequence, kind, records, .. } = &**step;
                format!("{kind:?} of {partition} at {epoch}, {sequence:x}, {} bytes", records.len())
            }
            Body::Entries { first, entries, .. } => {
                let commands: Vec<_> = entries.iter().map(|entry| &entry.command).collect();
                format!("entries from {first}: {commands:?}")
            }
            body => format!("{body:?}"),
        }
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.describe())
    }
}

/// What the checker is told.
#[derive(Clone, Debug)]
pub enum Event {
    /// The log took an entry.
    Committed(Rc<Request>),
    /// A node did something to keys that it owns.
    Applied {
        /// What.
        operation: Rc<Operation>,
        /// What came of it.
        outcome: Outcome,
        /// The partitions, and for each the epoch of the map since which the node takes itself for the owner.
        partitions: Vec<(u16, u64)>,
    },
    /// A client has its reply.
    Acknowledged(u64),
    /// A node ran into something that cannot be.
    Impossible(String),
}
