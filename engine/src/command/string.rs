//! Commands on strings: the rows, and their functions by what they do to a value.
//!
//! | module | commands |
//! |---|---|
//! | `read` | GET, MGET, STRLEN, GETRANGE, SUBSTR |
//! | `set` | SET |
//! | `write` | SETNX, SETEX, PSETEX, GETSET, GETDEL, GETEX, MSET, MSETNX |
//! | `edit` | APPEND, SETRANGE |
//! | `count` | INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT (`extended` and `natural` compute for it) |
//! | `lcs` | LCS |
//!
//! Behaviour and error texts are those of Redis 7.2; SET's IFEQ is that of Valkey 8.1.

mod count;
mod edit;
mod extended;
mod lcs;
mod natural;
mod read;
mod set;
#[cfg(test)]
mod tests;
mod write;

use super::keys::Access;
use super::{Categories, Command, Flags, Group, KeySpec, Merge, Run, Spread, Tip};

/// Adds to the value.
const ADD: Access = Access { mode: "RW", value: &["insert"] };
/// SET reads only if GET asks for it: what it does to its key depends on its options.
const SET_ACCESS: Access = Access { mode: "RW", value: &["access", "update", "variable_flags"] };

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "append",
        summary: "Adds bytes to the end of a string; a missing key starts empty.",
        syntax: "key value",
        group: Group::String,
        since: "2.0.0",
        complexity: "O(1) on average, as strings grow by doubling",
        arity: 3,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::one(ADD)],
        run: Run::Data { apply: edit::append, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "decr",
        summary: "Subtracts one from a number; a missing key counts as 0.",
        syntax: "key",
        group: Group::String,
        arity: 2,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::READ_UPDATE)],
        run: Run::Data { apply: count::decr, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "decrby",
        summary: "Subtracts from a number; a missing key counts as 0.",
        syntax: "key decrement",
        group: Group::String,
        arity: 3,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::READ_UPDATE)],
        run: Run::Data { apply: count::decrby, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "get",
        summary: "Returns the string under a key.",
        syntax: "key",
        group: Group::String,
        arity: 2,
        flags: Flags::READONLY.with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::READ)],
        run: Run::Data { apply: read::get, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "getdel",
        summary: "Returns the string under a key and removes the key.",
        syntax: "key",
        group: Group::String,
        since: "6.2.0",
        arity: 2,
        flags: Flags::WRITE.with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::READ_REMOVE)],
        run: Run::Data { apply: write::getdel, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "getex",
        summary: "Returns the string under a key and changes when the key expires.",
        syntax: "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
        group: Group::String,
        since: "6.2.0",
        arity: -2,
        flags: Flags::WRITE.with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::READ_UPDATE).noted("changes the deadline")],
        run: Run::Data { apply: write::getex, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "getrange",
        summary: "Returns the bytes of a string from one place to another.",
        syntax: "key start end",
        group: Group::String,
        since: "2.4.0",
        complexity: "O(N), N the length of the returned piece",
        arity: 4,
        flags: Flags::READONLY,
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::READ)],
        run: Run::Data { apply: read::getrange, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "getset",
        summary: "Stores a string and returns the one before; SET with GET does the same.",
        syntax: "key value",
        group: Group::String,
        arity: 3,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::READ_UPDATE)],
        run: Run::Data { apply: write::getset, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "incr",
        summary: "Adds one to a number; a missing key counts as 0.",
        syntax: "key",
        group: Group::String,
        arity: 2,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::READ_UPDATE)],
        run: Run::Data { apply: count::incr, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "incrby",
        summary: "Adds to a number; a missing key counts as 0.",
        syntax: "key increment",
        group: Group::String,
        arity: 3,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::READ_UPDATE)],
        run: Run::Data { apply: count::incrby, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "incrbyfloat",
        summary: "Adds to a floating-point number; a missing key counts as 0.",
        syntax: "key increment",
        group: Group::String,
        since: "2.6.0",
        arity: 3,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::READ_UPDATE)],
        run: Run::Data { apply: count::incrbyfloat, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "lcs",
        summary: "Finds the longest common subsequence of two strings.",
        syntax: "key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]",
        group: Group::String,
        since: "7.0.0",
        complexity: "O(N*M), N and M the lengths of the strings",
        arity: -3,
        flags: Flags::READONLY,
        categories: Categories::STRING,
        keys: &[KeySpec::range(1, 2, 1, Access::READ)],
        run: Run::Data { apply: lcs::lcs, spread: Spread::Isolated },
        ..Command::ROW
    },
    Command {
        name: "mget",
        summary: "Returns the strings under several keys.",
        syntax: "key [key ...]",
        group: Group::String,
        complexity: "O(N), N the number of keys",
        arity: -2,
        flags: Flags::READONLY.with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::rest(1, Access::READ)],
        tips: &[Tip::MultiShard],
        run: Run::Data {
            apply: read::mget,
            spread: Spread::Each { element: read::get, merge: Merge::Array },
        },
        ..Command::ROW
    },
    Command {
        name: "mset",
        summary: "Stores strings under several keys.",
        syntax: "key value [key value ...]",
        group: Group::String,
        since: "1.0.1",
        complexity: "O(N), N the number of keys",
        arity: -3,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        categories: Categories::STRING,
        keys: &[KeySpec::rest(2, Access::OVERWRITE)],
        tips: &[Tip::MultiShard, Tip::AllSucceeded],
        run: Run::Data {
            apply: write::mset,
            spread: Spread::Each { element: write::mset, merge: Merge::Ok },
        },
        ..Command::ROW
    },
    Command {
        name: "msetnx",
        summary: "Stores strings under several keys if none of them exists.",
        syntax: "key value [key value ...]",
        group: Group::String,
        since: "1.0.1",
        complexity: "O(N), N the number of keys",
        arity: -3,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        categories: Categories::STRING,
        keys: &[KeySpec::rest(2, Access::INSERT)],
        tips: &[Tip::MultiShard, Tip::Minimum],
        run: Run::Data { apply: write::msetnx, spread: Spread::Isolated },
        ..Command::ROW
    },
    Command {
        name: "psetex",
        summary: "Stores a string that expires after some milliseconds.",
        syntax: "key milliseconds value",
        group: Group::String,
        since: "2.6.0",
        arity: 4,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::OVERWRITE)],
        run: Run::Data { apply: write::psetex, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "set",
        summary: "Stores a string, whatever the key held before.",
        syntax: "key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
        group: Group::String,
        arity: -3,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        categories: Categories::STRING,
        keys: &[KeySpec::one(SET_ACCESS).varying(set::access).noted("reads for GET and IFEQ alone")],
        run: Run::Data { apply: set::set, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "setex",
        summary: "Stores a string that expires after some seconds.",
        syntax: "key seconds value",
        group: Group::String,
        since: "2.0.0",
        arity: 4,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::OVERWRITE)],
        run: Run::Data { apply: write::setex, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "setnx",
        summary: "Stores a string if the key does not exist.",
        syntax: "key value",
        group: Group::String,
        arity: 3,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::INSERT)],
        run: Run::Data { apply: write::setnx, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "setrange",
        summary: "Writes over a part of a string; what is missing before it becomes zeros.",
        syntax: "key offset value",
        group: Group::String,
        since: "2.2.0",
        complexity: "O(M), M the length of the value",
        arity: 4,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::UPDATE)],
        run: Run::Data { apply: edit::setrange, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "strlen",
        summary: "Returns the length of a string in bytes.",
        syntax: "key",
        group: Group::String,
        since: "2.2.0",
        arity: 2,
        flags: Flags::READONLY.with(Flags::FAST),
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::LOOK)],
        run: Run::Data { apply: read::strlen, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "substr",
        summary: "Returns a part of a string: the older name of GETRANGE.",
        syntax: "key start end",
        group: Group::String,
        complexity: "O(N), N the length of the returned piece",
        arity: 4,
        flags: Flags::READONLY,
        categories: Categories::STRING,
        keys: &[KeySpec::one(Access::READ)],
        run: Run::Data { apply: read::getrange, spread: Spread::Single },
        ..Command::ROW
    },
];
