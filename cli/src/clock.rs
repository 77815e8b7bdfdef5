//! The one place of this crate that reads a clock.

use std::time::{Instant, SystemTime};

/// The time that does not jump.
#[must_use]
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the client's time-outs and intervals are measured here")]
    Instant::now()
}

/// The time that people go by.
#[must_use]
pub(crate) fn wall() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "certificates hold from and until a date")]
    SystemTime::now()
}
