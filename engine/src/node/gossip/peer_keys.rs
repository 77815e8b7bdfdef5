//! Which peers seal with another key than this node, while keys are exchanged or a peer has an outdated key file: what
//! is said to them is said with their key as well, for they may not have ours.
//!
//! Once is no proof: what was on its way with the other key is soon past. Who can open both copies hears the first one
//! only, the one with our key, and so learns that we know it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use mycorrhizal_net::gossip::KeyId;

/// Datagrams in a row that have to be sealed with another key.
const IN_A_ROW: u8 = 2;
/// Peers that are remembered at most; the others hear our key only.
const PEERS_MAX: usize = 4096;

/// The peers that seal with another key. Belongs to gossip.
#[derive(Debug, Default)]
pub(super) struct PeerKeys {
    others: BTreeMap<SocketAddr, (KeyId, u8)>,
}

impl PeerKeys {
    /// A peer was heard, with key `sealed`, while this node seals with `used`.
    pub(super) fn on_heard(&mut self, from: SocketAddr, sealed: KeyId, used: KeyId) {
        if sealed == used {
            self.others.remove(&from);
        } else if self.others.len() < PEERS_MAX || self.others.contains_key(&from) {
            let (key, times) = self.others.entry(from).or_insert((sealed, 0));
            *times = if *key == sealed { times.saturating_add(1) } else { 1 };
            *key = sealed;
        }
    }

    /// The key with which a peer is to be told the same once more.
    pub(super) fn also(&self, to: SocketAddr) -> Option<KeyId> {
        self.others.get(&to).filter(|(_, times)| *times >= IN_A_ROW).map(|(key, _)| *key)
    }

    /// The keys of this node have changed.
    pub(super) fn clear(&mut self) {
        self.others.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: KeyId = KeyId([1; 4]);
    const NEW: KeyId = KeyId([2; 4]);

    fn peer(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    #[test]
    fn who_does_not_know_our_key_is_told_with_his() {
        let mut keys = PeerKeys::default();
        keys.on_heard(peer(1), OLD, NEW);
        assert_eq!(keys.also(peer(1)), None);
        keys.on_heard(peer(1), OLD, NEW);
        assert_eq!((keys.also(peer(1)), keys.also(peer(2))), (Some(OLD), None));
        keys.on_heard(peer(1), NEW, NEW);
        assert_eq!(keys.also(peer(1)), None);
    }

    #[test]
    fn two_nodes_that_tell_each_other_everything_twice_stop() {
        let (mut one, mut other) = (PeerKeys::default(), PeerKeys::default());
        // One took the other for outdated before that changed its key.
        one.on_heard(peer(2), OLD, NEW);
        one.on_heard(peer(2), OLD, NEW);
        let tell = |speaker: &PeerKeys, listener: &mut PeerKeys, from, to| {
            let copies = [Some(NEW), speaker.also(to)];
            copies.into_iter().flatten().for_each(|key| listener.on_heard(from, key, NEW));
        };
        tell(&one, &mut other, peer(1), peer(2));
        tell(&one, &mut other, peer(1), peer(2));
        assert_eq!(other.also(peer(1)), None);
        tell(&other, &mut one, peer(2), peer(1));
        assert_eq!(one.also(peer(2)), None);
    }
}
