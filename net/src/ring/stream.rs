//! The state of one connection. Kept alive by its handle and by every operation that the kernel has for it; the
//! descriptor is closed when the last of them lets go, and so exactly once.

use super::operations::OperationId;
use super::pool::Chunk;
use socket2::SockRef;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::task::Waker;

/// What the connection is still for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// A handle exists.
    Open,
    /// The handle is gone, but what it left to be sent is still on its way.
    Lingering,
    /// Only waits for the kernel to let go.
    Closed,
}

/// Where the receiving side stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReceiveState {
    /// No operation is in flight; asking for bytes starts one.
    Idle,
    Armed(OperationId),
    /// Too much is queued: the operation is being cancelled and starts again when the queue was read.
    Pausing(OperationId),
    /// The kernel ran out of receive buffers.
    Starved,
    Ended(End),
}

/// How the receiving side ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer sends no more (replies may still reach it), or this side closed the connection.
    Finished,
    /// The error number that the kernel gave.
    Failed(i32),
}

#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) state: ReceiveState,
    pub(super) queue: VecDeque<Chunk>,
    pub(super) waker: Option<Waker>,
}

/// Where the sending side stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendState {
    Idle,
    InFlight(OperationId),
    Failed(i32),
}

/// What happens once all output was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    Nothing,
    /// The sending side is shut down.
    Shutdown,
    /// It was.
    Done,
}

#[derive(Debug)]
pub(super) struct Sending {
    pub(super) state: SendState,
    pub(super) in_flight_bytes: usize,
    pub(super) finish: Finish,
    /// Woken when no more than so many bytes are unsent.
    pub(super) drained: Option<(usize, Waker)>,
}

/// One connection. Owned by a core.
#[derive(Debug)]
pub(super) struct Stream {
    fd: OwnedFd,
    count: Rc<Cell<u64>>,
    pub(super) mode: Cell<Mode>,
    /// On the list of connections with output for this turn.
    pub(super) dirty: Cell<bool>,
    pub(super) output: RefCell<Vec<u8>>,
    pub(super) receiving: RefCell<Receiving>,
    pub(super) sending: RefCell<Sending>,
}

impl Stream {
    /// `count` counts the connections whose descriptor is open.
    pub(super) fn new(fd: OwnedFd, count: &Rc<Cell<u64>>) -> Self {
        count.set(count.get() + 1);
        let receiving = Receiving { state: ReceiveState::Idle, queue: VecDeque::new(), waker: None };
        let sending =
            Sending { state: SendState::Idle, in_flight_bytes: 0, finish: Finish::Nothing, drained: None };
        Self {
            fd,
            count: Rc::clone(count),
            mode: Cell::new(Mode::Open),
            dirty: Cell::new(false),
            output: RefCell::new(Vec::new()),
            receiving: RefCell::new(receiving),
            sending: RefCell::new(sending),
        }
    }

    pub(super) fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(super) fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.fd)
    }

    /// The send in flight goes on under another name.
    pub(super) fn on_send_continued(&self, id: OperationId) {
        self.sending.borrow_mut().state = SendState::InFlight(id);
    }

    /// Bytes appended and not known to be with the kernel.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.output.borrow().len() + self.sending.borrow().in_flight_bytes
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.count.set(self.count.get() - 1);
    }
}
