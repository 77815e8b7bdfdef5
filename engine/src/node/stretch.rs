//! A stretch: data commands of one connection that run in one go, without an await, straight into its output.
//!
//! What this core owns runs at once; what another owns goes into its mail, and from then on the connection's gather keeps
//! the order of the replies; a command whose keys lie on several cores goes to each in parts.

use std::cell::RefMut;

use mycorrhizal_net::resp::{Args, Reply, Span};

use super::batch::{Place, Plan};
use super::call::never_applied;
use super::caller::{Caller, PortKind};
use super::core::Core;
use super::data::Data;
use super::directory::PeerId;
use super::gather::{Gather, Ticket};
use super::mesh::{Manner, Request, RequestContext};
use super::stopwatch::Stopwatch;
use crate::command::table::Row;
use crate::command::{Apply, CommandError, Merge, Run, Spread};
use crate::cytoplasm::Kind;
use crate::mycel::{Key, Slot};
use crate::nodosum::state::{CoreAddress, PartitionId};

impl super::caller::Session {
    /// What data commands need to know of the session.
    #[inline]
    pub(crate) fn request_context(&self) -> RequestContext {
        RequestContext { db: self.db, protocol: self.protocol, no_touch: self.no_touch }
    }
}

/// Data commands of one connection that run without an await between them.
pub(super) struct Stretch<'a> {
    caller: &'a Caller,
    core: &'a Core,
    data: RefMut<'a, Data>,
    output: RefMut<'a, Vec<u8>>,
    stopwatch: RefMut<'a, Stopwatch>,
    context: RequestContext,
    /// The connection's gather, once something in the batch waits: from then on it keeps the order.
    pub(super) gather: Option<u32>,
    /// Whether the next command follows an ASKING.
    pub(super) asking: bool,
    last_row: Option<&'static Row>,
    commands: u64,
}

impl<'a> Stretch<'a> {
    #[inline]
    pub(super) fn begin(caller: &'a Caller, context: RequestContext) -> Self {
        let core = &*caller.core;
        let mut stopwatch = core.stopwatch.borrow_mut();
        stopwatch.start(core);
        Self {
            caller,
            core,
            data: core.data.borrow_mut(),
            output: caller.output(),
            stopwatch,
            context,
            gather: None,
            asking: false,
            last_row: None,
            commands: 0,
        }
    }

    /// Runs a data command; `false`: it needs more than a stretch can give, and nothing has been done.
    #[inline]
    pub(super) fn run(&mut self, plan: Plan, args: Args<'_>) -> bool {
        let Plan::Row(row, place) = plan else { return false };
        let (apply, spread) = match row.command.run {
            Run::Data { apply, spread } => (apply, spread),
            Run::Publish(kind) => {
                self.publish(row, kind, args);
                return true;
            }
            Run::Session(_) | Run::Node(_) | Run::Container => return false,
        };
        let own_keys_only = self.caller.port == PortKind::Core;
        if self.core.suspended.get() && self.touches_own_keys(place) {
            return false;
        }
        match place {
            Place::Core { owner: PeerId::NOBODY, .. } => self.answer_down(row),
            Place::Nowhere => self.run_here(row, apply, place, args),
            Place::Core { owner, one_slot, .. } if owner == self.core.id && (one_slot || !own_keys_only) => {
                self.run_here(row, apply, place, args);
            }
            Place::Core { slot, hash, one_slot: true, owner } if self.asking && self.arrives(slot) => {
                // Its owner still answers for it, or hands it on to this core as soon as it does not.
                self.forward(owner, row, apply, (slot, hash), Manner::Direct, args.iter());
            }
            Place::Core { .. } | Place::Cores { .. } if own_keys_only => self.redirect(row, place),
            Place::Core { owner, slot, hash, .. } => {
                self.forward(owner, row, apply, (slot, hash), Manner::Direct, args.iter());
            }
            Place::Cores { .. } => {
                let Spread::Each { element, merge } = spread else { return false };
                self.scatter(row, element, merge, args);
            }
        }
        self.note(row);
        true
    }

    /// Counts a command that has run.
    #[inline]
    fn note(&mut self, row: &'static Row) {
        self.asking = false;
        self.core.counters().rows[usize::from(row.number)].calls.add(1);
        self.last_row = Some(row);
        self.commands += 1;
    }

    /// Whether a command may be for keys of this core.
    fn touches_own_keys(&self, place: Place) -> bool {
        match place {
            Place::Nowhere => false,
            Place::Core { owner, .. } => owner == self.core.id,
            Place::Cores { .. } => true,
        }
    }

    /// Whether a slot is on its way to this core.
    fn arrives(&self, slot: Slot) -> bool {
        let me = CoreAddress { node: self.core.node.id, core: self.core.id.0 };
        let partition = PartitionId(u16::try_from(slot.partition()).expect("there are 1,024 partitions"));
        self.core.directory.state().map().ownership(partition).moving_to == Some(me)
    }

    /// Where a cluster client is to ask instead: the partition is being handed over.
    fn asked_elsewhere(&self, first_key: Option<(Slot, u32)>) -> Option<CommandError> {
        if self.caller.port != PortKind::Core {
            return None;
        }
        let (slot, _) = first_key?;
        let to = self.core.migration.handed_to(slot.partition())?;
        let (host, port) = self.caller.address_of(self.core.directory.address(to))?;
        Some(CommandError::Message(format!("ASK {} {host}:{port}", slot.number())))
    }

    /// Sends a message to every core that has a subscriber for its channel; the reply is how many heard it.
    fn publish(&mut self, row: &'static Row, kind: Kind, args: Args<'_>) {
        self.note(row);
        if let Some(error) = self.caller.shard_elsewhere(kind, std::iter::once(args.get(1))) {
            return self.answer_error(row, &error);
        }
        self.stopwatch.before(self.core, row, args);
        let (core, cytoplasm) = (self.core, &self.core.cytoplasm);
        let mut cores = cytoplasm.cores.borrow_mut();
        cytoplasm.interest.borrow().cores_for(kind, args.get(1), &mut cores);
        let heard_here = if cores.iter().any(|peer| *peer == core.id) {
            cores.retain(|peer| *peer != core.id);
            core.hand_out(kind, args.get(1), args.get(2))
        } else {
            0
        };
        match cores.len() {
            0 => self.answer_integer(heard_here),
            1 if heard_here == 0 => {}
            others => {
                let parts = u32::try_from(others + 1).expect("cores are far fewer than 2^32");
                self.with_gather(|gather| gather.group(Merge::Sum, parts));
                self.answer_integer(heard_here);
            }
        }
        for peer in cores.iter() {
            let (context, ticket) = (self.context, self.expect());
            let (apply, manner) = (never_applied, Manner::Publish);
            let request = Request { row, apply, first_key: None, manner, context, ticket };
            core.outboxes.borrow_mut().mail(*peer).requests.push(request, args.iter());
        }
        let bytes_heard = usize::try_from(heard_here).unwrap_or(0) * args.get(2).len();
        self.stopwatch.after(core, row, args, bytes_heard, Some(self.caller));
    }

    fn answer_integer(&mut self, value: i64) {
        let protocol = self.context.protocol;
        match self.gather {
            None => Reply::new(&mut self.output, protocol).integer(value),
            Some(_) => self.with_gather(|gather| {
                gather.ready(|out| Reply::new(out, protocol).integer(value));
            }),
        }
    }

    /// Runs a command whose keys this core owns.
    #[inline]
    fn run_here(&mut self, row: &'static Row, apply: Apply, place: Place, args: Args<'_>) {
        self.stopwatch.before(self.core, row, args);
        if let Some(bytes) = self.execute(row, apply, place.first_key(), Manner::Direct, args) {
            self.stopwatch.after(self.core, row, args, bytes, Some(self.caller));
        }
    }

    /// Runs a command, or part of one, and returns the length of its reply, in bytes; none if it has to wait for an
    /// intent.
    #[inline]
    fn execute(
        &mut self,
        row: &'static Row,
        apply: Apply,
        first_key: Option<(Slot, u32)>,
        manner: Manner,
        args: Args<'_>,
    ) -> Option<usize> {
        let ticket = Ticket { gather: self.gather.unwrap_or(0), piece: 0 };
        let request = Request { row, apply, first_key, manner, context: self.context, ticket };
        if self.data.intents.any() && self.data.intents.block(&request, args) {
            if let Some(error) = self.asked_elsewhere(first_key) {
                self.answer_error(row, &error);
                return None;
            }
            let ticket = self.expect();
            self.data.intents.defer(self.core.id.into(), Request { ticket, ..request }, args);
            return None;
        }
        Some(match self.gather {
            None => {
                let before = self.output.len();
                self.core.apply(&mut self.data, &request, args, &mut self.output);
                self.output.len() - before
            }
            Some(key) => {
                let mut gathers = self.core.gathers.borrow_mut();
                gathers[key as usize].ready(|out| self.core.apply(&mut self.data, &request, args, out))
            }
        })
    }

    /// Sends a command to the core that owns its keys.
    fn forward<'k>(
        &mut self,
        owner: PeerId,
        row: &'static Row,
        apply: Apply,
        first_key: (Slot, u32),
        manner: Manner,
        args: impl IntoIterator<Item = &'k [u8]>,
    ) {
        let ticket = self.expect();
        let first_key = Some(first_key);
        let request = Request { row, apply, first_key, manner, context: self.context, ticket };
        self.core.outboxes.borrow_mut().mail(owner).requests.push(request, args);
    }

    /// Makes every key of a command a part of its own, each run by the key's owner. The command is timed here, with its
    /// parts for this core; what others do meanwhile is not added.
    fn scatter(&mut self, row: &'static Row, element: Apply, merge: Merge, args: Args<'_>) {
        let spec = row.command.keys.first().expect("a scattered command has keys");
        let step = usize::from(spec.step);
        let positions = spec.positions(args.len());
        let parts = u32::try_from(positions.clone().count()).expect("arguments are fewer than 2^32");
        self.stopwatch.before(self.core, row, args);
        self.with_gather(|gather| gather.group(merge, parts));
        for position in positions {
            let end = (position + step).min(args.len());
            let key = Key::new(args.get(position), &self.core.node.hasher);
            let owner = self.core.directory.owner(key.slot());
            let first_key = (key.slot(), key.hash());
            if owner == PeerId::NOBODY {
                self.answer_down(row);
            } else if owner == self.core.id {
                let spans: Vec<Span> =
                    std::iter::once(0).chain(position..end).map(|index| args.spans[index]).collect();
                self.execute(row, element, Some(first_key), Manner::Part, Args::new(args.buffer, &spans));
            } else {
                let element_args = std::iter::once(0).chain(position..end).map(|index| args.get(index));
                self.forward(owner, row, element, first_key, Manner::Part, element_args);
            }
        }
        self.stopwatch.after(self.core, row, args, 0, Some(self.caller));
    }

    /// Answers for keys that this core's own port does not serve.
    fn redirect(&mut self, row: &'static Row, place: Place) {
        let error = match place {
            Place::Core { owner, slot, one_slot: true, .. } => self.caller.moved(slot, owner),
            _ => CommandError::Text("CROSSSLOT Keys in request don't hash to the same slot"),
        };
        self.answer_error(row, &error);
    }

    /// Answers for keys that nobody owns at the moment.
    fn answer_down(&mut self, row: &'static Row) {
        self.answer_error(row, &CommandError::Text("CLUSTERDOWN Hash slot not served"));
    }

    fn answer_error(&mut self, row: &'static Row, error: &CommandError) {
        let mut reply = Vec::new();
        self.core.refuse(Some(row), error, &mut reply);
        match self.gather {
            None => self.output.extend_from_slice(&reply),
            Some(_) => self.with_gather(|gather| {
                gather.ready(|out| out.extend_from_slice(&reply));
            }),
        }
    }

    /// Adds a piece to the gather that somebody will answer later.
    fn expect(&mut self) -> Ticket {
        let piece = self.with_gather(Gather::expect);
        Ticket { gather: self.caller.gather(), piece }
    }

    fn with_gather<T>(&mut self, act: impl FnOnce(&mut Gather) -> T) -> T {
        let key = self.caller.gather();
        self.gather = Some(key);
        act(&mut self.core.gathers.borrow_mut()[key as usize])
    }

    /// Ends the stretch; returns the last command that ran.
    pub(super) fn finish(mut self) -> Option<&'static Row> {
        self.stopwatch.stop(self.core);
        self.core.counters().commands.add(self.commands);
        self.last_row
    }
}
