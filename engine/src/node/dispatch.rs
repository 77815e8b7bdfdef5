//! Runs planned commands, with replies in the order of commands: most of them in stretches, the others one at a time.
//!
//! Whatever a command may need beside data (waiting, authentication, several cores at once) is handled in
//! [`Caller::run_alone`].

use mycorrhizal_net::resp::{Args, Reply, RequestParser};

use super::batch::{Batch, Place, Plan};
use super::caller::{Caller, ReplyMode};
use super::execution::NO_SEPTUM;
use super::presence::NOT_HEARD;
use super::stretch::Stretch;
use crate::command::table::Row;
use crate::command::{CommandError, Flags, Run, Spread};

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
        if self.has_lost_septum() {
            return at;
        }
        let session = self.session.borrow();
        if !session.authenticated || session.replies != ReplyMode::On || self.core.pause.get().is_some() {
            return at;
        }
        let mut stretch = Stretch::begin(self, session.request_context());
        stretch.asking = session.asking;
        let asked = session.asking;
        drop(session);
        if asked {
            self.session.borrow_mut().asking = false;
        }
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
        let acts = row.command.flags.has(Flags::WRITE) || row.command.flags.has(Flags::READONLY);
        let elsewhere = matches!(place, Place::Core { owner, .. } if owner != self.core.id);
        if acts && !elsewhere && self.core.suspended.get() && !self.core.wait_for_tenure().await {
            self.core.refuse(Some(row), &CommandError::Text(NOT_HEARD), &mut bytes);
            return self.reply(&bytes);
        }
        if acts && self.has_lost_septum() {
            self.core.refuse(Some(row), &NO_SEPTUM, &mut bytes);
            return self.reply(&bytes);
        }
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
                let started = crate::clock::monotonic();
                let protocol = self.session.borrow().protocol;
                let result = function(self, args, &mut Reply::new(&mut bytes, protocol));
                self.finish(row, result, &mut bytes);
                self.core.record(row, args, started.elapsed(), Some(self));
            }
            Run::Node(function) => {
                let started = crate::clock::monotonic();
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
