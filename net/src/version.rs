//! The version of the protocol between nodes: what datagrams and links say first, and refuse when it is another.

/// The version that this build speaks. Raised with every change of the bytes that nodes exchange.
pub const PROTOCOL: u16 = 1;
