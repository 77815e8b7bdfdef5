//! `pulse status`: the node's figures, once.

use std::io::Write;

use super::error::PulseError;
use super::figures::Figures;
use super::print::{Colours, Paint};
use super::session::Session;
use super::table;

/// How the figures are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a table.
    Table(Colours),
    /// As one line of JSON.
    Json,
}

/// Asks and prints.
pub(crate) fn run(session: &mut Session, form: Form, mut out: impl Write) -> Result<(), PulseError> {
    let look = Figures::fetch(session)?.since(None);
    match form {
        Form::Json => writeln!(out, "{}", look.json())?,
        Form::Table(colours) => {
            writeln!(out, "{}", colours.paint(Paint::Strong, &table::headline(&look, &session.address())))?;
            writeln!(out, "{}\n", table::contents(&look))?;
            for (number, line) in table::lines(&look).iter().enumerate() {
                let paint = if number == 0 { Paint::Faint } else { Paint::Plain };
                writeln!(out, "{}", colours.paint(paint, line))?;
            }
        }
    }
    Ok(out.flush()?)
}
