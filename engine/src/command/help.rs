//! The HELP subcommand of containers, made from their rows.

use mycorrhizal_net::resp::Reply;

use super::Command;

/// Writes one line for the container, and two for each subcommand: its syntax and its summary.
pub(super) fn write(container: &str, subcommands: &[Command], reply: &mut Reply<'_>) {
    let opening = format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    reply.array(1 + 2 * subcommands.len());
    reply.simple(&opening);
    for subcommand in subcommands {
        let line = format!("{} {}", subcommand.name.to_uppercase(), subcommand.syntax);
        reply.simple(line.trim_end());
        reply.simple(&format!("    {}", subcommand.summary));
    }
}
