//! The io_uring itself: submissions that own what they lend, completions that hand it back.
//!
//! This is the unsafe heart. Its rule: an operation's memory is moved into the operation slab before the kernel
//! hears of it, and moved out only by the completion that ends it. Callers pass buffers in and get them back in
//! an [`Event`]; no caller can free or touch one between.
//!
//! **Sends.** Most sends fit into the socket's buffer, so they are tried first within the very system call that
//! submits them: non-blocking, and with no completion on success. After the call, the submission was consumed and
//! either an error was posted or all bytes are sent ("settled"). That saves a completion per send, and lets the
//! call that submits the replies be the call that sleeps; in return, the success is noticed only when that call
//! returns. What did not fit goes on as a send that waits for room.
//! Large buffers go as zero-copy sends; their memory stays in the slab until the kernel's notice.
//!
//! Sources: io_uring_setup(2), io_uring_enter(2), io_uring_register(2), and the prep functions of liburing.
#![expect(unsafe_code, reason = "submits to the kernel; every submission proves how long its memory lives")]

mod completion;
mod connect;
mod datagram;

use super::acceptor::Acceptor;
use super::clock;
use super::connect::Dial;
use super::datagrams::DatagramSocket;
use super::operations::{OperationId, Operations, RESERVED};
use super::pool::{Chunk, GROUP, Pool};
use super::stream::Stream;
use super::wake::Shared;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, opcode};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// A completion that nobody waits for.
const IGNORED: u64 = u64::MAX;
/// Another core's ring woke this one.
const PEER: u64 = u64::MAX - 1;
/// Waking a peer failed; the upper half says which.
const PEER_FAILED: u32 = RESERVED;

/// The largest single send; longer buffers go in several.
const SEND_BYTES_MAX: usize = 1 << 30;
/// How long dropping the ring waits for the kernel to let go of its memory, before that memory is leaked.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

enum Operation {
    /// Polls the eventfd that foreign threads signal.
    Poll(Arc<Shared>),
    Accept(Rc<Acceptor>),
    Connect(Box<connect::Outward>),
    Receive(Rc<Stream>),
    ReceiveDatagrams(Box<datagram::Incoming>),
    Send(Outgoing),
    SendDatagram(Box<datagram::OutgoingDatagram>),
    /// The bytes of a zero-copy send that the network may still read.
    Notice {
        #[expect(dead_code, reason = "only kept alive")]
        bytes: Vec<u8>,
    },
}

struct Outgoing {
    stream: Rc<Stream>,
    bytes: Vec<u8>,
    from: usize,
    how: SendMode,
}

/// How a send is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendMode {
    /// Within the submitting call; goes on as `Waiting` if the socket has no room.
    Inline,
    /// Until all is sent.
    Waiting,
    /// As `Waiting`, from the memory itself.
    ZeroCopy,
}

/// What a completion means to the ring.
pub(super) enum Event {
    /// A foreign thread or another core has something for this one.
    Woken,
    Accepted {
        acceptor: Rc<Acceptor>,
        result: Result<OwnedFd, i32>,
        armed: bool,
    },
    Connected {
        dial: Rc<Dial>,
        result: Result<OwnedFd, i32>,
    },
    Received {
        stream: Rc<Stream>,
        /// None at the end of the stream.
        result: Result<Option<Chunk>, i32>,
        armed: bool,
    },
    Sent {
        stream: Rc<Stream>,
        bytes: Vec<u8>,
        result: Result<(), i32>,
    },
    Datagram {
        socket: Rc<DatagramSocket>,
        result: Result<Option<Chunk>, i32>,
        armed: bool,
    },
    DatagramSent {
        socket: Rc<DatagramSocket>,
        result: Result<(), i32>,
    },
}

/// Whose operations are in flight. Whoever has several is named as often.
#[derive(Default)]
pub(super) struct Owners {
    pub(super) streams: Vec<Rc<Stream>>,
    pub(super) acceptors: Vec<Rc<Acceptor>>,
    pub(super) dials: Vec<Rc<Dial>>,
    /// Those that receive.
    pub(super) sockets: Vec<Rc<DatagramSocket>>,
}

/// Whether entering the kernel may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    No,
    /// Until a completion, or for so long.
    Completion(Option<Duration>),
}

enum Ready {
    Completion { user_data: u64, result: i32, flags: u32 },
    Settled(OperationId),
}

/// The ring of one core.
pub(super) struct Kernel {
    uring: IoUring,
    pool: Rc<Pool>,
    operations: Operations<Operation>,
    /// Submissions that found no room in the queue, oldest first.
    backlog: VecDeque<Entry>,
    /// Submissions ever made, those of the backlog included.
    submitted: u64,
    /// Inline sends by the number of their submission, until they are settled.
    inline: VecDeque<(u64, OperationId)>,
    ready: VecDeque<Ready>,
    peers: Vec<Arc<Shared>>,
    closing: bool,
    /// System calls made.
    pub(super) enters: u64,
    /// Zero-copy sends whose notice is outstanding.
    pub(super) notices: u64,
}

impl Kernel {
    /// Sets the ring up on the thread that will use it, and gives the pool's buffers to it.
    ///
    /// # Errors
    ///
    /// What the kernel says to `io_uring_setup` or to registering the buffers.
    pub(super) fn new(submissions: u32, completions: u32, pool: Rc<Pool>) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
        builder.setup_submit_all().setup_clamp().setup_cqsize(completions).dontfork();
        let uring = builder.build(submissions)?;
        let (address, count) = pool.entries();
        // SAFETY: the entries are a mapping of `count` entries that lives as long as the pool, which this value
        // keeps until after the ring is closed (and leaks, should the kernel not let go).
        unsafe { uring.submitter().register_buf_ring_with_flags(address, count, GROUP, 0) }?;
        pool.provide();
        Ok(Self {
            uring,
            pool,
            operations: Operations::new(),
            backlog: VecDeque::new(),
            submitted: 0,
            inline: VecDeque::new(),
            ready: VecDeque::new(),
            peers: Vec::new(),
            closing: false,
            enters: 0,
            notices: 0,
        })
    }

    /// A second descriptor of this ring, for those who wake it.
    ///
    /// # Errors
    ///
    /// What `dup` says.
    pub(super) fn duplicate(&self) -> io::Result<OwnedFd> {
        // SAFETY: the descriptor is open for as long as `self.uring` is, which outlives this borrow.
        let borrowed = unsafe { BorrowedFd::borrow_raw(self.uring.as_raw_fd()) };
        borrowed.try_clone_to_owned()
    }

    /// Lets the kernel signal `event` at completions (see [`Kernel::signal_completions`]).
    ///
    /// # Errors
    ///
    /// What the kernel says to `IORING_REGISTER_EVENTFD`.
    pub(super) fn register_event(&mut self, event: BorrowedFd<'_>) -> io::Result<()> {
        self.uring.submitter().register_eventfd(event.as_raw_fd())
    }

    /// Turns the signals of the registered eventfd on or off.
    pub(super) fn signal_completions(&mut self, on: bool) {
        let completions = self.uring.completion();
        if on {
            completions.enable_eventfd();
        } else {
            completions.disable_eventfd();
        }
    }

    /// Whether there is something to harvest or to be run by the kernel before anything new can happen.
    pub(super) fn has_completions(&mut self) -> bool {
        let submissions = self.uring.submission();
        let due = submissions.taskrun() || submissions.cq_overflow();
        drop(submissions);
        due || !self.ready.is_empty() || !self.uring.completion().is_empty()
    }

    /// Operations that the kernel has.
    pub(super) fn in_flight(&self) -> usize {
        self.operations.len()
    }

    pub(super) fn poll(&mut self, shared: &Arc<Shared>) {
        let entry = opcode::PollAdd::new(Fd(shared.event()), libc::POLLIN as u32).multi(true).build();
        self.start(Operation::Poll(Arc::clone(shared)), &entry);
    }

    pub(super) fn accept(&mut self, acceptor: &Rc<Acceptor>) -> OperationId {
        let entry = opcode::AcceptMulti::new(Fd(acceptor.raw())).flags(libc::SOCK_CLOEXEC).build();
        self.start(Operation::Accept(Rc::clone(acceptor)), &entry)
    }

    pub(super) fn receive(&mut self, stream: &Rc<Stream>) -> OperationId {
        let entry = opcode::RecvMulti::new(Fd(stream.raw()), GROUP).build();
        self.start(Operation::Receive(Rc::clone(stream)), &entry)
    }

    /// Sends all of `bytes`, which come back with [`Event::Sent`].
    pub(super) fn send(&mut self, stream: Rc<Stream>, bytes: Vec<u8>, how: SendMode) -> OperationId {
        self.send_from(Outgoing { stream, bytes, from: 0, how })
    }

    fn send_from(&mut self, outgoing: Outgoing) -> OperationId {
        let fd = Fd(outgoing.stream.raw());
        let rest = &outgoing.bytes[outgoing.from..];
        // The heap memory behind the vector does not move when the vector itself does.
        let start = rest.as_ptr();
        let bytes = u32::try_from(rest.len().min(SEND_BYTES_MAX)).expect("bounded to 2^30 just now");
        let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        let how = outgoing.how;
        let entry = match how {
            SendMode::Inline => opcode::Send::new(fd, start, bytes)
                .flags(flags | libc::MSG_DONTWAIT)
                .build()
                .flags(Flags::SKIP_SUCCESS),
            SendMode::Waiting => opcode::Send::new(fd, start, bytes).flags(flags).build(),
            SendMode::ZeroCopy => opcode::SendZc::new(fd, start, bytes).flags(flags).build(),
        };
        let number = self.submitted;
        let id = self.start(Operation::Send(outgoing), &entry);
        if how == SendMode::Inline {
            self.inline.push_back((number, id));
        }
        id
    }

    /// Asks the kernel to end an operation; its last completion still comes.
    pub(super) fn cancel(&mut self, id: OperationId) {
        let entry = opcode::AsyncCancel::new(id.to_user_data()).build();
        self.push(entry.user_data(IGNORED).flags(Flags::SKIP_SUCCESS));
    }

    /// Wakes another core's ring with a completion there.
    pub(super) fn message(&mut self, peer: &Arc<Shared>) {
        let known = self.peers.iter().position(|known| Arc::ptr_eq(known, peer));
        let index = known.unwrap_or_else(|| {
            self.peers.push(Arc::clone(peer));
            self.peers.len() - 1
        });
        let entry = opcode::MsgRingData::new(Fd(peer.ring()), 0, PEER, None).build();
        let failed = ((index as u64) << 32) | u64::from(PEER_FAILED);
        self.push(entry.user_data(failed).flags(Flags::SKIP_SUCCESS));
    }

    fn start(&mut self, operation: Operation, entry: &Entry) -> OperationId {
        let id = self.operations.insert(operation);
        self.push(entry.clone().user_data(id.to_user_data()));
        id
    }

    fn push(&mut self, entry: Entry) {
        self.submitted += 1;
        if !self.backlog.is_empty() || !Self::push_to(&mut self.uring, &entry) {
            self.backlog.push_back(entry);
        }
    }

    fn push_to(uring: &mut IoUring, entry: &Entry) -> bool {
        // SAFETY: whatever the entry points to is owned by the operation slab (buffers and descriptors, until the
        // last completion) or by `peers` (descriptors, as long as the ring).
        unsafe { uring.submission().push(entry) }.is_ok()
    }

    /// Submits all there is, sleeps if told to, and makes what was completed ready for [`Kernel::next_event`].
    ///
    /// # Errors
    ///
    /// What `io_uring_enter` says, apart from what only means "later".
    pub(super) fn enter(&mut self, wait: Wait) -> io::Result<()> {
        self.pool.provide();
        loop {
            while let Some(entry) = self.backlog.front() {
                if !Self::push_to(&mut self.uring, entry) {
                    break;
                }
                self.backlog.pop_front();
            }
            let complete = self.backlog.is_empty();
            self.call(if complete { wait } else { Wait::No })?;
            self.harvest();
            if complete {
                break;
            }
        }
        self.settle()
    }

    fn call(&mut self, wait: Wait) -> io::Result<()> {
        let outcome = match wait {
            Wait::No => {
                let submissions = self.uring.submission();
                if submissions.is_empty() && !submissions.taskrun() && !submissions.cq_overflow() {
                    return Ok(());
                }
                drop(submissions);
                self.uring.submit()
            }
            Wait::Completion(None) => self.uring.submit_and_wait(1),
            Wait::Completion(Some(limit)) => {
                let timespec = Timespec::from(limit);
                let arguments = SubmitArgs::new().timespec(&timespec);
                self.uring.submitter().submit_with_args(1, &arguments)
            }
        };
        self.enters += 1;
        match outcome {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // Time is up; a signal; the kernel is short of memory or wants its completions taken first.
                Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY) => Ok(()),
                _ => Err(error),
            },
        }
    }

    fn harvest(&mut self) {
        let Self { uring, ready, .. } = self;
        ready.extend(uring.completion().map(|entry| Ready::Completion {
            user_data: entry.user_data(),
            result: entry.result(),
            flags: entry.flags(),
        }));
    }

    /// Ends the inline sends whose submission was consumed: those that failed have said so by now.
    fn settle(&mut self) -> io::Result<()> {
        if self.inline.is_empty() {
            return Ok(());
        }
        // A failure may wait in the kernel for room among the completions.
        while self.uring.submission().cq_overflow() {
            self.call(Wait::No)?;
            self.harvest();
        }
        let waiting = self.backlog.len() + self.uring.submission().len();
        let consumed = self.submitted - waiting as u64;
        while let Some((number, id)) = self.inline.front().copied() {
            if number >= consumed {
                break;
            }
            self.inline.pop_front();
            self.ready.push_back(Ready::Settled(id));
        }
        Ok(())
    }

    /// Ends every operation. True when the kernel has let go of all memory.
    fn drain(&mut self) -> bool {
        self.closing = true;
        let deadline = clock::read() + DRAIN_LIMIT;
        let entry = opcode::AsyncCancel2::new(CancelBuilder::any().all()).build();
        self.push(entry.user_data(IGNORED));
        loop {
            let wait = Wait::Completion(Some(Duration::from_millis(50)));
            if self.enter(wait).is_err() {
                return false;
            }
            while self.next_event().is_some() {}
            if self.operations.len() == 0 {
                return true;
            }
            if clock::read() > deadline {
                return false;
            }
        }
    }

    pub(super) fn owners(&self) -> Owners {
        let mut owners = Owners::default();
        for operation in self.operations.iter() {
            match operation {
                Operation::Receive(stream) => owners.streams.push(Rc::clone(stream)),
                Operation::Send(outgoing) => owners.streams.push(Rc::clone(&outgoing.stream)),
                Operation::Accept(acceptor) => owners.acceptors.push(Rc::clone(acceptor)),
                Operation::Connect(outward) => owners.dials.push(Rc::clone(outward.dial())),
                Operation::ReceiveDatagrams(incoming) => {
                    owners.sockets.push(Rc::clone(incoming.socket()));
                }
                Operation::Poll(_) | Operation::SendDatagram(_) | Operation::Notice { .. } => {}
            }
        }
        owners
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        if !self.drain() {
            tracing::error!(
                operations = self.operations.len(),
                "the kernel keeps operations: leaking their memory"
            );
            std::mem::forget(std::mem::replace(&mut self.operations, Operations::new()));
            std::mem::forget(Rc::clone(&self.pool));
        }
    }
}
