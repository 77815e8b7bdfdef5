//! The network ring: one io_uring per core, and TCP, UDP, timers and wake-ups as futures over it.
//!
//! ```text
//!   tasks ── recv / output / accept / connect / sleep ──▶ core ──▶ kernel (submissions, operation slab)
//!     ▲                                                     │              │
//!     └───────────────── wakers ────────────────────────────┴── events ◀───┘ completions
//! ```
//!
//! A [`Ring`] belongs to the thread that made it. Something has to drive it: [`crate::executor::run`] submits,
//! harvests, wakes tasks and lets them run, turn by turn, and sleeps *in the ring* when there is nothing to do. It
//! follows that whatever wakes a task of the core has to be seen by the ring: the futures of this module are;
//! [`Ring::signal`] and [`Ring::oneshot`] are for anything between tasks; [`Ring::note_wake`] announces a wake-up by
//! other means; other threads use a [`RingWaker`]; and while a glommio file operation or timer is in flight, an
//! [`ExternalWork`] guard makes the ring sleep through glommio instead.
//!
//! Limits: [`RingConfig`]. Errors: [`RingError`] at the start; `io::Error` on connections, which concerns only them.
//!
//! Sources: io_uring(7); `shared/design` on why one ring per core and how it parks.

mod acceptor;
pub(crate) mod clock;
mod connect;
mod connection;
mod core;
mod datagram;
mod datagrams;
mod deadlines;
mod eventfd;
mod kernel;
mod ledger;
mod limits;
mod listener;
mod operations;
mod park;
mod pool;
mod probe;
mod receive;
mod region;
mod send;
mod signal;
mod stats;
mod stream;
mod timer;
mod wake;

pub use self::connect::Connect;
pub use self::connection::Connection;
pub use self::datagram::Datagram;
pub use self::datagrams::Datagrams;
pub use self::limits::{Limit, Resource};
pub use self::listener::Listener;
pub use self::park::ExternalWork;
pub(crate) use self::park::Sleeper;
pub use self::pool::Chunk;
pub use self::probe::{KERNEL_MIN, LOCKED_BYTES_MIN, RingError, check};
pub use self::signal::{OneshotReceiver, OneshotSender, Signal};
pub use self::stats::RingStats;
pub use self::timer::Sleep;
pub use self::wake::RingWaker;

use self::core::Core;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The sizes of one core's ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingConfig {
    /// Entries of the submission queue; more wait in a queue of our own.
    pub submissions: u32,
    /// Entries of the completion queue; more wait in the kernel.
    pub completions: u32,
    /// Bytes of one receive buffer.
    pub buffer_bytes: u32,
    /// Receive buffers that circulate at first.
    pub buffers_at_first: u16,
    /// Receive buffers that circulate at most: a power of two. Those that never did cost no memory.
    pub buffers_max: u16,
    /// Received chunks that a connection queues before it stops receiving.
    pub queued_chunks_max: usize,
    /// Outputs of at least so many bytes are sent without copying them.
    pub zero_copy_bytes: usize,
    /// How long what a dropped connection promised to send may take.
    pub linger: Duration,
}

impl Default for RingConfig {
    fn default() -> Self {
        Self {
            submissions: 1024,
            completions: 4096,
            buffer_bytes: 16 * 1024,
            buffers_at_first: 128,
            buffers_max: 2048,
            queued_chunks_max: 64,
            zero_copy_bytes: usize::MAX,
            linger: Duration::from_secs(5),
        }
    }
}

/// One core's network ring. A handle: clones are the same ring. Stays on the thread that made it.
#[derive(Clone)]
pub struct Ring {
    core: Rc<Core>,
}

impl Ring {
    /// Sets a ring up on the thread that is to use it.
    ///
    /// # Errors
    ///
    /// Why the kernel refuses; see [`check`], which finds out beforehand.
    pub fn new(config: RingConfig) -> Result<Self, RingError> {
        Ok(Self { core: Rc::new(Core::new(config)?) })
    }

    /// Accepts connections at `listener` with this ring; they stay on this core.
    ///
    /// # Errors
    ///
    /// The socket cannot be put into the mode that the ring needs.
    pub fn listen(&self, listener: TcpListener) -> io::Result<Listener> {
        listener.set_nonblocking(false)?;
        Ok(Listener::new(Rc::clone(&self.core), listener))
    }

    /// Sends and receives datagrams at `socket` with this ring; they stay on this core.
    ///
    /// # Errors
    ///
    /// The socket cannot be put into the mode that the ring needs.
    pub fn datagrams(&self, socket: UdpSocket) -> io::Result<Datagrams> {
        socket.set_nonblocking(false)?;
        Ok(Datagrams::new(Rc::clone(&self.core), socket))
    }

    /// Connects to `address` within `timeout`; the connection stays on this core, and sends small segments at once.
    /// The future's errors: what the peer or the network says (`ECONNREFUSED`, `EHOSTUNREACH` …), `ETIMEDOUT`, or
    /// `ECANCELED` when the ring ends; trying again makes sense after all but the last.
    pub fn connect(&self, address: SocketAddr, timeout: Duration) -> Connect {
        Connect::new(Rc::clone(&self.core), address, timeout)
    }

    /// Completes at `at`, or in this turn if that is past.
    pub fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep::new(Rc::clone(&self.core), at)
    }

    /// The time, read once per turn.
    pub fn now(&self) -> Instant {
        self.core.now()
    }

    /// What other threads wake this core with.
    pub fn waker(&self) -> RingWaker {
        RingWaker(Arc::clone(&self.core.shared))
    }

    /// Wakes another core if it sleeps, with a message from this ring to that, at the end of the turn.
    pub fn wake_peer(&self, peer: &RingWaker) {
        if peer.0.parked.claim() {
            self.core.kernel.borrow_mut().message(&peer.0);
            self.core.stir();
        }
    }

    /// An event between tasks of this core.
    pub fn signal(&self) -> Signal {
        Signal::new(Rc::clone(&self.core))
    }

    /// A value handed from one task of this core to another.
    pub fn oneshot<T>(&self) -> (OneshotSender<T>, OneshotReceiver<T>) {
        signal::oneshot(Rc::clone(&self.core))
    }

    /// Says that a task of this core was woken by other means than this module's, so that the ring does not sleep
    /// over it.
    pub fn note_wake(&self) {
        self.core.note_wake();
    }

    /// A reading of the counters.
    pub fn stats(&self) -> RingStats {
        self.core.stats()
    }
}

#[cfg(test)]
mod tests;
