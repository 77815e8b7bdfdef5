//! The state of one listening socket, shared by its handle and by the accept operation in flight.

use super::operations::OperationId;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::task::Waker;

/// Connections that may wait to be taken; beyond that they wait in the kernel's backlog.
pub(super) const QUEUE_MAX: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AcceptState {
    Idle,
    Armed(OperationId),
    /// Too many wait to be taken: accepting goes on when they were.
    Pausing(OperationId),
    /// Out of descriptors or memory: accepting goes on after a while.
    BackingOff,
    Closed,
}

#[derive(Debug)]
pub(super) struct Accepting {
    pub(super) state: AcceptState,
    pub(super) queue: VecDeque<OwnedFd>,
    /// An error that accepting again would not get past.
    pub(super) failed: Option<i32>,
    pub(super) waker: Option<Waker>,
}

/// One listening socket. Owned by a core.
#[derive(Debug)]
pub(super) struct Acceptor {
    pub(super) listener: TcpListener,
    pub(super) accepting: RefCell<Accepting>,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener) -> Self {
        let accepting =
            Accepting { state: AcceptState::Idle, queue: VecDeque::new(), failed: None, waker: None };
        Self { listener, accepting: RefCell::new(accepting) }
    }

    pub(super) fn raw(&self) -> RawFd {
        self.listener.as_raw_fd()
    }
}
