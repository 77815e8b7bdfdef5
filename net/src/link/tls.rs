//! Mutual TLS for links: both sides show a certificate of the cluster's own authority, and the node's id stands in it.
//!
//! ```text
//!   received ──▶ TlsSession ──▶ plain bytes          DNS name in a certificate:
//!   to send  ◀── TlsSession ◀── plain bytes          <40 hex digits of the node id>.node.mycorrhizal
//! ```
//!
//! TLS 1.3 only, without tickets or resumption, so that every link is judged by the certificates that hold now. Who
//! dials a node that it knows accepts no other; who dials an address accepts any node of the authority. The handshake
//! of the link runs inside, bound to the session ([`TlsSession::binding`]), and the id that the peer names there must
//! be in its certificate ([`PeerCertificate::is_node`]). If a certificate limits its use, it must name both server and
//! client authentication, for every node is either.
//!
//! The validity of certificates is judged by the wall clock, which rustls reads itself.
//!
//! Sources: RFC 8446 (TLS 1.3), RFC 5705 (exporters), RFC 9266 (why sessions are bound).

mod config;
mod error;
mod session;
#[cfg(test)]
pub(in crate::link) mod tests;

pub use self::config::{TlsConfig, certificate_name};
pub use self::error::TlsError;
pub use self::session::{PeerCertificate, TlsSession};
