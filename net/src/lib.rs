//! The ground floor of Mycorrhizal: the network ring of a core, the cores themselves, mailboxes between them,
//! listening sockets, links between nodes, and the RESP codec. Knows no data type.

pub mod executor;
pub mod gossip;
pub mod identity;
pub mod link;
pub mod mailbox;
pub mod random;
pub mod resp;
pub mod ring;
pub mod secret;
pub mod socket;
pub mod version;
