//! What a client got wrong, in Redis's words.

use thiserror::Error;

/// A malformed request. Always the peer's fault, and final: the parser has lost its place, so the text is sent
/// (after the replies to whatever came before it) and the connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// An inline request beyond 64 KiB.
    #[error("Protocol error: too big inline request")]
    InlineTooLong,
    /// An inline request whose quotes do not close, or are followed by something other than a space.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// No end of line within 64 KiB after `*`.
    #[error("Protocol error: too big mbulk count string")]
    CountTooLong,
    /// The number of arguments is not one, or too large.
    #[error("Protocol error: invalid multibulk length")]
    InvalidCount,
    /// More than 10 arguments before AUTH.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedCount,
    /// No end of line within 64 KiB after `$`.
    #[error("Protocol error: too big bulk count string")]
    LengthTooLong,
    /// An argument that does not start with `$`, but with this byte.
    #[error("Protocol error: expected '$', got '{}'", char::from(*.0))]
    ExpectedDollar(u8),
    /// The length of an argument is not one, or too large.
    #[error("Protocol error: invalid bulk length")]
    InvalidLength,
    /// An argument of more than 16,384 bytes before AUTH.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedLength,
    /// A request that outgrows the 4 GiB a span can speak of; the query buffer limit comes before it.
    #[error("Protocol error: too big request")]
    RequestTooLarge,
}

impl ProtocolError {
    /// Appends the error reply, `-ERR Protocol error: …`, byte for byte as Redis sends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        match *self {
            ProtocolError::ExpectedDollar(byte) => {
                out.extend_from_slice(b"-ERR Protocol error: expected '$', got '");
                out.push(if matches!(byte, b'\r' | b'\n') { b' ' } else { byte });
                out.extend_from_slice(b"'\r\n");
            }
            error => {
                out.extend_from_slice(b"-ERR ");
                out.extend_from_slice(error.to_string().as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
    }
}
