//! Commands about the connection itself: greeting, authentication, selection, and CLIENT.
//!
//! | module | commands |
//! |---|---|
//! | here | ECHO, PING, QUIT, RESET, SELECT |
//! | `auth` | AUTH, HELLO |
//! | `client` | CLIENT |
//!
//! Behaviour and error texts are those of Redis 7.2.

pub(super) mod auth;
mod client;

use mycorrhizal_net::resp::{Args, Reply};

use super::{Command, CommandError, Flags, Group, Run, Tip, argument};
use crate::node::Caller;
use crate::nodosum::state::SeptumId;

/// What a row of this group starts from.
const ROW: Command = Command { group: Group::Connection, ..Command::ROW };

/// The flags of what must work before a client is known.
const GREETING: Flags = Flags::NOSCRIPT
    .with(Flags::LOADING)
    .with(Flags::STALE)
    .with(Flags::FAST)
    .with(Flags::NO_AUTH)
    .with(Flags::ALLOW_BUSY);

const QUICK: Flags = Flags::LOADING.with(Flags::STALE).with(Flags::FAST);

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "auth",
        summary: "Authenticates the connection with a password.",
        syntax: "[username] password",
        arity: -2,
        flags: GREETING.with(Flags::SKIP_SLOWLOG),
        run: Run::Session(auth::auth),
        ..ROW
    },
    Command {
        name: "client",
        summary: "Tells and changes things about connections.",
        since: "2.4.0",
        complexity: "Depends on subcommand.",
        arity: -2,
        subcommands: client::SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "echo",
        summary: "Answers with what it was given.",
        syntax: "message",
        arity: 2,
        flags: QUICK,
        run: Run::Session(|_, args, reply| {
            reply.bulk(args.get(1));
            Ok(())
        }),
        ..ROW
    },
    Command {
        name: "hello",
        summary: "Greets the server: chooses the protocol version, and may authenticate and name the connection.",
        syntax: "[protover [AUTH username password] [SETNAME clientname]]",
        since: "6.0.0",
        arity: -1,
        flags: GREETING.with(Flags::SKIP_SLOWLOG),
        run: Run::Session(auth::hello),
        ..ROW
    },
    Command {
        name: "ping",
        summary: "Shows that the server is there.",
        syntax: "[message]",
        arity: -1,
        flags: Flags::FAST,
        tips: &[Tip::AllShards, Tip::AllSucceeded],
        run: Run::Session(ping),
        ..ROW
    },
    Command {
        name: "quit",
        summary: "Closes the connection once everything before was answered.",
        arity: -1,
        flags: GREETING,
        run: Run::Session(quit),
        ..ROW
    },
    Command {
        name: "reset",
        summary: "Puts the connection back to where it was when it was opened.",
        since: "6.2.0",
        arity: 1,
        flags: GREETING,
        run: Run::Node(|caller, _, reply| Box::pin(reset(caller, reply))),
        ..ROW
    },
    Command {
        name: "select",
        summary: "Selects the database that the connection works on.",
        syntax: "index",
        arity: 2,
        flags: QUICK,
        run: Run::Session(select),
        ..ROW
    },
];

fn ping(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let subscribes = caller.session().only_subscribes();
    match args.len() {
        1 | 2 if subscribes => {
            reply.array(2);
            reply.bulk(b"pong");
            reply.bulk(if args.len() == 2 { args.get(1) } else { b"" });
        }
        1 => reply.simple("PONG"),
        2 => reply.bulk(args.get(1)),
        _ => return Err(CommandError::WrongArity("ping".into())),
    }
    Ok(())
}

fn quit(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    caller.session.borrow_mut().closing = true;
    reply.ok();
    Ok(())
}

async fn reset(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    caller.end_subscriptions();
    caller.release_claims().await;
    let open = caller.core.settings().requirepass.is_empty();
    caller.session.borrow_mut().reset(open);
    reply.simple("RESET");
    Ok(())
}

fn select(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let db = argument::database(args.get(1), &caller.core.data.borrow().keyspace)?;
    caller.session.borrow_mut().select(db, SeptumId::NUMBERED);
    reply.ok();
    Ok(())
}
