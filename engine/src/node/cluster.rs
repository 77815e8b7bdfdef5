//! A node's part in its cluster: what it is given, what its cores share of it, and how the service core reaches them.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mycorrhizal_net::gossip::{Key, KeyRing};
use mycorrhizal_net::identity::{Incarnation, NodeId};
use mycorrhizal_net::link::handshake::{ClusterTag, LinkSecret, SecretError};
use mycorrhizal_net::link::tls::TlsConfig;
use mycorrhizal_net::link::transport::LinkConfig;
use tokio::sync::oneshot;

use super::core::Core;
use super::mesh::Reach;
use crate::hypha::Discover;
use crate::nodosum::rpc::{Bytes, CallFailed, Transport};
use crate::nodosum::service::{Service, Tenure};
use crate::nodosum::state::ClusterState;

/// The gossip port of the first core, unless another is given.
pub const GOSSIP_PORT: u16 = 7946;
/// The link port of the first core, unless another is given.
pub const LINK_PORT: u16 = 8946;

/// What a node is told about its cluster, by the [`Builder`](crate::Builder).
#[derive(Clone)]
pub(crate) struct ClusterOptions {
    pub(crate) name: String,
    pub(crate) secret: Vec<u8>,
    pub(crate) expect: usize,
    pub(crate) discover: Discover,
    pub(crate) gossip_port: u16,
    pub(crate) link_port: u16,
    /// The beginning of the node's id if empty.
    pub(crate) node_name: String,
    /// As many as it has cores if 0.
    pub(crate) weight: u32,
    pub(crate) tls: Option<TlsConfig>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            secret: Vec::new(),
            expect: 1,
            discover: Discover::default(),
            gossip_port: GOSSIP_PORT,
            link_port: LINK_PORT,
            node_name: String::new(),
            weight: 0,
            tls: None,
        }
    }
}

impl ClusterOptions {
    /// The key as links prove it.
    pub(crate) fn link_config(&self) -> Result<LinkConfig, SecretError> {
        let mut config = LinkConfig::new(LinkSecret::new([&self.secret])?);
        config.tls = self.tls.clone();
        Ok(config)
    }

    /// The key as gossip is sealed by it.
    pub(crate) fn key_ring(&self) -> Result<KeyRing, mycorrhizal_net::gossip::KeyError> {
        Ok(KeyRing::new(Key::derive(&self.secret)?))
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
