//! What connections have asked for by ELECTION, LOCK and SEMAPHORE, and how long those who hold it may rely on it.
//!
//! A plain claim is the connection's: it ends with it. A *leased* claim is for a holder that must not act on what it has
//! lost, though the connection may break without its knowing, and it may be paused. It asks again every so often, and each
//! answer is a promise: so many milliseconds, counted from when the holder *sent* the question, nobody else is granted it.
//!
//! ```text
//!   holder   sends ──────────────────┬── relies on it ──────────┤ lost, by its own clock
//!                 ╲                 ╱ promised: at most PROMISE, and never beyond the node's tenure
//!   node           answers ────────┴──────────────────────────────── SESSION ──┤ gives the claim up
//! ```
//!
//! *Nobody else is granted what a holder still relies on*, because the claim can end in these ways only:
//!
//! - the holder gives it up;
//! - the node gives it up, [`SESSION`] after its last answer, which is after the holder has sent the question, and longer
//!   than [`PROMISE`]. The difference is for clocks that run at different speeds, up to a tenth. A connection that ends is
//!   no reason to give it up earlier: the holder may not know that it has ended;
//! - the cluster ends the node's session: not before the node's tenure is over, and no promise goes beyond that. A node
//!   that is started anew joins later than its last life could promise;
//! - the node leaves the cluster: it promises no more, and waits until what it has promised is over;
//! - the node belongs to no cluster and is started anew, knowing nothing: it grants nothing to anybody until whatever it
//!   may have promised before is over.
//!
//! Source: Gray, Cheriton, "Leases", 1989.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::caller::Caller;
use super::core::Core;
use crate::clock;
use crate::nodosum::service::{MARGIN, ProposeError, SESSION};
use crate::nodosum::state::{Candidate, Command, LeaseName};

/// The longest promise.
pub(crate) const PROMISE: Duration = SESSION.saturating_sub(MARGIN);

/// The pause before what could not be decided is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// The promises of a node to those who hold something by it. *Node*.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// When the last of them is over, in ms since the machine's boot.
    last_ms: AtomicU64,
    /// Whether there are to be no more.
    ended: AtomicBool,
    /// Since the machine's boot: when the promises of an earlier life that nobody knows of are over.
    earlier: Duration,
}

impl Promises {
    /// Of a node that is started now; `forgets`: an earlier life may have given some.
    pub(crate) fn new(forgets: bool) -> Self {
        let earlier = if forgets { clock::since_boot() + SESSION } else { Duration::ZERO };
        Self { earlier, ..Self::default() }
    }

    /// Gives one; `false`: there are to be no more.
    fn give(&self, until: Duration) -> bool {
        let until_ms = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        // Whoever ends them sees this one, or this sees that they have ended.
        self.last_ms.fetch_max(until_ms, Ordering::SeqCst);
        !self.ended.load(Ordering::SeqCst)
    }

    /// Gives no more, until [`Promises::resume`]; returns when the last is over, since the machine's boot.
    pub(crate) fn end(&self) -> Duration {
        self.ended.store(true, Ordering::SeqCst);
        Duration::from_millis(self.last_ms.load(Ordering::SeqCst) + 1)
    }

    /// Whether there are to be no more.
    pub(crate) fn have_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Gives promises again.
    pub(crate) fn resume(&self) {
        self.ended.store(false, Ordering::SeqCst);
    }
}

/// What a connection has asked for: a place in a queue, or a grant. Belongs to its session.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) name: LeaseName,
    /// As whom: of each claim another, so that one that is being given up takes nothing with it.
    pub(crate) candidate: Candidate,
    /// Of a leased one.
    pub(crate) life: Option<Rc<Life>>,
}

impl Claim {
    /// What gives it up.
    pub(crate) fn release(&self) -> Command {
        Command::Release { name: self.name.clone(), candidate: self.candidate }
    }
}

/// How long a leased claim lives.
#[derive(Default)]
pub(crate) struct Life {
    /// Since the machine's boot; none while it is being asked for.
    until: Cell<Option<Duration>>,
    /// Whether its holder was ever promised anything.
    is_promised: Cell<bool>,
    is_over: Cell<bool>,
}

impl Life {
    /// It is being asked for, and lives meanwhile.
    pub(crate) fn begin_asking(&self) {
        self.until.set(None);
    }

    /// It has been answered.
    pub(crate) fn end_asking(&self) {
        self.until.set(Some(clock::since_boot() + SESSION));
    }

    /// Whether it has ended, and is being given up.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Nothing will be promised of it any more.
    pub(crate) fn end(&self) {
        self.is_over.set(true);
    }
}

impl Caller {
    /// What the connection has claimed of a name.
    pub(crate) fn claimed(&self, name: &LeaseName) -> Option<Claim> {
        self.session().claims.iter().find(|claim| claim.name == *name).cloned()
    }

    /// Takes note of what the connection is about to ask for.
    pub(crate) fn claim(&self, name: LeaseName, leased: bool) -> Claim {
        let node = &self.core.node;
        let candidate = Candidate { session: node.session(), number: node.next_connection_id() };
        let claim = Claim { name, candidate, life: leased.then(Rc::default) };
        self.session.borrow_mut().claims.push(claim.clone());
        if let Some(life) = &claim.life {
            glommio::spawn_local(watch(Rc::clone(&self.core), Rc::clone(life), claim.release())).detach();
        }
        claim
    }

    /// The connection has no such claim any more.
    pub(crate) fn unclaim(&self, claim: &Claim) {
        claim.life.iter().for_each(|life| life.end());
        self.session.borrow_mut().claims.retain(|kept| kept.candidate != claim.candidate);
    }

    /// The connection has ended: gives up what it has asked for, but for what its holder may still rely on.
    pub(crate) async fn end_claims(&self) {
        let is_promised = |claim: &Claim| claim.life.as_ref().is_some_and(|life| life.is_promised.get());
        self.session.borrow_mut().claims.retain(|claim| !is_promised(claim));
        self.release_claims().await;
    }

    /// Gives up what the connection has asked for.
    pub(crate) async fn release_claims(&self) {
        let claims = std::mem::take(&mut self.session.borrow_mut().claims);
        for claim in claims {
            claim.life.iter().for_each(|life| life.end());
            self.core.give_up(claim.release()).await;
        }
    }
}

/// Gives a leased claim up once its life is over.
async fn watch(core: Rc<Core>, life: Rc<Life>, release: Command) {
    while !life.is_over.get() {
        let left = life.until.get().map_or(SESSION, |until| until.saturating_sub(clock::since_boot()));
        if left.is_zero() {
            life.end();
            return core.give_up(release).await;
        }
        core.ring.sleep_until(core.ring.now() + left).await;
    }
}

impl Core {
    /// Promises the holder of a claim that it has it from now on for as long as this returns; `None`: nothing can be
    /// promised. The grant must have been looked up in the state that the core has now.
    pub(crate) fn promise(&self, life: &Life) -> Option<Duration> {
        let now = clock::since_boot();
        let until = match &self.node.cluster {
            None => now + PROMISE,
            Some(cluster) => cluster.tenure.until().min(now + PROMISE),
        };
        // After the end was read: what was granted before a lapse is no promise of the time after it.
        let is_given = self.node.may_act(self.directory.version()) && self.node.promises.give(until);
        life.is_promised.set(life.is_promised.get() || is_given);
        is_given.then(|| until.saturating_sub(now))
    }

    /// Gives a claim up, as often as it takes.
    pub(crate) async fn give_up(self: &Rc<Self>, release: Command) {
        while !self.node.is_stopping() {
            match self.change(release.clone()).await {
                Err(error @ (ProposeError::NoLeader | ProposeError::Unknown)) => {
                    tracing::warn!(%error, "a lease was not given up yet");
                    self.ring.sleep_until(self.ring.now() + AGAIN).await;
                }
                Ok(()) | Err(_) => return,
            }
        }
    }

    /// Waits until what an earlier life of a node that remembers nothing may have promised is over.
    pub(crate) async fn wait_for_earlier_promises(&self) {
        let left = self.node.promises.earlier.saturating_sub(clock::since_boot());
        if !left.is_zero() {
            self.ring.sleep_until(self.ring.now() + left).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_ends_them_knows_of_the_last_and_none_is_given_after() {
        let promises = Promises::new(false);
        assert!(promises.give(Duration::from_millis(500)) && promises.give(Duration::from_millis(300)));
        assert_eq!(promises.end(), Duration::from_millis(501));
        assert!(!promises.give(Duration::from_millis(900)) && promises.have_ended());
        promises.resume();
        assert!(promises.give(Duration::from_millis(900)));
    }

    #[test]
    fn a_claim_outlives_every_promise_even_by_a_clock_that_is_a_tenth_faster() {
        assert!(PROMISE * 11 / 10 <= SESSION);
    }
}
