//! CLIENT PAUSE and UNPAUSE, on every core.

use mycorrhizal_net::resp::number::parse_i64;
use mycorrhizal_net::resp::{Args, Reply};

use super::super::super::CommandError;
use crate::node::core::Pause;
use crate::node::{Caller, CoreId};

pub(super) async fn pause(
    caller: &Caller,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    if args.len() > 4 {
        return Err(CommandError::no_such_form(args));
    }
    let timeout_ms = match parse_i64(args.get(2)).map(u64::try_from) {
        None => return Err(CommandError::Text("ERR timeout is not an integer or out of range")),
        Some(Err(_)) => return Err(CommandError::Text("ERR timeout is negative")),
        Some(Ok(timeout_ms)) => timeout_ms,
    };
    let writes_only = match args.get(3).to_ascii_lowercase().as_slice() {
        _ if args.len() == 3 => false,
        b"all" => false,
        b"write" => true,
        _ => return Err(CommandError::Text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let asked = Pause { until_ms: caller.core.now_ms().saturating_add(timeout_ms), writes_only };
    let cores: Vec<CoreId> = caller.core.node.cores().collect();
    caller
        .core
        .call_all(&cores, move |core| {
            let in_force = core.pause.get().filter(|pause| pause.until_ms > core.now_ms());
            core.pause.set(Some(in_force.map_or(asked, |pause| both(pause, asked))));
        })
        .await;
    reply.ok();
    Ok(())
}

/// A second pause never makes the first shorter or milder.
fn both(first: Pause, second: Pause) -> Pause {
    Pause {
        until_ms: first.until_ms.max(second.until_ms),
        writes_only: first.writes_only && second.writes_only,
    }
}

pub(super) async fn unpause(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let cores: Vec<CoreId> = caller.core.node.cores().collect();
    caller.core.call_all(&cores, |core| core.pause.set(None)).await;
    reply.ok();
    Ok(())
}
