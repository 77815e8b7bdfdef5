//! Transcripts: files of commands that are sent to the oracle and to the daemon, whose replies must agree byte for byte.
//!
//! ```text
//! # a comment
//! SET key "a value\r\n"          quoted as in redis-cli; <a*1000> is a thousand times `a`
//! @near 5                        a directive, for the next command
//! PTTL key
//! @differs our INFO has other sections
//! INFO nosuch
//! = $0                           what we answer instead, a line of the protocol each; =2 and =3 for one protocol
//! =
//! ```
//!
//! | directive | meaning |
//! |---|---|
//! | `@sorted` | the items may come in any order (a map's pairs together) |
//! | `@near N` | integers may differ by N |
//! | `@shape` | same kinds and counts all the way down, other leaves |
//! | `@kind` | same first byte only |
//! | `@differs REASON` | ours is given below and is not Redis's |
//! | `@ours REASON` | sent to us alone, the reply is given below |
//! | `@until` | repeated until both answer what is given below |
//! | `@scan COMMAND…` | a whole iteration, `CURSOR` stands for the cursor; the sets of keys agree |
//! | `@only 2\|3` | the next command is for one protocol |
//! | `@silent` | the next command has no reply |
//! | `@raw "…"` | these bytes are sent as they are |
//! | `@read` | one more message is read, for example a push |
//! | `@on NAME` | from here on the connection of this name, opened when it is new |
//! | `@closed` | the server closes this connection now |

mod compare;
mod parse;
mod replay;

pub use compare::Agreement;
pub use parse::{Step, Transcript};
pub use replay::replay;

/// The protocol that a transcript is replayed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// What every connection speaks at first.
    Resp2,
    /// After HELLO 3.
    Resp3,
}
