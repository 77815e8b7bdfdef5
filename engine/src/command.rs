//! Commands as data: one row per command, and the functions that the rows name.
//!
//! A row says everything that others need to know of a command: COMMAND, ACL, `pulse` help and completion, the
//! documentation and the per-command statistics all read it. One file holds one group; [`table`] finds a row by name.
//!
//! A command is parse → plan (which slots) → apply (on the owner, synchronous) → reply:
//!
//! ```text
//!   net::resp ──Args──▶ table::find ──&Command──▶ plan: keys ──▶ owner core ──▶ apply(&mut DataContext, Args, &mut Reply)
//! ```
//!
//! Source of names, shapes and error texts: the Redis command reference.

pub mod error;
pub mod flags;
pub mod keys;
pub mod syntax;
pub mod table;
pub mod tip;

mod application;
mod argument;
mod cluster;
mod connection;
mod coordination;
mod expiry;
mod generic;
mod help;
mod keyspace;
mod many;
mod pubsub;
#[cfg(test)]
mod rehearsal;
#[cfg(test)]
mod replay;
mod server;
mod string;

use std::future::Future;
use std::pin::Pin;

use mycorrhizal_net::resp::{Args, Reply, Value};

pub use error::CommandError;
pub use flags::{Categories, Flags};
pub use keys::KeySpec;
pub use tip::Tip;

use crate::cytoplasm::Kind;
use crate::mycel::{Db, Key, Keyspace, View};
use crate::node::Caller;

/// One command, or one subcommand of a container such as CONFIG.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// Lower-case name; of a subcommand, without its container's.
    pub name: &'static str,
    /// One line: what it does.
    pub summary: &'static str,
    /// What follows the name, in the notation of the command reference: `key value [NX | XX] [EX seconds]`.
    pub syntax: &'static str,
    /// The group under which the reference lists it.
    pub group: Group,
    /// The Redis version that brought it.
    pub since: &'static str,
    /// Time complexity.
    pub complexity: &'static str,
    /// Number of arguments with the name counted; negative: at least that many. For a subcommand both names count.
    pub arity: i8,
    /// What it does and where it may run.
    pub flags: Flags,
    /// ACL categories beside those that `flags` and `group` imply.
    pub categories: Categories,
    /// Where its keys stand.
    pub keys: &'static [KeySpec],
    /// What clients of several nodes should know, in the order of the command reference.
    pub tips: &'static [Tip],
    /// The rows of a container's subcommands.
    pub subcommands: &'static [Command],
    /// Its function.
    pub run: Run,
}

/// The group under which the command reference lists a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// About the connection.
    Connection,
    /// Keys of any type.
    Generic,
    /// Strings.
    String,
    /// The server as a whole.
    Server,
    /// Slots and their owners.
    Cluster,
    /// What the nodes agree on.
    Coordination,
    /// Messages between applications.
    Application,
    /// Messages.
    Pubsub,
}

impl Group {
    /// The group's name in COMMAND DOCS.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Generic => "generic",
            Self::String => "string",
            Self::Server => "server",
            Self::Cluster => "cluster",
            Self::Coordination => "coordination",
            Self::Application => "application",
            Self::Pubsub => "pubsub",
        }
    }
}

/// What a data command's function looks like. It writes its reply last: a function that returns an error has
/// written nothing and changed nothing.
pub type Apply = fn(&mut DataContext<'_>, Args<'_>, &mut Reply<'_>) -> Result<(), CommandError>;

/// What a function that works on the connection alone looks like.
pub type SessionFn = fn(&Caller, Args<'_>, &mut Reply<'_>) -> Result<(), CommandError>;

/// The future of a command that talks with several cores.
pub type NodeFuture<'r> = Pin<Box<dyn Future<Output = Result<(), CommandError>> + 'r>>;

/// What a function that talks with several cores looks like.
pub type NodeFn = for<'r, 'o> fn(&'r Caller, Args<'r>, &'r mut Reply<'o>) -> NodeFuture<'r>;

/// Where and how a command runs.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// Works on the keys it names, on the core that owns them; `spread` says what happens when several cores do.
    Data {
        /// The function.
        apply: Apply,
        /// Over several cores.
        spread: Spread,
    },
    /// Works on the connection, where it is held.
    Session(SessionFn),
    /// Sends a message to the subscribers of a channel, wherever they are: `name channel message`.
    Publish(Kind),
    /// Talks with several cores, or waits.
    Node(NodeFn),
    /// Has subcommands and does nothing by itself.
    Container,
}

/// What a data command does when its keys belong to several cores of this node.
#[derive(Debug, Clone, Copy)]
pub enum Spread {
    /// It names one key at most.
    Single,
    /// Every key (with what follows it up to the next) is a command of its own: `element` is applied to
    /// `[name, key, …]`, and the replies are merged. Not isolated, as with MGET over a Redis Cluster's nodes.
    Each {
        /// The function applied to each key.
        element: Apply,
        /// How the replies become one.
        merge: Merge,
    },
    /// All or nothing, and nobody sees a half: runs under intents (`node::intent`).
    Isolated,
}

/// How the replies of a scattered command become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// An array of the replies, in the order of the keys.
    Array,
    /// The sum of integer replies.
    Sum,
    /// `+OK`, or the first error.
    Ok,
}

/// What a data command sees: the share of one core, and the place of its first key there.
pub struct DataContext<'a> {
    /// The owner's share of the keyspace.
    pub keyspace: &'a mut Keyspace,
    /// The database that the connection selected.
    pub db: Db,
    /// Whether the idle time of keys is left alone (CLIENT NO-TOUCH).
    pub no_touch: bool,
    /// `proto-max-bulk-len`: bytes a string may grow to.
    pub value_bytes_max: usize,
    /// Lookups that found a key, and that did not; counted by [`DataContext::read`].
    pub hits: u64,
    /// See `hits`.
    pub misses: u64,
    /// Slot and hash of the first key, computed when the command was planned.
    pub first_key: Option<(crate::mycel::Slot, u32)>,
}

/// The answer of another node that has another shape than its command promises.
fn unexpected(value: &Value) -> CommandError {
    CommandError::Message(format!("ERR another node replied {value:?}"))
}

/// The strings of an answer that is a list of them.
fn bulks(value: Value) -> Result<Vec<Vec<u8>>, CommandError> {
    let Value::Array(items) = value else { return Err(unexpected(&value)) };
    let bulk = |item: Value| match item {
        Value::Bulk(bytes) => Ok(bytes),
        other => Err(unexpected(&other)),
    };
    items.into_iter().map(bulk).collect()
}

impl<'a> DataContext<'a> {
    /// The key at argument `index`, which must be the position of the command's first key.
    #[must_use]
    pub fn first_key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        match self.first_key {
            Some((slot, hash)) => Key::from_parts(bytes, slot, hash),
            None => self.key(bytes),
        }
    }

    /// Any other key.
    #[must_use]
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        Key::new(bytes, self.keyspace.hasher())
    }

    /// Looks a key up to use its value: counted, and noted as an access.
    #[inline]
    pub fn read(&mut self, key: &Key<'_>) -> Option<View<'_>> {
        let found =
            if self.no_touch { self.keyspace.look(self.db, key) } else { self.keyspace.find(self.db, key) };
        self.hits += u64::from(found.is_some());
        self.misses += u64::from(found.is_none());
        found
    }

    /// Looks a key up to tell something about it: counted, and no access.
    #[inline]
    pub fn look(&mut self, key: &Key<'_>) -> Option<View<'_>> {
        let found = self.keyspace.look(self.db, key);
        self.hits += u64::from(found.is_some());
        self.misses += u64::from(found.is_none());
        found
    }
}

impl Command {
    /// A row to start from: `Command { name: "get", …, ..Command::ROW }`.
    pub(crate) const ROW: Self = Self {
        name: "",
        summary: "",
        syntax: "",
        group: Group::Generic,
        since: "1.0.0",
        complexity: "O(1)",
        arity: 1,
        flags: Flags::NONE,
        categories: Categories::NONE,
        keys: &[],
        tips: &[],
        subcommands: &[],
        run: Run::Container,
    };

    /// Whether `count` arguments (name included) fit. Where every key has something behind it, the last one has too:
    /// the scattered parts of MSET must not find that out one by one.
    #[must_use]
    pub const fn accepts(&self, count: usize) -> bool {
        let wanted = self.arity.unsigned_abs() as usize;
        if self.arity >= 0 {
            return count == wanted;
        }
        count >= wanted
            && match self.keys {
                [KeySpec { first, last: -1, step, .. }] if *step > 1 => {
                    (count - *first as usize).is_multiple_of(*step as usize)
                }
                _ => true,
            }
    }

    /// The subcommand of that name, in any case of letters.
    #[must_use]
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Self> {
        self.subcommands.iter().find(|row| row.name.as_bytes().eq_ignore_ascii_case(name))
    }
}
