//! What one core's ring holds, and what it does when something happens: completions, deadlines, the turn.

use super::acceptor::Acceptor;
use super::clock;
use super::datagrams::DatagramSocket;
use super::deadlines::Deadlines;
use super::kernel::{Event, Kernel, Wait};
use super::pool::Pool;
use super::stats::{Counters, RingStats, add};
use super::stream::Stream;
use super::wake::Shared;
use super::{RingConfig, RingError};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

/// What is to happen at a deadline.
pub(super) enum Due {
    /// A task that sleeps.
    Wake(Waker),
    /// Accepting was backed off.
    Accept(Weak<Acceptor>),
    /// Receiving datagrams was backed off.
    Datagrams(Weak<DatagramSocket>),
    /// What a dropped connection left to be sent had time enough.
    Abandon(Weak<Stream>),
}

/// The ring of one core, behind [`super::Ring`].
pub(super) struct Core {
    pub(super) kernel: RefCell<Kernel>,
    pub(super) pool: Rc<Pool>,
    pub(super) shared: Arc<Shared>,
    pub(super) config: RingConfig,
    pub(super) counters: Counters,
    pub(super) deadlines: RefCell<Deadlines<Due>>,
    /// Connections with output to be sent at the end of the turn.
    pub(super) dirty: RefCell<Vec<Rc<Stream>>>,
    /// Connections that wait for receive buffers.
    pub(super) starved: RefCell<Vec<Rc<Stream>>>,
    /// UDP sockets that wait for them.
    pub(super) starved_sockets: RefCell<Vec<Rc<DatagramSocket>>>,
    /// The kernel ran out of receive buffers in this turn.
    pub(super) short: Cell<bool>,
    /// Output buffers to use again, the warmest last.
    pub(super) spare: RefCell<Vec<Vec<u8>>>,
    /// Connections that exist.
    pub(super) connections: Rc<Cell<u64>>,
    /// Wake-ups of this core's tasks since the turn began.
    woken: Cell<u64>,
    now: Cell<Instant>,
    /// glommio operations in flight that someone announced.
    pub(super) external: Cell<usize>,
    /// The ring's own task, while it waits through glommio.
    driver: RefCell<Option<Waker>>,
    outside: Cell<bool>,
    pub(super) closing: Cell<bool>,
}

impl Core {
    pub(super) fn new(config: RingConfig) -> Result<Self, RingError> {
        let pool = Rc::new(Pool::new(config.buffers_at_first, config.buffers_max, config.buffer_bytes)?);
        let kernel = Kernel::new(config.submissions, config.completions, Rc::clone(&pool));
        let mut kernel = kernel.map_err(super::probe::explain_setup)?;
        let event = super::eventfd::create(super::eventfd::Blocking::No)?;
        let shared = Arc::new(Shared::new(event, kernel.duplicate()?));
        kernel.poll(&shared);
        Ok(Self {
            kernel: RefCell::new(kernel),
            pool,
            shared,
            config,
            counters: Counters::default(),
            deadlines: RefCell::new(Deadlines::new()),
            dirty: RefCell::new(Vec::new()),
            starved: RefCell::new(Vec::new()),
            starved_sockets: RefCell::new(Vec::new()),
            short: Cell::new(false),
            spare: RefCell::new(Vec::new()),
            connections: Rc::new(Cell::new(0)),
            woken: Cell::new(0),
            now: Cell::new(clock::read()),
            external: Cell::new(0),
            driver: RefCell::new(None),
            outside: Cell::new(false),
            closing: Cell::new(false),
        })
    }

    pub(super) fn now(&self) -> Instant {
        self.now.get()
    }

    /// Wakes a task of this core.
    pub(super) fn wake(&self, waker: &Waker) {
        self.woken.set(self.woken.get() + 1);
        waker.wake_by_ref();
        self.stir();
    }

    /// Counts a wake-up that something else does.
    pub(super) fn note_wake(&self) {
        self.woken.set(self.woken.get() + 1);
        self.stir();
    }

    /// Whether tasks were woken since the last call.
    pub(super) fn take_woken(&self) -> bool {
        self.woken.replace(0) > 0
    }

    /// Whether tasks were woken since [`Core::take_woken`].
    pub(super) fn has_woken(&self) -> bool {
        self.woken.get() > 0
    }

    /// Gets the ring's own task going, should it wait through glommio: there is something to submit.
    pub(super) fn stir(&self) {
        if self.outside.replace(false)
            && let Some(driver) = self.driver.take()
        {
            driver.wake();
        }
    }

    /// The ring's own task waits through glommio from now on, until it is stirred.
    pub(super) fn go_outside(&self, driver: &Waker) {
        self.outside.set(true);
        self.driver.replace(Some(driver.clone()));
    }

    pub(super) fn is_outside(&self) -> bool {
        self.outside.get()
    }

    pub(super) fn come_inside(&self) {
        self.outside.set(false);
        self.driver.take();
    }

    /// Starts what the tasks of this turn asked for.
    pub(super) fn before_enter(&self) {
        self.send_outputs();
        self.feed_starved();
    }

    /// Submits what was asked for, sleeps if told to, and acts on what was completed and on what is due.
    ///
    /// # Errors
    ///
    /// The ring itself failed; the core cannot go on.
    pub(super) fn enter(&self, wait: Wait) -> io::Result<()> {
        self.kernel.borrow_mut().enter(wait)?;
        self.now.set(clock::read());
        loop {
            let event = self.kernel.borrow_mut().next_event();
            let Some(event) = event else { break };
            self.on_event(event);
        }
        if self.short.replace(false) {
            self.pool.grow();
        }
        self.on_time();
        Ok(())
    }

    fn on_event(&self, event: Event) {
        match event {
            Event::Received { stream, result, armed } => self.on_received(&stream, result, armed),
            Event::Sent { stream, bytes, result } => self.on_sent(&stream, bytes, result),
            Event::Accepted { acceptor, result, armed } => self.on_accepted(&acceptor, result, armed),
            Event::Connected { dial, result } => self.on_connected(&dial, result),
            Event::Datagram { socket, result, armed } => self.on_datagram(&socket, result, armed),
            Event::DatagramSent { socket, result } => self.on_datagram_sent(&socket, result),
            Event::Woken => add(&self.counters.wakes, 1),
        }
    }

    fn on_time(&self) {
        let now = self.now.get();
        loop {
            let due = self.deadlines.borrow_mut().pop_due(now);
            match due {
                None => break,
                Some(Due::Wake(waker)) => self.wake(&waker),
                Some(Due::Accept(acceptor)) => {
                    if let Some(acceptor) = acceptor.upgrade() {
                        self.accept_again(&acceptor);
                    }
                }
                Some(Due::Datagrams(socket)) => {
                    if let Some(socket) = socket.upgrade() {
                        self.receive_datagrams_again(&socket);
                    }
                }
                Some(Due::Abandon(stream)) => {
                    if let Some(stream) = stream.upgrade() {
                        self.release(&stream);
                    }
                }
            }
        }
    }

    /// How long a sleep may last: until the earlier of `until` and the next deadline.
    pub(super) fn sleep_limit(&self, until: Option<Instant>) -> Option<Duration> {
        let next = self.deadlines.borrow().next();
        let earliest = match (next, until) {
            (Some(next), Some(until)) => Some(next.min(until)),
            (next, until) => next.or(until),
        };
        earliest.map(|at| at.saturating_duration_since(clock::read()))
    }

    /// Ends everything that is open or under way, and wakes the tasks that wait for it.
    pub(super) fn shut_down(&self) {
        self.closing.set(true);
        let owners = self.kernel.borrow().owners();
        owners.streams.into_iter().chain(self.starved.take()).chain(self.dirty.take()).for_each(|stream| {
            stream.dirty.set(false);
            self.release(&stream);
        });
        owners.acceptors.iter().for_each(|acceptor| self.fail_accepting(acceptor));
        owners.dials.iter().for_each(|dial| self.fail_dialling(dial));
        let starved = self.starved_sockets.take();
        owners.sockets.iter().chain(&starved).for_each(|socket| self.fail_datagrams(socket));
        self.deadlines.borrow_mut().clear();
    }

    pub(super) fn stats(&self) -> RingStats {
        let kernel = self.kernel.borrow();
        let counters = &self.counters;
        RingStats {
            accepts: counters.accepts.get(),
            accept_back_offs: counters.accept_back_offs.get(),
            connects: counters.connects.get(),
            connect_failures: counters.connect_failures.get(),
            receives: counters.receives.get(),
            received_bytes: counters.received_bytes.get(),
            sends: counters.sends.get(),
            sent_bytes: counters.sent_bytes.get(),
            buffer_shortages: counters.buffer_shortages.get(),
            datagrams_received: counters.datagrams_received.get(),
            datagrams_unreadable: counters.datagrams_unreadable.get(),
            datagram_receive_errors: counters.datagram_receive_errors.get(),
            datagrams_sent: counters.datagrams_sent.get(),
            datagrams_overflowed: counters.datagrams_overflowed.get(),
            datagram_send_errors: counters.datagram_send_errors.get(),
            enters: kernel.enters,
            wakes: counters.wakes.get(),
            connections: self.connections.get(),
            operations_in_flight: kernel.in_flight() as u64,
            zero_copy_pending: kernel.notices,
            buffers_lent: u64::from(self.pool.lent()),
            buffers_in_use: u64::from(self.pool.in_use()),
        }
    }
}
