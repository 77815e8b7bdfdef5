//! CLIENT: what a connection is called, what it wants, and what an administrator sees of all of them.
//!
//! | module | subcommands |
//! |---|---|
//! | here | GETNAME, GETREDIR, HELP, ID, NO-EVICT, NO-TOUCH, REPLY, SETINFO, SETNAME, TRACKING, TRACKINGINFO, UNBLOCK |
//! | `report` | INFO, LIST |
//! | `kill` | KILL |
//! | `pause` | PAUSE, UNPAUSE |

mod kill;
mod pause;
mod report;

use mycorrhizal_net::resp::{Args, Reply};

use super::super::{Command, CommandError, Flags, Group, Run, Tip, argument, help};
use super::auth::BAD_NAME;
use crate::node::Caller;
use crate::node::caller::ReplyMode;

const ROW: Command = Command {
    group: Group::Connection,
    arity: 2,
    flags: Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE),
    ..Command::ROW
};

const ADMIN: Command = Command { flags: ROW.flags.with(Flags::ADMIN), ..ROW };

/// The subcommands of CLIENT.
pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "getname",
        summary: "Tells the name of the connection.",
        since: "2.6.9",
        run: Run::Session(getname),
        ..ROW
    },
    Command {
        name: "getredir",
        summary: "Tells where invalidation messages of the connection go: -1, as it does not track keys.",
        since: "6.0.0",
        run: Run::Session(|_, _, reply| {
            reply.integer(-1);
            Ok(())
        }),
        ..ROW
    },
    Command {
        name: "help",
        summary: "Lists the subcommands.",
        since: "5.0.0",
        flags: Flags::LOADING.with(Flags::STALE),
        run: Run::Session(help::answer),
        ..ROW
    },
    Command {
        name: "id",
        summary: "Tells the id of the connection, which no other has had since the node started.",
        since: "5.0.0",
        run: Run::Session(|caller, _, reply| {
            reply.integer(caller.session().id.cast_signed());
            Ok(())
        }),
        ..ROW
    },
    Command {
        name: "info",
        summary: "Tells everything about the connection.",
        since: "6.2.0",
        tips: &[Tip::AnyOutput],
        run: Run::Session(report::info),
        ..ROW
    },
    Command {
        name: "kill",
        summary: "Closes connections.",
        syntax: "<ip:port | <ID client-id | TYPE <NORMAL | MASTER | REPLICA | PUBSUB> | USER username | ADDR ip:port | \
                 LADDR ip:port | SKIPME <YES | NO> | MAXAGE maxage> ...>",
        since: "2.4.0",
        complexity: "O(N) where N is the number of connections",
        arity: -3,
        run: Run::Node(|caller, args, reply| Box::pin(kill::kill(caller, args, reply))),
        ..ADMIN
    },
    Command {
        name: "list",
        summary: "Tells everything about every connection, a line each.",
        syntax: "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
        since: "2.4.0",
        complexity: "O(N) where N is the number of connections",
        arity: -2,
        tips: &[Tip::AnyOutput],
        run: Run::Node(|caller, args, reply| Box::pin(report::list(caller, args, reply))),
        ..ADMIN
    },
    Command {
        name: "no-evict",
        summary: "Exempts the connection from being closed for the memory that its buffers take, or ends that.",
        syntax: "<ON | OFF>",
        since: "7.0.0",
        arity: 3,
        run: Run::Session(no_evict),
        ..ADMIN
    },
    Command {
        name: "no-touch",
        summary: "Lets the commands of the connection leave no trace in the idle time of keys, or ends that.",
        syntax: "<ON | OFF>",
        since: "7.2.0",
        arity: 3,
        run: Run::Session(no_touch),
        ..ROW
    },
    Command {
        name: "pause",
        summary: "Holds the commands of all connections up for a while.",
        syntax: "timeout [WRITE | ALL]",
        since: "2.9.50",
        arity: -3,
        run: Run::Node(|caller, args, reply| Box::pin(pause::pause(caller, args, reply))),
        ..ADMIN
    },
    Command {
        name: "reply",
        summary: "Tells the server which commands of the connection to answer.",
        syntax: "<ON | OFF | SKIP>",
        since: "3.2.0",
        arity: 3,
        run: Run::Session(reply_mode),
        ..ROW
    },
    Command {
        name: "setinfo",
        summary: "Tells the server which library the client uses.",
        syntax: "<LIB-NAME libname | LIB-VER libver>",
        since: "7.2.0",
        arity: 4,
        run: Run::Session(setinfo),
        ..ROW
    },
    Command {
        name: "setname",
        summary: "Names the connection.",
        syntax: "connection-name",
        since: "2.6.9",
        arity: 3,
        run: Run::Session(setname),
        ..ROW
    },
    Command {
        name: "tracking",
        summary: "Ends the tracking of keys for a cache in the client; it cannot be begun, ON is refused.",
        syntax: "<ON | OFF>",
        since: "6.0.0",
        arity: -3,
        run: Run::Session(tracking),
        ..ROW
    },
    Command {
        name: "trackinginfo",
        summary: "Tells how keys are tracked for a cache in the client: they are not.",
        since: "6.2.0",
        run: Run::Session(trackinginfo),
        ..ROW
    },
    Command {
        name: "unblock",
        summary: "Wakes a connection that waits in a command; none does, so it answers 0.",
        syntax: "client-id [TIMEOUT | ERROR]",
        since: "5.0.0",
        arity: -3,
        run: Run::Session(unblock),
        ..ADMIN
    },
    Command {
        name: "unpause",
        summary: "Ends what CLIENT PAUSE began.",
        since: "6.2.0",
        run: Run::Node(|caller, _, reply| Box::pin(pause::unpause(caller, reply))),
        ..ADMIN
    },
];

fn getname(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    match caller.session().name.as_slice() {
        [] => reply.null(),
        name => reply.bulk(name),
    }
    Ok(())
}

fn setname(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    if !is_printable(args.get(2)) {
        return Err(BAD_NAME);
    }
    caller.session.borrow_mut().name = args.get(2).to_vec();
    reply.ok();
    Ok(())
}

fn setinfo(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let mut session = caller.session.borrow_mut();
    let (name, place) = match args.get(2).to_ascii_lowercase().as_slice() {
        b"lib-name" => ("lib-name", &mut session.library_name),
        b"lib-ver" => ("lib-ver", &mut session.library_version),
        _ => {
            let option = String::from_utf8_lossy(args.get(2));
            return Err(CommandError::Message(format!("ERR Unrecognized option '{option}'")));
        }
    };
    if !is_printable(args.get(3)) {
        let text = format!("ERR {name} cannot contain spaces, newlines or special characters.");
        return Err(CommandError::Message(text));
    }
    *place = args.get(3).to_vec();
    reply.ok();
    Ok(())
}

/// Whether `text` may stand in a line of CLIENT LIST.
pub(super) fn is_printable(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

fn on_off(text: &[u8]) -> Result<bool, CommandError> {
    match text.to_ascii_lowercase().as_slice() {
        b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err(CommandError::Syntax),
    }
}

fn no_evict(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    caller.session.borrow_mut().no_evict = on_off(args.get(2))?;
    reply.ok();
    Ok(())
}

fn no_touch(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    caller.session.borrow_mut().no_touch = on_off(args.get(2))?;
    reply.ok();
    Ok(())
}

/// The reply is written in any case: what was set decides whether it is sent.
fn reply_mode(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let mut session = caller.session.borrow_mut();
    session.replies = match (args.get(2).to_ascii_lowercase().as_slice(), session.replies) {
        (b"on", _) => ReplyMode::On,
        (b"off", _) | (b"skip", ReplyMode::Off) => ReplyMode::Off,
        (b"skip", _) => ReplyMode::SkipNext,
        _ => return Err(CommandError::Syntax),
    };
    reply.ok();
    Ok(())
}

fn tracking(_: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    if on_off(args.get(2))? {
        return Err(CommandError::Text("ERR tracking of keys is not supported"));
    }
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    reply.ok();
    Ok(())
}

fn trackinginfo(_: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(1);
    reply.bulk(b"off");
    reply.bulk(b"redirect");
    reply.integer(-1);
    reply.bulk(b"prefixes");
    reply.array(0);
    Ok(())
}

fn unblock(_: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let reason = args.get(3).to_ascii_lowercase();
    match args.len() {
        3 => {}
        4 if reason == b"timeout" || reason == b"error" => {}
        4 => return Err(CommandError::Text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
        _ => return Err(CommandError::no_such_form(args)),
    }
    argument::integer(args.get(2))?;
    reply.integer(0);
    Ok(())
}
