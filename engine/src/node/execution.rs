//! Running data commands on the core that owns their keys, for its own connections and for those of other cores.
//!
//! What another core asks for may come too late or too early: the partition has moved on, or this core has yet to learn
//! that it owns it. Who asks says by which version of the cluster's state it chose this core; so the one of two that knows
//! less waits, and the one that knows more hands on, and nothing goes in circles.

use std::rc::Rc;

use mycorrhizal_net::resp::{Args, Protocol, Reply, encode_command};

use super::caller::{Caller, PortKind};
use super::connection::Reader;
use super::core::Core;
use super::data::Data;
use super::directory::PeerId;
use super::gather::Ticket;
use super::held::Until;
use super::mesh::{Manner, Request, RequestContext, RequestList};
use crate::command::table::Row;
use crate::command::{CommandError, DataContext, Flags, Merge, Run, Spread, keys};
use crate::mycel::Slot;
use crate::nodosum::routing::{self, Route, Sight};
use crate::nodosum::state::SeptumId;

/// What is to become of a request that came from another core.
enum Fate {
    /// It runs here and now.
    Run,
    /// It is a message, and is delivered.
    Deliver,
    /// It waits for an intent.
    Defer,
    /// It waits until this core knows more.
    Hold(Until),
    /// Its septum was dropped.
    Refuse,
    /// It is for somebody else, who is found anew; or it runs as a client's would.
    HandOn(PortKind),
}

const SEPTUM_FULL: CommandError =
    CommandError::Text("OOM command not allowed: the septum has reached its maximum memory or entry count");

/// What is asked of a septum that is gone.
pub(super) const NO_SEPTUM: CommandError =
    CommandError::Text("NOSEPTUM the selected septum was dropped; nothing has changed");

impl Core {
    /// Runs one data command on keys of this core, and appends its reply.
    #[inline]
    pub(super) fn apply(&self, data: &mut Data, request: &Request, args: Args<'_>, out: &mut Vec<u8>) {
        let row = request.row;
        if row.command.flags.has(Flags::DENYOOM) && data.is_over_budget() {
            return self.refuse(Some(row), &CommandError::OutOfMemory, out);
        }
        if row.command.flags.has(Flags::DENYOOM)
            && data.is_full(request.context.db, self.directory.owned_partitions())
        {
            return self.refuse(Some(row), &SEPTUM_FULL, out);
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

    /// Runs what a core asks of this one, which it chose by `version` of the cluster's state.
    pub(crate) fn run_requests(self: &Rc<Self>, from: PeerId, version: u64, requests: RequestList<'_>) {
        if requests.is_empty() {
            return;
        }
        // A task runs as soon as it is spawned, and must find nothing borrowed.
        for (request, args, port) in self.run_or_set_aside(from, version, requests) {
            self.hand_on(from, &request, args, port);
        }
    }

    /// Runs what can be run, and returns what is to be handed on.
    fn run_or_set_aside<'a>(
        &self,
        from: PeerId,
        version: u64,
        requests: RequestList<'a>,
    ) -> Vec<(Request, Args<'a>, PortKind)> {
        let mut aside = Vec::new();
        let mut data = self.data.borrow_mut();
        let mut outboxes = self.outboxes.borrow_mut();
        let mut stopwatch = self.stopwatch.borrow_mut();
        data.keyspace.prefetch(requests.first_keys());
        stopwatch.start(self);
        for (request, args) in requests.iter() {
            self.counters().forwarded_in.add(1);
            match self.fate(&data, &request, args, version) {
                Fate::Run if request.manner == Manner::Part => {
                    stopwatch.pause(self);
                    let replies = &mut outboxes.mail(from).replies;
                    replies.push(request.ticket, |out| self.apply(&mut data, &request, args, out));
                }
                Fate::Run => {
                    stopwatch.before(self, request.row, args);
                    let replies = &mut outboxes.mail(from).replies;
                    let bytes =
                        replies.push(request.ticket, |out| self.apply(&mut data, &request, args, out));
                    stopwatch.after(self, request.row, args, bytes, None);
                }
                Fate::Deliver => {
                    stopwatch.pause(self);
                    let replies = &mut outboxes.mail(from).replies;
                    replies.push(request.ticket, |out| self.take_published(&request, args, out));
                }
                Fate::Defer => data.intents.defer(from, request, args),
                Fate::Hold(until) => {
                    let now = self.ring.now();
                    self.holding.borrow_mut().hold(until, now, from, request, args);
                }
                Fate::Refuse => {
                    let replies = &mut outboxes.mail(from).replies;
                    replies.push(request.ticket, |out| self.refuse(Some(request.row), &NO_SEPTUM, out));
                }
                Fate::HandOn(port) => aside.push((request, args, port)),
            }
        }
        stopwatch.stop(self);
        aside
    }

    #[inline]
    fn fate(&self, data: &Data, request: &Request, args: Args<'_>, version: u64) -> Fate {
        if request.manner == Manner::Publish {
            return Fate::Deliver;
        }
        let whole_node = matches!(request.manner, Manner::OfCore | Manner::OfNode);
        let septum_is_gone = data.septum_at(request.context.db).is_none();
        if (whole_node || septum_is_gone) && version > self.directory.version() {
            // What this core has yet to be told of is to hold for what is asked after it.
            return Fate::Hold(Until::Version(version));
        }
        if septum_is_gone {
            return Fate::Refuse;
        }
        match request.manner {
            Manner::Publish => return Fate::Deliver,
            Manner::OfCore => return Fate::HandOn(PortKind::Core),
            Manner::OfNode => return Fate::HandOn(PortKind::Node),
            Manner::Direct | Manner::Part => {}
        }
        let sight = Sight {
            owns: self.owns_all(request, args),
            known: self.directory.version(),
            chosen_by: version,
            tenure: !self.suspended.get(),
            held: data.intents.any() && data.intents.block(request, args),
        };
        match routing::route(sight) {
            Route::Run => Fate::Run,
            Route::Defer => Fate::Defer,
            Route::AwaitVersion(version) => Fate::Hold(Until::Version(version)),
            Route::AwaitTenure => Fate::Hold(Until::Tenure),
            Route::HandOn => Fate::HandOn(PortKind::InProcess),
        }
    }

    /// Whether this core owns every key of a request.
    #[inline]
    fn owns_all(&self, request: &Request, args: Args<'_>) -> bool {
        let Some((slot, _)) = request.first_key else { return true };
        let single = matches!(request.row.command.run, Run::Data { spread: Spread::Single, .. });
        self.directory.owner(slot) == self.id
            && (single
                || request.manner == Manner::Part
                || keys::keys(request.row.command.keys, args)
                    .all(|key| self.directory.owner(Slot::of(key)) == self.id))
    }

    /// Runs a request as if a client of `port` had sent it to this core: from the start, by what is known now.
    fn hand_on(self: &Rc<Self>, from: PeerId, request: &Request, args: Args<'_>, port: PortKind) {
        let mut encoded = Vec::new();
        let args: Vec<&[u8]> = args.iter().collect();
        encode_command(&mut encoded, &args);
        let (core, request) = (Rc::clone(self), *request);
        self.spawn(async move {
            let reply = run_as(&core, port, request.context, &encoded).await;
            let reply = if request.manner == Manner::Part { part_of(request.row, &reply) } else { &reply };
            core.reply_to(from, request.ticket, reply);
        });
    }

    /// Answers a request of a core, maybe this one.
    pub(crate) fn reply_to(&self, from: PeerId, ticket: Ticket, reply: &[u8]) {
        if from == self.id {
            self.answer_piece(ticket, reply);
        } else {
            let mut outboxes = self.outboxes.borrow_mut();
            outboxes.mail(from).replies.push(ticket, |out| out.extend_from_slice(reply));
        }
    }

    /// Runs the commands that were put aside and that no intent stands in the way of any more.
    pub(crate) fn run_deferred(self: &Rc<Self>) {
        loop {
            let Some(deferred) = self.data.borrow_mut().intents.next_ready() else { return };
            self.run_again(deferred.from, deferred.request.list());
        }
    }

    /// Runs again what had to wait, by what is known now.
    pub(crate) fn run_again(self: &Rc<Self>, from: PeerId, requests: RequestList<'_>) {
        if from != self.id {
            return self.run_requests(from, self.directory.version(), requests);
        }
        for (request, args) in requests.iter() {
            let fate = self.fate(&self.data.borrow(), &request, args, self.directory.version());
            match fate {
                Fate::Run => {
                    let mut reply = Vec::new();
                    self.apply(&mut self.data.borrow_mut(), &request, args, &mut reply);
                    self.answer_piece(request.ticket, &reply);
                }
                Fate::Refuse => {
                    let mut reply = Vec::new();
                    self.refuse(Some(request.row), &NO_SEPTUM, &mut reply);
                    self.answer_piece(request.ticket, &reply);
                }
                Fate::Deliver => unreachable!("messages are never held"),
                Fate::Defer => self.data.borrow_mut().intents.defer(from, request, args),
                Fate::Hold(until) => {
                    self.holding.borrow_mut().hold(until, self.ring.now(), from, request, args);
                }
                Fate::HandOn(port) => self.hand_on(from, &request, args, port),
            }
        }
    }

    /// Puts a reply where it is waited for.
    pub(crate) fn answer_piece(&self, ticket: Ticket, reply: &[u8]) {
        if ticket.gather == Ticket::ASKED {
            return self.deliver_reply(ticket.piece, reply.to_vec());
        }
        let waker = self.gathers.borrow_mut()[ticket.gather as usize].answer(ticket.piece, reply);
        self.wake(waker);
    }

    /// Appends the reply to a command that was not run, and counts it.
    pub(super) fn refuse(&self, row: Option<&'static Row>, error: &CommandError, out: &mut Vec<u8>) {
        if let Some(row) = row {
            self.counters().rows[usize::from(row.number)].rejected.add(1);
        }
        self.write_error(error, out);
    }

    pub(super) fn write_error(&self, error: &CommandError, out: &mut Vec<u8>) {
        let text = error.to_string();
        self.counters().count_error(&text);
        Reply::new(out, Protocol::Resp2).error(&text);
    }
}

/// Runs one encoded command on a core as if a client of `port` had sent it, and returns the reply.
pub(crate) async fn run_as(
    core: &Rc<Core>,
    port: PortKind,
    context: RequestContext,
    request: &[u8],
) -> Vec<u8> {
    let caller = Caller::in_process(Rc::clone(core), port);
    {
        let septum = core.data.borrow().septum_at(context.db);
        let mut session = caller.session.borrow_mut();
        session.select(context.db, septum.unwrap_or(SeptumId::GONE));
        session.protocol = context.protocol;
        session.no_touch = context.no_touch;
    }
    Reader::new(&caller).feed(request).await;
    if !caller.session().claims.is_empty() {
        // Whoever asked for them has no connection that could hold them.
        caller.end_claims().await;
    }
    caller.take_output()
}

/// What a part of a command would have replied, of which the whole command replied `reply` for one element.
fn part_of<'a>(row: &Row, reply: &'a [u8]) -> &'a [u8] {
    match row.command.run {
        Run::Data { spread: Spread::Each { merge: Merge::Array, .. }, .. } => {
            reply.strip_prefix(b"*1\r\n").unwrap_or(reply)
        }
        _ => reply,
    }
}
