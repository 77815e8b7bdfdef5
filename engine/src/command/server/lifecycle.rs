//! TIME, ROLE and SHUTDOWN.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::CommandError;
use crate::clock;
use crate::node::Caller;

pub(super) fn time(_: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let now_us = clock::unix_us();
    reply.array(2);
    reply.bulk((now_us / 1_000_000).to_string().as_bytes());
    reply.bulk((now_us % 1_000_000).to_string().as_bytes());
    Ok(())
}

/// A primary without replicas.
pub(super) fn role(_: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    reply.array(3);
    reply.bulk(b"master");
    reply.integer(0);
    reply.array(0);
    Ok(())
}

/// What SHUTDOWN was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// To stop. Nothing is saved in this version, and nothing waits: NOSAVE, NOW and FORCE change nothing.
    Stop,
    /// To stop with a snapshot written.
    SaveAndStop,
    /// To stop stopping.
    Abort,
}

impl Order {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut seen = [false; 5];
        for arg in args.iter().skip(1) {
            let names: [&[u8]; 5] = [b"save", b"nosave", b"now", b"force", b"abort"];
            let place = names.iter().position(|name| arg.eq_ignore_ascii_case(name));
            seen[place.ok_or(CommandError::Syntax)?] = true;
        }
        match seen {
            [false, false, false, false, true] => Ok(Self::Abort),
            [true, true, ..] | [.., true] => Err(CommandError::Syntax),
            [true, ..] => Ok(Self::SaveAndStop),
            _ => Ok(Self::Stop),
        }
    }
}

/// Has no reply when it works: the connection closes.
pub(super) fn shutdown(caller: &Caller, args: Args<'_>, _: &mut Reply<'_>) -> Result<(), CommandError> {
    match Order::parse(args)? {
        Order::Abort => return Err(CommandError::Text("ERR No shutdown in progress.")),
        Order::SaveAndStop => {
            let text = "ERR this version saves no snapshots: SHUTDOWN NOSAVE stops without one";
            return Err(CommandError::Text(text));
        }
        Order::Stop => {}
    }
    tracing::info!(client = %caller.peer_address(), "a client asked the node to stop");
    caller.session.borrow_mut().closing = true;
    caller.core.node.request_stop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use mycorrhizal_net::resp::Span;

    use super::*;

    #[test]
    fn orders_are_read_as_redis_reads_them() {
        let check = |line: &str, expect: Option<Order>| {
            let mut end = 0;
            let span = |word: &str| {
                let start = end;
                end += u32::try_from(word.len()).unwrap() + 1;
                Span { start, end: end - 1 }
            };
            let spans: Vec<Span> = line.split(' ').map(span).collect();
            assert_eq!(Order::parse(Args::new(line.as_bytes(), &spans)).ok(), expect, "{line}");
        };
        check("SHUTDOWN", Some(Order::Stop));
        check("SHUTDOWN NoSave NOW force", Some(Order::Stop));
        check("SHUTDOWN SAVE", Some(Order::SaveAndStop));
        check("SHUTDOWN ABORT", Some(Order::Abort));
        check("SHUTDOWN ABORT NOW", None);
        check("SHUTDOWN SAVE NOSAVE", None);
        check("SHUTDOWN SOON", None);
    }
}
