//! Runs commands and prints what comes back, streams included.

use std::io::Write;

use mycorrhizal_net::resp::Value;

use super::error::PulseError;
use super::print::Style;
use super::session::{Session, SessionError};

/// How a run command came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every reply was a good one.
    Done,
    /// There was an error reply.
    ErrorReply,
}

/// What a command's replies look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replies {
    /// One, as nearly always.
    One,
    /// As many as it has arguments, at least one: UNSUBSCRIBE and its like.
    PerArgument,
    /// One after another until the user has seen enough: SUBSCRIBE and its like, MONITOR.
    Endless,
    /// None if all goes well: SHUTDOWN.
    HangUp,
}

/// A session with somewhere to print to.
pub(crate) struct Runner<W> {
    pub(crate) session: Session,
    style: Style,
    out: W,
}

impl<W: Write> Runner<W> {
    /// Prints in `style` to `out`.
    pub(crate) fn new(session: Session, style: Style, out: W) -> Self {
        Self { session, style, out }
    }

    /// Runs one command and prints its replies.
    pub(crate) fn run(&mut self, args: &[Vec<u8>]) -> Result<Outcome, PulseError> {
        match replies(args) {
            Replies::One => self.run_plain(args),
            Replies::PerArgument => self.run_counted(args),
            Replies::Endless => self.run_endless(args),
            Replies::HangUp => match self.run_plain(args) {
                Err(PulseError::Session(SessionError::Lost(_))) => Ok(Outcome::Done),
                other => other,
            },
        }
    }

    /// Whether a command is answered by exactly one reply, so that others may be sent before it comes.
    pub(crate) fn is_pipelinable(args: &[Vec<u8>]) -> bool {
        replies(args) == Replies::One
    }

    /// Sends encoded requests, and prints a reply for each of the commands.
    pub(crate) fn run_batch(
        &mut self,
        requests: &[u8],
        commands: &[Vec<Vec<u8>>],
    ) -> Result<Outcome, PulseError> {
        self.session.send_encoded(requests)?;
        let mut outcome = Outcome::Done;
        for args in commands {
            let reply = self.reply()?;
            self.session.note(args, &reply)?;
            outcome = outcome.and(self.show(args, reply)?);
        }
        Ok(outcome)
    }

    /// Prints text of our own.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), PulseError> {
        writeln!(self.out, "{text}")?;
        Ok(self.out.flush()?)
    }

    fn run_plain(&mut self, args: &[Vec<u8>]) -> Result<Outcome, PulseError> {
        let mut pushes = Vec::new();
        let reply = self.session.ask(args, &mut |push| pushes.push(push.clone()));
        for push in pushes {
            self.show(&[], push)?;
        }
        self.show(args, reply?)
    }

    fn reply(&mut self) -> Result<Value, PulseError> {
        let mut pushes = Vec::new();
        let reply = self.session.reply(&mut |push| pushes.push(push.clone()));
        for push in pushes {
            self.show(&[], push)?;
        }
        Ok(reply?)
    }

    fn run_counted(&mut self, args: &[Vec<u8>]) -> Result<Outcome, PulseError> {
        self.session.connect()?;
        self.send(args)?;
        let mut outcome = Outcome::Done;
        for _ in 0..args.len().saturating_sub(1).max(1) {
            let value = self.session.next_value()?;
            outcome = outcome.and(self.show(args, value)?);
            if outcome == Outcome::ErrorReply {
                break;
            }
        }
        Ok(outcome)
    }

    fn run_endless(&mut self, args: &[Vec<u8>]) -> Result<Outcome, PulseError> {
        self.send(args)?;
        let first = self.session.next_value()?;
        let outcome = self.show(args, first)?;
        if outcome == Outcome::ErrorReply {
            return Ok(outcome);
        }
        loop {
            match self.session.next_push() {
                Ok(value) => self.show(args, value)?,
                Err(SessionError::Interrupted) => return Ok(Outcome::Done),
                Err(error) => return Err(error.into()),
            };
        }
    }

    fn send(&mut self, args: &[Vec<u8>]) -> Result<(), PulseError> {
        let mut request = Vec::new();
        mycorrhizal_net::resp::encode_command(&mut request, args);
        Ok(self.session.send_encoded(&request)?)
    }

    fn show(&mut self, args: &[Vec<u8>], value: Value) -> Result<Outcome, PulseError> {
        let outcome = if value.is_error() { Outcome::ErrorReply } else { Outcome::Done };
        let value = match value {
            Value::Bulk(text) if matches!(self.style, Style::Pretty(_)) && is_text(args) => {
                Value::Verbatim { format: *b"txt", text }
            }
            value => value,
        };
        self.out.write_all(&self.style.render(&value))?;
        self.out.flush()?;
        Ok(outcome)
    }
}

impl Outcome {
    /// Done only if both are.
    pub(crate) fn and(self, other: Self) -> Self {
        if self == Self::Done { other } else { self }
    }
}

fn replies(args: &[Vec<u8>]) -> Replies {
    match lower(args, 0).as_slice() {
        b"subscribe" | b"psubscribe" | b"ssubscribe" | b"monitor" => Replies::Endless,
        b"unsubscribe" | b"punsubscribe" | b"sunsubscribe" => Replies::PerArgument,
        b"shutdown" => Replies::HangUp,
        _ => Replies::One,
    }
}

/// Whether RESP2 answers with a string what is a text for people, of several lines.
fn is_text(args: &[Vec<u8>]) -> bool {
    match lower(args, 0).as_slice() {
        b"info" | b"lolwut" => true,
        b"cluster" => matches!(lower(args, 1).as_slice(), b"info" | b"nodes"),
        b"client" => matches!(lower(args, 1).as_slice(), b"info" | b"list"),
        b"memory" => matches!(lower(args, 1).as_slice(), b"doctor" | b"malloc-stats"),
        b"latency" => matches!(lower(args, 1).as_slice(), b"doctor" | b"graph"),
        _ => false,
    }
}

fn lower(args: &[Vec<u8>], index: usize) -> Vec<u8> {
    args.get(index).map(|arg| arg.to_ascii_lowercase()).unwrap_or_default()
}
