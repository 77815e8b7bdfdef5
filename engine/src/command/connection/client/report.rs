//! CLIENT INFO and CLIENT LIST: a connection in one line, in the words of Redis 7.2.
//!
//! What belongs to features that this version lacks (transactions, tracking) is written as a
//! connection that does not use them would be.

use std::fmt::Write as _;

use mycorrhizal_net::resp::number::parse_i64;
use mycorrhizal_net::resp::{Args, Protocol, Reply};

use super::super::super::CommandError;
use crate::node::Caller;
use crate::node::caller::Session;

/// The type of a client, as CLIENT LIST and CLIENT KILL filter by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientType {
    /// Sends commands.
    Normal,
    /// Is subscribed to something.
    Subscriber,
    /// A primary that this node replicates, or a replica of it.
    Other,
}

impl ClientType {
    pub(super) fn parse(text: &[u8]) -> Result<Self, CommandError> {
        match text.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(Self::Normal),
            b"pubsub" => Ok(Self::Subscriber),
            b"master" | b"slave" | b"replica" => Ok(Self::Other),
            _ => {
                let name = String::from_utf8_lossy(text);
                Err(CommandError::Message(format!("ERR Unknown client type '{name}'")))
            }
        }
    }

    pub(super) fn of(caller: &Caller) -> Self {
        if caller.session().subscriptions > 0 { Self::Subscriber } else { Self::Normal }
    }
}

pub(super) fn info(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    reply.verbatim("txt", &line(caller));
    Ok(())
}

/// Which connections CLIENT LIST tells of.
#[derive(Debug, PartialEq, Eq)]
enum Chosen {
    All,
    OfType(ClientType),
    WithId(Vec<u64>),
}

impl Chosen {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        match args.get(2).to_ascii_lowercase().as_slice() {
            _ if args.len() == 2 => Ok(Self::All),
            b"type" if args.len() == 4 => ClientType::parse(args.get(3)).map(Self::OfType),
            b"id" if args.len() > 3 => {
                let id = |text| parse_i64(text).and_then(|id| u64::try_from(id).ok());
                let ids: Option<Vec<u64>> = args.iter().skip(3).map(id).collect();
                ids.map(Self::WithId).ok_or(CommandError::Text("ERR Invalid client ID"))
            }
            _ => Err(CommandError::Syntax),
        }
    }
}

pub(super) async fn list(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let chosen = Chosen::parse(args)?;
    let cores: Vec<_> = caller.core.node.cores().collect();
    let lines = caller.core.call_all(&cores, |core| {
        let callers = core.callers.borrow();
        let line = |caller: &Caller| (caller.session().id, ClientType::of(caller), line(caller));
        callers.iter().map(|(_, caller)| line(caller)).collect::<Vec<_>>()
    });
    let mut lines: Vec<(u64, ClientType, String)> = lines.await.into_iter().flatten().collect();
    lines.sort_unstable_by_key(|(id, ..)| *id);
    let text: String = match chosen {
        Chosen::All => lines.into_iter().map(|(.., line)| line).collect(),
        Chosen::OfType(chosen) => {
            lines.into_iter().filter(|(_, kind, _)| *kind == chosen).map(|(.., line)| line).collect()
        }
        Chosen::WithId(ids) => {
            let found = ids.iter().filter_map(|id| lines.binary_search_by_key(id, |(id, ..)| *id).ok());
            found.map(|place| lines[place].2.as_str()).collect()
        }
    };
    reply.verbatim("txt", &text);
    Ok(())
}

/// A connection in one line.
fn line(caller: &Caller) -> String {
    let [channels, patterns, shards] = caller.subscription_counts();
    let session = caller.session();
    let seconds_since = |at_ms: u64| caller.core.now_ms().saturating_sub(at_ms) / 1000;
    let (descriptor, unsent) = caller
        .connection()
        .map_or((-1, 0), |connection| (connection.descriptor(), connection.unsent_bytes()));
    let local = caller.local_address().map(|address| address.to_string()).unwrap_or_default();
    let mut line = format!(
        "id={} addr={} laddr={local} fd={descriptor} name={} age={} idle={} flags={} db={}",
        session.id,
        caller.peer_address(),
        String::from_utf8_lossy(&session.name),
        seconds_since(session.connected_ms),
        seconds_since(session.active_ms),
        flags(&session),
        session.db.number(),
    );
    let total = session.input_bytes + unsent + size_of::<Caller>();
    let row = session.last_row.map_or("NULL", |row| row.full_name.as_str());
    let written = writeln!(
        line,
        " sub={channels} psub={patterns} ssub={shards} multi=-1 qbuf={} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl={unsent} oll=0 \
         omem={unsent} tot-mem={total} events=r cmd={row} user=default redir=-1 resp={} lib-name={} lib-ver={}",
        session.input_bytes,
        if session.protocol == Protocol::Resp3 { 3 } else { 2 },
        String::from_utf8_lossy(&session.library_name),
        String::from_utf8_lossy(&session.library_version),
    );
    written.expect("a string takes what is written to it");
    line
}

/// The letters that say what is special about a connection; `N` for nothing.
fn flags(session: &Session) -> String {
    let letters = [
        (session.subscriptions > 0, 'P'),
        (session.closing, 'c'),
        (session.no_evict, 'e'),
        (session.no_touch, 'T'),
    ];
    let flags: String = letters.into_iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
    if flags.is_empty() { "N".to_owned() } else { flags }
}
