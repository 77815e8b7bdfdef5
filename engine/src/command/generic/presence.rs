//! Commands that ask for keys or remove them: DEL, UNLINK, EXISTS, TOUCH, TYPE.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::{CommandError, DataContext, many};

/// DEL and UNLINK: freeing a string takes no time that another thread could save.
pub(super) fn del(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let mut removed = 0;
    many::for_each_key(context, args, 1, |context, key, _| {
        removed += i64::from(context.keyspace.remove(context.db, &key));
    });
    reply.integer(removed);
    Ok(())
}

/// EXISTS: a key that is named twice counts twice. The key does not count as used.
pub(super) fn exists(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let mut found = 0;
    many::for_each_key(context, args, 1, |context, key, _| found += i64::from(context.look(&key).is_some()));
    reply.integer(found);
    Ok(())
}

/// TOUCH: the keys count as used even if CLIENT NO-TOUCH is on.
pub(super) fn touch(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let mut found = 0;
    context.no_touch = false;
    many::for_each_key(context, args, 1, |context, key, _| {
        found += i64::from(context.read(&key).is_some());
    });
    reply.integer(found);
    Ok(())
}

/// TYPE.
pub(super) fn r#type(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let key = context.first_key(args.get(1));
    reply.simple(context.look(&key).map_or("none", |view| view.kind().name()));
    Ok(())
}
