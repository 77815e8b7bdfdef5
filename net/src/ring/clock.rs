//! The ring's clock: the one place of this crate that reads the time.

use std::time::Instant;

/// The monotonic time now.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that everything else is handed the time from"
)]
pub(crate) fn read() -> Instant {
    Instant::now()
}
