//! The one place where a measurement reads a clock; what happens within a load is timed by that.

use std::time::Instant;

/// Monotonic time.
#[expect(clippy::disallowed_methods, reason = "a measurement takes time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
