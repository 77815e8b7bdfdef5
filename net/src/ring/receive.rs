//! The receiving side of connections: arming, queueing, back-pressure, running out of buffers.
//!
//! ```text
//!            recv()            queue is full              cancelled
//!   Idle ───────────▶ Armed ─────────────────▶ Pausing ─────────────▶ Idle
//!    ▲                 │ │ no buffers
//!    │   buffers again │ └──────────▶ Starved ──▶ (armed again)
//!    └─────────────────┘
//! ```
//!
//! A connection whose task does not read keeps no receive buffer from others: once its queue is full it stops
//! receiving and what it has queued is moved to memory of its own; and when the kernel runs dry although all
//! buffers circulate, every queue is moved.

use super::core::Core;
use super::pool::Chunk;
use super::stats::add;
use super::stream::{End, Mode, ReceiveState, Receiving, Stream};
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A queue that grew longer than this is given back when it is empty.
const QUEUE_KEPT: usize = 8;

impl Core {
    /// Takes the next bytes of `stream`, or leaves `waker` to be woken for them.
    pub(super) fn poll_receive(&self, stream: &Rc<Stream>, waker: &Waker) -> Poll<io::Result<Option<Chunk>>> {
        let mut receiving = stream.receiving.borrow_mut();
        if let Some(chunk) = receiving.queue.pop_front() {
            return Poll::Ready(Ok(Some(chunk)));
        }
        match receiving.state {
            ReceiveState::Ended(End::Finished) => return Poll::Ready(Ok(None)),
            ReceiveState::Ended(End::Failed(error)) => {
                return Poll::Ready(Err(io::Error::from_raw_os_error(error)));
            }
            ReceiveState::Idle => self.arm_receive(stream, &mut receiving),
            ReceiveState::Armed(_) | ReceiveState::Pausing(_) | ReceiveState::Starved => {}
        }
        if receiving.queue.capacity() > QUEUE_KEPT {
            receiving.queue = std::collections::VecDeque::new();
        }
        match &mut receiving.waker {
            Some(known) if known.will_wake(waker) => {}
            place => *place = Some(waker.clone()),
        }
        Poll::Pending
    }

    fn arm_receive(&self, stream: &Rc<Stream>, receiving: &mut Receiving) {
        receiving.state = ReceiveState::Armed(self.kernel.borrow_mut().receive(stream));
        self.stir();
    }

    pub(super) fn on_received(&self, stream: &Rc<Stream>, result: Result<Option<Chunk>, i32>, armed: bool) {
        let mut receiving = stream.receiving.borrow_mut();
        let mut next = ReceiveState::Idle;
        match result {
            Ok(Some(chunk)) => {
                add(&self.counters.receives, 1);
                add(&self.counters.received_bytes, chunk.len() as u64);
                if stream.mode.get() == Mode::Open && !matches!(receiving.state, ReceiveState::Ended(_)) {
                    self.queue(&mut receiving, chunk);
                }
            }
            Ok(None) => next = ReceiveState::Ended(End::Finished),
            Err(libc::ENOBUFS) => {
                add(&self.counters.buffer_shortages, 1);
                self.short.set(true);
                next = ReceiveState::Starved;
            }
            // Cancelled to pause, or to be started again.
            Err(libc::ECANCELED | libc::EINTR | libc::EAGAIN) => {}
            Err(error) => next = ReceiveState::Ended(End::Failed(error)),
        }
        if !armed && !matches!(receiving.state, ReceiveState::Ended(_)) {
            receiving.state = next;
            self.on_disarmed(stream, &mut receiving);
        }
        // Waking only puts the task into the executor's queue: nothing of it runs under this borrow.
        if let Some(waker) = &receiving.waker
            && (!receiving.queue.is_empty() || matches!(receiving.state, ReceiveState::Ended(_)))
        {
            self.wake(waker);
        }
        drop(receiving);
        self.end_lingering(stream);
    }

    /// Nobody reads any more: what is queued is dropped, and the operation ends.
    pub(super) fn stop_receiving(&self, stream: &Stream) -> Option<Waker> {
        let mut receiving = stream.receiving.borrow_mut();
        if let ReceiveState::Armed(id) = receiving.state {
            self.kernel.borrow_mut().cancel(id);
        }
        receiving.state = ReceiveState::Ended(End::Finished);
        receiving.queue.clear();
        receiving.waker.take()
    }

    /// Reads on for nobody, so that the peer's bytes do not reset the connection before it has our last reply.
    pub(super) fn discard_received(&self, stream: &Rc<Stream>) {
        let mut receiving = stream.receiving.borrow_mut();
        receiving.queue.clear();
        receiving.waker = None;
        if receiving.state == ReceiveState::Idle {
            self.arm_receive(stream, &mut receiving);
        }
    }

    fn queue(&self, receiving: &mut Receiving, mut chunk: Chunk) {
        if let ReceiveState::Pausing(_) = receiving.state {
            chunk.detach();
        }
        receiving.queue.push_back(chunk);
        if let ReceiveState::Armed(id) = receiving.state
            && receiving.queue.len() >= self.config.queued_chunks_max
        {
            receiving.state = ReceiveState::Pausing(id);
            receiving.queue.iter_mut().for_each(Chunk::detach);
            self.kernel.borrow_mut().cancel(id);
        }
    }

    /// The operation in flight ended, and `receiving.state` says how.
    fn on_disarmed(&self, stream: &Rc<Stream>, receiving: &mut Receiving) {
        // Without an operation in flight, nobody would find these buffers when the kernel runs dry.
        receiving.queue.iter_mut().for_each(Chunk::detach);
        match receiving.state {
            ReceiveState::Starved => self.starved.borrow_mut().push(Rc::clone(stream)),
            ReceiveState::Idle => {
                // With something queued, the reader starts it again when it has read that.
                if receiving.queue.is_empty() && stream.mode.get() != Mode::Closed {
                    self.arm_receive(stream, receiving);
                }
            }
            ReceiveState::Ended(_) | ReceiveState::Armed(_) | ReceiveState::Pausing(_) => {}
        }
    }

    /// Lets connections and UDP sockets that ran out of buffers receive again, if there are buffers.
    pub(super) fn feed_starved(&self) {
        if self.starved.borrow().is_empty() && self.starved_sockets.borrow().is_empty() {
            return;
        }
        if self.pool.available() == 0 {
            self.detach_queues();
        }
        if self.pool.available() == 0 {
            // Readers hold every buffer: only tasks give them back, and then this looks again.
            return;
        }
        for stream in self.starved.take() {
            let mut receiving = stream.receiving.borrow_mut();
            if receiving.state == ReceiveState::Starved {
                receiving.state = ReceiveState::Idle;
                if stream.mode.get() != Mode::Closed {
                    self.arm_receive(&stream, &mut receiving);
                }
            }
        }
        for socket in self.starved_sockets.take() {
            self.receive_datagrams_again(&socket);
        }
    }

    /// Moves what is queued anywhere out of the receive buffers.
    fn detach_queues(&self) {
        let owners = self.kernel.borrow().owners();
        for stream in owners.streams.iter().chain(self.starved.borrow().iter()) {
            stream.receiving.borrow_mut().queue.iter_mut().for_each(Chunk::detach);
        }
        owners.sockets.iter().for_each(|socket| socket.detach_queue());
    }
}
