//! Elections: one leader at a time, of all who campaign for a name.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::block_on;
use mycorrhizal_net::identity::NodeId;
use mycorrhizal_net::resp::Value;

use super::call::{CallError, Door};
use super::lease::{self, holding};
use super::reply::Fields;
use super::watch::Watch;
use crate::client::Question;
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::{ClusterState, LeaseKind};

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
            Door::Client(driver) => self.question().ask(driver).await,
        }
    }

    /// Who leads now, and then whoever leads next.
    ///
    /// # Errors
    /// As for [`Election::leader`].
    pub async fn observe(&self) -> Result<Watch<Option<Leader>>, CallError> {
        let name = Arc::clone(&self.name);
        match &self.door {
            Door::Node(node) => Ok(Watch::new(node, move |state| leader(state, &name))),
            Door::Client(driver) => self.question().watch(driver).await,
        }
    }

    fn question(&self) -> Question<Option<Leader>> {
        Question::new(&["ELECTION", "INFO", &self.name], told)
    }
}

fn leader(state: &ClusterState, name: &str) -> Option<Leader> {
    let grant = state.leases().leader(name)?;
    let node = grant.candidate.session.node;
    let node_name = state.member(node).map_or_else(String::new, |member| member.name.clone());
    Some(Leader { node, node_name, token: grant.token.0 })
}

/// What ELECTION INFO replies.
fn told(reply: &Value) -> Option<Option<Leader>> {
    if *reply == Value::Null {
        return Some(None);
    }
    let read = |holder: Fields<'_>| {
        let (node, token) = (holder.parsed("node")?, holder.number("token")?);
        Some(Leader { node, node_name: holder.text("node-name")?, token })
    };
    let holders = Fields::of(reply)?.value("holders")?;
    Some(Fields::read_all(holders, read)?.into_iter().next())
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
