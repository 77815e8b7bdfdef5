//! Commands about the server as a whole.
//!
//! | module | commands |
//! |---|---|
//! | `config` | CONFIG |
//! | `debug` | DEBUG |
//! | `describe` | COMMAND |
//! | `info` | INFO |
//! | `latency`, `slowlog` | LATENCY, SLOWLOG |
//! | `lifecycle` | ROLE, SHUTDOWN, TIME |
//! | `lolwut` | LOLWUT |
//! | `memory` | MEMORY |
//!
//! Behaviour and error texts are those of Redis 7.2. On the plain port all of them speak of the whole node.

mod config;
mod debug;
mod describe;
mod info;
mod latency;
mod lifecycle;
mod lolwut;
mod memory;
mod slowlog;

use super::{Categories, Command, Flags, Group, Run, Tip};

/// The version of Redis whose commands and texts this server has: what clients look at to know what they may use.
pub(super) const REDIS_VERSION: &str = "7.2.4";

/// This server's own version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

const ROW: Command = Command { group: Group::Server, ..Command::ROW };

const ADMIN: Flags = Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE);

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "command",
        summary: "Describes all commands.",
        since: "2.8.13",
        complexity: "O(N) where N is the number of commands",
        arity: -1,
        flags: Flags::LOADING.with(Flags::STALE),
        categories: Categories::CONNECTION,
        subcommands: describe::SUBCOMMANDS,
        tips: &[Tip::AnyOrder],
        run: Run::Session(describe::command),
        ..ROW
    },
    Command {
        name: "config",
        summary: "Reads and changes the settings of the server.",
        since: "2.0.0",
        complexity: "Depends on subcommand.",
        arity: -2,
        subcommands: config::SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "debug",
        summary: "Does what tests need and users do not.",
        complexity: "Depends on subcommand.",
        arity: -2,
        flags: ADMIN,
        subcommands: debug::SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "info",
        summary: "Tells what the server is and does.",
        syntax: "[section ...]",
        complexity: "O(N) where N is the number of cores",
        arity: -1,
        flags: Flags::LOADING.with(Flags::STALE),
        categories: Categories::DANGEROUS,
        tips: &[Tip::AnyOutput, Tip::AllShards, Tip::SpecialReply],
        run: Run::Node(|caller, args, reply| Box::pin(info::info(caller, args, reply))),
        ..ROW
    },
    Command {
        name: "latency",
        summary: "Tells of spikes in latency, and how long commands take.",
        since: "2.8.13",
        complexity: "Depends on subcommand.",
        arity: -2,
        subcommands: latency::SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "lolwut",
        summary: "Draws a mycelium.",
        syntax: "[VERSION version] [columns [rows [seed]]]",
        since: "5.0.0",
        complexity: "O(N) where N is the size of the picture",
        arity: -1,
        flags: Flags::READONLY.with(Flags::FAST),
        run: Run::Session(lolwut::lolwut),
        ..ROW
    },
    Command {
        name: "memory",
        summary: "Tells what takes memory.",
        since: "4.0.0",
        complexity: "Depends on subcommand.",
        arity: -2,
        subcommands: memory::SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "role",
        summary: "Tells the node's part in replication.",
        since: "2.8.12",
        arity: 1,
        flags: Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE).with(Flags::FAST),
        categories: Categories::ADMIN.with(Categories::DANGEROUS),
        run: Run::Session(lifecycle::role),
        ..ROW
    },
    Command {
        name: "shutdown",
        summary: "Stops the server once what it was sent has been answered.",
        syntax: "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
        arity: -1,
        flags: ADMIN.with(Flags::NO_MULTI).with(Flags::ALLOW_BUSY),
        run: Run::Session(lifecycle::shutdown),
        ..ROW
    },
    Command {
        name: "slowlog",
        summary: "Tells of commands that took long.",
        since: "2.2.12",
        complexity: "Depends on subcommand.",
        arity: -2,
        subcommands: slowlog::SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "time",
        summary: "Tells the time: seconds since the Unix epoch, and microseconds.",
        since: "2.6.0",
        arity: 1,
        flags: Flags::LOADING.with(Flags::STALE).with(Flags::FAST),
        tips: &[Tip::AnyOutput],
        run: Run::Session(lifecycle::time),
        ..ROW
    },
];
