//! Elections: one leader at a time, of all who campaign for a name.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::block_on;
use mycorrhizal_net::identity::NodeId;

use super::lease::{self, holding};
use super::watch::Watch;
use crate::node::shared::Node;
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
    node: Arc<Node>,
    name: Arc<str>,
}

/// Who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// The node.
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
    pub(super) fn new(node: &Arc<Node>, name: &str) -> Self {
        Self { node: Arc::clone(node), name: name.into() }
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
    /// The node stops, or the name begins with `mycel.`: those are reserved.
    pub async fn campaign(&self) -> Result<Leadership, ProposeError> {
        lease::acquire(&self.node, LeaseKind::Election, &self.name).await.map(Leadership)
    }

    /// Waits until this program is elected; `None`: not within `timeout`.
    ///
    /// # Errors
    /// As for [`Election::campaign`].
    pub async fn campaign_within(&self, timeout: Duration) -> Result<Option<Leadership>, ProposeError> {
        let won = lease::acquire_within(&self.node, LeaseKind::Election, &self.name, timeout).await?;
        Ok(won.map(Leadership))
    }

    /// Who leads, as far as this node knows.
    #[must_use]
    pub fn leader(&self) -> Option<Leader> {
        leader(&self.node.state(), &self.name)
    }

    /// Who leads now, and then whoever leads next.
    #[must_use]
    pub fn observe(&self) -> Watch<Option<Leader>> {
        let name = Arc::clone(&self.name);
        Watch::new(&self.node, move |state| leader(state, &name))
    }
}

fn leader(state: &ClusterState, name: &str) -> Option<Leader> {
    let grant = state.leases().leader(name)?;
    let node = grant.candidate.session.node;
    let node_name = state.member(node).map_or_else(String::new, |member| member.name.clone());
    Some(Leader { node, node_name, token: grant.token.0 })
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

    /// See [`Election::leader`].
    #[must_use]
    pub fn leader(&self) -> Option<Leader> {
        self.0.leader()
    }

    /// See [`Election::observe`]; its steps are those of [`Watch::wait_next`].
    #[must_use]
    pub fn observe(&self) -> Watch<Option<Leader>> {
        self.0.observe()
    }
}
