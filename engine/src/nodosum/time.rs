//! Moments as the machines of this layer see them: microseconds of a monotonic clock that they are handed.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// A moment, in microseconds since whoever hands it in began to count. Only moments of one node compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The first moment.
    pub const START: Self = Self(0);

    /// The moment that many microseconds after the first.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the first moment.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; nothing if it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The moment `duration` before; the first one if there is none.
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_durations_add_up() {
        let moment = Time::START + Duration::from_millis(1500);
        assert_eq!(moment, Time::from_micros(1_500_000));
        assert_eq!(moment.since(Time::from_micros(500_000)), Duration::from_secs(1));
        assert_eq!(Time::START.since(moment), Duration::ZERO);
        assert_eq!(moment.before(Duration::from_secs(2)), Time::START);
        assert_eq!(moment.to_string(), "1.500000");
    }

    #[test]
    fn the_end_of_time_is_no_overflow() {
        assert_eq!((Time::from_micros(u64::MAX) + Duration::MAX).micros(), u64::MAX);
    }
}
