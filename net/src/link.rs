//! Links: what two cores of different nodes say to each other over one TCP connection.
//!
//! ```text
//!   task ── Link::send ──▶ frame ──▶ (TLS) ──▶ ring's connection ──▶ peer
//!   task ◀─ LinkReceiver ◀─ decoder ◀─ (TLS) ◀─ ring's connection ◀─ peer
//!                             └ in place: an archive is checked and read where it was received
//! ```
//!
//! A link begins with a handshake ([`handshake`]) in which both sides name themselves and prove that they belong to the
//! cluster, by its key, by certificates ([`tls`]), or both; then it carries frames ([`frame`]), of which only the shapes
//! are known here. Everything but [`transport`] is sans-I/O: bytes in, bytes out, randomness as an argument. Who
//! dials whom, and what waits for which reply, is the business of the floor above; [`backoff`] says when to try again.

pub mod backoff;
pub mod frame;
pub mod handshake;
pub mod tls;
pub mod transport;
