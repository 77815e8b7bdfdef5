//! Tab completion out of the command table: commands, their subcommands, and the keywords of their syntax.

use reedline::{Completer, CompletionResult, Span, Suggestion};

use crate::pulse::reference::{self, Found};

/// What the prompt itself understands.
const OWN: [(&str, &str); 3] =
    [("HELP", "What a command does."), ("CLEAR", "Clears the screen."), ("QUIT", "Leaves the prompt.")];

/// Completes from the table; holds nothing.
pub(super) struct TableCompleter;

impl Completer for TableCompleter {
    fn complete(&mut self, line: &str, position: usize) -> CompletionResult {
        CompletionResult::fresh(suggest(line.get(..position).unwrap_or(line)))
    }
}

fn suggest(line: &str) -> Vec<Suggestion> {
    let start = line.rfind(char::is_whitespace).map_or(0, |space| space + 1);
    let (before, prefix) = line.split_at(start);
    let span = Span::new(start, line.len());
    let candidates = candidates(before);
    let fitting = candidates
        .into_iter()
        .filter(|(name, _)| starts_with(name, prefix) && (before.is_empty() || !is_same(name, prefix)));
    fitting
        .map(|(name, description)| Suggestion {
            value: if prefix.starts_with(|c: char| c.is_lowercase()) { name.to_lowercase() } else { name },
            description: Some(description).filter(|description| !description.is_empty()),
            span,
            append_whitespace: true,
            ..Suggestion::default()
        })
        .collect()
}

/// What may stand after `before`, each with what it does.
fn candidates(before: &str) -> Vec<(String, String)> {
    let mut words: Vec<&str> = before.split_whitespace().collect();
    if words.first().is_some_and(|word| word.parse::<u64>().is_ok()) {
        words.remove(0);
    }
    if words.first().is_some_and(|word| word.eq_ignore_ascii_case("help")) {
        words.remove(0);
        return if words.is_empty() { commands() } else { subcommands(&words) };
    }
    if words.is_empty() {
        let own = OWN.iter().map(|(name, does)| ((*name).to_owned(), (*does).to_owned()));
        return commands().into_iter().chain(own).collect();
    }
    let below = subcommands(&words);
    if below.is_empty() { keywords(&words) } else { below }
}

fn commands() -> Vec<(String, String)> {
    reference::all()
        .into_iter()
        .filter(|found| found.words == 1)
        .map(|found| (found.name, found.row.summary.into()))
        .collect()
}

/// The subcommands of the container that is the only word so far.
fn subcommands(words: &[&str]) -> Vec<(String, String)> {
    let Some(Found { row, .. }) = reference::find(words).filter(|_| words.len() == 1) else {
        return Vec::new();
    };
    row.subcommands.iter().map(|sub| (sub.name.to_ascii_uppercase(), sub.summary.into())).collect()
}

/// The words in capitals of the command's syntax that were not given yet.
fn keywords(words: &[&str]) -> Vec<(String, String)> {
    let Some(found) = reference::find(words) else { return Vec::new() };
    let given = |keyword: &str| words.iter().any(|word| word.eq_ignore_ascii_case(keyword));
    let words = found.row.syntax.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let mut keywords: Vec<&str> = words.filter(|word| is_keyword(word) && !given(word)).collect();
    keywords.sort_unstable();
    keywords.dedup();
    keywords.into_iter().map(|keyword| (keyword.to_owned(), String::new())).collect()
}

/// Whether a word of a syntax stands for itself.
pub(super) fn is_keyword(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_uppercase()) && !word.chars().any(|c| c.is_ascii_lowercase())
}

fn starts_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn is_same(name: &str, prefix: &str) -> bool {
    name.eq_ignore_ascii_case(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Vec<String> {
        suggest(line).into_iter().map(|suggestion| suggestion.value).collect()
    }

    #[test]
    fn commands_follow_the_case_of_what_was_typed() {
        assert!(values("ge").contains(&"get".to_owned()));
        assert!(values("GE").contains(&"GET".to_owned()));
        assert!(values("3 inc").contains(&"incr".to_owned()));
        assert!(values("").contains(&"QUIT".to_owned()));
        assert_eq!(values("nonesuch"), Vec::<String>::new());
        assert_eq!(values("gé"), Vec::<String>::new());
    }

    #[test]
    fn containers_offer_their_subcommands_and_commands_their_keywords() {
        assert!(values("config ").contains(&"GET".to_owned()));
        assert!(values("help config g").contains(&"get".to_owned()));
        assert!(values("set k v kee").contains(&"keepttl".to_owned()));
        assert_eq!(values("set k v keepttl kee"), Vec::<String>::new());
        let suggestion = suggest("config ge").remove(0);
        assert_eq!((suggestion.span, suggestion.append_whitespace), (Span::new(7, 9), true));
    }
}
