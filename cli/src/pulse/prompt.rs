//! The interactive prompt: a line editor with history, completion and hints, around a [`Runner`].
//!
//! Ctrl-C empties the line, or ends the wait for a reply or stream; Ctrl-D leaves. A lost connection is opened again
//! with the next command.

mod completer;
mod editor;
mod hint;
mod history;

use std::borrow::Cow;
use std::io::Stdout;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reedline::{Prompt, PromptEditMode, PromptHistorySearch, Reedline, Signal};

use super::error::PulseError;
use super::help;
use super::line;
use super::print::Colours;
use super::runner::{Outcome, Runner};

/// What the user decided with a line.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Go,
    Leave,
}

/// The prompt of one session.
pub(crate) struct Interactive {
    runner: Runner<Stdout>,
    editor: Reedline,
    colours: Colours,
    interrupt: Arc<AtomicBool>,
}

impl Interactive {
    /// A prompt that keeps its history in a file, if one is named. `interrupt` is set by Ctrl-C.
    pub(crate) fn new(
        runner: Runner<Stdout>,
        colours: Colours,
        history: Option<&Path>,
        interrupt: Arc<AtomicBool>,
    ) -> Self {
        Self { runner, editor: editor::new(history, colours), colours, interrupt }
    }

    /// Reads and runs lines until the user leaves.
    pub(crate) fn run(mut self) -> Result<(), PulseError> {
        if let Err(error) = self.runner.session.connect() {
            eprintln!("{error}");
        }
        loop {
            let left = Left(self.left());
            match self.editor.read_line(&left)? {
                Signal::Success(text) => {
                    self.editor.sync_history()?;
                    if self.on_line(&text)? == Next::Leave {
                        return Ok(());
                    }
                }
                Signal::CtrlD => return Ok(()),
                _ => {}
            }
        }
    }

    fn on_line(&mut self, text: &str) -> Result<Next, PulseError> {
        let args = match line::split(text.as_bytes()) {
            Ok(args) => args,
            Err(error) => {
                self.runner.say(&error.to_string())?;
                return Ok(Next::Go);
            }
        };
        let Some(first) = args.first() else { return Ok(Next::Go) };
        match first.to_ascii_lowercase().as_slice() {
            b"quit" | b"exit" if args.len() == 1 => return Ok(Next::Leave),
            b"clear" if args.len() == 1 => self.editor.clear_screen()?,
            b"help" | b"?" => self.runner.say(&help::text(&args[1..], self.colours))?,
            _ => self.run_command(&args)?,
        }
        Ok(Next::Go)
    }

    /// Runs a command, as often as a number in front of it says.
    fn run_command(&mut self, args: &[Vec<u8>]) -> Result<(), PulseError> {
        let (times, args) = repeated(args);
        self.interrupt.store(false, Ordering::Relaxed);
        for _ in 0..times {
            match self.runner.run(args) {
                Ok(Outcome::Done | Outcome::ErrorReply) => {}
                Err(PulseError::Session(error)) => {
                    eprintln!("{error}");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            if self.interrupt.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }

    fn left(&self) -> String {
        let session = &self.runner.session;
        if !session.is_connected() {
            return "not connected> ".into();
        }
        let db = if session.db() == 0 { String::new() } else { format!("[{}]", session.db()) };
        let transaction = if session.in_transaction() { "(TX)" } else { "" };
        format!("{}{db}{transaction}> ", session.address())
    }
}

/// Takes a count off a command: `5 incr key`.
fn repeated(args: &[Vec<u8>]) -> (u64, &[Vec<u8>]) {
    match args {
        [count, rest @ ..] if !rest.is_empty() => match std::str::from_utf8(count).map(str::parse::<u64>) {
            Ok(Ok(times)) => (times, rest),
            _ => (1, args),
        },
        _ => (1, args),
    }
}

/// What stands in front of the line.
struct Left(String);

impl Prompt for Left {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("... ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        Cow::Owned(format!("(history: {}) ", search.term))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_in_front_repeats_the_command() {
        let words = |line: &str| line::split(line.as_bytes()).unwrap();
        assert_eq!(repeated(&words("5 incr x")), (5, &words("incr x")[..]));
        assert_eq!(repeated(&words("incr 5")), (1, &words("incr 5")[..]));
        assert_eq!(repeated(&words("5")), (1, &words("5")[..]));
        assert_eq!(repeated(&words("-5 x")), (1, &words("-5 x")[..]));
    }
}
