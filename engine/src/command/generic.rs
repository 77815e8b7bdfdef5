//! Commands on keys of any type: the rows, and their functions by what they are about.
//!
//! | module | commands |
//! |---|---|
//! | `presence` | DEL, UNLINK, EXISTS, TOUCH, TYPE |
//! | `expire` | EXPIRE and TTL with their variants, EXPIRETIME, PERSIST |
//! | `relocate` | RENAME, RENAMENX, COPY, MOVE |
//! | `object` | OBJECT |
//!
//! Behaviour and error texts are those of Redis 7.2.

mod expire;
mod object;
mod presence;
mod relocate;
#[cfg(test)]
mod tests;

use super::keys::Access;
use super::{Categories, Command, Flags, Group, KeySpec, Merge, Run, Spread, Tip};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "copy",
        summary: "Copies the value of a key to another key.",
        syntax: "source destination [DB destination-db] [REPLACE]",
        group: Group::Generic,
        since: "6.2.0",
        complexity: "O(N), N the length of the value",
        arity: -3,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::at(1, Access::READ), KeySpec::at(2, Access::OVERWRITE)],
        run: Run::Data { apply: relocate::copy, spread: Spread::Isolated },
        ..Command::ROW
    },
    Command {
        name: "del",
        summary: "Removes keys.",
        syntax: "key [key ...]",
        group: Group::Generic,
        complexity: "O(N), N the number of keys",
        arity: -2,
        flags: Flags::WRITE,
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::rest(1, Access::REMOVE)],
        tips: &[Tip::MultiShard, Tip::Sum],
        run: Run::Data {
            apply: presence::del,
            spread: Spread::Each { element: presence::del, merge: Merge::Sum },
        },
        ..Command::ROW
    },
    Command {
        name: "exists",
        summary: "Counts the named keys that exist.",
        syntax: "key [key ...]",
        group: Group::Generic,
        complexity: "O(N), N the number of keys",
        arity: -2,
        flags: Flags::READONLY.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::rest(1, Access::LOOK)],
        tips: &[Tip::MultiShard, Tip::Sum],
        run: Run::Data {
            apply: presence::exists,
            spread: Spread::Each { element: presence::exists, merge: Merge::Sum },
        },
        ..Command::ROW
    },
    Command {
        name: "expire",
        summary: "Sets after how many seconds a key expires.",
        syntax: "key seconds [NX | XX | GT | LT]",
        group: Group::Generic,
        arity: -3,
        flags: Flags::WRITE.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::one(Access::UPDATE)],
        run: Run::Data { apply: expire::expire, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "expireat",
        summary: "Sets the second of Unix time at which a key expires.",
        syntax: "key unix-time-seconds [NX | XX | GT | LT]",
        group: Group::Generic,
        since: "1.2.0",
        arity: -3,
        flags: Flags::WRITE.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::one(Access::UPDATE)],
        run: Run::Data { apply: expire::expireat, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "expiretime",
        summary: "Tells the second of Unix time at which a key expires.",
        syntax: "key",
        group: Group::Generic,
        since: "7.0.0",
        arity: 2,
        flags: Flags::READONLY.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::one(Access::READ)],
        run: Run::Data { apply: expire::expiretime, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "move",
        summary: "Moves a key to another database, unless that has the key.",
        syntax: "key db",
        group: Group::Generic,
        arity: 3,
        flags: Flags::WRITE.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::one(Access::READ_UPDATE)],
        run: Run::Data { apply: relocate::r#move, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "object",
        summary: "Tells how the values of keys are kept and used.",
        group: Group::Generic,
        since: "2.2.3",
        complexity: "Depends on the subcommand",
        arity: -2,
        subcommands: object::SUBCOMMANDS,
        run: Run::Container,
        ..Command::ROW
    },
    Command {
        name: "persist",
        summary: "Lets a key live for ever.",
        syntax: "key",
        group: Group::Generic,
        since: "2.2.0",
        arity: 2,
        flags: Flags::WRITE.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::one(Access::UPDATE)],
        run: Run::Data { apply: expire::persist, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "pexpire",
        summary: "Sets after how many milliseconds a key expires.",
        syntax: "key milliseconds [NX | XX | GT | LT]",
        group: Group::Generic,
        since: "2.6.0",
        arity: -3,
        flags: Flags::WRITE.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::one(Access::UPDATE)],
        run: Run::Data { apply: expire::pexpire, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "pexpireat",
        summary: "Sets the millisecond of Unix time at which a key expires.",
        syntax: "key unix-time-milliseconds [NX | XX | GT | LT]",
        group: Group::Generic,
        since: "2.6.0",
        arity: -3,
        flags: Flags::WRITE.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::one(Access::UPDATE)],
        run: Run::Data { apply: expire::pexpireat, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "pexpiretime",
        summary: "Tells the millisecond of Unix time at which a key expires.",
        syntax: "key",
        group: Group::Generic,
        since: "7.0.0",
        arity: 2,
        flags: Flags::READONLY.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::one(Access::READ)],
        run: Run::Data { apply: expire::pexpiretime, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "pttl",
        summary: "Tells in how many milliseconds a key expires.",
        syntax: "key",
        group: Group::Generic,
        since: "2.6.0",
        arity: 2,
        flags: Flags::READONLY.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::one(Access::READ)],
        tips: &[Tip::AnyOutput],
        run: Run::Data { apply: expire::pttl, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "rename",
        summary: "Renames a key and overwrites what had that name.",
        syntax: "key newkey",
        group: Group::Generic,
        arity: 3,
        flags: Flags::WRITE,
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::at(1, Access::READ_REMOVE), KeySpec::at(2, Access::OVERWRITE)],
        run: Run::Data { apply: relocate::rename, spread: Spread::Isolated },
        ..Command::ROW
    },
    Command {
        name: "renamenx",
        summary: "Renames a key, unless another has that name.",
        syntax: "key newkey",
        group: Group::Generic,
        arity: 3,
        flags: Flags::WRITE.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::at(1, Access::READ_REMOVE), KeySpec::at(2, Access::INSERT)],
        run: Run::Data { apply: relocate::renamenx, spread: Spread::Isolated },
        ..Command::ROW
    },
    Command {
        name: "touch",
        summary: "Marks keys as just used and counts those that exist.",
        syntax: "key [key ...]",
        group: Group::Generic,
        since: "3.2.1",
        complexity: "O(N), N the number of keys",
        arity: -2,
        flags: Flags::READONLY.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::rest(1, Access::LOOK)],
        tips: &[Tip::MultiShard, Tip::Sum],
        run: Run::Data {
            apply: presence::touch,
            spread: Spread::Each { element: presence::touch, merge: Merge::Sum },
        },
        ..Command::ROW
    },
    Command {
        name: "ttl",
        summary: "Tells in how many seconds a key expires.",
        syntax: "key",
        group: Group::Generic,
        arity: 2,
        flags: Flags::READONLY.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::one(Access::READ)],
        tips: &[Tip::AnyOutput],
        run: Run::Data { apply: expire::ttl, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "type",
        summary: "Tells the type of a value.",
        syntax: "key",
        group: Group::Generic,
        arity: 2,
        flags: Flags::READONLY.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::one(Access::LOOK)],
        run: Run::Data { apply: presence::r#type, spread: Spread::Single },
        ..Command::ROW
    },
    Command {
        name: "unlink",
        summary: "Removes keys; the same as DEL, as strings are freed at once.",
        syntax: "key [key ...]",
        group: Group::Generic,
        since: "4.0.0",
        complexity: "O(N), N the number of keys",
        arity: -2,
        flags: Flags::WRITE.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        keys: &[KeySpec::rest(1, Access::REMOVE)],
        tips: &[Tip::MultiShard, Tip::Sum],
        run: Run::Data {
            apply: presence::del,
            spread: Spread::Each { element: presence::del, merge: Merge::Sum },
        },
        ..Command::ROW
    },
];
