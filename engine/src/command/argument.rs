//! Reads single arguments, with the error text that each deserves.

use mycorrhizal_net::resp::number::parse_i64;

use super::CommandError;
use crate::mycel::{Db, Keyspace};

/// An integer in canonical decimal form.
#[inline]
pub(super) fn integer(text: &[u8]) -> Result<i64, CommandError> {
    parse_i64(text).ok_or(CommandError::NotInteger)
}

/// A numbered database of `keyspace`; septa of other names cannot be reached by a number.
pub(super) fn database(text: &[u8], keyspace: &Keyspace) -> Result<Db, CommandError> {
    let index = integer(text)?;
    if i32::try_from(index).is_err() {
        let text = "ERR value is out of range, value must between -2147483648 and 2147483647";
        return Err(CommandError::Text(text));
    }
    let index = u16::try_from(index).ok().filter(|index| *index < keyspace.numbered());
    index.map(Db::new).ok_or(CommandError::DatabaseOutOfRange)
}
