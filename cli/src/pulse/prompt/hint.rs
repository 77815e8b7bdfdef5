//! The greyed rest of a command's syntax behind the cursor. It only shows; accepting it types nothing.

use reedline::{Hinter, History};

use crate::pulse::line;
use crate::pulse::print::{Colours, Paint};
use crate::pulse::reference;

use super::completer::is_keyword;

/// Hints from the command table; holds nothing.
pub(super) struct SyntaxHinter;

impl Hinter for SyntaxHinter {
    fn handle(&mut self, line: &str, position: usize, _: &dyn History, colours: bool, _: &str) -> String {
        let hint = if position == line.len() { hint(line) } else { String::new() };
        if hint.is_empty() {
            return hint;
        }
        let colours = if colours { Colours::On } else { Colours::Off };
        colours.paint(Paint::Faint, &hint)
    }

    fn complete_hint(&self) -> String {
        String::new()
    }

    fn next_hint_token(&self) -> String {
        String::new()
    }
}

/// What is still to be typed after `line`, with a space in front where one is missing.
fn hint(line: &str) -> String {
    let Ok(mut words) = line::split(line.as_bytes()) else { return String::new() };
    if words.len() > 1 && words[0].iter().all(u8::is_ascii_digit) {
        words.remove(0);
    }
    let Some(found) = reference::find(&words) else { return String::new() };
    let rest = rest(found.row.syntax, &words[found.words..]);
    if rest.is_empty() || line.ends_with(char::is_whitespace) { rest } else { format!(" {rest}") }
}

/// The parts of a syntax that the given arguments leave open.
///
/// Arguments fill the required parts in order. After those, a keyword strikes out the optional part that it stands in,
/// and the arguments that go with it are asked for first.
fn rest(syntax: &str, args: &[Vec<u8>]) -> String {
    let mut parts = reference::parts(syntax);
    let required = parts.iter().take_while(|part| !part.starts_with('[')).count();
    let filled = required.min(args.len());
    parts.drain(..filled);
    let mut pending: Vec<&str> = Vec::new();
    for arg in &args[filled..] {
        let keyword = String::from_utf8_lossy(arg).to_ascii_uppercase();
        let stands_in =
            parts.iter().enumerate().find_map(|(at, part)| Some((at, arguments_of(part, &keyword)?)));
        if let Some((at, wanted)) = stands_in {
            parts.remove(at);
            pending = wanted;
        } else if !pending.is_empty() {
            pending.remove(0);
        }
    }
    pending.into_iter().chain(parts).collect::<Vec<_>>().join(" ")
}

/// What follows a keyword in an optional part: `EX` in `[EX seconds | PX milliseconds]` is followed by `seconds`.
fn arguments_of<'a>(part: &'a str, keyword: &str) -> Option<Vec<&'a str>> {
    let inside = part.strip_prefix('[')?.strip_suffix(']')?;
    inside.split('|').find_map(|alternative| {
        let mut words = alternative.trim().split(' ');
        let first = words.next()?;
        (is_keyword(first) && first == keyword).then(|| words.collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_syntax_shrinks_with_the_line() {
        let syntax = "key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]";
        let check = |line: &str, expected: &str| {
            assert_eq!(rest(syntax, &line::split(line.as_bytes()).unwrap()), expected, "{line}");
        };
        check("", syntax);
        check("k", "value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]");
        check("k v", "[NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]");
        check("k v nx", "[GET] [EX seconds | PX milliseconds | KEEPTTL]");
        check("k v ex", "seconds [NX | XX] [GET]");
        check("k v ex 10", "[NX | XX] [GET]");
        check("k v ex 10 xx get", "");
        assert_eq!(rest("key [key ...]", &[b"a".to_vec(), b"b".to_vec()]), "[key ...]");
    }

    #[test]
    fn a_hint_stands_a_space_away() {
        assert_eq!(hint("get"), " key");
        assert_eq!(hint("get "), "key");
        assert_eq!(hint("5 get "), "key");
        assert_eq!(hint("config get"), " parameter [parameter ...]");
        assert_eq!(hint("get x"), "");
        assert_eq!(hint("nonesuch"), "");
        assert_eq!(hint("get \"open"), "");
    }
}
