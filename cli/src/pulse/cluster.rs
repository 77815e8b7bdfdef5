//! The commands about a cluster: who is there, who leads, who owns what; what changes that; keys; septa, services and
//! messages. All of it is asked of one node, whichever.

mod application;
mod bus;
mod drain;
mod key;
mod leader;
mod member;
mod partition;
mod septum;
mod service;

use std::io::Write;

use super::args::{ClusterAction, KeyAction};
use super::console::Console;
use super::error::PulseError;

/// Does what is asked for. `raw`: messages are printed as they are.
pub(crate) fn run<W: Write>(
    mut console: Console<W>,
    action: ClusterAction,
    raw: bool,
) -> Result<(), PulseError> {
    let console = &mut console;
    match action {
        ClusterAction::Members => member::list(console),
        ClusterAction::Leaders { name } => leader::list(console, name.as_deref()),
        ClusterAction::Partitions { watch } => partition::show(console, watch),
        ClusterAction::Join { seeds } => member::join(console, &seeds),
        ClusterAction::Drain { node, off: false } => drain::drain(console, &node),
        ClusterAction::Drain { node, off: true } => drain::undo(console, &node),
        ClusterAction::Keys { action: KeyAction::List } => key::list(console),
        ClusterAction::Keys { action: KeyAction::Rotate { new_key_file, keep_old } } => {
            key::rotate(console, &new_key_file, keep_old)
        }
        ClusterAction::Septum { action } => septum::run(console, action),
        ClusterAction::Services { name } => service::list(console, name.as_deref()),
        ClusterAction::Apps { name } => application::list(console, name.as_deref()),
        ClusterAction::Send { application, message, to } => {
            application::send(console, &application, message, &to)
        }
        ClusterAction::Publish { channel, message } => bus::publish(console, &channel, message),
        ClusterAction::Subscribe { channels, pattern, count } => {
            bus::subscribe(console, &channels, pattern, count, raw)
        }
    }
}
