//! Beacons: what a node says by multicast, so that others on the same network find it without an address.
//!
//! A beacon is a sealed datagram of kind [`BEACON_KIND`] with this payload, as `rkyv` archives it:
//!
//! ```text
//!  0            20        21           41            43        44             60
//! ┌────────────┬─────────┬────────────┬─────────────┬─────────┬──────────────┐
//! │ node       │ cluster │ its id, or │ gossip port │ address │ as IPv6, or  │
//! │            │ known?  │ zeroes     │ of core 0   │ bound?  │ zeroes       │
//! └────────────┴─────────┴────────────┴─────────────┴─────────┴──────────────┘
//! ```
//!
//! A node that is bound to one address says which. Else it is reached at the one that the datagram came from; that is
//! not under the seal, so it is only a hint: whoever answers there has to prove itself.

use crate::identity::{ClusterId, NodeId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

/// The kind of datagrams that carry a beacon.
pub const BEACON_KIND: u8 = u8::MAX;
/// Where beacons are said over IPv4 unless told otherwise: a group that stays within a site.
pub const BEACON_V4: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 255, 77, 89), 7689);
/// Where beacons are said over IPv6 unless told otherwise: a group that stays on the link.
pub const BEACON_V6: SocketAddrV6 =
    SocketAddrV6::new(Ipv6Addr::new(0xFF12, 0, 0, 0, 0, 0, 0x4D79, 0x6365), 7689, 0, 0);

/// The payload is no beacon. Drop it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the payload of a datagram is no beacon")]
pub struct BeaconError;

/// What a node says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Beacon {
    /// The node; the same as the sender of the datagram.
    pub node: NodeId,
    /// The cluster that it belongs to; None while it has not formed or joined one.
    pub cluster: Option<ClusterId>,
    /// The UDP port of its core 0.
    pub gossip_port: u16,
    /// The one address that it is bound to, if it is not bound to all.
    address: Option<[u8; 16]>,
}

const BEACON_BYTES: usize = size_of::<ArchivedBeacon>();
const _: () = assert!(BEACON_BYTES == 60);

impl Beacon {
    /// What a node says whose gossip socket is bound to `address`.
    #[must_use]
    pub fn new(node: NodeId, cluster: Option<ClusterId>, address: IpAddr, gossip_port: u16) -> Self {
        let octets = |address: IpAddr| match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        let address = Some(address).filter(|address| !address.is_unspecified()).map(octets);
        Self { node, cluster, gossip_port, address }
    }

    /// Where the node is reached, if its datagram came from `source`.
    #[must_use]
    pub fn host(&self, source: IpAddr) -> IpAddr {
        self.address.map_or(source, |octets| IpAddr::V6(Ipv6Addr::from(octets)).to_canonical())
    }

    /// The payload to seal.
    pub fn encode(&self) -> Vec<u8> {
        let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(self);
        bytes.expect("memory is all that it takes").into_vec()
    }

    /// Reads the payload of a datagram that opened.
    ///
    /// # Errors
    ///
    /// It is no beacon.
    pub fn decode(payload: &[u8]) -> Result<Self, BeaconError> {
        if payload.len() != BEACON_BYTES {
            return Err(BeaconError);
        }
        rkyv::from_bytes::<Self, rkyv::rancor::Error>(payload).map_err(|_| BeaconError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn beacon() -> impl Strategy<Value = Beacon> {
        let parts = any::<([u8; 20], Option<[u8; 20]>, IpAddr, u16)>();
        parts.prop_map(|(node, cluster, address, gossip_port)| {
            Beacon::new(NodeId(node), cluster.map(ClusterId), address, gossip_port)
        })
    }

    #[test]
    fn the_bytes_are_these() {
        let (node, cluster) = (NodeId([1; 20]), ClusterId([2; 20]));
        let beacon = Beacon::new(node, Some(cluster), Ipv4Addr::new(10, 0, 0, 7).into(), 0x1234);
        let address = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 7];
        let bytes = [&[1; 20], [1].as_slice(), &[2; 20], &[0x34, 0x12, 1], &address].concat();
        assert_eq!(beacon.encode(), bytes);
        let beacon = Beacon::new(node, None, Ipv4Addr::UNSPECIFIED.into(), 0x1234);
        let bytes = [&[1; 20], [0].as_slice(), &[0; 20], &[0x34, 0x12, 0], &[0; 16]].concat();
        assert_eq!(beacon.encode(), bytes);
    }

    #[test]
    fn a_node_that_is_bound_to_one_address_is_reached_there() {
        let source = IpAddr::from([10, 0, 0, 9]);
        let host = |bound: &str| Beacon::new(NodeId([1; 20]), None, bound.parse().unwrap(), 7).host(source);
        assert_eq!(host("10.0.0.7"), IpAddr::from([10, 0, 0, 7]));
        assert_eq!(host("fd00::1"), "fd00::1".parse::<IpAddr>().unwrap());
        assert_eq!((host("0.0.0.0"), host("::")), (source, source));
    }

    #[test]
    fn other_lengths_and_other_tags_are_refused() {
        let bytes = Beacon::new(NodeId([1; 20]), None, Ipv4Addr::UNSPECIFIED.into(), 7).encode();
        for end in 0..bytes.len() {
            assert_eq!(Beacon::decode(&bytes[..end]), Err(BeaconError));
        }
        assert_eq!(Beacon::decode(&[&[0], bytes.as_slice()].concat()), Err(BeaconError));
        let mut other = bytes;
        other[20] = 2;
        assert_eq!(Beacon::decode(&other), Err(BeaconError));
    }

    proptest! {
        #[test]
        fn a_beacon_reads_what_it_writes(beacon in beacon()) {
            prop_assert_eq!(Beacon::decode(&beacon.encode()), Ok(beacon));
        }
    }
}
