//! Commands over all keys of a database, wherever they are: KEYS, SCAN, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.
//!
//! On the plain port they see every core of the node; on a core's own port, that core's keys, as each node of a cluster
//! shows its own.

use std::rc::Rc;

use mycorrhizal_net::resp::{Args, Reply, Value, number::parse_i64};

use super::{Categories, Command, CommandError, Flags, Group, Run, Tip};
use super::{bulks, unexpected};
use crate::mycel::{Case, Db, SLOTS, ScanCursor, Slot, glob_match};
use crate::node::caller::PortKind;
use crate::node::{Caller, Core, CoreId, Manner, PeerId, run_on_all, run_on_one};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "dbsize",
        summary: "Counts the keys of the selected database.",
        group: Group::Server,
        arity: 1,
        flags: Flags::READONLY.with(Flags::FAST),
        categories: Categories::KEYSPACE,
        tips: &[Tip::AllShards, Tip::Sum],
        run: Run::Node(|caller, _, reply| Box::pin(dbsize(caller, reply))),
        ..Command::ROW
    },
    Command {
        name: "flushall",
        summary: "Removes all keys of all databases.",
        syntax: "[ASYNC | SYNC]",
        group: Group::Server,
        complexity: "O(N) where N is the number of keys",
        arity: -1,
        flags: Flags::WRITE,
        categories: Categories::KEYSPACE.with(Categories::DANGEROUS),
        tips: &[Tip::AllShards, Tip::AllSucceeded],
        run: Run::Node(|caller, args, reply| Box::pin(flushall(caller, args, reply))),
        ..Command::ROW
    },
    Command {
        name: "flushdb",
        summary: "Removes all keys of the selected database.",
        syntax: "[ASYNC | SYNC]",
        group: Group::Server,
        complexity: "O(N) where N is the number of keys in the database",
        arity: -1,
        flags: Flags::WRITE,
        categories: Categories::KEYSPACE.with(Categories::DANGEROUS),
        tips: &[Tip::AllShards, Tip::AllSucceeded],
        run: Run::Node(|caller, args, reply| Box::pin(flushdb(caller, args, reply))),
        ..Command::ROW
    },
    Command {
        name: "keys",
        summary: "Lists the keys that match a pattern.",
        syntax: "pattern",
        complexity: "O(N) where N is the number of keys in the database",
        arity: 2,
        flags: Flags::READONLY,
        categories: Categories::KEYSPACE.with(Categories::DANGEROUS),
        tips: &[Tip::AllShards, Tip::AnyOrder],
        run: Run::Node(|caller, args, reply| Box::pin(keys(caller, args, reply))),
        ..Command::ROW
    },
    Command {
        name: "randomkey",
        summary: "Picks a key of the selected database by chance.",
        arity: 1,
        flags: Flags::READONLY,
        categories: Categories::KEYSPACE,
        tips: &[Tip::AllShards, Tip::AnyOutput],
        run: Run::Node(|caller, _, reply| Box::pin(randomkey(caller, reply))),
        ..Command::ROW
    },
    Command {
        name: "scan",
        summary: "Walks over the keys of the selected database, a few per call.",
        syntax: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
        since: "2.8.0",
        complexity: "O(1) per call, O(N) for the whole walk over N keys",
        arity: -2,
        flags: Flags::READONLY,
        categories: Categories::KEYSPACE,
        tips: &[Tip::AnyOutput, Tip::SpecialRequest],
        run: Run::Node(|caller, args, reply| Box::pin(scan(caller, args, reply))),
        ..Command::ROW
    },
    Command {
        name: "swapdb",
        summary: "Exchanges the keys of two databases.",
        syntax: "index1 index2",
        group: Group::Server,
        since: "4.0.0",
        complexity: "O(1)",
        arity: 3,
        flags: Flags::WRITE.with(Flags::FAST),
        categories: Categories::KEYSPACE.with(Categories::DANGEROUS),
        run: Run::Node(|caller, args, reply| Box::pin(swapdb(caller, args, reply))),
        ..Command::ROW
    },
];

/// Slots that KEYS looks at between two chances for others to run.
const SLOTS_PER_STEP: usize = 256;

async fn dbsize(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    reply.integer(key_count(caller).await?);
    Ok(())
}

/// How many keys the selected database has, on all cores and nodes that the caller sees.
pub(super) async fn key_count(caller: &Caller) -> Result<i64, CommandError> {
    let here: i64 = lengths(caller).await.iter().map(|(_, len)| *len as i64).sum();
    let there: i64 = lengths_of_nodes(caller).await?.iter().sum();
    Ok(here + there)
}

/// How many keys of the selected database each visible core has.
async fn lengths(caller: &Caller) -> Vec<(CoreId, usize)> {
    let (cores, db) = (caller.visible_cores(), caller.session().db);
    let lengths = caller.core.call_all(&cores, move |core| core.data.borrow().keyspace.len(db)).await;
    cores.into_iter().zip(lengths).collect()
}

/// How many keys of the selected database each other node has that the caller sees.
async fn lengths_of_nodes(caller: &Caller) -> Result<Vec<i64>, CommandError> {
    let answers = caller.ask_nodes(&[b"DBSIZE"]).await?;
    let length = |answer: Value| match answer {
        Value::Integer(length) => Ok(length),
        other => Err(unexpected(&other)),
    };
    answers.into_iter().map(length).collect()
}

async fn flushall(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let mode = flush_mode(args)?;
    on_visible(caller, move |core| {
        let databases = core.data.borrow().keyspace.databases();
        (0..databases).for_each(|db| flush(core, Db::new(db), mode));
    })
    .await;
    caller.ask_nodes(&args.iter().collect::<Vec<_>>()).await?;
    reply.ok();
    Ok(())
}

async fn flushdb(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let mode = flush_mode(args)?;
    let db = caller.session().db;
    on_visible(caller, move |core| flush(core, db, mode)).await;
    caller.ask_nodes(&args.iter().collect::<Vec<_>>()).await?;
    reply.ok();
    Ok(())
}

/// When the memory of a database that is emptied is freed.
#[derive(Clone, Copy)]
enum FlushMode {
    /// Before the reply.
    Sync,
    /// Little by little, between the commands that follow.
    Async,
}

fn flush_mode(args: Args<'_>) -> Result<FlushMode, CommandError> {
    match args.len() {
        1 => Ok(FlushMode::Sync),
        2 if args.get(1).eq_ignore_ascii_case(b"sync") => Ok(FlushMode::Sync),
        2 if args.get(1).eq_ignore_ascii_case(b"async") => Ok(FlushMode::Async),
        _ => Err(CommandError::Syntax),
    }
}

fn flush(core: &Core, db: Db, mode: FlushMode) {
    let remains = core.data.borrow_mut().keyspace.detach(db);
    match mode {
        FlushMode::Sync => drop(remains),
        FlushMode::Async => core.remains.borrow_mut().push(remains),
    }
}

/// Changes all that the caller sees, in one step.
async fn on_visible(caller: &Caller, work: impl FnOnce(&Rc<Core>) + Send + Clone + 'static) {
    match caller.visible_cores()[..] {
        [core] => run_on_one(&caller.core, core, work).await,
        _ => run_on_all(&caller.core, work).await,
    }
}

async fn keys(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let db = caller.session().db;
    let mut found: Vec<Vec<u8>> = Vec::new();
    for core in caller.visible_cores() {
        for (first, last) in caller.core.directory.slots_of(core.into()) {
            for start in (usize::from(first)..=usize::from(last)).step_by(SLOTS_PER_STEP) {
                let pattern = args.get(1).to_vec();
                let end = (start + SLOTS_PER_STEP).min(usize::from(last) + 1);
                let step = Step { db, from: cursor_at(start), end, count: usize::MAX };
                let page = caller
                    .core
                    .call(core, move |core| step.take(core, |key, _| matches(&pattern, key)))
                    .await;
                found.extend(page.keys);
            }
        }
    }
    for answer in caller.ask_nodes(&args.iter().collect::<Vec<_>>()).await? {
        found.extend(bulks(answer)?);
    }
    write_keys(&found, reply);
    Ok(())
}

async fn randomkey(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    if let Some(key) = random_key_of_nodes(caller).await? {
        reply.bulk(&key);
        return Ok(());
    }
    let mut lengths = lengths(caller).await;
    let db = caller.session().db;
    while let total @ 1.. = lengths.iter().map(|(_, len)| *len).sum::<usize>() {
        let mut drawn = caller.core.rng.borrow_mut().below(total);
        let chosen = lengths.iter().position(|(_, len)| {
            let here = drawn < *len;
            drawn = drawn.saturating_sub(*len);
            here
        });
        let Some(chosen) = chosen else { break };
        let (core, _) = lengths.swap_remove(chosen);
        if let Some(key) = caller.core.call(core, move |core| random_key(core, db)).await {
            reply.bulk(&key);
            return Ok(());
        }
    }
    reply.null();
    Ok(())
}

/// A key of another node, if chance falls on one of theirs.
async fn random_key_of_nodes(caller: &Caller) -> Result<Option<Vec<u8>>, CommandError> {
    let there = lengths_of_nodes(caller).await?;
    if there.is_empty() {
        return Ok(None);
    }
    let here: usize = lengths(caller).await.iter().map(|(_, len)| *len).sum();
    let lens: Vec<usize> = there.iter().map(|len| usize::try_from(*len).unwrap_or(0)).collect();
    let mut drawn = caller.core.rng.borrow_mut().below((here + lens.iter().sum::<usize>()).max(1));
    for (peer, len) in caller.visible_nodes().into_iter().zip(lens) {
        if drawn >= len {
            drawn -= len;
            continue;
        }
        return match caller.ask(peer, Manner::OfNode, &[b"RANDOMKEY"]).await? {
            Value::Bulk(key) => Ok(Some(key)),
            _ => Ok(None),
        };
    }
    Ok(None)
}

fn random_key(core: &Core, db: Db) -> Option<Vec<u8>> {
    core.data.borrow().keyspace.random(db, &mut core.rng.borrow_mut()).map(|view| view.key().to_vec())
}

async fn swapdb(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let databases = caller.core.settings().databases;
    let index = |position, refusal| parse_i64(args.get(position)).ok_or(CommandError::Text(refusal));
    let first = index(1, "ERR invalid first DB index")?;
    let second = index(2, "ERR invalid second DB index")?;
    let db = |index: i64| {
        u16::try_from(index)
            .ok()
            .filter(|index| *index < databases)
            .map(Db::new)
            .ok_or(CommandError::DatabaseOutOfRange)
    };
    let (first, second) = (db(first)?, db(second)?);
    if caller.core.directory.state().members().count() > 1 {
        return Err(CommandError::Text("ERR SWAPDB is not allowed in cluster mode"));
    }
    run_on_all(&caller.core, move |core| core.data.borrow_mut().keyspace.swap(first, second)).await;
    reply.ok();
    Ok(())
}

/// What SCAN was asked for.
struct Scan {
    cursor: ScanCursor,
    count: usize,
    pattern: Option<Vec<u8>>,
    kind: Option<Vec<u8>>,
    /// The slot before which it ends; other nodes say so when they ask for some slots.
    end: usize,
}

impl Scan {
    fn parse(args: Args<'_>, from_node: bool) -> Result<Self, CommandError> {
        let text = std::str::from_utf8(args.get(1)).ok();
        let number: Option<u64> =
            text.filter(|text| !text.starts_with('+')).and_then(|text| text.parse().ok());
        let number = number.ok_or(CommandError::Text("ERR invalid cursor"))?;
        // A cursor that was never given out finds nothing more, as if the walk were over.
        let cursor = ScanCursor::from_number(number).unwrap_or_else(|| cursor_at(SLOTS - 1));
        let mut scan = Self { cursor, count: 10, pattern: None, kind: None, end: SLOTS };
        for position in (2..args.len()).step_by(2) {
            if position + 1 >= args.len() {
                return Err(CommandError::Syntax);
            }
            let (option, value) = (args.get(position), args.get(position + 1));
            if option.eq_ignore_ascii_case(b"count") {
                let count = parse_i64(value).ok_or(CommandError::NotInteger)?;
                scan.count =
                    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(CommandError::Syntax)?;
            } else if option.eq_ignore_ascii_case(b"match") {
                scan.pattern = Some(value.to_vec());
            } else if option.eq_ignore_ascii_case(b"type") {
                scan.kind = Some(value.to_ascii_lowercase());
            } else if option.eq_ignore_ascii_case(END_SLOT) && from_node {
                scan.end = parse_i64(value)
                    .and_then(|end| usize::try_from(end).ok())
                    .ok_or(CommandError::NotInteger)?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(scan)
    }
}

/// The option of SCAN by which a node tells another where to end.
const END_SLOT: &[u8] = b"endslot";

impl Scan {
    /// One step on a core of another node. It visits as many keys as it has to, and says where to go on.
    async fn take_there(
        &self,
        caller: &Caller,
        owner: PeerId,
        step: Step,
        args: Args<'_>,
    ) -> Result<Page, CommandError> {
        let (cursor, count, end) =
            (step.from.number().to_string(), step.count.to_string(), step.end.to_string());
        let mut asked: Vec<&[u8]> = vec![args.get(0), cursor.as_bytes(), b"COUNT", count.as_bytes()];
        asked.extend([END_SLOT, end.as_bytes()]);
        if let Some(pattern) = &self.pattern {
            asked.extend([&b"MATCH"[..], pattern]);
        }
        if let Some(kind) = &self.kind {
            asked.extend([&b"TYPE"[..], kind]);
        }
        let Value::Array(mut answer) = caller.ask(owner, Manner::OfNode, &asked).await? else {
            return Err(CommandError::Text("ERR another node did not scan"));
        };
        let (Some(keys), Some(Value::Bulk(cursor))) = (answer.pop(), answer.pop()) else {
            return Err(CommandError::Text("ERR another node did not scan"));
        };
        let keys = bulks(keys)?;
        let number = std::str::from_utf8(&cursor).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let next = ScanCursor::from_number(number).filter(|_| number != 0);
        Ok(Page { visited: keys.len().max(1), keys, next })
    }
}

async fn scan(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let scan = Scan::parse(args, caller.port == PortKind::Node)?;
    let db = caller.session().db;
    let visible = caller.visible_cores();
    let (mut next, mut left) = (Some(scan.cursor), scan.count);
    let mut found = Vec::new();
    while let Some(from) = next.filter(|_| left > 0) {
        let (owner, end) = caller.core.directory.run_of(from.slot());
        let end = end.min(scan.end);
        next = slot_from(end).filter(|_| end < scan.end).map(ScanCursor::at);
        let Some(owner) = caller.core.directory.local(owner) else {
            if owner != PeerId::NOBODY && !caller.visible_nodes().is_empty() {
                let page = scan.take_there(caller, owner, Step { db, from, end, count: left }, args).await?;
                left = left.saturating_sub(page.visited);
                next = page.next.or(next);
                found.extend(page.keys);
            }
            continue;
        };
        if !visible.contains(&owner) {
            continue;
        }
        let (pattern, kind) = (scan.pattern.clone(), scan.kind.clone());
        let wanted = move |key: &[u8], type_name: &str| {
            pattern.as_ref().is_none_or(|pattern| matches(pattern, key))
                && kind.as_ref().is_none_or(|kind| kind == type_name.as_bytes())
        };
        let step = Step { db, from, end, count: left };
        let page = caller.core.call(owner, move |core| step.take(core, wanted)).await;
        left = left.saturating_sub(page.visited);
        next = page.next.or(next);
        found.extend(page.keys);
    }
    reply.array(2);
    let cursor = next.map_or(0, ScanCursor::number);
    reply.bulk(cursor.to_string().as_bytes());
    write_keys(&found, reply);
    Ok(())
}

/// A walk over some slots of one core.
#[derive(Clone, Copy)]
struct Step {
    db: Db,
    from: ScanCursor,
    /// The slot before which it ends.
    end: usize,
    /// Keys to visit.
    count: usize,
}

/// What a [`Step`] found.
struct Page {
    keys: Vec<Vec<u8>>,
    visited: usize,
    /// Where the walk goes on within the step's slots, unless it is through with them.
    next: Option<ScanCursor>,
}

impl Step {
    fn take(self, core: &Core, wanted: impl Fn(&[u8], &str) -> bool) -> Page {
        let (mut keys, mut visited) = (Vec::new(), 0);
        let data = core.data.borrow();
        let next = data.keyspace.scan(self.db, self.from, self.end, self.count, |view| {
            visited += 1;
            if wanted(view.key(), view.kind().name()) {
                keys.push(view.key().to_vec());
            }
        });
        Page { keys, visited, next }
    }
}

fn matches(pattern: &[u8], key: &[u8]) -> bool {
    glob_match(pattern, key, Case::Exact)
}

fn write_keys(keys: &[Vec<u8>], reply: &mut Reply<'_>) {
    reply.array(keys.len());
    keys.iter().for_each(|key| reply.bulk(key));
}

fn slot_from(number: usize) -> Option<Slot> {
    u16::try_from(number).ok().and_then(Slot::new)
}

fn cursor_at(slot: usize) -> ScanCursor {
    slot_from(slot).map(ScanCursor::at).unwrap_or_default()
}
