//! Finds the row of a command by the name that a client sent, in any case of letters.
//!
//! Open addressing over the folded beginning of the name, eight bytes in one word: for all but the longest names a
//! look-up is one multiplication, one load and one comparison.
//! Rows are numbered, subcommands behind all commands, so that statistics can stand in plain arrays.

use std::sync::LazyLock;

use super::{
    Command, Run, application, cluster, connection, coordination, generic, keyspace, pubsub, server, string,
};

/// The number of places: a power of two well above the number of rows.
const PLACES: usize = 1024;

/// One place of the index.
#[derive(Clone, Copy)]
struct Indexed {
    /// What [`fold`] makes of the name.
    folded: u64,
    /// The number of the row, or [`EMPTY`].
    number: u16,
    /// The length of the name if it is of at most eight bytes, all letters: then `folded` and this say everything.
    letters: Option<u8>,
}

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
    /// Whether it takes the same time whatever it is given, by its own word; of a message, while few are to hear it.
    pub constant_time: bool,
    /// The subcommands, empty unless it is a container.
    pub subcommands: Vec<Row>,
}

struct Table {
    rows: Vec<Row>,
    count: usize,
    places: Box<[Indexed; PLACES]>,
}

impl Table {
    fn build() -> Self {
        let groups = [
            application::COMMANDS,
            cluster::COMMANDS,
            connection::COMMANDS,
            coordination::COMMANDS,
            generic::COMMANDS,
            keyspace::COMMANDS,
            pubsub::COMMANDS,
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
        let mut places = Box::new([Indexed { folded: 0, number: EMPTY, letters: None }; PLACES]);
        for row in &rows {
            let name = row.command.name.as_bytes();
            let folded = fold(name);
            let mut place = place_of(folded);
            while places[place].number != EMPTY {
                place = (place + 1) % PLACES;
            }
            let is_whole = name.len() <= 8 && name.iter().all(u8::is_ascii_alphabetic);
            let letters = u8::try_from(name.len()).ok().filter(|_| is_whole);
            places[place] = Indexed { folded, number: row.number, letters };
        }
        Self { rows, count, places }
    }
}

fn row(command: &'static Command, number: usize) -> Row {
    let number = u16::try_from(number).expect("rows are few");
    let is_message = matches!(command.run, Run::Publish(_));
    let constant_time = is_message || command.complexity.starts_with("O(1)");
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
    let folded = fold(name);
    let mut place = place_of(folded);
    loop {
        let indexed = table.places[place];
        let row = table.rows.get(usize::from(indexed.number))?;
        if indexed.folded == folded
            && (indexed.letters.is_some_and(|letters| usize::from(letters) == name.len())
                || row.command.name.as_bytes().eq_ignore_ascii_case(name))
        {
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

/// The first eight bytes of a name, letters as small ones. Nothing but the two cases of a letter becomes a small letter.
#[inline]
fn fold(name: &[u8]) -> u64 {
    const SPACES: u64 = 0x2020_2020_2020_2020;
    let word = match name.first_chunk::<8>() {
        Some(first) => u64::from_le_bytes(*first),
        None => name.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    };
    word | SPACES
}

/// Where the search for a folded name starts.
#[inline]
fn place_of(folded: u64) -> usize {
    (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
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
        for name in [
            "",
            "ge",
            "gett",
            "get\0",
            "get ",
            "g\x05t",
            "getrang",
            "getrangE\0",
            "config\0set",
            "a name much longer than any command has ever had",
        ] {
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
