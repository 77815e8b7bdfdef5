//! What a membership machine wants done: datagrams to send, and news for its node.

use std::net::SocketAddr;

use super::MemberIdentity;

/// Effects of the machine, in order. Whoever hands it in empties it.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// To be sealed and sent from the gossip socket of core 0.
    pub datagrams: Vec<Datagram>,
    /// What the node should know.
    pub events: Vec<Event>,
}

/// Bytes for another node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Datagram {
    /// The gossip socket of its core 0.
    pub to: SocketAddr,
    /// At most [`PAYLOAD_BYTES_MAX`](super::PAYLOAD_BYTES_MAX).
    pub payload: Vec<u8>,
}

/// What changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A member is there that was not.
    MemberUp(MemberIdentity),
    /// A member left, or answers nobody any more.
    MemberDown(MemberIdentity),
    /// A member began another life before anybody missed it.
    MemberChanged {
        /// The life that is over.
        before: MemberIdentity,
        /// The one that began.
        after: MemberIdentity,
    },
    /// The others took this node for dead. It goes on under the next incarnation, which its node is to persist. That
    /// gossip took it for dead does not say that the cluster gave its data to others: consensus does.
    SelfDeclaredDown(MemberIdentity),
    /// Another node has the id of this one, at another address and in no earlier life: a data directory was copied, or
    /// this one is an old copy. One of the two has to stop; while both run, each is taken for dead again and again.
    Twin(MemberIdentity),
}
