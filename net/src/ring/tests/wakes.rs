//! Waking a core that sleeps: from threads, from other cores, and never too few times.

use super::*;
use crate::executor::{self, Park, Turn, available_cpus};
use crate::mailbox::{Mailbox, Receiver, Sender};
use crate::ring::{Ring, RingConfig, RingWaker};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::mpsc;

/// Reads numbers until it has read them all, and keeps their sum.
struct Summing {
    mailbox: Receiver<u64>,
    left: Cell<u64>,
    sum: Rc<Cell<u64>>,
}

impl Turn for Summing {
    fn after_tasks(&self) -> Park {
        while let Some(number) = self.mailbox.try_recv() {
            self.sum.set(self.sum.get() + number);
            self.left.set(self.left.get() - 1);
        }
        if self.left.get() == 0 { Park::Stop } else { Park::Until(None) }
    }
}

fn summing(count: u64) -> (executor::CoreHandle<u64>, Sender<u64>, RingWaker) {
    let (sender, mailbox) = Mailbox::bounded(64);
    let (give, take) = mpsc::channel();
    let core = executor::spawn(available_cpus()[0], "summing", move || async move {
        let ring = Ring::new(RingConfig::default()).expect("the tests need a ring");
        give.send(ring.waker()).expect("the test waits");
        let sum = Rc::new(Cell::new(0));
        let turn = Summing { mailbox, left: Cell::new(count), sum: Rc::clone(&sum) };
        executor::run(ring, turn).await.expect("the ring works");
        sum.get()
    });
    let core = core.expect("a thread");
    (core, sender, take.recv().expect("the core starts"))
}

/// Sends `numbers` one by one, and waits for each to be read: every one finds the core asleep, or about to be.
fn feed(sender: &Sender<u64>, waker: &RingWaker, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let mut message = number;
        while let Err(full) = sender.try_send(message) {
            message = full.into_inner();
            std::thread::yield_now();
        }
        waker.wake();
        if number % 3 == 0 {
            while !sender.is_empty() {
                std::thread::yield_now();
            }
        }
    }
}

#[test]
fn no_message_of_many_threads_is_slept_over() {
    const EACH: u64 = 20_000;
    let (core, sender, waker) = summing(2 * EACH);
    let start = |from| {
        let (sender, waker) = (sender.clone(), waker.clone());
        thread(move || feed(&sender, &waker, from..from + EACH))
    };
    let (first, second) = (start(0), start(EACH));
    first.join().expect("no panic");
    second.join().expect("no panic");
    assert_eq!(core.join().expect("no panic"), (0..2 * EACH).sum::<u64>());
}

/// Sends numbers to another core, a few per turn, and one only when the last was read.
struct Feeding {
    ring: Ring,
    peer: RingWaker,
    sender: Sender<u64>,
    next: Cell<u64>,
    end: u64,
}

impl Turn for Feeding {
    fn after_tasks(&self) -> Park {
        if self.next.get() == self.end {
            return Park::Stop;
        }
        if self.sender.is_empty() && self.sender.try_send(self.next.get()).is_ok() {
            self.next.set(self.next.get() + 1);
            self.ring.wake_peer(&self.peer);
        }
        Park::Now
    }
}

#[test]
fn no_message_of_another_core_is_slept_over() {
    const COUNT: u64 = 20_000;
    let (core, sender, peer) = summing(COUNT);
    let cpu = *available_cpus().last().expect("at least one");
    let feeder = executor::spawn(cpu, "feeding", move || async move {
        let ring = Ring::new(RingConfig::default()).expect("the tests need a ring");
        let turn = Feeding { ring: ring.clone(), peer, sender, next: Cell::new(0), end: COUNT };
        executor::run(ring, turn).await.expect("the ring works");
    });
    assert_eq!(core.join().expect("no panic"), (0..COUNT).sum::<u64>());
    feeder.expect("a thread").join().expect("no panic");
}

/// Hands on whatever comes until the end mark, and tells how often its ring was woken.
struct Relaying {
    mailbox: Receiver<Option<u64>>,
    seen: Rc<RefCell<Vec<u64>>>,
    done: Cell<bool>,
}

impl Turn for Relaying {
    fn after_tasks(&self) -> Park {
        while let Some(message) = self.mailbox.try_recv() {
            match message {
                Some(number) => self.seen.borrow_mut().push(number),
                None => self.done.set(true),
            }
        }
        if self.done.get() { Park::Stop } else { Park::Until(None) }
    }
}

#[test]
fn a_core_that_is_awake_is_not_signalled() {
    let (sender, mailbox) = Mailbox::bounded(16);
    let (give, take) = mpsc::channel();
    let core = executor::spawn(available_cpus()[0], "relaying", move || async move {
        let ring = Ring::new(RingConfig::default()).expect("the tests need a ring");
        let waker = ring.waker();
        // Not driven yet, so not asleep: waking it is nothing.
        waker.wake();
        waker.wake();
        give.send(waker).expect("the test waits");
        let seen = Rc::new(RefCell::new(Vec::new()));
        let turn = Relaying { mailbox, seen: Rc::clone(&seen), done: Cell::new(false) };
        executor::run(ring.clone(), turn).await.expect("the ring works");
        (seen.take(), ring.stats().wakes)
    });
    let waker = take.recv().expect("the core starts");
    for number in 0..5 {
        sender.try_send(Some(number)).expect("room");
        waker.wake();
    }
    sender.try_send(None).expect("room");
    waker.wake();
    let (seen, wakes) = core.expect("a thread").join().expect("no panic");
    assert_eq!(seen, [0, 1, 2, 3, 4]);
    assert!(wakes <= 6, "{wakes} signals for six wake-ups");
}

#[test]
fn a_panic_of_a_task_ends_the_core_with_its_message() {
    let core = start_core(RingConfig::default(), |ring| async move {
        ring.sleep_until(ring.now() + std::time::Duration::from_millis(1)).await;
        panic!("out of spores");
    });
    let outcome: Result<Option<()>, _> = core.join();
    let message = outcome.expect_err("a panic").to_string();
    assert!(message.contains("panicked: out of spores"), "{message}");
}
