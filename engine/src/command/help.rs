//! The HELP subcommand of containers, made from their rows.

use mycorrhizal_net::resp::{Args, Reply};

use super::{CommandError, table};
use crate::node::Caller;

/// Answers HELP of any container: one line for the container, and two for each subcommand, its syntax and its summary.
pub(super) fn answer(_: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let container =
        table::find(args.get(0)).expect("a subcommand runs under the name of its container").command;
    let opening =
        format!("{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", container.name.to_uppercase());
    reply.array(1 + 2 * container.subcommands.len());
    reply.simple(&opening);
    for subcommand in container.subcommands {
        let line = format!("{} {}", subcommand.name.to_uppercase(), subcommand.syntax);
        reply.simple(line.trim_end());
        reply.simple(&format!("    {}", subcommand.summary));
    }
    Ok(())
}
