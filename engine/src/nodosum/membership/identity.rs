//! Whom membership speaks of: a node, which of its lives, and where it is reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mycorrhizal_net::identity::{Incarnation, NodeId};

use super::codec;

/// One life of a node, as every member of the cluster knows it. It does not change while the life lasts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberIdentity {
    /// The node, for as long as its data directory lives.
    pub id: NodeId,
    /// Which of its lives: the highest is the living one.
    pub incarnation: Incarnation,
    /// The gossip socket of its core 0; that of core `c` has the port plus `c`.
    pub address: SocketAddr,
    /// The port of the link listener of its core 0, at the same host; that of core `c` is this plus `c`.
    pub link_port: u16,
    /// How many cores it has.
    pub cores: u16,
}

impl MemberIdentity {
    /// Whoever listens at `address`: the addressee of an announcement whose id is not known, or may be outdated.
    pub(super) fn anyone_at(address: SocketAddr) -> Self {
        Self { id: NodeId::default(), incarnation: Incarnation(0), address, link_port: 0, cores: 0 }
    }

    /// An addressee that is nobody.
    pub(super) fn nobody() -> Self {
        Self::anyone_at(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))
    }

    /// Whether this addresses whoever is there.
    pub(super) fn is_anyone(&self) -> bool {
        self.id == NodeId::default()
    }

    /// Without what an address means on its own host only, so that it equals what others decode.
    pub(super) fn portable(mut self) -> Self {
        self.address.set_ip(self.address.ip().to_canonical());
        if let SocketAddr::V6(address) = &mut self.address {
            address.set_scope_id(0);
            address.set_flowinfo(0);
        }
        self
    }

    /// Four bytes that stand for this identity where a whole one would be too long. Zero stands for anyone.
    pub(super) fn tag(&self) -> u32 {
        if self.is_anyone() {
            return 0;
        }
        let mut bytes = Vec::with_capacity(codec::IDENTITY_BYTES_MAX);
        codec::put_identity(self, 0, &mut bytes);
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let [a, b, c, d, e, f, g, h] = hash.to_le_bytes();
        u32::from_le_bytes([a ^ e, b ^ f, c ^ g, d ^ h]).max(1)
    }
}

impl foca::Identity for MemberIdentity {
    type Addr = NodeId;

    fn renew(&self) -> Option<Self> {
        let incarnation = Incarnation(self.incarnation.0.checked_add(1)?);
        Some(Self { incarnation, ..self.clone() })
    }

    fn addr(&self) -> NodeId {
        self.id
    }

    /// The higher incarnation is the living one. Two nodes with one id and incarnation are a mistake of whoever copied
    /// a data directory; that everybody keeps the same one of them is all that can be done here.
    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        let rank =
            |identity: &Self| (identity.incarnation, identity.address, identity.link_port, identity.cores);
        rank(self) > rank(adversary)
    }
}

#[cfg(test)]
mod tests {
    use foca::Identity;

    use super::*;

    fn identity(incarnation: u64, port: u16) -> MemberIdentity {
        MemberIdentity {
            id: NodeId([7; 20]),
            incarnation: Incarnation(incarnation),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            link_port: 7400,
            cores: 2,
        }
    }

    #[test]
    fn the_next_life_wins() {
        let first = identity(1, 7300);
        let second = first.renew().expect("there are incarnations left");
        assert_eq!(second.incarnation, Incarnation(2));
        assert!(second.win_addr_conflict(&first) && !first.win_addr_conflict(&second));
        assert_eq!(identity(u64::MAX, 7300).renew(), None);
    }

    #[test]
    fn of_two_with_one_id_everybody_keeps_the_same() {
        let (low, high) = (identity(1, 7300), identity(1, 7301));
        assert!(high.win_addr_conflict(&low) && !low.win_addr_conflict(&high));
    }

    #[test]
    fn a_tag_tells_lives_and_places_apart() {
        let tag = identity(1, 7300).tag();
        assert_ne!(tag, 0);
        assert_ne!(tag, identity(2, 7300).tag());
        assert_ne!(tag, identity(1, 7301).tag());
        assert_eq!(MemberIdentity::nobody().tag(), 0);
    }

    #[test]
    fn scope_and_flow_do_not_travel() {
        let mut here = identity(1, 1);
        here.address = "[fe80::1%3]:7300".parse().expect("an address");
        let there: SocketAddr = "[fe80::1]:7300".parse().expect("an address");
        assert_eq!(here.portable().address, there);
    }
}
