//! How much a peer may ask for: limits of requests and of replies, with Redis's values.

/// Bytes of an inline request, or of the line that announces a count or a length (`PROTO_INLINE_MAX_SIZE`).
pub(super) const LINE_BYTES: usize = 64 * 1024;
/// Arguments that a client may announce before it has authenticated.
pub(super) const UNTRUSTED_ARGS: u32 = 10;
/// The smallest limit that an argument can have: lengths of two digits are not compared with it.
const LEAST_BULK_BYTES: u32 = 100;
/// Bytes of one argument that a client may announce before it has authenticated.
pub(super) const UNTRUSTED_BULK_BYTES: u32 = 16 * 1024;

/// What is known of the client whose requests are parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It must authenticate first: 10 arguments of 16,384 bytes, whatever the other limits say. As AUTH lifts
    /// this, requests of such a client are to be parsed one at a time, each after the one before was run.
    Unauthenticated,
    /// It may use the limits as configured.
    Authenticated,
}

/// Limits of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Arguments of one request. Redis 7 lets an authenticated client go up to `i32::MAX`; 1,048,576 was the limit
    /// before, and keeps the memory that a client may announce in bounds.
    pub args: u32,
    /// Bytes of one argument (`proto-max-bulk-len`); below 100 counts as 100.
    pub bulk_bytes: u32,
    /// Whether the client has authenticated.
    pub trust: Trust,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { args: 1024 * 1024, bulk_bytes: 512 * 1024 * 1024, trust: Trust::Authenticated }
    }
}

impl Limits {
    /// The arguments that a request of this client may have.
    pub(super) fn effective_args(&self) -> u32 {
        match self.trust {
            Trust::Unauthenticated => self.args.min(UNTRUSTED_ARGS),
            Trust::Authenticated => self.args,
        }
    }

    /// The bytes that an argument of this client may have.
    pub(super) fn effective_bulk_bytes(&self) -> u32 {
        match self.trust {
            Trust::Unauthenticated => self.bulk_bytes.clamp(LEAST_BULK_BYTES, UNTRUSTED_BULK_BYTES),
            Trust::Authenticated => self.bulk_bytes.max(LEAST_BULK_BYTES),
        }
    }
}

/// Limits of one reply, kept by the client's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLimits {
    /// Levels of aggregates within aggregates.
    pub depth: usize,
    /// Values in one reply, those inside of aggregates included.
    pub values: usize,
    /// Bytes of one string or line.
    pub bulk_bytes: usize,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        ReplyLimits { depth: 64, values: 16 * 1024 * 1024, bulk_bytes: 512 * 1024 * 1024 }
    }
}
