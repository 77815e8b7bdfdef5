//! Rules for Rust files: length, name, and the module doc that comes first.

use super::File;

const LINES_MAX: usize = 500;

/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "manager", "misc", "util", "utils"];

pub(super) fn is_short(file: &File<'_>) -> Vec<String> {
    let lines = file.text.lines().count();
    let excused = LONG_FILES.iter().any(|(path, _reason)| *path == file.path);
    if !is_rust(file) || excused || lines <= LINES_MAX {
        return Vec::new();
    }
    vec![format!("{lines} lines, more than {LINES_MAX}: split it, or list it in LONG_FILES with a reason")]
}

pub(super) fn has_a_telling_name(file: &File<'_>) -> Vec<String> {
    if !is_rust(file) {
        return Vec::new();
    }
    let words = file.path.trim_end_matches(".rs").split('/');
    let mut breaches: Vec<String> = words
        .filter(|word| EMPTY_NAMES.contains(word))
        .map(|word| format!("`{word}` says nothing about what is inside"))
        .collect();
    if file.path.ends_with("/mod.rs") {
        breaches.push("`foo.rs` stands beside `foo/`; there is no `mod.rs`".to_owned());
    }
    breaches
}

pub(super) fn starts_with_its_doc(file: &File<'_>) -> Vec<String> {
    let first = file.text.lines().next().unwrap_or_default();
    // The tests of `foo.rs` in `foo/tests.rs` are about what `foo.rs` says it is for.
    if !is_rust(file) || file.path.ends_with("/tests.rs") || first.starts_with("//! ") {
        return Vec::new();
    }
    vec!["its first line is to be the module's doc (`//! …`)".to_owned()]
}

fn is_rust(file: &File<'_>) -> bool {
    file.path.ends_with(".rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(path: &str, text: &str) -> usize {
        let file = File { path, text };
        [is_short, has_a_telling_name, starts_with_its_doc].iter().map(|rule| rule(&file).len()).sum()
    }

    #[test]
    fn a_good_file_passes() {
        assert_eq!(breaches("net/src/ring.rs", "//! The ring.\n"), 0);
        assert_eq!(breaches("net/src/ring/tests.rs", "use super::*;\n"), 0);
        assert_eq!(breaches("net/mod.txt", "anything"), 0);
    }

    #[test]
    fn each_rule_bites() {
        assert_eq!(breaches("net/src/ring.rs", "use std::io;\n"), 1);
        assert_eq!(breaches("net/src/utils.rs", "//! Utils.\n"), 1);
        assert_eq!(breaches("net/src/helpers/ring.rs", "//! Ring.\n"), 1);
        assert_eq!(breaches("net/src/ring/mod.rs", "//! Ring.\n"), 1);
        assert_eq!(breaches("net/src/ring.rs", &"//! Long.\n".repeat(LINES_MAX + 1)), 1);
        assert_eq!(breaches("net/src/ring.rs", &"//! Long.\n".repeat(LINES_MAX)), 0);
    }
}
