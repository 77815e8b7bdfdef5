//! Commands over keys of several cores that must be all or nothing: RENAME, COPY, MSETNX and the like.
//!
//! ```text
//!   take intents on the owners, in core order
//!   copy the named keys here, into a scratch keyspace
//!   apply the command to the scratch keyspace; its effect records say what changed
//!   replay each record on the owner of its key
//!   drop the intents
//! ```
//!
//! So the command's function is the same that runs when one core owns all keys, and nobody sees a half: whoever names
//! one of the keys meanwhile waits on its owner.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use mycorrhizal_net::resp::{Args, Reply};

use super::call::Question;
use super::core::Core;
use super::directory::{CoreId, PeerId};
use super::intent::{Holder, Scope};
use super::mesh::{Manner, RequestContext};
use crate::command::table::Row;
use crate::command::{Apply, CommandError, DataContext, Flags, keys};
use crate::mycel::{Db, Keyspace, KeyspaceConfig, Record, RecordBuffer, Slot};

/// How often a command is tried again because one of its keys has moved on meanwhile.
const ATTEMPTS: usize = 8;

/// Runs `row` over keys of several cores and appends its reply to `out`.
///
/// # Errors
/// What the command itself refuses; nothing has changed then.
pub(crate) async fn run(
    core: &Rc<Core>,
    row: &'static Row,
    apply: Apply,
    context: RequestContext,
    args: Args<'_>,
    out: &mut Vec<u8>,
) -> Result<(), CommandError> {
    if row.command.flags.has(Flags::DENYOOM) && core.data.borrow().is_over_budget() {
        return Err(CommandError::OutOfMemory);
    }
    for _ in 0..ATTEMPTS {
        let owners = match owners(core, row, args)? {
            Owners::Here(owners) => owners,
            Owners::There(peer) => {
                let args: Vec<&[u8]> = args.iter().collect();
                let question = Question { row, manner: Manner::OfNode, context, args: &args };
                out.extend(core.ask(peer, question).await);
                return Ok(());
            }
        };
        let scopes = owners.iter().map(|(&owner, keys)| (owner, Scope::Keys(keys.clone())));
        let intents = Intents::take(core, scopes.collect()).await;
        let scratch = Scratch::loaded(core, context.db, owners).await;
        let result = match scratch {
            Some(scratch) => scratch.run(core, apply, context, args, out).await,
            // A key has moved on while the intents were taken.
            None => {
                intents.release(core).await;
                continue;
            }
        };
        intents.release(core).await;
        return result;
    }
    Err(CommandError::Text("TRYAGAIN Multiple keys request during rehashing of slot"))
}

/// Who owns the keys of a command.
enum Owners {
    /// Cores of this node.
    Here(BTreeMap<CoreId, Vec<Vec<u8>>>),
    /// Cores of another node; this is one of them.
    There(PeerId),
}

fn owners(core: &Core, row: &'static Row, args: Args<'_>) -> Result<Owners, CommandError> {
    let mut here: BTreeMap<CoreId, Vec<Vec<u8>>> = BTreeMap::new();
    let mut there: Option<PeerId> = None;
    for key in keys::keys(row.command.keys, args) {
        let owner = core.directory.owner(Slot::of(key));
        if owner == PeerId::NOBODY {
            return Err(CommandError::Text("CLUSTERDOWN Hash slot not served"));
        }
        match core.directory.local(owner) {
            Some(local) => here.entry(local).or_default().push(key.to_vec()),
            None if there.is_none_or(|peer| core.directory.same_node(peer, owner)) => there = Some(owner),
            None => return Err(CROSS_SLOT),
        }
    }
    match there {
        None => Ok(Owners::Here(here)),
        Some(peer) if here.is_empty() => Ok(Owners::There(peer)),
        Some(_) => Err(CROSS_SLOT),
    }
}

const CROSS_SLOT: CommandError =
    CommandError::Text("CROSSSLOT Keys in request don't hash to slots of the same node");

/// Runs `work` on every core of the node while nothing else touches any data: SWAPDB, FLUSHALL.
pub(crate) async fn run_on_all(core: &Rc<Core>, work: impl FnOnce(&Rc<Core>) + Send + Clone + 'static) {
    run_on(core, core.node.cores().collect(), work).await;
}

/// The same on one core: FLUSHALL by its own port. Nothing is flushed while a partition is being handed over.
pub(crate) async fn run_on_one(
    core: &Rc<Core>,
    owner: CoreId,
    work: impl FnOnce(&Rc<Core>) + Send + Clone + 'static,
) {
    run_on(core, vec![owner], work).await;
}

async fn run_on(core: &Rc<Core>, cores: Vec<CoreId>, work: impl FnOnce(&Rc<Core>) + Send + Clone + 'static) {
    let intents = Intents::take(core, cores.iter().map(|&owner| (owner, Scope::Everything)).collect()).await;
    core.call_all(&cores, work).await;
    intents.release(core).await;
}

/// Intents that are held on several cores.
struct Intents {
    holder: Holder,
    owners: Vec<CoreId>,
}

impl Intents {
    /// Takes intents in the order of `scopes`, which must be that of the cores.
    async fn take(core: &Rc<Core>, scopes: Vec<(CoreId, Scope)>) -> Self {
        let holder = Holder { core: core.id, number: core.next_holder() };
        let owners = scopes.iter().map(|(owner, _)| *owner).collect();
        for (owner, scope) in scopes {
            core.call_later(owner, move |owner, answerer| {
                let here = Rc::clone(owner);
                let granted = Box::new(move || answerer.answer(&here, ()));
                owner.data.borrow_mut().intents.take(holder, scope, granted);
            })
            .await;
        }
        Self { holder, owners }
    }

    async fn release(self, core: &Rc<Core>) {
        let holder = self.holder;
        core.call_all(&self.owners, move |core| {
            core.data.borrow_mut().intents.drop_held(holder);
            core.run_deferred();
        })
        .await;
    }
}

/// Copies of keys in the numbered databases and in `selected`, which are all that a command can reach, as records that
/// put them; `None` if this core does not own all of them any more.
fn copy_out(core: &Rc<Core>, selected: Db, keys: &[Vec<u8>]) -> Option<RecordBuffer> {
    if keys.iter().any(|key| core.directory.owner(Slot::of(key)) != core.id) {
        return None;
    }
    let mut data = core.data.borrow_mut();
    let keyspace = &mut data.keyspace;
    let mut copies = RecordBuffer::new();
    let reached = reached(keyspace, selected);
    for key in keys {
        for &db in &reached {
            let Some(view) = keyspace.peek(db, &keyspace.key(key)) else { continue };
            copies.push(&Record::Put { db, key, value: view.copy(), deadline_ms: view.deadline_ms() });
        }
    }
    Some(copies)
}

/// The databases that a command can reach when `selected` is.
fn reached(keyspace: &Keyspace, selected: Db) -> Vec<Db> {
    let hidden = (selected.number() >= keyspace.numbered() && selected.number() < keyspace.databases())
        .then_some(selected);
    (0..keyspace.numbered()).map(Db::new).chain(hidden).collect()
}

fn replay(core: &Rc<Core>, records: &RecordBuffer) {
    let mut data = core.data.borrow_mut();
    for record in records {
        if let Err(error) = data.keyspace.replay(&record) {
            // Its deadline has passed since it was copied out, or its septum was dropped: it is gone, as it should be.
            tracing::debug!(%error, "a key went by itself while a command held it");
        }
    }
}

/// A keyspace that holds only the keys of one command, and the records of what the command changed.
struct Scratch {
    keyspace: Keyspace,
    records: Rc<RefCell<RecordBuffer>>,
}

impl Scratch {
    fn new(core: &Core, selected: Db) -> Self {
        let own = &core.data.borrow().keyspace;
        let config = KeyspaceConfig { databases: own.numbered(), hasher: core.node.hasher };
        let mut keyspace = Keyspace::new(config);
        keyspace.grow_databases(selected.number() + 1);
        keyspace.set_now(core.now_ms());
        for db in reached(own, selected) {
            keyspace.set_default_ttl(db, own.default_ttl_ms(db));
        }
        Self { keyspace, records: Rc::default() }
    }

    /// With copies of the keys, each from its owner; `None` if one of them has another owner by now.
    async fn loaded(core: &Rc<Core>, selected: Db, owners: BTreeMap<CoreId, Vec<Vec<u8>>>) -> Option<Self> {
        let mut scratch = Self::new(core, selected);
        for (owner, keys) in owners {
            let copies = core.call(owner, move |core| copy_out(core, selected, &keys)).await;
            scratch.load(&copies?);
        }
        Some(scratch)
    }

    /// Runs the command on the copies, and replays what it changed on the owners.
    async fn run(
        mut self,
        core: &Rc<Core>,
        apply: Apply,
        context: RequestContext,
        args: Args<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), CommandError> {
        self.apply(core, apply, context, args, out)?;
        for (owner, records) in self.changes(core) {
            core.call(owner, move |core| replay(core, &records)).await;
        }
        Ok(())
    }

    fn load(&mut self, copies: &RecordBuffer) {
        for record in copies {
            self.keyspace
                .replay(&record)
                .expect("only keys of databases that a command can reach are copied");
        }
    }

    fn apply(
        &mut self,
        core: &Core,
        apply: Apply,
        context: RequestContext,
        args: Args<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), CommandError> {
        self.keyspace.set_sink(Some(Box::new(Rc::clone(&self.records))));
        let mut data = DataContext {
            keyspace: &mut self.keyspace,
            db: context.db,
            no_touch: context.no_touch,
            value_bytes_max: core.data.borrow().value_bytes_max,
            hits: 0,
            misses: 0,
            first_key: None,
        };
        let result = apply(&mut data, args, &mut Reply::new(out, context.protocol));
        core.counters().hits.add(data.hits);
        core.counters().misses.add(data.misses);
        result
    }

    /// What the command changed, by the owner of the key.
    fn changes(&self, core: &Core) -> BTreeMap<CoreId, RecordBuffer> {
        let mut changes: BTreeMap<CoreId, RecordBuffer> = BTreeMap::new();
        for record in &*self.records.borrow() {
            let key = record.key().expect("commands over keys change keys");
            let owner = core.directory.local(core.directory.owner(Slot::of(key)));
            let owner = owner.expect("while intents are held on a key, it does not move");
            changes.entry(owner).or_default().push(&record);
        }
        changes
    }
}
