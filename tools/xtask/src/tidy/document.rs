//! Rules for words: no path of somebody's machine anywhere, and every path that a document names exists.

use super::File;
use crate::workspace;

/// Where the paths of one machine begin. Written in two halves, so that this file keeps its own rule.
const MACHINE_PATHS: &[&str] = &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];

/// Directories and endings by which a word in a document is taken for a path of the tree.
const TOP: &[&str] = &[".cargo", ".ci", "benches", "cli", "engine", "net", "tests", "tools"];
const ENDINGS: &[&str] = &[".md", ".rs"];

pub(super) fn names_no_machine(file: &File<'_>) -> Vec<String> {
    let starts_word = |line: &str, at: usize| {
        line[..at]
            .chars()
            .next_back()
            .is_none_or(|before| before.is_whitespace() || "`\"'(=:".contains(before))
    };
    let mut breaches = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let hits = MACHINE_PATHS.iter().flat_map(|path| line.match_indices(path));
        let mut hits = hits.filter(|(at, _)| starts_word(line, *at));
        if let Some((_, path)) = hits.next() {
            breaches.push(format!("line {}: `{path}` is a path of one machine", number + 1));
        }
    }
    breaches
}

pub(super) fn names_paths_that_exist(file: &File<'_>) -> Vec<String> {
    if !file.path.ends_with(".md") || file.path.contains('/') {
        return Vec::new();
    }
    let root = workspace::root();
    let missing = named_paths(file.text).filter(|path| !root.join(path).exists());
    missing.map(|path| format!("`{path}` does not exist")).collect()
}

/// Words in backticks and targets of links that look like a path of the tree.
fn named_paths(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    quoted.chain(linked).filter(|word| is_path(word))
}

fn is_path(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let top = word.split('/').next().is_some_and(|first| TOP.contains(&first)) && word.contains('/');
    let document = ENDINGS.iter().any(|ending| word.ends_with(ending));
    plain && (top || (document && !word.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_other_words() {
        let text = "See `net/src/ring.rs`, `cargo xtask test`, `GET`, [map](ARCHITECTURE.md#top), `/proc/1/stat`, \
                    `mycorrhizald --dir PATH` and `tests/`.";
        let found: Vec<&str> = named_paths(text).collect();
        assert_eq!(found, ["net/src/ring.rs", "tests/", "ARCHITECTURE.md"]);
    }

    #[test]
    fn machine_paths_are_found_where_a_word_begins() {
        let breaches = |text: &str| names_no_machine(&File { path: "README.md", text }).len();
        assert_eq!(breaches(&format!("in `{}x`", MACHINE_PATHS[0])), 1);
        assert_eq!(breaches("network/home-made/ and artwork/x"), 0);
    }
}
