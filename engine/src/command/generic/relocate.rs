//! Commands that put a key's value under another key or into another database: RENAME, RENAMENX, COPY, MOVE.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::{CommandError, DataContext, argument};
use crate::mycel::{Db, Deadline, Key, Keyspace, NewValue, View};

/// A value with its deadline on the way from one key to another.
struct Carried {
    value: CarriedValue,
    deadline: Deadline,
}

enum CarriedValue {
    Int(i64),
    Bytes(Vec<u8>),
    Raw(Vec<u8>),
}

impl Carried {
    fn of(view: &View<'_>) -> Self {
        let value = match view.copy() {
            NewValue::Int(number) => CarriedValue::Int(number),
            NewValue::Raw(bytes) => CarriedValue::Raw(bytes.to_vec()),
            NewValue::Bytes(bytes) | NewValue::Text(bytes) => CarriedValue::Bytes(bytes.to_vec()),
        };
        Self { value, deadline: view.deadline_ms().into() }
    }

    fn value(&self) -> NewValue<'_> {
        match &self.value {
            CarriedValue::Int(number) => NewValue::Int(*number),
            CarriedValue::Bytes(bytes) => NewValue::Bytes(bytes),
            CarriedValue::Raw(bytes) => NewValue::Raw(bytes),
        }
    }

    fn put(&self, keyspace: &mut Keyspace, db: Db, key: Key<'_>) {
        keyspace.entry(db, key).put(self.value(), self.deadline);
    }
}

/// RENAME.
pub(super) fn rename(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let (from, to) = (context.first_key(args.get(1)), context.key(args.get(2)));
    let carried = context.keyspace.find(context.db, &from).map(|view| Carried::of(&view));
    let carried = carried.ok_or(CommandError::NoSuchKey)?;
    if from.bytes() != to.bytes() {
        carried.put(context.keyspace, context.db, to);
        context.keyspace.remove(context.db, &from);
    }
    reply.ok();
    Ok(())
}

/// RENAMENX.
pub(super) fn renamenx(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let (from, to) = (context.first_key(args.get(1)), context.key(args.get(2)));
    let carried = context.keyspace.find(context.db, &from).map(|view| Carried::of(&view));
    let carried = carried.ok_or(CommandError::NoSuchKey)?;
    // A key renamed to itself is in its own way.
    let free = context.keyspace.find(context.db, &to).is_none();
    if free {
        carried.put(context.keyspace, context.db, to);
        context.keyspace.remove(context.db, &from);
    }
    reply.integer(i64::from(free));
    Ok(())
}

/// What COPY and MOVE answer when source and destination are one.
const SAME: CommandError = CommandError::Text("ERR source and destination objects are the same");

/// COPY.
pub(super) fn copy(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let (mut db, mut replaces) = (context.db, false);
    let mut words = args.iter().skip(3);
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"REPLACE") {
            replaces = true;
        } else if word.eq_ignore_ascii_case(b"DB") {
            db = argument::database(words.next().ok_or(CommandError::Syntax)?, context.keyspace)?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let (from, to) = (context.first_key(args.get(1)), context.key(args.get(2)));
    if db == context.db && from.bytes() == to.bytes() {
        return Err(SAME);
    }
    let carried = context.read(&from).map(|view| Carried::of(&view));
    let carried = carried.filter(|_| replaces || context.keyspace.find(db, &to).is_none());
    if let Some(carried) = &carried {
        carried.put(context.keyspace, db, to);
    }
    reply.integer(i64::from(carried.is_some()));
    Ok(())
}

/// MOVE.
pub(super) fn r#move(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let db = argument::database(args.get(2), context.keyspace)?;
    if db == context.db {
        return Err(SAME);
    }
    let key = context.first_key(args.get(1));
    let carried = context.keyspace.find(context.db, &key).map(|view| Carried::of(&view));
    let carried = carried.filter(|_| context.keyspace.find(db, &key).is_none());
    if let Some(carried) = &carried {
        carried.put(context.keyspace, db, key);
        context.keyspace.remove(context.db, &key);
    }
    reply.integer(i64::from(carried.is_some()));
    Ok(())
}
