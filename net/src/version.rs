//! The version of what nodes say to each other.

/// The wire protocol that this node speaks, in datagrams and on links. Nodes of different ones do not talk.
pub const PROTOCOL: u16 = 1;
