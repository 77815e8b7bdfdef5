//! A node's part in its cluster: what it is given, what its cores share of it, and how the service core reaches them.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mycorrhizal_net::gossip::KeyError;
use mycorrhizal_net::identity::{Incarnation, NodeId};
use mycorrhizal_net::link::handshake::ClusterTag;
use mycorrhizal_net::link::tls::TlsConfig;
use mycorrhizal_net::link::transport::LinkConfig;
use mycorrhizal_net::secret::Secrets;
use tokio::sync::oneshot;

use super::core::Core;
use super::mesh::Reach;
use crate::nodosum::rpc::{Bytes, CallFailed, Transport};
use crate::nodosum::service::{Service, Tenure};
use crate::nodosum::state::ClusterState;

/// The gossip port of the first core, unless another is given.
pub const GOSSIP_PORT: u16 = 7946;
/// The link port of the first core, unless another is given.
pub const LINK_PORT: u16 = 8946;

/// What a node is told about its cluster. Made by [`ClusterOptions::new`].
#[derive(Clone)]
pub struct ClusterOptions {
    /// The cluster's name: nodes of another name are strangers.
    pub name: String,
    /// What the cluster's key file holds: one key a line, each of at least 16 bytes. The first is used, those below are
    /// accepted as well. Who has one may be a member.
    pub secret: Vec<u8>,
    /// How many nodes must see each other before the first cluster is founded.
    pub expect: usize,
    /// Gossip addresses of nodes that may be there, as `host:port`.
    pub join: Vec<String>,
    /// Whether nodes on the same LAN are found by multicast.
    pub multicast: bool,
    /// UDP port of the first core's gossip socket, those of the others following; 0 takes free ones.
    pub gossip_port: u16,
    /// TCP port of the first core's links, those of the others following; 0 takes free ones.
    pub link_port: u16,
    /// What people call this node; the beginning of its id if empty.
    pub node_name: String,
    /// Its share of the partitions, relative to the others'; as many as it has cores if 0.
    pub weight: u32,
    /// Mutual TLS on links.
    pub tls: Option<TlsConfig>,
    /// Where the node keeps what it must not forget; `None`: it is another node after each start.
    pub directory: Option<PathBuf>,
}

impl ClusterOptions {
    /// A cluster of this name and key, found by multicast.
    #[must_use]
    pub fn new(name: impl Into<String>, secret: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            secret: secret.into(),
            expect: 1,
            join: Vec::new(),
            multicast: true,
            gossip_port: GOSSIP_PORT,
            link_port: LINK_PORT,
            node_name: String::new(),
            weight: 0,
            tls: None,
            directory: None,
        }
    }

    /// The keys that the node starts with.
    pub(crate) fn secrets(&self) -> Result<Secrets, KeyError> {
        Secrets::parse(&self.secret)
    }

    /// How links are made with these keys.
    pub(crate) fn link_config(&self, secrets: &Secrets) -> LinkConfig {
        let mut config = LinkConfig::new(secrets.link_secret());
        config.tls = self.tls.clone();
        config
    }
}

/// A node's part in its cluster. *Node*.
pub(crate) struct Cluster {
    /// The coordination layer.
    pub(crate) service: Service,
    /// Until when the node may act.
    pub(crate) tenure: Arc<Tenure>,
    /// The cluster's name, as links say it.
    pub(crate) tag: ClusterTag,
    /// Which life of the node this is.
    pub(crate) incarnation: Incarnation,
    /// A number that no other process has.
    pub(crate) process: u64,
    /// Until when a node that comes back has no links: another process may run with its id. By the clock since boot.
    pub(crate) listens_until: Duration,
    /// Where it gossips, core by core.
    pub(crate) gossip: Vec<SocketAddr>,
    /// Where its links are accepted, core by core.
    pub(crate) links: Vec<SocketAddr>,
    /// The address by which others reach it.
    pub(crate) address: IpAddr,
    /// What it was told.
    pub(crate) options: ClusterOptions,
}

/// Carries calls of the service core by the links of the first core.
pub(crate) struct FirstCore(pub(crate) Reach);

impl Transport for FirstCore {
    fn call(&self, node: NodeId, body: Vec<u8>, timeout: Duration) -> Bytes {
        let reach = self.0.clone();
        Box::pin(async move {
            let unreachable = CallFailed::PeerUnreachable(node);
            let (reply, answer) = oneshot::channel();
            let call = Box::new(move |core: &Rc<Core>| core.call_coordination(node, body, reply));
            if !reach.call(call) {
                return Err(unreachable);
            }
            let answered = tokio::time::timeout(timeout, answer).await;
            answered.ok().and_then(Result::ok).ok_or(unreachable)
        })
    }
}

/// Tells all cores of a state; says whether all have taken it.
pub(crate) fn announce(reaches: &[Reach], state: &Arc<ClusterState>) -> bool {
    reaches.iter().all(|reach| {
        let state = Arc::clone(state);
        reach.call(Box::new(move |core: &Rc<Core>| core.on_state(&state)))
    })
}
