//! House rules that no lint knows, checked over every file that git knows: sizes, names, module docs, and paths
//! in documents. A rule is a function from one file to its breaches.

mod document;
mod source;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::{Context, Failure, Outcome};
use crate::{shell, workspace};

/// One text file of the tree.
struct File<'a> {
    /// Relative to the root, with `/`.
    path: &'a str,
    text: &'a str,
}

/// Says how a file breaks a rule; `None` when it keeps it.
type Rule = fn(&File<'_>) -> Vec<String>;

const RULES: &[Rule] = &[
    source::is_short,
    source::has_a_telling_name,
    source::starts_with_its_doc,
    document::names_no_machine,
    document::names_paths_that_exist,
];

/// Checks the whole tree and lists every breach.
pub(crate) fn run() -> Outcome {
    let root = workspace::root();
    let mut git = Command::new("git");
    git.current_dir(&root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let mut breaches = Vec::new();
    for path in shell::read(&mut git)?.lines().filter(|path| is_text(path) && root.join(path).exists()) {
        let text = fs::read_to_string(root.join(path)).context(format!("reading {path}"))?;
        let file = File { path, text: &text };
        breaches.extend(RULES.iter().flat_map(|rule| rule(&file)).map(|breach| format!("{path}: {breach}")));
    }
    if breaches.is_empty() { Ok(()) } else { Err(Failure::Rules(breaches)) }
}

fn is_text(path: &str) -> bool {
    const ENDINGS: &[&str] = &["rs", "md", "toml", "txt", "service", "py", "sh"];
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str());
    path == ".ci/run" || ending.is_some_and(|ending| ENDINGS.contains(&ending))
}
