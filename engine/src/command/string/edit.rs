//! Commands that change a part of a string: APPEND and SETRANGE.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::{CommandError, DataContext, argument};
use crate::mycel::{Deadline, Entry, NewValue};

/// APPEND.
pub(super) fn append(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let (key, tail) = (context.first_key(args.get(1)), args.get(2));
    let length = match context.keyspace.entry(context.db, key) {
        Entry::Occupied(mut entry) => {
            grown_length(entry.value().len(), tail, context.value_bytes_max)?;
            entry.append(tail)
        }
        Entry::Vacant(entry) => {
            entry.insert(NewValue::Text(tail), Deadline::None);
            tail.len()
        }
    };
    reply.integer(length as i64);
    Ok(())
}

/// SETRANGE.
pub(super) fn setrange(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let offset = usize::try_from(argument::integer(args.get(2))?);
    let offset = offset.map_err(|_| CommandError::Text("ERR offset is out of range"))?;
    let (key, part) = (context.first_key(args.get(1)), args.get(3));
    let entry = context.keyspace.entry(context.db, key);
    let current = entry.view().map_or(0, |view| view.value().len());
    if part.is_empty() {
        reply.integer(current as i64);
        return Ok(());
    }
    let end = grown_length(offset, part, context.value_bytes_max)?;
    match entry {
        Entry::Occupied(mut entry) => {
            entry.write_at(offset, part);
        }
        Entry::Vacant(entry) => {
            let mut padded = vec![0; offset];
            padded.extend_from_slice(part);
            entry.insert(NewValue::Raw(&padded), Deadline::None);
        }
    }
    reply.integer(end.max(current) as i64);
    Ok(())
}

/// The length of a string that has `part` at `offset`.
fn grown_length(offset: usize, part: &[u8], value_bytes_max: usize) -> Result<usize, CommandError> {
    offset.checked_add(part.len()).filter(|length| *length <= value_bytes_max).ok_or(CommandError::TooLong)
}
