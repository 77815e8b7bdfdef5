//! What clients are told of the cluster: every core, or every node as one, as an endpoint with its slots.

use std::net::{IpAddr, SocketAddr};

use mycorrhizal_net::identity::NodeId;

use super::caller::Caller;
use super::directory::ranges;
use crate::nodosum::state::{ClusterState, CoreAddress, Member, PartitionId, Presence};

/// What CLUSTER SLOTS, SHARDS and NODES publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Endpoints {
    /// Every core's own port: cluster clients reach the owning core with no hop.
    #[default]
    Core,
    /// The plain port for all slots of a node: fewer connections, one hop between cores.
    Node,
}

/// What a client needs to reach one published endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// 40 hex digits.
    pub(crate) id: String,
    /// Its node.
    pub(crate) node: NodeId,
    /// Its cores.
    pub(crate) cores: std::ops::Range<u16>,
    /// Its host.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// Its slots, as inclusive ranges.
    pub(crate) slots: Vec<(u16, u16)>,
    /// Whether it can be reached.
    pub(crate) presence: Presence,
    /// The partitions that move away from it, with the id of the endpoint that they move to.
    pub(crate) leaving: Vec<(PartitionId, String)>,
    /// The partitions that move to it, with the id of the endpoint that they come from.
    pub(crate) arriving: Vec<(PartitionId, String)>,
}

/// The published id of a core, 40 hex digits: that of its node, changed by the core's number in its last digits.
pub(crate) fn core_id(core: CoreAddress) -> String {
    let mut id = core.node;
    let [high, low] = core.core.to_be_bytes();
    id.0[18] ^= high;
    id.0[19] ^= low;
    id.to_string()
}

impl Caller {
    /// All endpoints that this caller is told of.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let state = self.core.directory.state();
        state.members().flat_map(|member| self.endpoints_of(&state, member)).collect()
    }

    fn endpoints_of(&self, state: &ClusterState, member: &Member) -> Vec<Endpoint> {
        let host = self.host_of(member);
        if self.core.node.ports.endpoints == Endpoints::Core && !member.core_ports.is_empty() {
            let ports = (0..member.cores).zip(&member.core_ports);
            return ports.map(|(core, &port)| endpoint(state, member, core..core + 1, &host, port)).collect();
        }
        vec![endpoint(state, member, 0..member.cores, &host, member.plain_port.unwrap_or(0))]
    }

    /// The host by which this caller reaches a member: of its own node that by which it came.
    fn host_of(&self, member: &Member) -> String {
        let came_by = self.local_address().filter(|_| member.id == self.core.node.id);
        let known = member.announce.or(came_by.map(|address| address.ip()));
        let known = known.or((member.id != self.core.node.id).then_some(member.address));
        known.map(|ip: IpAddr| ip.to_string()).unwrap_or_default()
    }

    /// Where this caller reaches a core's own port, or its node's plain port if it has none.
    pub(crate) fn address_of(&self, core: CoreAddress) -> Option<(String, u16)> {
        let state = self.core.directory.state();
        let member = state.member(core.node)?;
        let port = member.core_ports.get(usize::from(core.core)).copied().or(member.plain_port)?;
        Some((self.host_of(member), port))
    }

    /// The address at which it reached this node.
    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        self.connection().and_then(|connection| connection.local_addr().ok())
    }
}

fn endpoint(
    state: &ClusterState,
    member: &Member,
    cores: std::ops::Range<u16>,
    host: &str,
    port: u16,
) -> Endpoint {
    let is_own = |core: CoreAddress| core.node == member.id && cores.contains(&core.core);
    let owned = state.map().iter().filter(|(_, entry)| entry.owner.is_some_and(is_own));
    let moves = || {
        state.map().iter().filter_map(|(partition, entry)| Some((partition, entry.owner?, entry.moving_to?)))
    };
    Endpoint {
        id: core_id(CoreAddress { node: member.id, core: cores.start }),
        node: member.id,
        host: host.to_owned(),
        port,
        slots: ranges(owned.map(|(partition, _)| partition.index())),
        presence: member.presence,
        leaving: moves()
            .filter(|(_, from, to)| is_own(*from) && !is_own(*to))
            .map(|(partition, _, to)| (partition, core_id(to)))
            .collect(),
        arriving: moves()
            .filter(|(_, from, to)| is_own(*to) && !is_own(*from))
            .map(|(partition, from, _)| (partition, core_id(from)))
            .collect(),
        cores,
    }
}
