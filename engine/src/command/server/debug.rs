//! DEBUG: what tests need and users do not.

use std::time::Duration;

use mycorrhizal_net::resp::{Args, Reply};

use super::super::keys::{Access, KeySpec};
use super::super::{Command, CommandError, DataContext, Flags, Group, Run, Spread, help};
use crate::node::{Caller, CoreId};

const ROW: Command = Command {
    group: Group::Server,
    arity: 3,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE),
    ..Command::ROW
};

/// The subcommands of DEBUG.
pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "help",
        summary: "Lists the subcommands.",
        arity: 2,
        run: Run::Session(help::answer),
        ..ROW
    },
    Command {
        name: "object",
        summary: "Tells how a value is kept.",
        syntax: "key",
        keys: &[KeySpec::at(2, Access::LOOK)],
        run: Run::Data { apply: object, spread: Spread::Single },
        ..ROW
    },
    Command {
        name: "set-active-expire",
        summary: "Turns the removal of expired keys that nobody asks for on (1) or off (0).",
        syntax: "<0 | 1>",
        run: Run::Node(|caller, args, reply| Box::pin(set_active_expire(caller, args, reply))),
        ..ROW
    },
    Command {
        name: "sleep",
        summary: "Stops the core of the connection for a time: it serves nobody meanwhile.",
        syntax: "seconds",
        complexity: "O(N) where N is the time asked for",
        arity: -2,
        run: Run::Session(sleep),
        ..ROW
    },
];

/// The address in Redis's reply means nothing here and is left out of what it identifies: it is that of nothing.
fn object(context: &mut DataContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let key = context.first_key(args.get(2));
    let view = context.keyspace.peek(context.db, &key).ok_or(CommandError::NoSuchKey)?;
    let idle_seconds = context.keyspace.idle_seconds(view.clock());
    let now_seconds = context.keyspace.now_ms() / 1000;
    reply.simple(&format!(
        "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{idle_seconds}",
        view.encoding().name(),
        view.value().len(),
        now_seconds.saturating_sub(idle_seconds) & 0xFF_FFFF,
    ));
    Ok(())
}

async fn set_active_expire(
    caller: &Caller,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    // As Redis reads it: whatever is no number counts as 0.
    let on = matches!(mycorrhizal_net::resp::number::parse_i64(args.get(2)), Some(number) if number != 0);
    let cores: Vec<CoreId> = caller.core.node.cores().collect();
    caller.core.call_all(&cores, move |core| core.active_expiry.set(on)).await;
    reply.ok();
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "to keep the core from serving anybody is what is asked for")]
fn sleep(_: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    if args.len() != 3 {
        return Err(CommandError::no_such_form(args));
    }
    std::thread::sleep(duration(args.get(2)));
    reply.ok();
    Ok(())
}

/// The time asked for: seconds with a fraction; as in Redis, what is no number counts as none.
fn duration(text: &[u8]) -> Duration {
    let seconds = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_nonsense_is_none() {
        let table = [("1.5", 1_500), ("0", 0), ("-1", 0), ("x", 0), ("nan", 0), ("inf", 0), ("0.001", 1)];
        for (text, millis) in table {
            assert_eq!(duration(text.as_bytes()), Duration::from_millis(millis), "{text}");
        }
    }
}
