//! What a program may hold to the exclusion of others: the one structure under elections, locks and semaphores.
//!
//! ```text
//!   ask ──▶ queue ──▶ granted, with a token ──┬─▶ given up (or dropped)
//!            (claim: dropped, it is given up)   └─▶ lost: the node's tenure ran out, before anybody else can be granted it
//! ```
//!
//! A node that the leader does not hear loses what it holds; its own clock tells it so first (see
//! [`Tenure`](crate::nodosum::service::Tenure)), and a process that was paused finds out at the next look at that clock.
//! On a node that belongs to no cluster nothing is lost before the node stops.
//!
//! What a client holds a node keeps for it, and the client's own clock tells it that it has lost (see `client::claim`).

use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use futures_lite::future::or;

use super::call::Door;
use super::watch::StateWatch;
use crate::client::claim as client;
use crate::clock;
use crate::node::CoreId;
use crate::node::shared::Node;
use crate::nodosum::service::{Hold, ProposeError};
use crate::nodosum::state::{Candidate, ClusterState, Command, LeaseKind, LeaseName, LeaseStanding, Refusal};

/// The pause before what could not be decided is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// A place in a queue, or a grant. Dropped, it is given up.
struct Claim {
    node: Arc<Node>,
    name: LeaseName,
    candidate: Candidate,
    given_up: bool,
}

impl Claim {
    fn standing(&self, state: &ClusterState) -> Option<LeaseStanding> {
        state.leases().find(&self.name)?.standing(self.candidate)
    }

    fn release(&self) -> Command {
        Command::Release { name: self.name.clone(), candidate: self.candidate }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.given_up && !self.node.is_stopping() {
            let release = self.release();
            self.node.have_done(move |core| async move { core.give_up(release).await });
        }
    }
}

/// A lease that this program holds.
pub(super) enum Held {
    Here(HeldHere),
    ByClient(client::Held),
}

impl Held {
    pub(super) fn token(&self) -> u64 {
        match self {
            Self::Here(held) => held.hold.token().0,
            Self::ByClient(held) => held.token(),
        }
    }

    pub(super) fn is_held(&self) -> bool {
        match self {
            Self::Here(held) => held.is_held(),
            Self::ByClient(held) => held.is_held(),
        }
    }

    /// Waits until it is lost.
    pub(super) async fn lost(&self) {
        match self {
            Self::Here(held) => held.lost().await,
            Self::ByClient(held) => held.lost().await,
        }
    }

    /// Gives it up.
    pub(super) async fn release(self) -> Result<(), ProposeError> {
        match self {
            Self::Here(held) => held.release().await,
            Self::ByClient(held) => held.release().await,
        }
    }
}

/// One that is held by the node in this process.
pub(super) struct HeldHere {
    claim: Claim,
    hold: Hold,
}

impl HeldHere {
    /// Whether it is held at this moment, by the node's clock.
    fn is_held(&self) -> bool {
        let node = &self.claim.node;
        !node.is_stopping()
            && !node.promises.have_ended()
            && self.hold.is_held(&node.state(), node.tenure(), clock::since_boot())
    }

    async fn lost(&self) {
        let mut states = StateWatch::new(&self.claim.node);
        loop {
            states.state();
            if !self.is_held() {
                return;
            }
            let changed = async { states.changed().await.unwrap_or(()) };
            match &self.claim.node.cluster {
                None => changed.await,
                Some(cluster) => {
                    let left = cluster.tenure.until().saturating_sub(clock::since_boot());
                    let over = async {
                        Timer::after(left + Duration::from_millis(1)).await;
                    };
                    or(changed, over).await;
                }
            }
        }
    }

    async fn release(mut self) -> Result<(), ProposeError> {
        let released = self.claim.node.change(self.claim.release()).await;
        self.claim.given_up = released.is_ok();
        released
    }
}

/// Waits for a grant; `None`: not within `timeout`.
pub(super) async fn acquire_within(
    door: &Door,
    kind: LeaseKind,
    name: &str,
    timeout: Duration,
) -> Result<Option<Held>, ProposeError> {
    let held = async { acquire(door, kind, name).await.map(Some) };
    let over = async {
        Timer::after(timeout).await;
        Ok(None)
    };
    or(held, over).await
}

/// Waits for a grant as long as it takes: also while nobody leads the cluster, or does not hear this node.
pub(super) async fn acquire(door: &Door, kind: LeaseKind, name: &str) -> Result<Held, ProposeError> {
    match door {
        Door::Node(node) => acquire_here(node, kind, name).await.map(Held::Here),
        Door::Client(driver) => client::acquire(driver, kind, name).await.map(Held::ByClient),
    }
}

async fn acquire_here(node: &Arc<Node>, kind: LeaseKind, name: &str) -> Result<HeldHere, ProposeError> {
    let mut states = StateWatch::new(node);
    loop {
        let claim = match ask(node, kind, name).await {
            Ok(claim) => claim,
            Err(
                ProposeError::NoLeader
                | ProposeError::Unknown
                | ProposeError::Refused(Refusal::PeerSessionOver | Refusal::PeerUnformed),
            ) if !node.is_stopping() => {
                Timer::after(AGAIN).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        loop {
            let (state, now) = (states.state(), clock::since_boot());
            if let Some(hold) = Hold::of(&claim.name, claim.candidate, &state, node.tenure(), now) {
                return Ok(HeldHere { claim, hold });
            }
            let standing = claim.standing(&state);
            let changed = async { states.changed().await.map_err(|_| ProposeError::Stopping) };
            match standing {
                Some(LeaseStanding::Waiting) => changed.await?,
                Some(LeaseStanding::Granted(_)) => {
                    // That the node may act again is no change of the state.
                    let pause = async {
                        Timer::after(AGAIN).await;
                        Ok(())
                    };
                    or(changed, pause).await?;
                }
                // The leader did not hear this node for a while, and the candidacy has ended.
                None => break,
            }
        }
    }
}

/// Joins the queue. The claim is there as soon as the queue may know of it, whoever still waits for the answer.
async fn ask(node: &Arc<Node>, kind: LeaseKind, name: &str) -> Result<Claim, ProposeError> {
    let candidate = Candidate { session: node.session(), number: node.next_connection_id() };
    let (name, key) = (name.to_owned(), LeaseName { class: kind.class(), name: name.to_owned() });
    let claim = Claim { node: Arc::clone(node), name: key, candidate, given_up: false };
    let asked = node.run_on(CoreId(0), move |core| async move {
        let mut claim = claim;
        match core.change(Command::Ask { name, kind, candidate }).await {
            Ok(()) => Ok(claim),
            Err(error) => {
                claim.given_up = error != ProposeError::Unknown;
                Err(error)
            }
        }
    });
    asked.await?
}

/// Something held, in its public form.
macro_rules! holding {
    ($(#[$doc:meta])* $name:ident, $release:ident, $wait_release:ident, $released:literal) => {
        $(#[$doc])*
        pub struct $name(crate::hypha::lease::Held);

        impl $name {
            /// The fencing token: higher than that of whatever was granted before, by any lease of the cluster. A
            /// resource that remembers the highest it has seen can refuse whoever does not know yet that they lost.
            #[must_use]
            pub fn token(&self) -> u64 {
                self.0.token()
            }

            /// Whether it is held at this moment. By this process's own clock: also right after it was paused.
            #[must_use]
            pub fn is_held(&self) -> bool {
                self.0.is_held()
            }

            /// Waits until it is lost, which is before anybody else can be granted it.
            pub async fn lost(&self) {
                self.0.lost().await;
            }

            /// The blocking twin of `lost`.
            pub fn wait_lost(&self) {
                futures_lite::future::block_on(self.lost());
            }

            #[doc = $released]
            ///
            /// # Errors
            /// It was not decided yet; it is given up all the same, without waiting for it.
            pub async fn $release(self) -> Result<(), crate::nodosum::service::ProposeError> {
                self.0.release().await
            }

            #[doc = concat!("The blocking twin of `", stringify!($release), "`.")]
            ///
            /// # Errors
            /// As there.
            pub fn $wait_release(self) -> Result<(), crate::nodosum::service::ProposeError> {
                futures_lite::future::block_on(self.$release())
            }
        }
    };
}

pub(super) use holding;
