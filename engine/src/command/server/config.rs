//! CONFIG: reads and changes the settings of the node, on all its cores.

use std::rc::Rc;

use mycorrhizal_net::resp::{Args, Reply};
use rustix::process::{Resource, getrlimit};

use super::super::{Command, CommandError, Flags, Group, Run, Tip, help};
use crate::mycel::{Case, glob_match};
use crate::node::settings::{PARAMETERS, Parameter, SettingError, Settings, rewrite_file};
use crate::node::{Caller, Core, CoreId};

const ROW: Command = Command {
    group: Group::Server,
    since: "2.0.0",
    arity: 2,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE),
    ..Command::ROW
};

/// The subcommands of CONFIG.
pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "get",
        summary: "Tells the values of parameters.",
        syntax: "parameter [parameter ...]",
        complexity: "O(N) where N is the number of patterns",
        arity: -3,
        run: Run::Session(get),
        ..ROW
    },
    Command {
        name: "help",
        summary: "Lists the subcommands.",
        since: "5.0.0",
        flags: Flags::LOADING.with(Flags::STALE),
        run: Run::Session(help::answer),
        ..ROW
    },
    Command {
        name: "resetstat",
        summary: "Lets the counts that INFO tells start anew.",
        complexity: "O(N) where N is the number of commands",
        run: Run::Node(|caller, _, reply| Box::pin(resetstat(caller, reply))),
        ..ROW
    },
    Command {
        name: "rewrite",
        summary: "Writes the settings in force to the file that the server was started with.",
        since: "2.8.0",
        run: Run::Session(rewrite),
        ..ROW
    },
    Command {
        name: "set",
        summary: "Changes parameters, all of those given or none.",
        syntax: "parameter value [parameter value ...]",
        complexity: "O(N) where N is the number of parameters",
        arity: -4,
        tips: &[Tip::AllNodes, Tip::AllSucceeded],
        run: Run::Node(|caller, args, reply| Box::pin(set(caller, args, reply))),
        ..ROW
    },
];

fn get(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let settings = caller.core.settings();
    let meant = |parameter: &'static Parameter| {
        let name = parameter.name.as_bytes();
        let pattern = args.iter().skip(2).find(|pattern| glob_match(pattern, name, Case::Ignored))?;
        // A parameter that was asked for by its name is called as it was asked for.
        Some((parameter, if pattern.eq_ignore_ascii_case(name) { pattern } else { name }))
    };
    let meant: Vec<(&Parameter, &[u8])> = PARAMETERS.iter().filter_map(meant).collect();
    reply.map(meant.len());
    for (parameter, name) in meant {
        reply.bulk(name);
        reply.bulk(&(parameter.get)(&settings));
    }
    Ok(())
}

async fn set(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    let pair = |at| (args.get(at).to_vec(), args.get(at + 1).to_vec());
    let changes: Vec<(Vec<u8>, Vec<u8>)> = (2..args.len()).step_by(2).map(pair).collect();
    let changed = caller.core.call(CoreId(0), move |first| change(first, &changes)).await;
    let changed = changed.map_err(|error| CommandError::Message(format!("ERR {error}")))?;
    let cores: Vec<CoreId> = caller.core.node.cores().collect();
    caller.core.call_all(&cores, move |core| adopt(core, changed)).await;
    reply.ok();
    Ok(())
}

/// Works the changed settings out, on the core that decides about them.
fn change(first: &Rc<Core>, changes: &[(Vec<u8>, Vec<u8>)]) -> Result<Settings, SettingError> {
    let settings = first.settings();
    let changed = settings.with(changes.iter().map(|(name, value)| (name.as_slice(), value.as_slice())))?;
    if changed.maxclients > settings.maxclients {
        check_descriptors(changed.maxclients)?;
    }
    adopt(first, changed.clone());
    Ok(changed)
}

/// Descriptors that the process needs for itself.
const OWN_DESCRIPTORS: u64 = 64;

/// Whether the process may open so many connections.
fn check_descriptors(maxclients: u64) -> Result<(), SettingError> {
    let room =
        getrlimit(Resource::Nofile).current.map_or(u64::MAX, |limit| limit.saturating_sub(OWN_DESCRIPTORS));
    if maxclients <= room {
        return Ok(());
    }
    let reason = format!(
        "The operating system is not able to handle the specified number of clients, try with {room}"
    );
    Err(SettingError::Refused { name: "maxclients", reason })
}

/// Puts settings in force on one core, unless it has newer ones.
fn adopt(core: &Rc<Core>, settings: Settings) {
    if settings.version <= core.settings().version {
        return;
    }
    if settings.requirepass.is_empty() {
        // Who has not given the password need not any more.
        core.callers.borrow().iter().for_each(|(_, caller)| caller.session.borrow_mut().authenticated = true);
    }
    core.set_settings(settings);
}

async fn resetstat(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let cores: Vec<CoreId> = caller.core.node.cores().collect();
    caller.core.call_all(&cores, |core| core.counters().reset()).await;
    reply.ok();
    Ok(())
}

fn rewrite(caller: &Caller, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let Some(path) = &caller.core.node.config_file else {
        return Err(CommandError::Text("ERR The server is running without a config file"));
    };
    rewrite_file(path, &caller.core.settings())
        .map_err(|error| CommandError::Message(format!("ERR {error}")))?;
    tracing::info!(path = %path.display(), "the configuration file was rewritten");
    reply.ok();
    Ok(())
}
