//! The tests' one clock: deadlines, and waiting for a condition instead of for a time.

use std::thread;
use std::time::{Duration, Instant};

/// How long a condition may take to come true before a test gives up. Generous: it is only waited out in failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Now, for measuring how long something took.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "tests measure real servers in real time, and only through here"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Looks again and again until the condition yields a value.
///
/// # Panics
/// When it has not within [`PATIENCE`].
pub fn wait_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, condition).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// Looks again and again until the condition yields a value or the time is over.
pub fn wait_at_most<T>(patience: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let end = now() + patience;
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if now() > end {
            return None;
        }
        thread::park_timeout(BETWEEN_LOOKS);
    }
}
