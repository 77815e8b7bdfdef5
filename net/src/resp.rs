//! The Redis serialization protocol, versions 2 and 3: requests in, replies out, and the client's side of both.
//!
//! ```text
//!   bytes of a client ── RequestParser ──> Span … Span ── Args ──> a command
//!   a command ── Reply ──> bytes to a client ── Decoder ──> Value      (or scan_reply: skipped, not built)
//! ```
//!
//! Requests are parsed in place: a [`Span`] names where an argument lies in the receive buffer, and nothing is
//! copied. Every parser here is incremental: incomplete input is `Ok(None)`, and what was read once is not read
//! again.
//!
//! Limits are in [`Limits`] (requests) and [`ReplyLimits`] (replies). Errors are the peer's fault alone:
//! [`ProtocolError`] carries Redis's own text for a client, [`DecodeError`] says what a server got wrong; after
//! either the connection is of no use any more.
//!
//! Sources: <https://redis.io/docs/latest/develop/reference/protocol-spec/>; error texts and limits of Redis 7.

mod args;
mod command;
mod decoder;
mod limits;
pub mod number;
mod protocol_error;
mod reply;
mod request;
mod scan;
mod value;

pub use args::{ArchivedSpan, Args, Span};
pub use command::encode_command;
pub use decoder::{DecodeError, Decoder};
pub use limits::{Limits, ReplyLimits, Trust};
pub use protocol_error::ProtocolError;
pub use reply::{Protocol, Reply};
pub use request::RequestParser;
pub use scan::scan_reply;
pub use value::Value;
