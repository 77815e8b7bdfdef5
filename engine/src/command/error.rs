//! What a command answers when it refuses: the error texts that Redis clients know.

use std::borrow::Cow;

use mycorrhizal_net::resp::Args;

/// So much of a name that a client sent is shown.
const SHOWN_BYTES: usize = 128;

/// Why a command was refused. Nothing was changed when a command returns one of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The caller's options contradict each other or are unknown.
    #[error("ERR syntax error")]
    Syntax,
    /// The caller sent something that is not a 64-bit signed integer, or one outside the range that applies.
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    /// The caller sent something that is not a finite floating-point number.
    #[error("ERR value is not a valid float")]
    NotFloat,
    /// The result would leave the range of a 64-bit signed integer.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// The key holds a value of another type.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// The key does not exist, and the command needs it.
    #[error("ERR no such key")]
    NoSuchKey,
    /// The database index is outside the configured number of databases.
    #[error("ERR DB index is out of range")]
    DatabaseOutOfRange,
    /// A deadline outside what a 64-bit count of milliseconds holds, or not positive where it must be.
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpire(&'static str),
    /// The value would grow beyond `proto-max-bulk-len`.
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    TooLong,
    /// `maxmemory` is reached and the command could need more.
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    /// The number of arguments does not fit the command; holds its full name, `container|sub` for subcommands.
    #[error("ERR wrong number of arguments for '{0}' command")]
    WrongArity(Cow<'static, str>),
    /// The subcommand exists, but not with so many arguments; holds its name as it was sent, and its container's.
    #[error("ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try {container} HELP.")]
    NoSuchForm {
        /// As it was sent.
        subcommand: String,
        /// In upper case.
        container: String,
    },
    /// Any other refusal, the whole text with its code word.
    #[error("{0}")]
    Text(&'static str),
    /// Any other refusal whose text names what the caller sent.
    #[error("{0}")]
    Message(String),
}

impl CommandError {
    /// [`CommandError::NoSuchForm`] for a command line.
    #[must_use]
    pub fn no_such_form(args: Args<'_>) -> Self {
        let name = args.get(1);
        let subcommand = String::from_utf8_lossy(&name[..name.len().min(SHOWN_BYTES)]).into_owned();
        Self::NoSuchForm { subcommand, container: String::from_utf8_lossy(args.get(0)).to_uppercase() }
    }

    /// The code word in front of the text (`ERR`, `WRONGTYPE`, `OOM`, …), by which INFO errorstats counts.
    #[must_use]
    pub fn code(&self) -> String {
        let text = self.to_string();
        text.split(' ').next().unwrap_or("ERR").to_owned()
    }
}
