//! What the commands about a cluster share: the server, where results go, bars for what takes long, Ctrl-C.

use std::io::{IsTerminal as _, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mycorrhizal_net::resp::Value;
use serde_json::Value as Json;

use crate::clock;

use super::error::PulseError;
use super::grid::Grid;
use super::print::{Colours, Paint, printable};
use super::session::Session;
use super::status::Form;

/// How often Ctrl-C is looked for.
const SLICE: Duration = Duration::from_millis(50);

/// The way to one server, and to the user.
pub(crate) struct Console<W> {
    pub(crate) session: Session,
    form: Form,
    out: W,
    interrupt: Arc<AtomicBool>,
}

impl<W: Write> Console<W> {
    pub(crate) fn new(session: Session, form: Form, out: W, interrupt: Arc<AtomicBool>) -> Self {
        Self { session, form, out, interrupt }
    }

    /// The reply to a command; an error reply is an error.
    pub(crate) fn ask<A: AsRef<[u8]>>(&mut self, command: &[A]) -> Result<Value, PulseError> {
        match self.session.ask(command, &mut |_| {})? {
            Value::Error(text) => Err(PulseError::Unusable(printable(&text))),
            value => Ok(value),
        }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.form == Form::Json
    }

    pub(crate) fn colours(&self) -> Colours {
        match self.form {
            Form::Json => Colours::Off,
            Form::Table(colours) => colours,
        }
    }

    /// A line for people; nothing where results are JSON.
    pub(crate) fn say(&mut self, line: &str) -> Result<(), PulseError> {
        if !self.is_json() {
            writeln!(self.out, "{line}")?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// A result as JSON; nothing where they are for people.
    pub(crate) fn json(&mut self, value: &Json) -> Result<(), PulseError> {
        if self.is_json() {
            writeln!(self.out, "{value}")?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), PulseError> {
        self.out.write_all(bytes)?;
        Ok(self.out.flush()?)
    }

    /// A table for people.
    pub(crate) fn table(&mut self, grid: &Grid) -> Result<(), PulseError> {
        for (number, line) in grid.lines().iter().enumerate() {
            let paint = if number == 0 { Paint::Faint } else { Paint::Plain };
            let line = self.colours().paint(paint, line);
            self.say(&line)?;
        }
        Ok(())
    }

    /// Whether the user has pressed Ctrl-C.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// Waits; false: the user does not want to.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let due = clock::now() + pause;
        while !self.is_interrupted() {
            let left = due.saturating_duration_since(clock::now());
            if left.is_zero() {
                return true;
            }
            thread::park_timeout(left.min(SLICE));
        }
        false
    }

    /// A bar on stderr; none where that is no terminal.
    pub(crate) fn bar(&self, name: &'static str, length: u64) -> ProgressBar {
        let bar = if stderr().is_terminal() { ProgressBar::new(length) } else { ProgressBar::hidden() };
        bar.set_length(length);
        let style = ProgressStyle::with_template("{prefix} [{bar:40}] {pos}/{len}  {msg}");
        bar.set_style(style.expect("the template is well-formed").progress_chars("=> "));
        bar.set_prefix(name);
        bar
    }
}
