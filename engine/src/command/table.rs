//! Finds the row of a command by the name that a client sent, in any case of letters.
//!
//! Open addressing over the packed name: up to sixteen bytes as one integer, letters folded, so that a look-up is a
//! multiplication, a load and one comparison.

use std::sync::LazyLock;

use super::{Command, connection, cluster, generic, server, string};

/// The number of places: a power of two well above the number of rows.
const PLACES: usize = 1024;

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

struct Table {
    rows: Vec<&'static Command>,
    places: Box<[u16; PLACES]>,
}

/// Marks an empty place.
const EMPTY: u16 = u16::MAX;

impl Table {
    fn build() -> Self {
        let groups = [connection::COMMANDS, generic::COMMANDS, string::COMMANDS, server::COMMANDS, cluster::COMMANDS];
        let rows: Vec<&'static Command> = groups.into_iter().flatten().collect();
        assert!(rows.len() < PLACES / 4, "the command table has outgrown its index");
        let mut places = Box::new([EMPTY; PLACES]);
        for (number, row) in (0_u16..).zip(&rows) {
            let mut place = place_of(row.name.as_bytes());
            while places[place] != EMPTY {
                place = (place + 1) % PLACES;
            }
            places[place] = number;
        }
        Self { rows, places }
    }
}

/// All rows, containers with their subcommands inside.
pub fn all() -> impl Iterator<Item = &'static Command> {
    TABLE.rows.iter().copied()
}

/// The row of that name.
#[must_use]
#[inline]
pub fn find(name: &[u8]) -> Option<&'static Command> {
    let table = &*TABLE;
    let mut place = place_of(name);
    loop {
        let row = *table.rows.get(usize::from(table.places[place]))?;
        if row.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(row);
        }
        place = (place + 1) % PLACES;
    }
}

/// Where the search for a name starts.
#[inline]
fn place_of(name: &[u8]) -> usize {
    let mut word = name.len() as u64;
    for &byte in name.iter().take(16) {
        word = (word.rotate_left(5) ^ u64::from(byte | 0x20)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    (word >> 54) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_in_any_case_and_nothing_else_is() {
        for row in all() {
            assert_eq!(find(row.name.as_bytes()).map(|found| found.name), Some(row.name));
            assert_eq!(find(row.name.to_uppercase().as_bytes()).map(|found| found.name), Some(row.name));
        }
        for name in ["", "ge", "gett", "get\0", "a name much longer than any command has ever had"] {
            assert!(find(name.as_bytes()).is_none(), "{name}");
        }
    }
}
