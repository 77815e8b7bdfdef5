//! What the owners of partitions tell others of them by gossip: at which epoch they own them, and what is in them.
//!
//! ```text
//!  datagram: core (LEB128) │ digest │ digest │ …      digest: partition │ epoch │ keys │ bytes, each LEB128
//! ```
//!
//! Consensus alone decides who owns a partition. A digest shows whether the two sides know the same of it, and that no two
//! claim one at one epoch; it says how large the partition is, which consensus does not know.
//!
//! Limits: [`DIGESTS_MAX`] in one datagram.

use std::collections::BTreeMap;

use mycorrhizal_net::identity::NodeId;
use serde::{Deserialize, Serialize};

use super::state::{CoreAddress, PartitionId, PartitionMap};

/// Digests in one datagram at most: all of them at their largest are below what a datagram takes.
pub const DIGESTS_MAX: usize = 40;

/// What its owner says of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Digest {
    /// Which.
    pub partition: u16,
    /// The epoch at which it has its owner.
    pub since: u64,
    /// Keys in it, of all septa.
    pub keys: u64,
    /// Bytes that they take.
    pub bytes: u64,
}

/// How what a digest says agrees with what is known here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Both sides know the same.
    Agrees,
    /// The sender knows of a later owner.
    Behind,
    /// The sender owns it no more, and has yet to learn of it.
    Ahead,
    /// Both say that somebody else owns it, since the same epoch: never to happen.
    Conflict,
}

/// The size of what a core owns, as far as it has told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// Partitions of it that were told of.
    pub partitions: u64,
    /// Keys in them.
    pub keys: u64,
    /// Bytes that they take.
    pub bytes: u64,
}

/// What was told of partitions of other nodes, the latest of each. *Core*.
#[derive(Debug, Default)]
pub struct Digests {
    latest: BTreeMap<u16, (CoreAddress, Digest)>,
}

/// What a core says of some of its partitions, as a datagram's payload.
///
/// # Panics
/// With more than [`DIGESTS_MAX`] of them.
#[must_use]
pub fn encode(core: u16, digests: &[Digest]) -> Vec<u8> {
    assert!(digests.len() <= DIGESTS_MAX, "they fit into one datagram");
    let mut bytes = postcard::to_stdvec(&core).expect("a number can be written");
    for digest in digests {
        bytes = postcard::to_extend(digest, bytes).expect("numbers can be written");
    }
    bytes
}

/// Reads what [`encode`] wrote; `None` if it is something else.
#[must_use]
pub fn decode(payload: &[u8]) -> Option<(u16, Vec<Digest>)> {
    let (core, mut rest) = postcard::take_from_bytes::<u16>(payload).ok()?;
    let mut digests = Vec::new();
    while !rest.is_empty() {
        let (digest, after) = postcard::take_from_bytes::<Digest>(rest).ok()?;
        if digests.len() == DIGESTS_MAX || usize::from(digest.partition) >= crate::mycel::PARTITIONS {
            return None;
        }
        digests.push(digest);
        rest = after;
    }
    Some((core, digests))
}

impl Digests {
    /// A core of another node has told of one of its partitions.
    pub fn on_digest(&mut self, from: CoreAddress, digest: Digest, map: &PartitionMap) -> Verdict {
        let known = map.ownership(PartitionId(digest.partition));
        let verdict = match digest.since.cmp(&known.since) {
            std::cmp::Ordering::Greater => Verdict::Behind,
            std::cmp::Ordering::Less => Verdict::Ahead,
            std::cmp::Ordering::Equal if known.owner == Some(from) => Verdict::Agrees,
            std::cmp::Ordering::Equal if known.owner.is_none() => Verdict::Ahead,
            std::cmp::Ordering::Equal => Verdict::Conflict,
        };
        if verdict != Verdict::Ahead {
            self.latest.insert(digest.partition, (from, digest));
        }
        verdict
    }

    /// What each core of other nodes owns by `map`, as far as it has told.
    #[must_use]
    pub fn loads(&self, map: &PartitionMap) -> BTreeMap<CoreAddress, Load> {
        let mut loads: BTreeMap<CoreAddress, Load> = BTreeMap::new();
        let is_owner = |partition: u16, from| map.ownership(PartitionId(partition)).owner == Some(from);
        for (partition, (from, digest)) in &self.latest {
            if is_owner(*partition, *from) {
                let load = loads.entry(*from).or_default();
                load.partitions += 1;
                load.keys += digest.keys;
                load.bytes += digest.bytes;
            }
        }
        loads
    }

    /// Forgets what others than these nodes have told.
    pub fn retain(&mut self, is_member: impl Fn(NodeId) -> bool) {
        self.latest.retain(|_, (from, _)| is_member(from.node));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodosum::state::MapChange;

    const LARGEST: Digest = Digest { partition: 1023, since: u64::MAX, keys: u64::MAX, bytes: u64::MAX };

    fn core(node: u8) -> CoreAddress {
        CoreAddress { node: NodeId([node; 20]), core: 0 }
    }

    #[test]
    fn the_largest_fit_into_a_datagram_and_read_what_they_say() {
        let digests = [LARGEST; DIGESTS_MAX];
        let bytes = encode(7, &digests);
        assert!(bytes.len() <= crate::nodosum::membership::PAYLOAD_BYTES_MAX, "{}", bytes.len());
        assert_eq!(decode(&bytes), Some((7, digests.to_vec())));
        for cut in 1..bytes.len() {
            if let Some((_, fewer)) = decode(&bytes[..cut]) {
                assert!(fewer.len() < DIGESTS_MAX && fewer.iter().all(|digest| *digest == LARGEST));
            }
        }
        let stranger = Digest { partition: 1024, ..LARGEST };
        assert_eq!(decode(&encode(0, &[stranger])), None);
    }

    #[test]
    fn what_is_told_is_held_against_the_map() {
        let mut map = PartitionMap::default();
        map.apply(MapChange::Assign { partition: PartitionId(3), to: core(1) }).unwrap();
        let since = map.ownership(PartitionId(3)).since;
        let digest = Digest { partition: 3, since, keys: 5, bytes: 400 };
        let mut digests = Digests::default();
        assert_eq!(digests.on_digest(core(2), digest, &map), Verdict::Conflict);
        assert!(digests.loads(&map).is_empty());
        let late = Digest { since: since - 1, ..digest };
        assert_eq!(digests.on_digest(core(2), late, &map), Verdict::Ahead);
        let early = Digest { since: since + 1, ..digest };
        assert_eq!(digests.on_digest(core(2), early, &map), Verdict::Behind);
        assert_eq!(digests.on_digest(core(1), digest, &map), Verdict::Agrees);
        let load = Load { partitions: 1, keys: 5, bytes: 400 };
        assert_eq!(digests.loads(&map).into_iter().collect::<Vec<_>>(), [(core(1), load)]);
        digests.retain(|node| node != core(1).node);
        assert!(digests.loads(&map).is_empty());
    }
}
