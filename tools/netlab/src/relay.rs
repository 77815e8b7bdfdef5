//! The relay: a thread that takes frames out of the network at TAP devices and puts them back late, out of place or
//! twice.
//!
//! ```text
//!  TAP ──read──▶ schedule (seeded) ──write, when due──▶ the same TAP
//! ```
//!
//! It stands in for `tc netem`, which not every kernel has. A lane is one directed path. What waits in a lane when it
//! is closed is lost, as with a qdisc that is removed.

mod schedule;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mycorrhizal_tests::clock;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use self::schedule::Schedule;
use crate::error::{Context as _, LabError};
use crate::fault::Impairment;
use crate::tap::Tap;

/// The longest frame: an unsegmented IP packet with its Ethernet header.
const FRAME_BYTES_MAX: usize = 65_536 + 18;

/// The thread's handle. Owned by the lab; the thread ends with it.
#[derive(Debug)]
pub(crate) struct Relay {
    orders: Option<Sender<Order>>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    Open { lane: u64, tap: Tap, impairment: Impairment, seed: u64 },
    Close { lane: u64 },
}

impl Relay {
    /// Starts the thread.
    pub(crate) fn start() -> Result<Self, LabError> {
        let wake = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).context("making an eventfd")?;
        let wake = Arc::new(wake);
        let (orders, inbox) = channel();
        let station = Station { inbox, wake: Arc::clone(&wake), lanes: BTreeMap::new() };
        let thread = thread::Builder::new().name("netlab-relay".into());
        let thread = thread.spawn(move || station.run()).context("starting the relay")?;
        Ok(Relay { orders: Some(orders), wake, thread: Some(thread) })
    }

    /// Impairs what comes out of a device from now on; equal seeds and frames give equal fates.
    pub(crate) fn open(&self, lane: u64, tap: Tap, impairment: Impairment, seed: u64) {
        self.order(Order::Open { lane, tap, impairment, seed });
    }

    /// Gives a device up.
    pub(crate) fn close(&self, lane: u64) {
        self.order(Order::Close { lane });
    }

    fn order(&self, order: Order) {
        let orders = self.orders.as_ref().expect("it is taken by drop alone");
        orders.send(order).expect("the thread ends after its handle");
        self.ring();
    }

    fn ring(&self) {
        // Only a counter at its very end refuses, and then the thread is awake anyway.
        rustix::io::write(&*self.wake, &1_u64.to_ne_bytes()).unwrap_or_default();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.orders = None;
        self.ring();
        if self.thread.take().expect("it is taken here alone").join().is_err() {
            eprintln!("the lab's relay panicked");
        }
    }
}

/// One directed path.
struct Lane {
    tap: Tap,
    schedule: Schedule,
}

/// What the thread owns.
struct Station {
    inbox: Receiver<Order>,
    wake: Arc<OwnedFd>,
    lanes: BTreeMap<u64, Lane>,
}

impl Station {
    fn run(mut self) {
        let mut frame = vec![0; FRAME_BYTES_MAX];
        while self.follow_orders() {
            let now = clock::now();
            for lane in self.lanes.values_mut() {
                lane.take(now, &mut frame);
                lane.give(now);
            }
            self.sleep();
        }
    }

    /// False when the handle is gone.
    fn follow_orders(&mut self) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(Order::Open { lane, tap, impairment, seed }) => {
                    self.lanes.insert(lane, Lane { tap, schedule: Schedule::new(impairment, seed) });
                }
                Ok(Order::Close { lane }) => drop(self.lanes.remove(&lane)),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Until a frame comes, one is due, or an order is there.
    fn sleep(&self) {
        let due = self.lanes.values().filter_map(|lane| lane.schedule.next_deadline()).min();
        let left = due.map(|due: Instant| due.saturating_duration_since(clock::now()));
        let timeout = left.map(timespec);
        let mut sources = vec![PollFd::new(&*self.wake, PollFlags::IN)];
        sources.extend(self.lanes.values().map(|lane| PollFd::new(&lane.tap, PollFlags::IN)));
        match poll(&mut sources, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("the relay cannot wait: {error}"),
        }
        let mut counter = [0; 8];
        // Nothing to read means that something else woke it.
        rustix::io::read(&*self.wake, &mut counter).unwrap_or_default();
    }
}

impl Lane {
    fn take(&mut self, now: Instant, frame: &mut [u8]) {
        while let Some(bytes) = self.tap.read(frame).unwrap_or_else(interface_is_down) {
            self.schedule.on_frame(now, &frame[..bytes]);
        }
    }

    fn give(&mut self, now: Instant) {
        while let Some(frame) = self.schedule.pop_due(now) {
            // A frame that the interface does not take is lost, as on any wire.
            drop(self.tap.write(&frame));
        }
    }
}

/// Between the making of an interface and its coming up, reading from it fails.
fn interface_is_down(_: io::Error) -> Option<usize> {
    None
}

fn timespec(duration: Duration) -> Timespec {
    let tv_sec = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec, tv_nsec: duration.subsec_nanos().into() }
}
