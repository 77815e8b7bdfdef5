//! Running data commands on the core that owns their keys, for its own connections and for those of other cores.

use mycorrhizal_net::resp::{Args, Protocol, Reply};

use super::core::{Core, Data};
use super::gather::Ticket;
use super::mesh::{Request, Requests};
use super::topology::CoreId;
use crate::command::table::Row;
use crate::command::{CommandError, DataContext, Flags};

impl Core {
    /// Runs one data command on keys of this core, and appends its reply.
    #[inline]
    pub(super) fn apply(&self, data: &mut Data, request: &Request, args: Args<'_>, out: &mut Vec<u8>) {
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
        data.keyspace.prefetch(requests.first_keys());
        stopwatch.start(self);
        for (request, args) in requests.iter() {
            self.counters().forwarded_in.add(1);
            if data.intents.any() && data.intents.block(&request, args) {
                data.intents.defer(from, request, args);
                continue;
            }
            if request.is_part {
                stopwatch.pause(self);
                replies.push(request.ticket, |out| self.apply(&mut data, &request, args, out));
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
