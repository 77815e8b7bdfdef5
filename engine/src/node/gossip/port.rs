//! A core's gossip socket: seals what goes out, opens what comes in. *Core*.

use std::cell::RefCell;
use std::net::{SocketAddr, UdpSocket};

use mycorrhizal_net::gossip::{Dropped, Header, KeyId, KeyRing, Opener, OpenerStats, Sealer};
use mycorrhizal_net::random;
use mycorrhizal_net::ring::{Datagram, Datagrams};

use super::peer_keys::PeerKeys;
use crate::node::cluster::Cluster;
use crate::node::core::Core;

/// The socket of one core, with what it seals and opens by.
pub(crate) struct Port {
    /// The socket.
    pub(super) socket: Datagrams,
    keys: RefCell<KeyRing>,
    peer_keys: RefCell<PeerKeys>,
    sealer: RefCell<Sealer>,
    opener: RefCell<Opener>,
}

impl Port {
    pub(super) fn open(core: &Core, cluster: &Cluster, socket: UdpSocket) -> std::io::Result<Self> {
        let name = &cluster.options.name;
        let keys = cluster.options.secrets().map_err(std::io::Error::other)?.key_ring();
        let sealer = Sealer::new(name, core.node.id, cluster.incarnation, core.id.0, random::bytes());
        Ok(Self {
            socket: core.ring.datagrams(socket)?,
            keys: RefCell::new(keys),
            peer_keys: RefCell::default(),
            sealer: RefCell::new(sealer),
            opener: RefCell::new(Opener::new(name)),
        })
    }

    /// Seals and opens by these keys from now on.
    pub(crate) fn set_keys(&self, keys: KeyRing) {
        self.keys.replace(keys);
        self.peer_keys.borrow_mut().clear();
    }

    /// A peer was heard, by way of somebody else maybe, who seals with this key.
    pub(super) fn note_key(&self, from: SocketAddr, key: KeyId) {
        self.peer_keys.borrow_mut().on_heard(from, key, self.keys.borrow().used_id());
    }

    /// Sends a payload of a kind to a peer, in every key that it may need.
    pub(super) fn say(&self, kind: u8, payload: &[u8], to: SocketAddr) {
        let keys = self.keys.borrow();
        let also = self.peer_keys.borrow().also(to);
        match self.sealer.borrow_mut().seal_twice(&keys, also, kind, payload) {
            Ok((sealed, copy)) => {
                self.socket.send_to(sealed, to);
                copy.into_iter().for_each(|copy| self.socket.send_to(copy, to));
            }
            Err(error) => tracing::error!(%error, "a datagram cannot be sealed"),
        }
    }

    /// Seals a payload of a kind, for whoever hears it.
    pub(super) fn seal(&self, kind: u8, payload: &[u8]) -> Option<Vec<u8>> {
        self.sealer.borrow_mut().seal(&self.keys.borrow(), kind, payload).ok()
    }

    /// Opens a datagram into `plain`; `None` if it is dropped.
    pub(super) fn read(&self, datagram: &Datagram, plain: &mut Vec<u8>) -> Option<Header> {
        let opened = self.opener.borrow_mut().open(&self.keys.borrow(), datagram, plain);
        match opened {
            Ok(header) => Some(header),
            Err(dropped) => {
                self.note_dropped(dropped, datagram.from());
                None
            }
        }
    }
    /// What became of the datagrams that came here.
    pub(super) fn stats(&self) -> OpenerStats {
        self.opener.borrow().stats()
    }

    fn note_dropped(&self, dropped: Dropped, from: SocketAddr) {
        let is_first = self.stats().dropped(dropped) == 1;
        match dropped {
            Dropped::UnknownKey if is_first => {
                tracing::warn!(%from, "datagrams come that are sealed with a key which this node does not have");
            }
            Dropped::TooShort | Dropped::OtherVersion { .. } | Dropped::Forged if is_first => {
                tracing::warn!(%from, %dropped, "datagrams come that make no sense here; INFO counts them");
            }
            // What comes twice, or late, is nothing that anybody has to know of.
            _ => {}
        }
        tracing::debug!(%dropped, %from, "a datagram was dropped");
    }
}
