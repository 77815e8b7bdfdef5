//! Looks commands up in the engine's command table, for help, completion and hints.

use mycorrhizal::command::Command;
use mycorrhizal::command::table::{self, Row};

/// A command or subcommand with the words that name it.
#[derive(Clone)]
pub(crate) struct Found {
    /// Upper-case name, of a subcommand with its container's: `CONFIG GET`.
    pub(crate) name: String,
    /// How many words of the line the name takes.
    pub(crate) words: usize,
    /// Its row.
    pub(crate) row: &'static Command,
}

/// The most specific row that the first words of a line name.
pub(crate) fn find<W: AsRef<[u8]>>(words: &[W]) -> Option<Found> {
    let row = table::find(words.first()?.as_ref())?;
    match words.get(1).and_then(|word| row.subcommand(word.as_ref())) {
        Some(sub) => Some(found(sub, 2)),
        None => Some(found(row, 1)),
    }
}

/// Every command and subcommand, by name.
pub(crate) fn all() -> Vec<Found> {
    let rows = table::all().flat_map(|row| {
        std::iter::once(found(row, 1)).chain(row.subcommands.iter().map(|sub| found(sub, 2)))
    });
    let mut rows: Vec<Found> = rows.collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    rows
}

fn found(row: &'static Row, words: usize) -> Found {
    Found { name: row.full_name.to_ascii_uppercase().replace('|', " "), words, row: row.command }
}

/// A syntax as its top-level parts: `key value [NX | XX] [EX seconds]` has four.
pub(crate) fn parts(syntax: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, None);
    for (at, byte) in syntax.bytes().enumerate() {
        match byte {
            b'[' | b'<' => depth += 1,
            b']' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if byte == b' ' && depth == 0 {
            parts.extend(start.take().map(|start| &syntax[start..at]));
        } else {
            start = start.or(Some(at));
        }
    }
    parts.extend(start.map(|start| &syntax[start..]));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_falls_into_its_parts() {
        assert_eq!(
            parts("key value [NX | XX] [EX seconds | PX ms]"),
            ["key", "value", "[NX | XX]", "[EX seconds | PX ms]"]
        );
        assert_eq!(parts("key [key ...]"), ["key", "[key ...]"]);
        assert_eq!(parts("<A | B [C]> rest"), ["<A | B [C]>", "rest"]);
        assert_eq!(parts(""), Vec::<&str>::new());
    }

    #[test]
    fn commands_are_found_by_their_words() {
        assert_eq!(find(&["get", "x"]).map(|found| (found.name, found.words)), Some(("GET".into(), 1)));
        assert_eq!(
            find(&["config", "get", "x"]).map(|found| (found.name, found.words)),
            Some(("CONFIG GET".into(), 2))
        );
        assert!(find(&["nonesuch"]).is_none());
        assert!(find::<&str>(&[]).is_none());
    }
}
