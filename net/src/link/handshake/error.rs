//! Why a handshake fails.

use super::packet::MESSAGE_BYTES_MAX;
use crate::identity::{ClusterId, NodeId};

/// Why there is no link. Final for this connection; whether to dial again stands at the variants. Nothing else has
/// changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// Whoever that is, it is no node.
    #[error("the peer does not speak the link protocol")]
    PeerNotALink,
    /// The peer speaks TLS, and this side was told not to.
    #[error("the peer speaks TLS, and this side has none configured for links")]
    PeerSpeaksTls,
    /// A node of another version. Dialling again helps when either was upgraded.
    #[error("the versions of the link protocol differ: {theirs} there, {ours} here")]
    PeerOtherProtocol {
        /// The peer's.
        theirs: u16,
        /// This side's.
        ours: u16,
    },
    /// A message over the limit was announced.
    #[error(
        "the peer announced a handshake message of {announced} bytes, and {MESSAGE_BYTES_MAX} is the limit"
    )]
    PeerMessageTooLarge {
        /// In bytes.
        announced: usize,
    },
    /// A message is not what it should be, or not the one that was due.
    #[error("the peer sent a handshake message that makes no sense")]
    PeerMessageBroken,
    /// A node of another cluster.
    #[error("the two nodes belong to clusters of different names")]
    PeerOtherClusterName,
    /// A cluster of the same name that formed by itself.
    #[error("the clusters have one name but are two: {theirs} there, {ours} here")]
    PeerOtherCluster {
        /// The peer's.
        theirs: ClusterId,
        /// This side's.
        ours: ClusterId,
    },
    /// No key of the one side is known to the other.
    #[error("the two nodes have no cluster key in common")]
    PeerNoCommonKey,
    /// The peer named a key that it does not have, or somebody altered what was said.
    #[error("the proof of having the cluster's key is wrong")]
    PeerWrongProof,
    /// This side dialled itself. Not worth another attempt at this address.
    #[error("the address leads back to the node itself")]
    PeerIsSelf,
    /// Two nodes run with one id: a data directory was copied.
    #[error("two nodes have the id {node}: one of them runs on a copy of the other's data directory")]
    PeerHasOurId {
        /// The id.
        node: NodeId,
    },
    /// Another node answers at the address.
    #[error("node {expected} was dialled, and {found} answered")]
    PeerOtherNode {
        /// Who was dialled.
        expected: NodeId,
        /// Who answered.
        found: NodeId,
    },
    /// The node says that it is one that its certificate is not for.
    #[error("the certificate is not one of node {node}")]
    PeerNotInCertificate {
        /// Who it says it is.
        node: NodeId,
    },
    /// The peer does not want the link. May have been said by anybody.
    #[error("the peer refused the link and said: {reason}")]
    PeerRefused {
        /// Its sentence, without control characters.
        reason: String,
    },
    /// The caller does not want the peer.
    #[error("{reason}")]
    LocalRefused {
        /// The caller's sentence.
        reason: String,
    },
    /// The peer closed before the handshake was done. Worth another attempt.
    #[error("the peer closed the connection during the handshake")]
    PeerClosed,
}

impl HandshakeError {
    /// What to tell the peer, if it can understand.
    pub(super) fn sentence(&self) -> Option<String> {
        match self {
            Self::PeerNotALink | Self::PeerSpeaksTls | Self::PeerRefused { .. } | Self::PeerClosed => None,
            _ => Some(self.to_string()),
        }
    }
}
