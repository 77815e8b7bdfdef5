//! `pulse`, the command-line interface: a prompt, single commands, commands from a pipe, status and live figures.
//!
//! ```text
//!  args ─┬─ exec ────┐                                ┌─ print (people, raw) ─┐
//!        ├─ (pipe) ──┼─▶ runner ─▶ session ─▶ server ─┤                       ├─▶ stdout
//!        ├─ (prompt)─┘                                └─ json ────────────────┘
//!        ├─ members, drain, keys … ─▶ console ─▶ session
//!        ├─ certs ─▶ files
//!        ├─ status ──┐
//!        └─ top ─────┴─▶ session: INFO ─▶ figures ─▶ table, JSON, or a screen
//! ```
//!
//! Exit codes: 0 done, 1 the server answered with an error, 2 no connection or wrong usage.

mod amount;
mod args;
mod certificate;
mod cluster;
mod connection;
mod console;
mod error;
mod figures;
mod grid;
mod help;
mod json;
mod line;
mod pipe;
mod print;
mod prompt;
mod record;
mod reference;
mod runner;
mod session;
mod status;
mod table;
mod top;

use std::ffi::OsString;
use std::io::{IsTerminal as _, stdin, stdout};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser as _;
use clap::error::ErrorKind;

use self::args::{Action, Arguments, Options};
use self::console::Console;
use self::error::PulseError;
use self::print::{Colours, Style};
use self::prompt::Interactive;
use self::runner::{Outcome, Runner};
use self::session::Session;
use self::status::Form;
use self::top::Pace;

/// Runs `pulse` as the process's arguments and environment say.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    match run(arguments) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::ErrorReply) => ExitCode::from(1),
        Err(error) => {
            let code = error.exit_code();
            if code != ExitCode::SUCCESS {
                eprintln!("pulse: {error}");
            }
            code
        }
    }
}

/// Prints what clap has to say: help and version too come this way.
fn refuse(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    if error.kind() == ErrorKind::InvalidSubcommand {
        eprintln!("\n  A command of the server is run by: pulse exec CMD ARG…");
    }
    match (printed, u8::try_from(error.exit_code())) {
        (Ok(()), Ok(code)) => ExitCode::from(code),
        _ => ExitCode::from(2),
    }
}

fn run(arguments: Arguments) -> Result<Outcome, PulseError> {
    let options = arguments.options;
    let interrupt = Arc::new(AtomicBool::new(false));
    let fallback_password = std::env::var("REDISCLI_AUTH").ok();
    let session = Session::new(options.target(fallback_password), Arc::clone(&interrupt));
    match arguments.action {
        Some(Action::Exec { command }) => {
            let command: Vec<Vec<u8>> = command.into_iter().map(OsString::into_vec).collect();
            Runner::new(session, style(&options), stdout()).run(&command)
        }
        Some(Action::Status) => {
            status::run(&mut session.impatient(), form(&options), stdout()).map(|()| Outcome::Done)
        }
        Some(Action::Top { interval, count }) => {
            watch(session.impatient(), options.json, Pace { interval, count }).map(|()| Outcome::Done)
        }
        Some(Action::Cluster(action)) => {
            signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupt))?;
            let console = Console::new(session.impatient(), form(&options), stdout(), interrupt);
            cluster::run(console, action, options.raw).map(|()| Outcome::Done)
        }
        Some(Action::Certs { action }) => {
            certificate::run(action, form(&options), stdout()).map(|()| Outcome::Done)
        }
        None if stdin().is_terminal() => interactive(session, &options, interrupt).map(|()| Outcome::Done),
        None => pipe::run(&mut Runner::new(session, style(&options), stdout().lock()), stdin().lock()),
    }
}

fn watch(mut session: Session, json: bool, pace: Pace) -> Result<(), PulseError> {
    if json {
        top::print(&mut session, pace, stdout())
    } else if stdout().is_terminal() {
        top::show(&mut session, pace)
    } else {
        Err(PulseError::Misused("top needs a terminal to draw on; --json writes lines anywhere"))
    }
}

fn interactive(session: Session, options: &Options, interrupt: Arc<AtomicBool>) -> Result<(), PulseError> {
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupt))?;
    let history = match &options.history {
        Some(path) if path.as_os_str().is_empty() => None,
        Some(path) => Some(path.clone()),
        None => std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".pulse_history")),
    };
    let colours = Colours::for_terminal(stdout().is_terminal());
    Interactive::new(Runner::new(session, style(options), stdout()), colours, history.as_deref(), interrupt)
        .run()
}

fn form(options: &Options) -> Form {
    if options.json { Form::Json } else { Form::Table(Colours::for_terminal(stdout().is_terminal())) }
}

fn style(options: &Options) -> Style {
    let is_terminal = stdout().is_terminal();
    if options.json {
        Style::Json
    } else if options.raw || (!is_terminal && !options.no_raw) {
        Style::Raw
    } else {
        Style::Pretty(Colours::for_terminal(is_terminal))
    }
}
