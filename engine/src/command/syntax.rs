//! Turns the `syntax` of a row into the tree of arguments that COMMAND DOCS and completion speak of.
//!
//! ```text
//!   key value [NX | XX] [EX seconds | PX milliseconds] [GET]        the notation of the command reference
//!
//!   UPPER          a word that is typed as it stands             lower     a value
//!   UPPER lower    a value with its token in front               a | b     one of them
//!   [ … ]          may be left out                               < … >     belongs together
//!   x [x ...]      one or more of x                              [x ...]   any number of x
//! ```
//!
//! Source of the tree's shape: the reply of COMMAND DOCS of Redis 7.

mod reader;

pub use reader::{SyntaxError, parse};

/// One argument, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its name: of a value the word in the syntax, of a token that in lower case, of a group those of its members.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What is typed in front of it, or instead of it if it is a [`Kind::Token`].
    pub token: Option<&'static str>,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it may be repeated.
    pub multiple: Repeat,
    /// The members of a group.
    pub members: Vec<Argument>,
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any bytes.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Double,
    /// A key.
    Key,
    /// A glob pattern.
    Pattern,
    /// A moment: seconds or milliseconds since the Unix epoch.
    UnixTime,
    /// A word that is typed as it stands.
    Token,
    /// One of its members.
    OneOf,
    /// Its members, one after the other.
    Block,
}

/// Whether an argument may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It stands once.
    No,
    /// It may be repeated; its token stands once.
    Value,
    /// It may be repeated with its token.
    WithToken,
}

impl Kind {
    /// Its name in COMMAND DOCS.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::Token => "pure-token",
            Self::OneOf => "oneof",
            Self::Block => "block",
        }
    }

    /// What a value is, by its name.
    fn of_value(name: &str) -> Self {
        match name {
            "key" | "key1" | "key2" | "newkey" | "source" | "destination" => Self::Key,
            "pattern" => Self::Pattern,
            "float" => Self::Double,
            _ if name.starts_with("unix-time") => Self::UnixTime,
            _ if INTEGERS.contains(&name) => Self::Integer,
            _ => Self::String,
        }
    }
}

/// Names of values that are whole numbers.
const INTEGERS: [&str; 27] = [
    "client-id",
    "columns",
    "count",
    "cursor",
    "db",
    "decrement",
    "destination-db",
    "end",
    "increment",
    "index",
    "index1",
    "index2",
    "len",
    "maxage",
    "milliseconds",
    "numkeys",
    "offset",
    "protover",
    "redirect-id",
    "rows",
    "seconds",
    "seed",
    "slot",
    "start",
    "timeout",
    "version",
    "start-slot",
];

#[cfg(test)]
mod tests;
