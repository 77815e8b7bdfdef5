//! SET with its options.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::expiry::Lifetime;
use super::super::keys::Access;
use super::super::{CommandError, DataContext};
use super::read::write_value;
use super::write::store;
use crate::mycel::{Deadline, Decimal, Entry, NewValue, Value};

/// SET. Most of them have no option: that is decided by the number of arguments alone.
#[inline]
pub(super) fn set(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    if args.len() > 3 {
        return set_with_options(context, args, reply);
    }
    let key = context.first_key(args.get(1));
    store(context.keyspace, context.db, key, args.get(2), Deadline::None);
    reply.ok();
    Ok(())
}

/// What one SET does to its key.
pub(super) fn access(line: Args<'_>) -> Access {
    let reads = |word: &[u8]| word.eq_ignore_ascii_case(b"GET") || word.eq_ignore_ascii_case(b"IFEQ");
    if line.iter().skip(3).any(reads) { Access::READ_UPDATE } else { Access::OVERWRITE }
}

/// The options of SET.
struct SetOptions<'a> {
    condition: Condition<'a>,
    lifetime: Lifetime<'a>,
    answer: Answer,
}

/// What must hold of the key for SET to write.
enum Condition<'a> {
    Always,
    /// `NX`
    Absent,
    /// `XX`
    Present,
    /// `IFEQ`
    Equals(&'a [u8]),
}

/// What SET answers.
enum Answer {
    /// OK, or null if it did not write.
    Outcome,
    /// `GET`: what the key held, or null.
    OldValue,
}

impl<'a> SetOptions<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut options =
            Self { condition: Condition::Always, lifetime: Lifetime::Unsaid, answer: Answer::Outcome };
        let mut words = args.iter().skip(3);
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case(b"GET") {
                options.answer = Answer::OldValue;
            } else if word.eq_ignore_ascii_case(b"KEEPTTL") {
                options.lifetime = options.lifetime.and(Lifetime::Keep)?;
            } else if let Some(condition) = Condition::named(word, &mut words)? {
                options.condition = options.condition.and(condition)?;
            } else {
                options.lifetime = options.lifetime.and(Lifetime::until(word, &mut words)?)?;
            }
        }
        Ok(options)
    }
}

impl<'a> Condition<'a> {
    fn named(word: &[u8], words: &mut impl Iterator<Item = &'a [u8]>) -> Result<Option<Self>, CommandError> {
        Ok(if word.eq_ignore_ascii_case(b"NX") {
            Some(Self::Absent)
        } else if word.eq_ignore_ascii_case(b"XX") {
            Some(Self::Present)
        } else if word.eq_ignore_ascii_case(b"IFEQ") {
            Some(Self::Equals(words.next().ok_or(CommandError::Syntax)?))
        } else {
            None
        })
    }

    /// Both options together: NX and XX may be repeated, nothing else goes with another.
    fn and(self, later: Self) -> Result<Self, CommandError> {
        match (self, &later) {
            (Self::Always, _) | (Self::Absent, Self::Absent) | (Self::Present, Self::Present) => Ok(later),
            _ => Err(CommandError::Syntax),
        }
    }

    fn holds(&self, value: Option<Value<'_>>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => value.is_none(),
            Self::Present => value.is_some(),
            Self::Equals(expected) => {
                value.is_some_and(|value| value.bytes(&mut Decimal::new()) == *expected)
            }
        }
    }
}

#[inline(never)]
fn set_with_options(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let SetOptions { condition, lifetime, answer } = SetOptions::parse(args)?;
    let now_ms = context.keyspace.now_ms();
    let deadline = match lifetime.deadline(now_ms, "set")? {
        Some(at_ms) => Deadline::At(at_ms),
        None if lifetime == Lifetime::Keep => Deadline::Keep,
        None => Deadline::None,
    };
    let key = context.first_key(args.get(1));
    let entry = context.keyspace.entry(context.db, key);
    let old = entry.view().map(|view| view.value());
    let writes = condition.holds(old);
    match answer {
        Answer::OldValue => {
            context.hits += u64::from(old.is_some());
            context.misses += u64::from(old.is_none());
            match old {
                Some(value) => write_value(reply, value),
                None => reply.null(),
            }
        }
        Answer::Outcome if writes => reply.ok(),
        Answer::Outcome => reply.null(),
    }
    if writes {
        write_until(entry, args.get(2), deadline, now_ms);
    }
    Ok(())
}

/// Writes a string; if its deadline is past already, the key is gone instead.
fn write_until(entry: Entry<'_>, value: &[u8], deadline: Deadline, now_ms: u64) {
    let past = matches!(deadline, Deadline::At(at_ms) if at_ms <= now_ms);
    match entry {
        Entry::Occupied(entry) if past => entry.remove(),
        Entry::Vacant(_) if past => {}
        entry => entry.put(NewValue::Text(value), deadline),
    }
}
