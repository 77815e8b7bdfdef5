//! Reads the notation: words and brackets in, arguments out.

use super::{Argument, Kind, Repeat};

/// What is wrong with a syntax string. A mistake in a row; a test reads all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// A bracket is not closed, or was not opened.
    #[error("brackets do not match")]
    Brackets,
    /// A bar or dots with nothing in front of them, or an empty bracket.
    #[error("something is missing")]
    Missing,
}

/// Reads a syntax string.
///
/// # Errors
/// See [`SyntaxError`].
pub fn parse(syntax: &'static str) -> Result<Vec<Argument>, SyntaxError> {
    let mut reader = Reader { rest: syntax };
    let sequence = reader.sequence()?;
    match sequence.end {
        End::Text => Ok(sequence.arguments),
        End::Bar | End::Square | End::Angle => Err(SyntaxError::Brackets),
    }
}

struct Reader {
    rest: &'static str,
}

/// A word or a sign.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lexeme {
    Word(&'static str),
    Dots,
    Open(char),
    Close(End),
}

/// What ended a sequence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Text,
    Bar,
    Square,
    Angle,
}

/// Arguments up to a sign that ends them.
struct Sequence {
    arguments: Vec<Argument>,
    /// Whether dots stood last.
    dotted: bool,
    end: End,
}

impl Reader {
    fn next(&mut self) -> Lexeme {
        let rest = self.rest.trim_start();
        let sign = match rest.chars().next() {
            None => Some(Lexeme::Close(End::Text)),
            Some(open @ ('[' | '<')) => Some(Lexeme::Open(open)),
            Some(']') => Some(Lexeme::Close(End::Square)),
            Some('>') => Some(Lexeme::Close(End::Angle)),
            Some('|') => Some(Lexeme::Close(End::Bar)),
            Some(_) => None,
        };
        let len = match sign {
            Some(_) => rest.len().min(1),
            None => rest.find([' ', '[', ']', '<', '>', '|']).unwrap_or(rest.len()),
        };
        let (word, rest) = rest.split_at(len);
        self.rest = rest;
        sign.unwrap_or(if word == "..." { Lexeme::Dots } else { Lexeme::Word(word) })
    }

    fn sequence(&mut self) -> Result<Sequence, SyntaxError> {
        let mut arguments: Vec<Argument> = Vec::new();
        let mut dotted = false;
        loop {
            let lexeme = self.next();
            if let Lexeme::Close(end) = lexeme {
                return Ok(Sequence { arguments, dotted, end });
            }
            dotted = lexeme == Lexeme::Dots;
            match lexeme {
                Lexeme::Dots => arguments.last_mut().ok_or(SyntaxError::Missing)?.multiple = Repeat::Value,
                Lexeme::Word(word) if is_token(word) => arguments.push(token(word)),
                Lexeme::Word(word) => push(&mut arguments, value(word)),
                Lexeme::Open('<') => {
                    let group = self.group(End::Angle)?;
                    push(&mut arguments, group.into_argument());
                }
                Lexeme::Open(_) | Lexeme::Close(_) => {
                    let group = self.group(End::Square)?;
                    optional(&mut arguments, group);
                }
            }
        }
    }

    /// The alternatives in brackets, up to the one that closes them.
    fn group(&mut self, closing: End) -> Result<Group, SyntaxError> {
        let mut alternatives = Vec::new();
        loop {
            let Sequence { arguments, dotted, end } = self.sequence()?;
            if arguments.is_empty() {
                return Err(SyntaxError::Missing);
            }
            alternatives.push(arguments);
            match end {
                End::Bar => {}
                end if end == closing => {
                    let repeats = dotted && alternatives.len() == 1;
                    return Ok(Group { alternatives, repeats });
                }
                _ => return Err(SyntaxError::Brackets),
            }
        }
    }
}

/// What stood in brackets.
struct Group {
    /// One or more, each a sequence of one argument or more.
    alternatives: Vec<Vec<Argument>>,
    /// Whether it is `[… ...]`.
    repeats: bool,
}

impl Group {
    fn into_argument(self) -> Argument {
        let mut members: Vec<Argument> = self.alternatives.into_iter().map(sequence_as_one).collect();
        if members.len() == 1 { members.swap_remove(0) } else { composed(Kind::OneOf, members) }
    }
}

/// `[ … ]`: an argument that may be left out, or the sign that what stands in front of it may be repeated.
fn optional(arguments: &mut Vec<Argument>, group: Group) {
    if group.repeats
        && let Some(start) = start_of_same(arguments, &group.alternatives[0])
    {
        let with_token = group.alternatives[0].first().is_some_and(|first| first.token.is_some());
        let mut several = sequence_as_one(arguments.split_off(start));
        several.multiple = if with_token { Repeat::WithToken } else { Repeat::Value };
        return arguments.push(several);
    }
    let repeats = group.repeats;
    let mut argument = group.into_argument();
    if repeats && argument.kind == Kind::Block {
        // Dots in a bracket of several repeat all of them, not the last alone.
        argument.members.iter_mut().for_each(|member| member.multiple = Repeat::No);
        argument.multiple = Repeat::Value;
    }
    argument.optional = true;
    arguments.push(argument);
}

/// Where the last arguments begin, if they have the names that are to be repeated.
fn start_of_same(arguments: &[Argument], repeated: &[Argument]) -> Option<usize> {
    let start = arguments.len().checked_sub(repeated.len())?;
    let same = arguments[start..].iter().zip(repeated).all(|(before, again)| before.name == again.name);
    same.then_some(start)
}

/// Adds a value; a token in front of it becomes part of it.
fn push(arguments: &mut Vec<Argument>, mut argument: Argument) {
    if argument.token.is_none()
        && let Some(before) = arguments.pop_if(|before| before.kind == Kind::Token && !before.optional)
    {
        argument.token = before.token;
    }
    arguments.push(argument);
}

fn sequence_as_one(mut arguments: Vec<Argument>) -> Argument {
    if arguments.len() == 1 {
        return arguments.swap_remove(0);
    }
    // A token in front of several values is the token of all of them together.
    let leads = arguments.iter().skip(1).all(|argument| argument.token.is_none() && !argument.optional);
    let token = arguments
        .first_mut()
        .filter(|first| leads && first.kind != Kind::Token)
        .and_then(|first| first.token.take());
    Argument { token, ..composed(Kind::Block, arguments) }
}

fn composed(kind: Kind, members: Vec<Argument>) -> Argument {
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let name = names.join("_");
    Argument { members, ..plain(name, kind) }
}

fn value(word: &str) -> Argument {
    plain(word.to_owned(), Kind::of_value(word))
}

fn token(word: &'static str) -> Argument {
    Argument { token: Some(word), ..plain(word.to_lowercase(), Kind::Token) }
}

fn plain(name: String, kind: Kind) -> Argument {
    Argument { name, kind, token: None, optional: false, multiple: Repeat::No, members: Vec::new() }
}

fn is_token(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_uppercase()) && !word.bytes().any(|byte| byte.is_ascii_lowercase())
}
