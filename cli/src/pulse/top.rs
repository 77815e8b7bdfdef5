//! `pulse top`: the node's figures again and again, on a screen of their own or as lines of JSON.

mod history;
mod screen;

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::clock;

use super::error::PulseError;
use super::figures::{Figures, Look};
use super::session::Session;

use self::history::History;
use self::screen::Screen;

/// How often to look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Time between two looks.
    pub(crate) interval: Duration,
    /// Looks after which to end.
    pub(crate) count: Option<u64>,
}

/// The last look, to compare the next one with.
#[derive(Default)]
struct Watch {
    last: Option<(Figures, Instant)>,
}

impl Watch {
    fn look(&mut self, session: &mut Session) -> Result<Look, PulseError> {
        let figures = Figures::fetch(session)?;
        let now = clock::now();
        let last = self.last.replace((figures.clone(), now));
        Ok(figures.since(last.as_ref().map(|(earlier, then)| (earlier, now - *then))))
    }
}

/// Prints one JSON object per interval, each with the rates of its interval.
pub(crate) fn print(session: &mut Session, pace: Pace, mut out: impl Write) -> Result<(), PulseError> {
    let mut watch = Watch::default();
    watch.look(session)?;
    let mut due = clock::now();
    for _ in 0..pace.count.unwrap_or(u64::MAX) {
        due += pace.interval;
        wait_until(due);
        writeln!(out, "{}", watch.look(session)?.json())?;
        out.flush()?;
    }
    Ok(())
}

/// Shows the figures on the terminal until the user has seen enough. A lost server is asked again each interval.
pub(crate) fn show(session: &mut Session, pace: Pace) -> Result<(), PulseError> {
    let mut watch = Watch::default();
    let look = watch.look(session)?;
    let mut history = History::default();
    history.push(&look);
    let mut screen = Screen { address: session.address(), look, trouble: None, interval: pace.interval };
    let mut terminal = ratatui::try_init()?;
    let outcome = redraw(&mut terminal, &mut screen, &mut history, pace, || watch.look(session));
    ratatui::try_restore()?;
    outcome
}

/// Draws, waits for a key or the next look, and so on.
fn redraw(
    terminal: &mut DefaultTerminal,
    screen: &mut Screen,
    history: &mut History,
    pace: Pace,
    mut look: impl FnMut() -> Result<Look, PulseError>,
) -> Result<(), PulseError> {
    let mut due = clock::now();
    for _ in 0..pace.count.unwrap_or(u64::MAX) {
        due = clock::now().max(due + pace.interval);
        if draw_until(terminal, screen, history, due)? == Next::Leave {
            return Ok(());
        }
        match look() {
            Ok(look) => {
                history.push(&look);
                (screen.look, screen.trouble) = (look, None);
            }
            Err(error) => screen.trouble = Some(error.to_string()),
        }
    }
    Ok(())
}

/// What ended a wait.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Look,
    Leave,
}

/// Keeps the screen drawn until it is time for the next look, or the user leaves.
fn draw_until(
    terminal: &mut DefaultTerminal,
    screen: &Screen,
    history: &History,
    due: Instant,
) -> Result<Next, PulseError> {
    loop {
        terminal.draw(|frame| screen.draw(history, frame))?;
        let left = due.saturating_duration_since(clock::now());
        if !event::poll(left)? {
            return Ok(Next::Look);
        }
        match event::read()? {
            Event::Key(key) if is_leave(key) => return Ok(Next::Leave),
            _ => {}
        }
    }
}

fn is_leave(key: KeyEvent) -> bool {
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind != KeyEventKind::Release
        && (control_c || matches!(key.code, KeyCode::Char('q' | 'Q') | KeyCode::Esc))
}

fn wait_until(due: Instant) {
    while let Some(left) = due.checked_duration_since(clock::now()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}
