//! Elections: one leader at a time, of all who campaign for a name.

use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use futures_lite::future::{block_on, or};
use mycorrhizal_net::identity::NodeId;
use mycorrhizal_net::resp::Value;
use tokio::sync::watch;

use super::call::{Call, CallError, Door, SOMEWHERE, field};
use super::lease::{self, holding};
use super::watch::Watch;
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::{ClusterState, LeaseKind};

/// How often a client that observes an election looks who leads.
const LOOK: Duration = Duration::from_millis(200);

/// A named election. Cheap to clone; for any thread and any executor.
///
/// ```
/// # use mycorrhizal::Hypha;
/// # let hypha = Hypha::builder().start()?;
/// # futures_lite::future::block_on(async {
/// let billing = hypha.election("billing");
/// let leadership = billing.campaign().await?;
/// assert!(leadership.is_held());
/// let first = leadership.token();
/// leadership.resign().await?;
///
/// let again = billing.campaign().await?;
/// assert!(again.token() > first);
/// # Ok::<(), mycorrhizal::ProposeError>(())
/// # })?;
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Election {
    door: Door,
    name: Arc<str>,
}

/// Who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// The node; of a client, the one by which it was elected.
    pub node: NodeId,
    /// What people call it.
    pub node_name: String,
    /// The fencing token.
    pub token: u64,
}

holding! {
    /// An election that was won. Dropped, it is resigned.
    Leadership, resign, wait_resign,
    "Gives up the lead."
}

impl Election {
    pub(crate) fn new(door: Door, name: &str) -> Self {
        Self { door, name: name.into() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The blocking twin of this handle, for threads that are no tasks.
    #[must_use]
    pub fn blocking(&self) -> BlockingElection {
        BlockingElection(self.clone())
    }

    /// Waits until this program is elected, as long as it takes. Dropped before, the candidacy ends.
    ///
    /// # Errors
    /// The node or client stops, or the name begins with `mycel.`: those are reserved.
    pub async fn campaign(&self) -> Result<Leadership, ProposeError> {
        lease::acquire(&self.door, LeaseKind::Election, &self.name).await.map(Leadership)
    }

    /// Waits until this program is elected; `None`: not within `timeout`.
    ///
    /// # Errors
    /// As for [`Election::campaign`].
    pub async fn campaign_within(&self, timeout: Duration) -> Result<Option<Leadership>, ProposeError> {
        let won = lease::acquire_within(&self.door, LeaseKind::Election, &self.name, timeout).await?;
        Ok(won.map(Leadership))
    }

    /// Who leads, as far as this node knows, or the one that answers a client.
    ///
    /// # Errors
    /// By a client, see [`CallError`]; a node in this process always knows.
    pub async fn leader(&self) -> Result<Option<Leader>, CallError> {
        match &self.door {
            Door::Node(node) => Ok(leader(&node.state(), &self.name)),
            Door::Client(_) => {
                let info = Call { reads: true, ..Call::new(&["ELECTION", "INFO", &self.name]) };
                told(self.door.run_call(&SOMEWHERE.into(), info).await?)
            }
        }
    }

    /// Who leads now, and then whoever leads next. A client asks a node, several times a second.
    ///
    /// # Errors
    /// As for [`Election::leader`].
    pub async fn observe(&self) -> Result<Watch<Option<Leader>>, CallError> {
        let name = Arc::clone(&self.name);
        match &self.door {
            Door::Node(node) => Ok(Watch::new(node, move |state| leader(state, &name))),
            Door::Client(driver) => {
                let first = self.leader().await?;
                let (shown, watched) = watch::channel(first);
                let election = self.clone();
                driver.have_done(move |_| election.show_leaders(shown)).await;
                Ok(Watch::told(watched))
            }
        }
    }

    /// Looks who leads, until nobody wants to know any more.
    async fn show_leaders(self, shown: watch::Sender<Option<Leader>>) {
        let gone = shown.closed();
        let look = async {
            loop {
                Timer::after(LOOK).await;
                // One that cannot be told now is told later.
                if let Ok(leader) = self.leader().await {
                    shown.send_if_modified(|last| std::mem::replace(last, leader.clone()) != leader);
                }
            }
        };
        or(gone, look).await;
    }
}

fn leader(state: &ClusterState, name: &str) -> Option<Leader> {
    let grant = state.leases().leader(name)?;
    let node = grant.candidate.session.node;
    let node_name = state.member(node).map_or_else(String::new, |member| member.name.clone());
    Some(Leader { node, node_name, token: grant.token.0 })
}

/// What ELECTION INFO replies.
fn told(reply: Value) -> Result<Option<Leader>, CallError> {
    if reply == Value::Null {
        return Ok(None);
    }
    let Some(holders) = field(&reply, "holders").and_then(Value::as_values) else {
        return Err(CallError::Unexpected(reply));
    };
    let Some(holder) = holders.first() else { return Ok(None) };
    let text = |name| {
        let bytes = field(holder, name).and_then(Value::as_bytes);
        bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let node = text("node").and_then(|id| id.parse().ok());
    let token = field(holder, "token").and_then(Value::as_integer);
    match (node, text("node-name"), token) {
        (Some(node), Some(node_name), Some(token)) => {
            Ok(Some(Leader { node, node_name, token: token.unsigned_abs() }))
        }
        _ => Err(CallError::Unexpected(reply)),
    }
}

/// The blocking twin of [`Election`].
#[derive(Clone)]
pub struct BlockingElection(Election);

impl BlockingElection {
    /// The blocking twin of [`Election::campaign`].
    ///
    /// # Errors
    /// As there.
    pub fn campaign(&self) -> Result<Leadership, ProposeError> {
        block_on(self.0.campaign())
    }

    /// The blocking twin of [`Election::campaign_within`].
    ///
    /// # Errors
    /// As there.
    pub fn campaign_within(&self, timeout: Duration) -> Result<Option<Leadership>, ProposeError> {
        block_on(self.0.campaign_within(timeout))
    }

    /// The blocking twin of [`Election::leader`].
    ///
    /// # Errors
    /// As there.
    pub fn leader(&self) -> Result<Option<Leader>, CallError> {
        block_on(self.0.leader())
    }

    /// The blocking twin of [`Election::observe`]; its steps are those of [`Watch::wait_next`].
    ///
    /// # Errors
    /// As there.
    pub fn observe(&self) -> Result<Watch<Option<Leader>>, CallError> {
        block_on(self.0.observe())
    }
}
