//! Commands that count: INCR, DECR, INCRBY, DECRBY and INCRBYFLOAT.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::{CommandError, DataContext, argument};
use super::extended::Parsed;
use crate::mycel::{Deadline, Decimal, Entry, NewValue};

/// INCR.
pub(super) fn incr(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    add(context, args, 1, reply)
}

/// DECR.
pub(super) fn decr(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    add(context, args, -1, reply)
}

/// INCRBY.
pub(super) fn incrby(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    add(context, args, argument::integer(args.get(2))?, reply)
}

/// DECRBY.
pub(super) fn decrby(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let decrement = argument::integer(args.get(2))?;
    let increment = decrement.checked_neg().ok_or(CommandError::Text("ERR decrement would overflow"))?;
    add(context, args, increment, reply)
}

#[inline]
fn add(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    increment: i64,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let key = context.first_key(args.get(1));
    let sum = match context.keyspace.entry(context.db, key) {
        Entry::Occupied(mut entry) => {
            let number = entry.value().as_int().ok_or(CommandError::NotInteger)?;
            let sum = number.checked_add(increment).ok_or(CommandError::Overflow)?;
            entry.replace(NewValue::Int(sum), Deadline::Keep);
            sum
        }
        Entry::Vacant(entry) => {
            entry.insert(NewValue::Int(increment), Deadline::None);
            increment
        }
    };
    reply.integer(sum);
    Ok(())
}

/// INCRBYFLOAT. The sum is kept as a string even if it is whole, as Redis keeps it.
pub(super) fn incrbyfloat(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let increment = || Parsed::parse(args.get(2)).ok_or(CommandError::NotFloat);
    let key = context.first_key(args.get(1));
    match context.keyspace.entry(context.db, key) {
        Entry::Occupied(mut entry) => {
            let number =
                Parsed::parse(entry.value().bytes(&mut Decimal::new())).ok_or(CommandError::NotFloat)?;
            let sum = sum_text(number, increment()?)?;
            entry.replace(NewValue::Bytes(sum.as_bytes()), Deadline::Keep);
            reply.bulk(sum.as_bytes());
        }
        Entry::Vacant(entry) => {
            let sum = sum_text(Parsed::ZERO, increment()?)?;
            entry.insert(NewValue::Bytes(sum.as_bytes()), Deadline::None);
            reply.bulk(sum.as_bytes());
        }
    }
    Ok(())
}

fn sum_text(number: Parsed, increment: Parsed) -> Result<String, CommandError> {
    let sum = match (number, increment) {
        (Parsed::Finite(number), Parsed::Finite(increment)) => number.sum(increment),
        _ => None,
    };
    let sum = sum.ok_or(CommandError::Text("ERR increment would produce NaN or Infinity"))?;
    Ok(sum.to_text())
}
