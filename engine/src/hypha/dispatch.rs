//! Runs planned commands: here, on the owner's core, or spread over several, with replies in the order of commands.
//!
//! A *stretch* is a run of data commands that need nothing but data: they run in one go, without an await, straight
//! into the connection's output. The first that goes to another core opens the connection's gather, which then keeps
//! the order. Whatever else a command may need (waiting, authentication, several cores at once) is handled one
//! command at a time in [`Caller::run_alone`].

use std::cell::RefMut;

use mycorrhizal_net::resp::{Args, Protocol, Reply, RequestParser, Span};

use super::batch::{Batch, Place, Plan};
use super::caller::{Caller, PortKind, ReplyMode};
use super::core::{Core, Data};
use super::gather::{Gather, Ticket};
use super::mesh::{Request, RequestContext, Requests};
use super::stopwatch::Stopwatch;
use super::topology::CoreId;
use crate::command::table::Row;
use crate::command::{Apply, CommandError, DataContext, Flags, Merge, Run, Spread};
use crate::mycel::{Key, Slot};

impl Caller {
    /// Runs everything that `batch` planned from `input`; the replies are in the output when this returns.
    pub(crate) async fn run(&self, parser: &RequestParser, input: &[u8], batch: &Batch) {
        let mut at = 0;
        loop {
            at = self.run_stretch(parser, input, batch, at);
            let Some(planned) = batch.planned().get(at) else { break };
            self.settle().await;
            self.run_alone(planned.plan, batch.args(parser, input, planned)).await;
            at += 1;
            if self.session.borrow().closing {
                break;
            }
        }
        self.settle().await;
    }

    /// Waits for the replies of other cores and puts them into the output.
    async fn settle(&self) {
        let Some(key) = self.existing_gather() else { return };
        let key = key as usize;
        if self.core.gathers.borrow()[key].is_empty() {
            return;
        }
        std::future::poll_fn(|context| self.core.gathers.borrow_mut()[key].poll_complete(context)).await;
        let protocol = self.session.borrow().protocol;
        self.core.gathers.borrow_mut()[key].drain_into(&mut self.output(), protocol);
    }

    /// Runs data commands from `at` on while nothing needs to wait; returns the index of the first that was not run.
    fn run_stretch(&self, parser: &RequestParser, input: &[u8], batch: &Batch, mut at: usize) -> usize {
        let session = self.session.borrow();
        if !session.authenticated || session.replies != ReplyMode::On || self.core.pause.get().is_some() {
            return at;
        }
        let mut stretch = Stretch::begin(self, session.request_context());
        drop(session);
        while let Some(planned) = batch.planned().get(at) {
            if !stretch.run(planned.plan, batch.args(parser, input, planned)) {
                break;
            }
            at += 1;
        }
        if let Some(row) = stretch.finish() {
            self.note_command(row);
        }
        at
    }

    fn note_command(&self, row: &'static Row) {
        let mut session = self.session.borrow_mut();
        session.last_row = Some(row);
        session.active_ms = self.core.now_ms();
    }

    /// Runs one command of any kind, on its own.
    async fn run_alone(&self, plan: Plan, args: Args<'_>) {
        if matches!(plan, Plan::Unknown) && is_of_http(args.get(0)) {
            tracing::warn!(peer = %self.peer_address(), "a request of HTTP: a page may be trying to send commands");
            self.session.borrow_mut().closing = true;
            return;
        }
        let (row, place) = match self.admit(plan, args) {
            Ok(admitted) => admitted,
            Err((row, error)) => {
                let mut reply = Vec::new();
                self.core.refuse(row, &error, &mut reply);
                return self.reply(&reply);
            }
        };
        self.wait_for_pause(row).await;
        self.note_command(row);
        let mut bytes = Vec::new();
        match row.command.run {
            Run::Data { spread: Spread::Isolated, apply } if matches!(place, Place::Cores { .. }) => {
                let context = self.session.borrow().request_context();
                let result = super::isolation::run(&self.core, row, apply, context, args, &mut bytes).await;
                self.finish(row, result, &mut bytes);
            }
            Run::Data { .. } => {
                self.run_data_alone(plan, args);
                self.settle_into(&mut bytes).await;
            }
            Run::Session(function) => {
                let started = super::clock::monotonic();
                let protocol = self.session.borrow().protocol;
                let result = function(self, args, &mut Reply::new(&mut bytes, protocol));
                self.finish(row, result, &mut bytes);
                self.core.record(row, args, started.elapsed(), Some(self));
            }
            Run::Node(function) => {
                let started = super::clock::monotonic();
                let protocol = self.session.borrow().protocol;
                let result = function(self, args, &mut Reply::new(&mut bytes, protocol)).await;
                self.finish(row, result, &mut bytes);
                self.core.record(row, args, started.elapsed(), Some(self));
            }
            Run::Container => self.core.refuse(
                Some(row),
                &CommandError::WrongArity(row.full_name.as_str().into()),
                &mut bytes,
            ),
        }
        self.reply(&bytes);
    }

    /// Whether a command may run at all.
    fn admit(
        &self,
        plan: Plan,
        args: Args<'_>,
    ) -> Result<(&'static Row, Place), (Option<&'static Row>, CommandError)> {
        let (row, place) = match plan {
            Plan::Row(row, place) => (row, place),
            Plan::Unknown => return Err((None, unknown_command(args))),
            Plan::UnknownSubcommand(row) => return Err((Some(row), unknown_subcommand(row, args))),
            Plan::WrongArity(row) => {
                return Err((Some(row), CommandError::WrongArity(row.full_name.as_str().into())));
            }
        };
        if !self.session.borrow().authenticated && !row.command.flags.has(Flags::NO_AUTH) {
            return Err((Some(row), CommandError::Text("NOAUTH Authentication required.")));
        }
        Ok((row, place))
    }

    /// CLIENT PAUSE holds commands up.
    async fn wait_for_pause(&self, row: &'static Row) {
        while let Some(pause) = self.core.pause.get() {
            let now_ms = self.core.now_ms();
            if now_ms >= pause.until_ms {
                self.core.pause.set(None);
                return;
            }
            let free = pause.writes_only && !row.command.flags.has(Flags::WRITE)
                || row.full_name.starts_with("client|");
            if free {
                return;
            }
            // CLIENT UNPAUSE may end it at any time.
            let step = std::time::Duration::from_millis((pause.until_ms - now_ms).min(10));
            self.core.ring.sleep_until(self.core.ring.now() + step).await;
        }
    }

    /// Runs one data command whose reply is to be held back in the gather.
    fn run_data_alone(&self, plan: Plan, args: Args<'_>) {
        let mut stretch = Stretch::begin(self, self.session.borrow().request_context());
        stretch.gather = Some(self.gather());
        let ran = stretch.run(plan, args);
        debug_assert!(ran, "commands that need more were handled before");
        stretch.finish();
    }

    async fn settle_into(&self, bytes: &mut Vec<u8>) {
        let key = self.gather() as usize;
        std::future::poll_fn(|context| self.core.gathers.borrow_mut()[key].poll_complete(context)).await;
        let protocol = self.session.borrow().protocol;
        self.core.gathers.borrow_mut()[key].drain_into(bytes, protocol);
    }

    /// Counts a command that has run on the connection's own core, and turns its error into a reply.
    fn finish(&self, row: &'static Row, result: Result<(), CommandError>, bytes: &mut Vec<u8>) {
        self.core.counters().commands.add(1);
        let counters = &self.core.counters().rows[usize::from(row.number)];
        counters.calls.add(1);
        if let Err(error) = result {
            bytes.clear();
            counters.failed.add(1);
            self.core.write_error(&error, bytes);
        }
    }

    /// Appends a reply, unless CLIENT REPLY says that none is wanted.
    fn reply(&self, bytes: &[u8]) {
        let mut session = self.session.borrow_mut();
        match session.replies {
            ReplyMode::On => self.output().extend_from_slice(bytes),
            ReplyMode::Off => {}
            ReplyMode::SkipNext => session.replies = ReplyMode::Skip,
            ReplyMode::Skip => session.replies = ReplyMode::On,
        }
    }
}

impl super::caller::Session {
    /// What data commands need to know of the session.
    #[inline]
    pub(crate) fn request_context(&self) -> RequestContext {
        RequestContext { db: self.db, protocol: self.protocol, no_touch: self.no_touch }
    }
}

/// Data commands of one connection that run without an await between them.
struct Stretch<'a> {
    caller: &'a Caller,
    core: &'a Core,
    data: RefMut<'a, Data>,
    output: RefMut<'a, Vec<u8>>,
    stopwatch: RefMut<'a, Stopwatch>,
    context: RequestContext,
    /// The connection's gather, once something in the batch waits: from then on it keeps the order.
    gather: Option<u32>,
    last_row: Option<&'static Row>,
    commands: u64,
}

impl<'a> Stretch<'a> {
    #[inline]
    fn begin(caller: &'a Caller, context: RequestContext) -> Self {
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
            last_row: None,
            commands: 0,
        }
    }

    /// Runs a data command; `false`: it needs more than a stretch can give, and nothing has been done.
    #[inline]
    fn run(&mut self, plan: Plan, args: Args<'_>) -> bool {
        let Plan::Row(row, place) = plan else { return false };
        let Run::Data { apply, spread } = row.command.run else { return false };
        let own_keys_only = self.caller.port == PortKind::Core;
        match place {
            Place::Nowhere => self.run_here(row, apply, place, args),
            Place::Core { owner, one_slot, .. } if owner == self.core.id && (one_slot || !own_keys_only) => {
                self.run_here(row, apply, place, args);
            }
            Place::Core { .. } | Place::Cores { .. } if own_keys_only => self.redirect(row, place),
            Place::Core { owner, slot, hash, .. } => {
                self.forward(owner, row, apply, (slot, hash), args.iter());
            }
            Place::Cores { .. } => {
                let Spread::Each { element, merge } = spread else { return false };
                self.scatter(row, element, merge, args);
            }
        }
        self.core.counters().rows[usize::from(row.number)].calls.add(1);
        self.last_row = Some(row);
        self.commands += 1;
        true
    }

    /// Runs a command whose keys this core owns.
    #[inline]
    fn run_here(&mut self, row: &'static Row, apply: Apply, place: Place, args: Args<'_>) {
        let ticket = Ticket { gather: self.gather.unwrap_or(0), piece: 0 };
        let request = Request { row, apply, first_key: place.first_key(), context: self.context, ticket };
        if self.data.intents.any() && self.data.intents.block(&request, args) {
            let ticket = self.expect();
            return self.data.intents.defer(self.core.id, Request { ticket, ..request }, args);
        }
        self.stopwatch.before(self.core, row, args);
        let bytes = match self.gather {
            None => {
                let before = self.output.len();
                self.core.apply(&mut self.data, &request, args, &mut self.output);
                self.output.len() - before
            }
            Some(key) => {
                let mut gathers = self.core.gathers.borrow_mut();
                gathers[key as usize].ready(|out| self.core.apply(&mut self.data, &request, args, out))
            }
        };
        self.stopwatch.after(self.core, row, args, bytes, Some(self.caller));
    }

    /// Sends a command to the core that owns its keys.
    fn forward<'k>(
        &mut self,
        owner: CoreId,
        row: &'static Row,
        apply: Apply,
        first_key: (Slot, u32),
        args: impl IntoIterator<Item = &'k [u8]>,
    ) {
        let ticket = self.expect();
        let request = Request { row, apply, first_key: Some(first_key), context: self.context, ticket };
        self.core.outboxes.borrow_mut().mail(owner).requests.push(request, args);
    }

    /// Makes every key of a command a command of its own, each run by the key's owner.
    fn scatter(&mut self, row: &'static Row, element: Apply, merge: Merge, args: Args<'_>) {
        let spec = row.command.keys.first().expect("a scattered command has keys");
        let step = usize::from(spec.step);
        let positions = spec.positions(args.len());
        let parts = u32::try_from(positions.clone().count()).expect("arguments are fewer than 2^32");
        self.with_gather(|gather| gather.group(merge, parts));
        for position in positions {
            let end = (position + step).min(args.len());
            let key = Key::new(args.get(position), &self.core.node.hasher);
            let owner = self.core.node.topology.owner(key.slot());
            let first_key = (key.slot(), key.hash());
            if owner == self.core.id {
                let spans: Vec<Span> =
                    std::iter::once(0).chain(position..end).map(|index| args.spans[index]).collect();
                let place = Place::Core { owner, slot: key.slot(), hash: key.hash(), one_slot: true };
                self.run_here(row, element, place, Args::new(args.buffer, &spans));
            } else {
                let element_args = std::iter::once(0).chain(position..end).map(|index| args.get(index));
                self.forward(owner, row, element, first_key, element_args);
            }
        }
    }

    /// Answers for keys that this core's own port does not serve.
    fn redirect(&mut self, row: &'static Row, place: Place) {
        let error = match place {
            Place::Core { owner, slot, one_slot: true, .. } => {
                let local = self.caller.local_address();
                let (host, port) = self.core.node.topology.core_address(owner, local);
                CommandError::Message(format!("MOVED {} {host}:{port}", slot.number()))
            }
            _ => CommandError::Text("CROSSSLOT Keys in request don't hash to the same slot"),
        };
        let mut reply = Vec::new();
        self.core.refuse(Some(row), &error, &mut reply);
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
    fn finish(mut self) -> Option<&'static Row> {
        self.stopwatch.stop(self.core);
        self.core.counters().commands.add(self.commands);
        self.last_row
    }
}

impl Core {
    /// Runs one data command on keys of this core, and appends its reply.
    #[inline]
    fn apply(&self, data: &mut Data, request: &Request, args: Args<'_>, out: &mut Vec<u8>) {
        let row = request.row;
        if row.command.flags.has(Flags::DENYOOM) && data.is_over_budget() {
            return self.refuse(Some(row), &CommandError::OutOfMemory, out);
        }
        let mark = out.len();
        let mut context = DataContext {
            keyspace: &mut data.keyspace,
            db: request.context.db,
            no_touch: request.context.no_touch,
            value_bytes_max: data.value_bytes_max,
            hits: 0,
            misses: 0,
            first_key: request.first_key,
        };
        let result = (request.apply)(&mut context, args, &mut Reply::new(out, request.context.protocol));
        let (hits, misses) = (context.hits, context.misses);
        if hits + misses > 0 {
            self.counters().hits.add(hits);
            self.counters().misses.add(misses);
        }
        if let Err(error) = result {
            out.truncate(mark);
            self.counters().rows[usize::from(row.number)].failed.add(1);
            self.write_error(&error, out);
        }
    }

    /// Runs what another core's connections ask of this one.
    pub(crate) fn run_requests(&self, from: CoreId, requests: &Requests) {
        if requests.is_empty() {
            return;
        }
        let mut data = self.data.borrow_mut();
        let mut outboxes = self.outboxes.borrow_mut();
        let mut stopwatch = self.stopwatch.borrow_mut();
        let replies = &mut outboxes.mail(from).replies;
        requests.first_keys().for_each(|(db, slot, _)| data.keyspace.prefetch_table(db, slot));
        requests.first_keys().for_each(|(db, slot, hash)| data.keyspace.prefetch_entry(db, slot, hash));
        stopwatch.start(self);
        for (request, args) in requests.iter() {
            self.counters().forwarded_in.add(1);
            if data.intents.any() && data.intents.block(&request, args) {
                data.intents.defer(from, request, args);
                continue;
            }
            stopwatch.before(self, request.row, args);
            let bytes = replies.push(request.ticket, |out| self.apply(&mut data, &request, args, out));
            stopwatch.after(self, request.row, args, bytes, None);
        }
        stopwatch.stop(self);
    }

    /// Runs the commands that were put aside and that no intent stands in the way of any more.
    pub(crate) fn run_deferred(&self) {
        loop {
            let Some(deferred) = self.data.borrow_mut().intents.next_ready() else { return };
            if deferred.from == self.id {
                for (request, args) in deferred.request.iter() {
                    let mut reply = Vec::new();
                    self.apply(&mut self.data.borrow_mut(), &request, args, &mut reply);
                    self.answer_piece(request.ticket, &reply);
                }
            } else {
                self.run_requests(deferred.from, &deferred.request);
            }
        }
    }

    /// Puts a reply into the gather that waits for it.
    pub(crate) fn answer_piece(&self, ticket: Ticket, reply: &[u8]) {
        let waker = self.gathers.borrow_mut()[ticket.gather as usize].answer(ticket.piece, reply);
        self.wake(waker);
    }

    /// Appends the reply to a command that was not run, and counts it.
    fn refuse(&self, row: Option<&'static Row>, error: &CommandError, out: &mut Vec<u8>) {
        if let Some(row) = row {
            self.counters().rows[usize::from(row.number)].rejected.add(1);
        }
        self.write_error(error, out);
    }

    fn write_error(&self, error: &CommandError, out: &mut Vec<u8>) {
        let text = error.to_string();
        self.counters().count_error(&text);
        Reply::new(out, Protocol::Resp2).error(&text);
    }
}

/// Whether a request is from a web browser that a page has pointed here: what follows may be commands of that page.
fn is_of_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

/// The text for a name that is no command, with the beginning of its arguments as Redis quotes them.
fn unknown_command(args: Args<'_>) -> CommandError {
    let mut beginning = String::new();
    for arg in args.iter().skip(1) {
        if beginning.len() >= 128 {
            break;
        }
        let room = 128 - beginning.len();
        let shown = &arg[..arg.len().min(room)];
        beginning.push_str(&format!("'{}' ", String::from_utf8_lossy(shown)));
    }
    let name = &args.get(0)[..args.get(0).len().min(128)];
    let name = String::from_utf8_lossy(name);
    CommandError::Message(format!("ERR unknown command '{name}', with args beginning with: {beginning}"))
}

fn unknown_subcommand(row: &Row, args: Args<'_>) -> CommandError {
    let name = &args.get(1)[..args.get(1).len().min(128)];
    let (name, container) = (String::from_utf8_lossy(name), row.command.name.to_uppercase());
    CommandError::Message(format!("ERR unknown subcommand '{name}'. Try {container} HELP."))
}
