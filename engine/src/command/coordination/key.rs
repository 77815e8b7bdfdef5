//! NODOSUM KEYS: the keys of the cluster, exchanged without a pause; [`crate::node::keys`] says how.
//!
//! ```text
//!   KEYS LIST                          every member with the ids of the keys that it has, the one in use first
//!   KEYS INSTALL text                  all members accept it as well; replies with its id
//!   KEYS USE id                        all members seal with it; refused until all of them have it
//!   KEYS REMOVE id                     no member accepts it any more; refused while one seals with it
//! ```
//!
//! A step is agreed on when it is answered, and in force when LIST shows it of all members. LIST and FETCH are what
//! members ask each other, too: then LIST is about the one that is asked.

use mycorrhizal_net::gossip::KeyId;
use mycorrhizal_net::resp::{Args, Reply};
use mycorrhizal_net::secret::{PUBLIC_BYTES, Secret};

use super::{SUBCOMMAND, text};
use crate::command::{Command, CommandError, Flags, Run};
use crate::node::caller::PortKind;
use crate::node::{Caller, Core, CoreId};
use crate::nodosum::state::CoreAddress;

/// The subcommand of NODOSUM. Its arguments may be a key: they are kept out of the slow log, as those of AUTH are.
pub(super) const KEYS: Command = Command {
    name: "keys",
    summary: "Lists the keys of the cluster by their ids, or exchanges one for another.",
    syntax: "<LIST | INSTALL key | USE id | REMOVE id>",
    arity: -3,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::SKIP_SLOWLOG).with(Flags::SKIP_MONITOR),
    run: Run::Node(|caller, args, reply| Box::pin(keys(caller, args, reply))),
    ..SUBCOMMAND
};

async fn keys(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    if caller.core.node.cluster.is_none() {
        return Err(super::member::ALONE);
    }
    match (args.get(2).to_ascii_lowercase().as_slice(), args.len()) {
        (b"list", 3) if caller.port == PortKind::Node => list_own(caller, reply).await,
        (b"list", 3) => list(caller, reply).await,
        (b"install", 4) => install(caller, args.get(3), reply).await,
        (b"use", 4) => use_key(caller, &id(args.get(3))?, reply).await,
        (b"remove", 4) => remove(caller, &id(args.get(3))?, reply).await,
        (b"fetch", 6..) if caller.port == PortKind::Node => fetch(caller, args, reply).await,
        _ => Err(CommandError::Text("ERR NODOSUM KEYS takes LIST, INSTALL key, USE id or REMOVE id")),
    }
}

/// An argument that names a key. What is none may be a key itself, so it is not said again.
fn id(bytes: &[u8]) -> Result<KeyId, CommandError> {
    let id = std::str::from_utf8(bytes).ok().and_then(KeyId::parse);
    id.ok_or(CommandError::Text("ERR a key is named by the eight hex digits that NODOSUM KEYS LIST shows"))
}

async fn list_own(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    write_ids(&caller.core.held_keys().await, reply);
    Ok(())
}

fn write_ids(ids: &[KeyId], reply: &mut Reply<'_>) {
    reply.array(ids.len());
    ids.iter().for_each(|id| reply.bulk(id.to_string().as_bytes()));
}

async fn list(caller: &Caller, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let mut held = caller.core.keys_of_members().await;
    let state = caller.core.directory.state();
    reply.array(state.members().count());
    for member in state.members() {
        let peer = caller.core.directory.peer(CoreAddress { node: member.id, core: 0 });
        let (keys, trouble) = match held.remove(&peer) {
            Some(Ok(keys)) => (keys, String::new()),
            Some(Err(error)) => (Vec::new(), error.to_string()),
            None => (Vec::new(), String::new()),
        };
        reply.map(6);
        let used = keys.first().map(KeyId::to_string).unwrap_or_default();
        let presence = member.presence.word();
        let texts = [
            ("node", member.id.to_string()),
            ("name", member.name.clone()),
            ("presence", presence.to_owned()),
            ("used", used),
            ("trouble", trouble),
        ];
        for (name, value) in texts {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        }
        reply.bulk(b"keys");
        write_ids(&keys, reply);
    }
    Ok(())
}

async fn install(caller: &Caller, key: &[u8], reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let refused = |error: &dyn std::fmt::Display| CommandError::Message(format!("ERR {error}"));
    let secret = Secret::new(key).map_err(|error| refused(&error))?;
    let id = secret.id();
    let accept = move |core: &std::rc::Rc<Core>| core.accept_key(secret);
    let accepted = caller.core.call(CoreId(0), accept).await;
    accepted.map_err(|error| refused(&error))?;
    let held = caller.core.held_keys().await;
    caller.core.agree_installed(id, held[0]).await?;
    reply.bulk(id.to_string().as_bytes());
    Ok(())
}

async fn use_key(caller: &Caller, id: &KeyId, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    check_all(caller, |keys| keys.contains(id), &format!("does not have key {id} yet")).await?;
    caller.core.agree_used(*id).await?;
    reply.ok();
    Ok(())
}

async fn remove(caller: &Caller, id: &KeyId, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    check_all(
        caller,
        |keys| keys.first() != Some(id),
        &format!("seals with key {id}: use another one first"),
    )
    .await?;
    let held = caller.core.held_keys().await;
    check_all(caller, |keys| keys.contains(&held[0]), &format!("does not have key {}", held[0])).await?;
    caller.core.agree_retired(*id).await?;
    reply.ok();
    Ok(())
}

/// Refuses unless `holds` of what every present member has.
async fn check_all(
    caller: &Caller,
    holds: impl Fn(&[KeyId]) -> bool,
    otherwise: &str,
) -> Result<(), CommandError> {
    let state = caller.core.directory.state();
    for (peer, held) in caller.core.keys_of_members().await {
        let node = caller.core.directory.address(peer).node;
        let name = state.member(node).map_or_else(|| node.to_string(), |member| member.name.clone());
        match held {
            Ok(keys) if holds(&keys) => {}
            Ok(_) => return Err(CommandError::Message(format!("ERR member '{name}' {otherwise}"))),
            Err(error) => {
                return Err(CommandError::Message(format!("ERR member '{name}' does not answer: {error}")));
            }
        }
    }
    Ok(())
}

/// Another member lacks a key: gives it, sealed.
async fn fetch(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let wanted = id(args.get(3))?;
    let public = public(&text(args.get(4))?).ok_or(CommandError::Syntax)?;
    let known = (5..args.len()).map(|at| id(args.get(at))).collect::<Result<Vec<_>, _>>()?;
    let hand = move |core: &std::rc::Rc<Core>| core.hand_key_over(wanted, &public, &known);
    let answer = caller.core.call(CoreId(0), hand).await;
    let answer = answer.map_err(|error| CommandError::Message(format!("ERR {error}")))?;
    reply.bulk(&answer);
    Ok(())
}

/// From hex digits.
fn public(text: &str) -> Option<[u8; PUBLIC_BYTES]> {
    let digits = text.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = digits.chunks(2).map(byte).collect::<Option<_>>()?;
    bytes.try_into().ok()
}
