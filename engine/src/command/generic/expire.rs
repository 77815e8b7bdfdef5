//! Commands that set, drop and tell deadlines: EXPIRE, TTL, EXPIRETIME, PERSIST and their like.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::expiry::Measure;
use super::super::{CommandError, DataContext};
use crate::mycel::Entry;

/// EXPIRE.
pub(super) fn expire(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    set_deadline(context, args, reply, Measure::Seconds, "expire")
}

/// PEXPIRE.
pub(super) fn pexpire(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    set_deadline(context, args, reply, Measure::Milliseconds, "pexpire")
}

/// EXPIREAT.
pub(super) fn expireat(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    set_deadline(context, args, reply, Measure::UnixSeconds, "expireat")
}

/// PEXPIREAT.
pub(super) fn pexpireat(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    set_deadline(context, args, reply, Measure::UnixMilliseconds, "pexpireat")
}

/// What must hold of the old deadline. A key without one lives for ever, which is later than any deadline.
#[derive(Debug, Default)]
struct Conditions {
    /// `NX`: there is none.
    absent: bool,
    /// `XX`: there is one.
    present: bool,
    /// `GT`: the new one is later.
    later: bool,
    /// `LT`: the new one is earlier.
    earlier: bool,
}

impl Conditions {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut conditions = Self::default();
        for option in args.iter().skip(3) {
            let named = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
            let condition = match option {
                _ if named("NX") => &mut conditions.absent,
                _ if named("XX") => &mut conditions.present,
                _ if named("GT") => &mut conditions.later,
                _ if named("LT") => &mut conditions.earlier,
                _ => {
                    let option = String::from_utf8_lossy(option);
                    return Err(CommandError::Message(format!("ERR Unsupported option {option}")));
                }
            };
            *condition = true;
        }
        if conditions.absent && (conditions.present || conditions.later || conditions.earlier) {
            let text = "ERR NX and XX, GT or LT options at the same time are not compatible";
            return Err(CommandError::Text(text));
        }
        if conditions.later && conditions.earlier {
            return Err(CommandError::Text("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(conditions)
    }

    fn hold(&self, old_ms: Option<u64>, new_ms: i64) -> bool {
        let old = old_ms.map(|at_ms| i64::try_from(at_ms).unwrap_or(i64::MAX));
        !(self.absent && old.is_some()
            || self.present && old.is_none()
            || self.later && old.is_none_or(|old| new_ms <= old)
            || self.earlier && old.is_some_and(|old| new_ms >= old))
    }
}

fn set_deadline(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
    measure: Measure,
    command: &'static str,
) -> Result<(), CommandError> {
    let conditions = Conditions::parse(args)?;
    let now_ms = context.keyspace.now_ms();
    let moment_ms = measure.moment_of(args.get(2), now_ms, command)?;
    let key = context.first_key(args.get(1));
    let changed = match context.keyspace.entry(context.db, key) {
        Entry::Occupied(mut entry) if conditions.hold(entry.deadline_ms(), moment_ms) => {
            match u64::try_from(moment_ms) {
                Ok(at_ms) if at_ms > now_ms => entry.set_deadline(Some(at_ms)),
                _ => entry.remove(),
            }
            true
        }
        Entry::Occupied(_) | Entry::Vacant(_) => false,
    };
    reply.integer(i64::from(changed));
    Ok(())
}

/// PERSIST.
pub(super) fn persist(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let key = context.first_key(args.get(1));
    let changed = match context.keyspace.entry(context.db, key) {
        Entry::Occupied(mut entry) if entry.deadline_ms().is_some() => {
            entry.set_deadline(None);
            true
        }
        Entry::Occupied(_) | Entry::Vacant(_) => false,
    };
    reply.integer(i64::from(changed));
    Ok(())
}

/// TTL.
pub(super) fn ttl(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let now_ms = context.keyspace.now_ms();
    tell_deadline(context, args, reply, |at_ms| seconds(at_ms.saturating_sub(now_ms)))
}

/// PTTL.
pub(super) fn pttl(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let now_ms = context.keyspace.now_ms();
    tell_deadline(context, args, reply, |at_ms| at_ms.saturating_sub(now_ms))
}

/// EXPIRETIME.
pub(super) fn expiretime(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    tell_deadline(context, args, reply, seconds)
}

/// PEXPIRETIME.
pub(super) fn pexpiretime(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    tell_deadline(context, args, reply, |at_ms| at_ms)
}

/// Answers -2 without a key, -1 without a deadline, and else what `tell` makes of it.
fn tell_deadline(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
    tell: impl FnOnce(u64) -> u64,
) -> Result<(), CommandError> {
    let key = context.first_key(args.get(1));
    let answer = match context.look(&key).map(|view| view.deadline_ms()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at_ms)) => i64::try_from(tell(at_ms)).unwrap_or(i64::MAX),
    };
    reply.integer(answer);
    Ok(())
}

/// Rounded to the nearest.
fn seconds(duration_ms: u64) -> u64 {
    duration_ms.saturating_add(500) / 1000
}
