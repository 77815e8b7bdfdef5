//! UDP sockets: one multishot receive per socket, and sends that nobody waits for.
//!
//! ```text
//!            recv()            queue is full              cancelled
//!   Idle ───────────▶ Armed ─────────────────▶ Pausing ─────────────▶ Idle
//!    ▲                 │ │ no buffers
//!    │   buffers again │ ├──────────▶ Starved ──▶ (armed again)
//!    │                 │ └──────────▶ BackingOff ─▶ (armed again)
//!    └─────────────────┘  an error that passes
//! ```
//!
//! The receiving side is that of connections (`receive.rs`), with two differences: it never ends, and what does not
//! fit is the network's loss: while it pauses, datagrams wait in the socket's own buffer, and beyond that the kernel
//! drops them. Errors of sends are counted and forgotten: datagrams may be lost anyway.
//!
//! Limits: [`SENDS_MAX`] datagrams under way per socket; a datagram that does not fit into a receive buffer is
//! dropped.

use super::core::{Core, Due};
use super::datagram::Datagram;
use super::operations::OperationId;
use super::pool::Chunk;
use super::stats::add;
use socket2::SockAddr;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// Datagrams of one socket that may be under way to the kernel; further ones are dropped until some have left.
const SENDS_MAX: usize = 1024;
/// How long receiving pauses after an error.
const BACK_OFF: Duration = Duration::from_millis(20);
/// A queue that grew longer than this is given back when it is empty.
const QUEUE_KEPT: usize = 8;

/// Where the receiving side of a socket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Armed(OperationId),
    /// Too much is queued.
    Pausing(OperationId),
    /// The kernel ran out of receive buffers.
    Starved,
    BackingOff,
    /// An error that receiving again would not get past.
    Failed(i32),
    Closed,
}

#[derive(Debug)]
struct Receiving {
    state: State,
    queue: VecDeque<Datagram>,
    waker: Option<Waker>,
}

/// One UDP socket. Kept alive by its handle and by every operation that the kernel has for it. Owned by a core.
#[derive(Debug)]
pub(super) struct DatagramSocket {
    socket: UdpSocket,
    receiving: RefCell<Receiving>,
    sends: Cell<usize>,
}

impl DatagramSocket {
    pub(super) fn raw(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Frees the receive buffers of what is queued.
    pub(super) fn detach_queue(&self) {
        self.receiving.borrow_mut().queue.iter_mut().for_each(Datagram::detach);
    }
}

/// A UDP socket of this core's ring. One task receives from it; any task of the core may send. Dropping it closes
/// the socket. Made by [`super::Ring::datagrams`].
pub struct Datagrams {
    core: Rc<Core>,
    socket: Rc<DatagramSocket>,
}

impl Datagrams {
    pub(super) fn new(core: Rc<Core>, socket: UdpSocket) -> Self {
        let receiving = Receiving { state: State::Idle, queue: VecDeque::new(), waker: None };
        let socket = DatagramSocket { socket, receiving: RefCell::new(receiving), sends: Cell::new(0) };
        Self { core, socket: Rc::new(socket) }
    }

    /// The next datagram. Those that do not fit into a receive buffer are dropped and counted. Cancel-safe: none is
    /// lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// The socket itself failed, or the ring ends (`ECANCELED`); receiving again gives the same answer.
    pub async fn recv(&self) -> io::Result<Datagram> {
        poll_fn(|context| self.core.poll_datagram(&self.socket, context.waker())).await
    }

    /// A datagram that has arrived already, without waiting for one.
    pub fn try_recv(&self) -> Option<Datagram> {
        self.socket.receiving.borrow_mut().queue.pop_front()
    }

    /// Sends `bytes` as one datagram at the end of this turn, or not at all: whatever goes wrong is counted in
    /// [`super::RingStats`] and nowhere else.
    pub fn send_to(&self, bytes: Vec<u8>, to: SocketAddr) {
        self.core.send_datagram(&self.socket, bytes, to);
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    ///
    /// What `getsockname` says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.socket.local_addr()
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.core.end_datagrams(&self.socket, State::Closed);
    }
}

impl Core {
    fn poll_datagram(&self, socket: &Rc<DatagramSocket>, waker: &Waker) -> Poll<io::Result<Datagram>> {
        let mut receiving = socket.receiving.borrow_mut();
        if let Some(datagram) = receiving.queue.pop_front() {
            return Poll::Ready(Ok(datagram));
        }
        match receiving.state {
            State::Failed(error) => return Poll::Ready(Err(io::Error::from_raw_os_error(error))),
            State::Idle if self.closing.get() => {
                return Poll::Ready(Err(io::Error::from_raw_os_error(libc::ECANCELED)));
            }
            State::Idle => self.arm_datagrams(socket, &mut receiving),
            State::Armed(_) | State::Pausing(_) | State::Starved | State::BackingOff | State::Closed => {}
        }
        if receiving.queue.capacity() > QUEUE_KEPT {
            receiving.queue = VecDeque::new();
        }
        match &mut receiving.waker {
            Some(known) => known.clone_from(waker),
            place => *place = Some(waker.clone()),
        }
        Poll::Pending
    }

    fn arm_datagrams(&self, socket: &Rc<DatagramSocket>, receiving: &mut Receiving) {
        receiving.state = State::Armed(self.kernel.borrow_mut().receive_datagrams(socket));
        self.stir();
    }

    pub(super) fn on_datagram(
        &self,
        socket: &Rc<DatagramSocket>,
        result: Result<Option<Chunk>, i32>,
        armed: bool,
    ) {
        let mut receiving = socket.receiving.borrow_mut();
        if matches!(receiving.state, State::Closed | State::Failed(_)) {
            return;
        }
        let mut next = State::Idle;
        match result {
            Ok(Some(chunk)) => self.take_datagram(&mut receiving, chunk),
            Err(libc::ENOBUFS) => {
                add(&self.counters.buffer_shortages, 1);
                self.short.set(true);
                next = State::Starved;
            }
            // Cancelled to pause, or to be started again.
            Err(libc::ECANCELED | libc::EINTR | libc::EAGAIN) => {}
            Err(error @ (libc::EBADF | libc::EINVAL | libc::ENOTSOCK | libc::EOPNOTSUPP)) => {
                next = State::Failed(error);
            }
            // A peer's answer that nobody listens, or memory ran out: it passes.
            Ok(None) | Err(_) => {
                add(&self.counters.datagram_receive_errors, 1);
                next = State::BackingOff;
            }
        }
        if !armed {
            receiving.state = next;
            self.on_datagrams_disarmed(socket, &mut receiving);
        }
        if let Some(waker) = &receiving.waker
            && (!receiving.queue.is_empty() || matches!(receiving.state, State::Failed(_)))
        {
            self.wake(waker);
        }
    }

    fn take_datagram(&self, receiving: &mut Receiving, chunk: Chunk) {
        let Some(mut datagram) = Datagram::parse(chunk) else {
            add(&self.counters.datagrams_unreadable, 1);
            return;
        };
        add(&self.counters.datagrams_received, 1);
        if let State::Pausing(_) = receiving.state {
            datagram.detach();
        }
        receiving.queue.push_back(datagram);
        if let State::Armed(id) = receiving.state
            && receiving.queue.len() >= self.config.queued_chunks_max
        {
            receiving.state = State::Pausing(id);
            receiving.queue.iter_mut().for_each(Datagram::detach);
            self.kernel.borrow_mut().cancel(id);
        }
    }

    /// The operation in flight ended, and `receiving.state` says how.
    fn on_datagrams_disarmed(&self, socket: &Rc<DatagramSocket>, receiving: &mut Receiving) {
        // Without an operation in flight, nobody would find these buffers when the kernel runs dry.
        receiving.queue.iter_mut().for_each(Datagram::detach);
        match receiving.state {
            State::Starved => self.starved_sockets.borrow_mut().push(Rc::clone(socket)),
            State::BackingOff => {
                let due = Due::Datagrams(Rc::downgrade(socket));
                self.deadlines.borrow_mut().insert(self.now() + BACK_OFF, due);
            }
            // With something queued, the reader starts it again when it has read that.
            State::Idle if receiving.queue.is_empty() => self.arm_datagrams(socket, receiving),
            State::Idle | State::Armed(_) | State::Pausing(_) | State::Failed(_) | State::Closed => {}
        }
    }

    /// A back-off is over, or there are receive buffers again.
    pub(super) fn receive_datagrams_again(&self, socket: &Rc<DatagramSocket>) {
        let mut receiving = socket.receiving.borrow_mut();
        if matches!(receiving.state, State::BackingOff | State::Starved) {
            self.arm_datagrams(socket, &mut receiving);
        }
    }

    /// The ring is ending: whoever waits for a datagram gets an error.
    pub(super) fn fail_datagrams(&self, socket: &DatagramSocket) {
        let waker = socket.receiving.borrow_mut().waker.take();
        self.end_datagrams(socket, State::Failed(libc::ECANCELED));
        if let Some(waker) = waker {
            self.wake(&waker);
        }
    }

    fn end_datagrams(&self, socket: &DatagramSocket, state: State) {
        let mut receiving = socket.receiving.borrow_mut();
        if let State::Armed(id) = receiving.state {
            self.kernel.borrow_mut().cancel(id);
            self.stir();
        }
        receiving.state = state;
        receiving.queue.clear();
        receiving.waker = None;
    }

    fn send_datagram(&self, socket: &Rc<DatagramSocket>, bytes: Vec<u8>, to: SocketAddr) {
        if socket.sends.get() >= SENDS_MAX || self.closing.get() {
            add(&self.counters.datagrams_overflowed, 1);
            return;
        }
        socket.sends.set(socket.sends.get() + 1);
        self.kernel.borrow_mut().send_datagram(socket, bytes, SockAddr::from(to));
        self.stir();
    }

    pub(super) fn on_datagram_sent(&self, socket: &DatagramSocket, result: Result<(), i32>) {
        socket.sends.set(socket.sends.get() - 1);
        match result {
            Ok(()) => add(&self.counters.datagrams_sent, 1),
            Err(error) => {
                add(&self.counters.datagram_send_errors, 1);
                let error = io::Error::from_raw_os_error(error);
                tracing::trace!(%error, "a datagram was not sent");
            }
        }
    }
}
