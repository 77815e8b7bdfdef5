//! Commands that only read strings: GET, MGET, STRLEN, GETRANGE and its older name SUBSTR.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::{CommandError, DataContext, argument, many};
use crate::mycel::{Decimal, Value};

/// A value as a bulk string, straight from where it is kept.
#[inline]
pub(super) fn write_value(reply: &mut Reply<'_>, value: Value<'_>) {
    match value {
        Value::Bytes(bytes) => reply.bulk(bytes),
        Value::Int(number) => reply.bulk_integer(number),
    }
}

/// GET.
#[inline]
pub(super) fn get(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let key = context.first_key(args.get(1));
    match context.read(&key) {
        Some(view) => write_value(reply, view.value()),
        None => reply.null(),
    }
    Ok(())
}

/// MGET.
pub(super) fn mget(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    reply.array(args.len() - 1);
    many::for_each_key(context, args, 1, |context, key, _| match context.read(&key) {
        Some(view) => write_value(reply, view.value()),
        None => reply.null(),
    });
    Ok(())
}

/// STRLEN.
pub(super) fn strlen(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let key = context.first_key(args.get(1));
    let length = context.read(&key).map_or(0, |view| view.value().len());
    reply.integer(length.cast_signed() as i64);
    Ok(())
}

/// GETRANGE and SUBSTR.
pub(super) fn getrange(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let (start, end) = (argument::integer(args.get(2))?, argument::integer(args.get(3))?);
    let key = context.first_key(args.get(1));
    let mut decimal = Decimal::new();
    let bytes = context.read(&key).map_or(&[][..], |view| view.value().bytes(&mut decimal));
    reply.bulk(range(bytes, start, end));
    Ok(())
}

/// The bytes from `start` to `end`, both inclusive; negative ones count from the end. What lies outside is cut off,
/// after the beginning has taken both bounds in: the range 0 to -100 of a short string is its first byte.
fn range(bytes: &[u8], start: i64, end: i64) -> &[u8] {
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let length = bytes.len() as i64;
    let from_beginning = |index: i64| if index < 0 { index.saturating_add(length).max(0) } else { index };
    let (start, end) = (from_beginning(start), from_beginning(end).min(length - 1));
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if start <= end => &bytes[start..=end],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_cut_to_the_string() {
        let check = |start, end, expect: &str| {
            assert_eq!(range(b"abcd", start, end), expect.as_bytes(), "{start} {end}");
        };
        check(0, 3, "abcd");
        check(0, -1, "abcd");
        check(1, 2, "bc");
        check(-2, -1, "cd");
        check(-1, -2, "");
        check(2, 1, "");
        check(4, 9, "");
        check(3, 9, "d");
        check(0, -100, "a");
        check(-100, -50, "a");
        check(i64::MIN, i64::MAX, "abcd");
        check(i64::MAX, i64::MIN, "");
        assert_eq!(range(b"", 0, -1), b"");
    }
}
