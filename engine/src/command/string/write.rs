//! Commands that write whole strings, but for SET: those that it has replaced, GETDEL, GETEX and MSET.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::expiry::{Lifetime, Measure};
use super::super::{CommandError, DataContext, many};
use super::read::write_value;
use crate::mycel::{Db, Deadline, Entry, Key, Keyspace, NewValue};

/// Stores a string that a client sent, whatever the key holds.
#[inline]
pub(super) fn store(keyspace: &mut Keyspace, db: Db, key: Key<'_>, value: &[u8], deadline: Deadline) {
    keyspace.entry(db, key).put(NewValue::Text(value), deadline);
}

/// SETNX.
pub(super) fn setnx(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let key = context.first_key(args.get(1));
    let entry = context.keyspace.entry(context.db, key);
    reply.integer(i64::from(matches!(entry, Entry::Vacant(_))));
    if let Entry::Vacant(entry) = entry {
        entry.insert(NewValue::Text(args.get(2)), Deadline::None);
    }
    Ok(())
}

/// SETEX.
pub(super) fn setex(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    set_for(context, args, reply, Measure::Seconds, "setex")
}

/// PSETEX.
pub(super) fn psetex(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    set_for(context, args, reply, Measure::Milliseconds, "psetex")
}

fn set_for(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
    measure: Measure,
    command: &'static str,
) -> Result<(), CommandError> {
    let at_ms = measure.deadline(args.get(2), context.keyspace.now_ms(), command)?;
    let key = context.first_key(args.get(1));
    store(context.keyspace, context.db, key, args.get(3), Deadline::At(at_ms));
    reply.ok();
    Ok(())
}

/// GETSET.
pub(super) fn getset(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let key = context.first_key(args.get(1));
    match context.keyspace.entry(context.db, key) {
        Entry::Occupied(mut entry) => {
            context.hits += 1;
            write_value(reply, entry.value());
            entry.replace(NewValue::Text(args.get(2)), Deadline::None);
        }
        Entry::Vacant(entry) => {
            context.misses += 1;
            reply.null();
            entry.insert(NewValue::Text(args.get(2)), Deadline::None);
        }
    }
    Ok(())
}

/// GETDEL.
pub(super) fn getdel(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let key = context.first_key(args.get(1));
    match context.keyspace.entry(context.db, key) {
        Entry::Occupied(entry) => {
            context.hits += 1;
            write_value(reply, entry.value());
            entry.remove();
        }
        Entry::Vacant(_) => {
            context.misses += 1;
            reply.null();
        }
    }
    Ok(())
}

/// GETEX.
pub(super) fn getex(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let mut lifetime = Lifetime::Unsaid;
    let mut words = args.iter().skip(2);
    while let Some(word) = words.next() {
        let said = match word {
            word if word.eq_ignore_ascii_case(b"PERSIST") => Lifetime::Persist,
            word => Lifetime::until(word, &mut words)?,
        };
        lifetime = lifetime.and(said)?;
    }
    let now_ms = context.keyspace.now_ms();
    let key = context.first_key(args.get(1));
    let Entry::Occupied(mut entry) = context.keyspace.entry(context.db, key) else {
        context.misses += 1;
        reply.null();
        return Ok(());
    };
    context.hits += 1;
    // Only now: of a key that is not there, Redis never looks at the amount.
    let deadline = lifetime.deadline(now_ms, "getex")?;
    write_value(reply, entry.value());
    match deadline {
        Some(at_ms) if at_ms <= now_ms => entry.remove(),
        Some(at_ms) => entry.set_deadline(Some(at_ms)),
        None if lifetime == Lifetime::Persist && entry.deadline_ms().is_some() => entry.set_deadline(None),
        None => {}
    }
    Ok(())
}

/// MSET.
pub(super) fn mset(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::WrongArity("mset".into()));
    }
    store_pairs(context, args);
    reply.ok();
    Ok(())
}

/// MSETNX.
pub(super) fn msetnx(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::WrongArity("msetnx".into()));
    }
    let mut absent = true;
    many::for_each_key(context, args, 2, |context, key, _| {
        absent &= context.keyspace.find(context.db, &key).is_none();
    });
    if absent {
        store_pairs(context, args);
    }
    reply.integer(i64::from(absent));
    Ok(())
}

fn store_pairs(context: &mut DataContext<'_>, args: Args<'_>) {
    many::for_each_key(context, args, 2, |context, key, index| {
        store(context.keyspace, context.db, key, args.get(index + 1), Deadline::None);
    });
}
