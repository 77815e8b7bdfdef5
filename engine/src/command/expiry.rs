//! How a command line says when a key expires: the four measures of time, and the options that SET and GETEX share.
//!
//! | option | command | measure |
//! |---|---|---|
//! | `EX` | EXPIRE, SETEX | seconds from now |
//! | `PX` | PEXPIRE, PSETEX | milliseconds from now |
//! | `EXAT` | EXPIREAT | seconds since the Unix epoch |
//! | `PXAT` | PEXPIREAT | milliseconds since the Unix epoch |

use super::{CommandError, argument};

/// The unit of an amount of time, and what it is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Milliseconds,
    /// Seconds since the Unix epoch.
    UnixSeconds,
    /// Milliseconds since the Unix epoch.
    UnixMilliseconds,
}

impl Measure {
    /// The measure of an option's name.
    fn named(option: &[u8]) -> Option<Self> {
        let names: [(&[u8], Self); 4] = [
            (b"EX", Self::Seconds),
            (b"PX", Self::Milliseconds),
            (b"EXAT", Self::UnixSeconds),
            (b"PXAT", Self::UnixMilliseconds),
        ];
        names.into_iter().find(|(name, _)| option.eq_ignore_ascii_case(name)).map(|(_, measure)| measure)
    }

    /// The moment that `amount` means, in ms since the Unix epoch; negative before it. None: beyond an `i64`.
    fn moment(self, amount: i64, now_ms: u64) -> Option<i64> {
        let amount_ms = match self {
            Self::Seconds | Self::UnixSeconds => amount.checked_mul(1000)?,
            Self::Milliseconds | Self::UnixMilliseconds => amount,
        };
        match self {
            Self::Seconds | Self::Milliseconds => amount_ms.checked_add_unsigned(now_ms),
            Self::UnixSeconds | Self::UnixMilliseconds => Some(amount_ms),
        }
    }

    /// The moment of the EXPIRE family, which may lie in the past.
    ///
    /// # Errors
    /// `text` is no integer, or the moment does not fit 64 bits of milliseconds.
    pub(super) fn moment_of(
        self,
        text: &[u8],
        now_ms: u64,
        command: &'static str,
    ) -> Result<i64, CommandError> {
        let moment = self.moment(argument::integer(text)?, now_ms);
        moment.ok_or(CommandError::InvalidExpire(command))
    }

    /// The deadline of SET, SETEX, PSETEX and GETEX: the amount must be positive.
    ///
    /// # Errors
    /// As [`Measure::moment_of`]; besides, the amount is zero or negative.
    pub(super) fn deadline(
        self,
        text: &[u8],
        now_ms: u64,
        command: &'static str,
    ) -> Result<u64, CommandError> {
        let amount = argument::integer(text)?;
        let moment = if amount > 0 { self.moment(amount, now_ms) } else { None };
        moment.and_then(|at_ms| u64::try_from(at_ms).ok()).ok_or(CommandError::InvalidExpire(command))
    }
}

/// What the options of SET or GETEX say about the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime<'a> {
    /// Nothing.
    Unsaid,
    /// `KEEPTTL`.
    Keep,
    /// `PERSIST`.
    Persist,
    /// `EX`, `PX`, `EXAT` or `PXAT` with its amount.
    Until(Measure, &'a [u8]),
}

impl<'a> Lifetime<'a> {
    /// What `option` says, if it is one of `EX`, `PX`, `EXAT`, `PXAT`; its amount is the next of `words`.
    ///
    /// # Errors
    /// Syntax: any other option, or no amount.
    pub(super) fn until(
        option: &[u8],
        words: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<Self, CommandError> {
        let measure = Measure::named(option).ok_or(CommandError::Syntax)?;
        let amount = words.next().ok_or(CommandError::Syntax)?;
        Ok(Self::Until(measure, amount))
    }

    /// Both options together: the later one, if it is of the same name.
    ///
    /// # Errors
    /// Syntax: they contradict each other.
    pub(super) fn and(self, later: Self) -> Result<Self, CommandError> {
        let agree = match (self, later) {
            (Self::Unsaid, _) => true,
            (Self::Until(before, _), Self::Until(after, _)) => before == after,
            (before, after) => before == after,
        };
        if agree { Ok(later) } else { Err(CommandError::Syntax) }
    }

    /// The deadline that `Until` means; none for the others.
    ///
    /// # Errors
    /// As [`Measure::deadline`].
    pub(super) fn deadline(self, now_ms: u64, command: &'static str) -> Result<Option<u64>, CommandError> {
        match self {
            Self::Until(measure, amount) => measure.deadline(amount, now_ms, command).map(Some),
            Self::Unsaid | Self::Keep | Self::Persist => Ok(None),
        }
    }
}
