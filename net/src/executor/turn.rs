//! The turn of a core.

use crate::ring::clock;
use crate::ring::{Ring, Sleeper};
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::{Duration, Instant};

/// So often do tasks that woke each other go on before the kernel is asked for news.
const ROUNDS_MAX: u32 = 4;
/// How long an ending core waits for the kernel to let go of its operations.
const END_LIMIT: Duration = Duration::from_secs(2);

/// What the core is to do after its tasks had their go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Park {
    /// There is more to do: do not sleep.
    Now,
    /// Sleep until something happens, or until then.
    Until(Option<Instant>),
    /// End the core: connections are closed and the loop returns.
    Stop,
}

/// What a core does beside its tasks, once per turn.
pub trait Turn {
    /// Completions were harvested; the tasks that they woke have not run yet.
    fn before_tasks(&self) {}

    /// The tasks had their go. Look into every mailbox here, as the last thing, and answer [`Park::Now`] if there was
    /// anything: the core has announced its sleep before this, so that whatever is sent later wakes it.
    fn after_tasks(&self) -> Park;
}

/// Drives `ring` until `turn` says [`Park::Stop`]. Run it as the executor's main future, on the thread of the ring.
///
/// # Errors
///
/// The ring failed; the core cannot go on.
pub async fn run(ring: Ring, turn: impl Turn) -> io::Result<()> {
    let mut sleeper = Sleeper::new(&ring);
    let mut rounds = 0;
    loop {
        // Whoever was woken up to here runs before this goes on; whoever is woken from here on may not.
        ring.take_woken();
        yield_now().await;
        let woken = ring.take_woken();
        if woken && rounds < ROUNDS_MAX {
            rounds += 1;
            continue;
        }
        rounds = 0;
        if !woken {
            ring.announce_sleep();
        }
        let park = turn.after_tasks();
        ring.before_enter();
        match park {
            Park::Stop => break,
            Park::Until(until) if !woken && !ring.has_woken() => sleeper.sleep(until).await?,
            Park::Until(_) | Park::Now => ring.enter()?,
        }
        ring.retract_sleep();
        turn.before_tasks();
    }
    end(&ring).await
}

/// Closes everything, lets the tasks see it, and waits for the kernel.
async fn end(ring: &Ring) -> io::Result<()> {
    ring.shut_down();
    let deadline = clock::read() + END_LIMIT;
    loop {
        for _ in 0..ROUNDS_MAX {
            yield_now().await;
        }
        ring.before_enter();
        ring.enter()?;
        if ring.in_flight() == 0 || clock::read() > deadline {
            return Ok(());
        }
        ring.enter_for(Duration::from_millis(10))?;
    }
}

/// Lets every other task that is ready run.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
