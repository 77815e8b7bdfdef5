//! Finds the row of a command by the name that a client sent, in any case of letters.
//!
//! Open addressing over a hash of the folded name: a look-up is a few multiplications, a load and one comparison.
//! Rows are numbered, subcommands behind all commands, so that statistics can stand in plain arrays.

use std::sync::LazyLock;

use super::{Command, cluster, connection, generic, keyspace, server, string};

/// The number of places: a power of two well above the number of rows.
const PLACES: usize = 1024;

/// Marks an empty place.
const EMPTY: u16 = u16::MAX;

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

/// One row with its number.
#[derive(Debug)]
pub struct Row {
    /// What the row says.
    pub command: &'static Command,
    /// The row's place in arrays of per-command statistics: below [`count`].
    pub number: u16,
    /// Its name as statistics and ACL write it: `get`, `config|set`.
    pub full_name: String,
    /// Whether it takes the same time whatever it is given, by its own word.
    pub constant_time: bool,
    /// The subcommands, empty unless it is a container.
    pub subcommands: Vec<Row>,
}

struct Table {
    rows: Vec<Row>,
    count: usize,
    places: Box<[u16; PLACES]>,
}

impl Table {
    fn build() -> Self {
        let groups = [
            cluster::COMMANDS,
            connection::COMMANDS,
            generic::COMMANDS,
            keyspace::COMMANDS,
            server::COMMANDS,
            string::COMMANDS,
        ];
        let mut rows: Vec<Row> =
            groups.into_iter().flatten().zip(0..).map(|(command, number)| row(command, number)).collect();
        assert!(rows.len() < PLACES / 4, "the command table has outgrown its index");
        let mut count = rows.len();
        for row in &mut rows {
            let subcommands = row.command.subcommands.iter().zip(count..);
            row.subcommands =
                subcommands.map(|(command, number)| subcommand(row.command, command, number)).collect();
            count += row.subcommands.len();
        }
        let mut places = Box::new([EMPTY; PLACES]);
        for row in &rows {
            let mut place = place_of(row.command.name.as_bytes());
            while places[place] != EMPTY {
                place = (place + 1) % PLACES;
            }
            places[place] = row.number;
        }
        Self { rows, count, places }
    }
}

fn row(command: &'static Command, number: usize) -> Row {
    let number = u16::try_from(number).expect("rows are few");
    let constant_time = command.complexity.starts_with("O(1)");
    Row { command, number, full_name: command.name.to_owned(), constant_time, subcommands: Vec::new() }
}

fn subcommand(container: &'static Command, command: &'static Command, number: usize) -> Row {
    Row { full_name: format!("{}|{}", container.name, command.name), ..row(command, number) }
}

/// All rows, containers with their subcommands inside.
pub fn all() -> impl Iterator<Item = &'static Row> {
    TABLE.rows.iter()
}

/// How many rows there are, subcommands included.
#[must_use]
pub fn count() -> usize {
    TABLE.count
}

/// The row of that name.
#[must_use]
#[inline]
pub fn find(name: &[u8]) -> Option<&'static Row> {
    let table = &*TABLE;
    let mut place = place_of(name);
    loop {
        let row = table.rows.get(usize::from(table.places[place]))?;
        if row.command.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(row);
        }
        place = (place + 1) % PLACES;
    }
}

/// The row of a full name, `config|set` as well as `get`.
#[must_use]
pub fn find_full(name: &[u8]) -> Option<&'static Row> {
    match name.iter().position(|&byte| byte == b'|') {
        Some(bar) => find(&name[..bar])?.subcommand(&name[bar + 1..]),
        None => find(name),
    }
}

impl Row {
    /// The row and its subcommands.
    pub fn with_subcommands(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.subcommands)
    }

    /// The subcommand of that name, in any case of letters.
    #[must_use]
    pub fn subcommand(&self, name: &[u8]) -> Option<&Self> {
        self.subcommands.iter().find(|row| row.command.name.as_bytes().eq_ignore_ascii_case(name))
    }
}

/// Where the search for a name starts.
#[inline]
fn place_of(name: &[u8]) -> usize {
    let mut word = name.len() as u64;
    for &byte in name.iter().take(16) {
        word = (word.rotate_left(5) ^ u64::from(byte | 0x20)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    (word >> 54) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_in_any_case_and_nothing_else_is() {
        for row in all() {
            assert_eq!(find(row.command.name.as_bytes()).map(|found| found.number), Some(row.number));
            assert_eq!(
                find(row.command.name.to_uppercase().as_bytes()).map(|found| found.number),
                Some(row.number)
            );
        }
        for name in ["", "ge", "gett", "get\0", "a name much longer than any command has ever had"] {
            assert!(find(name.as_bytes()).is_none(), "{name}");
        }
    }

    #[test]
    fn numbers_are_dense() {
        let rows = all().flat_map(|row| std::iter::once(row).chain(&row.subcommands));
        let mut numbers: Vec<usize> = rows.map(|row| usize::from(row.number)).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..count()).collect::<Vec<_>>());
    }

    #[test]
    fn rows_are_whole() {
        for row in all().flat_map(|row| std::iter::once(row).chain(&row.subcommands)) {
            let command = row.command;
            assert!(
                !command.summary.is_empty() && !command.complexity.is_empty(),
                "{} lacks words",
                row.full_name
            );
            assert!(command.arity != 0 && command.name == command.name.to_lowercase(), "{}", row.full_name);
        }
    }
}
