//! The keys of the cluster on a node: which of them it accepts, which one it seals with, and how it gets those that it
//! lacks. *First core*; the others hold what their links need of it.
//!
//! A key is exchanged for another without a pause in three steps, each finished on all members before the next:
//!
//! ```text
//!   NODOSUM KEYS INSTALL text     all accept both, and seal with the old one
//!   NODOSUM KEYS USE id           all accept both, and seal with the new one
//!   NODOSUM KEYS REMOVE id        all accept the new one only
//! ```
//!
//! **What is agreed on, and what is not.** Consensus holds the steps only: which keys, by their ids, are installed, in
//! use, retired. No key is ever part of it, sealed or not, so none is in its log, its snapshots or its file. A member
//! that sees a key installed which it does not have asks the other members for it, one after the other, until it has it
//! ([`mycorrhizal_net::secret`] says why nobody who listens learns it). The key itself reaches the first of them as the
//! argument of a command, over the connection of whoever gave that; it is for the operator to use one that nobody
//! listens to, as with AUTH.
//!
//! **Members that are away.** One that was down while a key was installed comes back with its key file as it was. As
//! long as the old key is not removed, it is let in (gossip answers in the key in which it was spoken to, as well), learns
//! of the new key from consensus, and asks for it. So does a node that becomes a member. Once the old key is removed
//! they stay out, whatever they remember, until the new key is in their key files: that is what removing is for.
//!
//! **Key files.** A node reads its file when it starts and does not write it: whoever exchanges keys puts the new one
//! into the files, as their first line, before he removes the old one. What the file says and consensus has retired is
//! dropped as soon as the node learns so, but for the last key that it has: a node without any could not be helped.
//! Should all members be started anew with the old key only, they find each other by it and go on; the key in use is
//! lost then, and is to be installed again.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mycorrhizal_net::gossip::{KeyError, KeyId};
use mycorrhizal_net::link::transport::LinkConfig;
use mycorrhizal_net::resp::{Protocol, Value};
use mycorrhizal_net::secret::{HandoverError, PUBLIC_BYTES, Secret, Secrets, Wanted, hand_over};

use super::call::Question;
use super::caller::decode;
use super::core::Core;
use super::directory::{CoreId, PeerId};
use super::mesh::{Manner, RequestContext};
use crate::command::{CommandError, table};
use crate::mycel::Db;
use crate::nodosum::state::{ClusterState, Command, CoreAddress, Presence};

/// The setting of the cluster that names the key in use.
const USED: &str = "key-in-use";
/// Settings that say how far a key is begin so; its id follows.
const KEY: &str = "key:";
const INSTALLED: &str = "installed";
const RETIRED: &str = "retired";

/// The pause before members are asked once more for a key that none of them gave.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// The keys of a node.
pub(crate) struct Keys {
    secrets: RefCell<Secrets>,
    /// Whether members are being asked for a key.
    asking: Cell<bool>,
    /// Whether it was told that all keys of the node are retired.
    warned: Cell<bool>,
}

/// What the members have agreed on about keys.
#[derive(PartialEq, Eq, Debug, Default)]
struct Plan {
    used: Option<KeyId>,
    installed: BTreeSet<KeyId>,
    retired: BTreeSet<KeyId>,
}

impl Plan {
    fn of(state: &ClusterState) -> Self {
        let mut plan = Self { used: state.setting(USED).and_then(KeyId::parse), ..Self::default() };
        for (name, value) in state.settings() {
            let Some(id) = name.strip_prefix(KEY).and_then(KeyId::parse) else { continue };
            match value {
                RETIRED => plan.retired.insert(id),
                _ => plan.installed.insert(id),
            };
        }
        plan
    }

    /// Brings keys in line with it, as far as that can be. Says whether they have changed.
    fn put_in_force(&self, secrets: &mut Secrets) -> bool {
        let before: Vec<KeyId> = secrets.ids().collect();
        let wanted = self.used.filter(|id| secrets.find(*id).is_some());
        // One that is retired is not sealed with, if there is another.
        let instead = || before.iter().copied().find(|id| !self.retired.contains(id)).unwrap_or(before[0]);
        secrets.use_secret(wanted.unwrap_or_else(instead)).expect("it is there");
        for id in before.iter().filter(|id| self.retired.contains(id)) {
            // The one that is used stays: there is no other.
            secrets.remove(*id).ok();
        }
        !secrets.ids().eq(before)
    }
}

impl Keys {
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self { secrets: RefCell::new(secrets), asking: Cell::new(false), warned: Cell::new(false) }
    }

    fn lacks(&self, plan: &Plan) -> Vec<KeyId> {
        let secrets = self.secrets.borrow();
        plan.installed.iter().copied().filter(|id| secrets.find(*id).is_none()).collect()
    }
}

/// What a member holds, by the names of the keys: the one in use first.
pub(crate) type Held = Vec<KeyId>;

impl Core {
    /// The state has changed: puts in force what it says about keys.
    pub(crate) fn follow_keys(self: &Rc<Self>, before: &ClusterState, after: &ClusterState) {
        let plan = Plan::of(after);
        if self.keys.is_some() && plan != Plan::of(before) {
            self.put_plan_in_force(&plan);
        }
    }

    fn put_plan_in_force(self: &Rc<Self>, plan: &Plan) {
        let Some(keys) = &self.keys else { return };
        let changed = plan.put_in_force(&mut keys.secrets.borrow_mut());
        if changed {
            self.spread_keys();
        }
        let used = keys.secrets.borrow().used();
        if plan.retired.contains(&used) && !keys.warned.replace(true) {
            tracing::warn!(key = %used, "the key file has no key but a retired one: other members take it no more");
        }
        if !keys.lacks(plan).is_empty() && !keys.asking.replace(true) {
            let core = Rc::clone(self);
            self.spawn(async move { core.ask_for_keys().await });
        }
    }

    /// Lets gossip and the links of all cores use the keys as they are now.
    fn spread_keys(self: &Rc<Self>) {
        let (Some(keys), Some(cluster)) = (&self.keys, &self.node.cluster) else { return };
        let secrets = keys.secrets.borrow();
        let ids: Vec<String> = secrets.ids().map(|id| id.to_string()).collect();
        tracing::info!(used = ids[0], accepted = ?ids, "the keys of the cluster on this node");
        self.set_gossip_keys(secrets.key_ring());
        let config = cluster.options.link_config(&secrets);
        for core in self.node.cores().filter(|core| *core != self.id) {
            let (config, ring) = (config.clone(), secrets.key_ring());
            let set = Box::new(move |core: &Rc<Self>| {
                core.set_gossip_keys(ring);
                core.set_link_config(config);
            });
            self.outboxes.borrow_mut().mail(core).calls.push(set);
        }
        self.set_link_config(config);
    }

    fn set_link_config(&self, config: LinkConfig) {
        *self.link_config.borrow_mut() = Some(Rc::new(config));
    }

    /// Standing task while a key is lacking: asks the members for it in turn.
    async fn ask_for_keys(self: Rc<Self>) {
        let Some(keys) = &self.keys else { return };
        loop {
            let state = self.directory.state();
            let lacking = keys.lacks(&Plan::of(&state));
            if lacking.is_empty() || self.node.is_stopping() {
                break;
            }
            for id in lacking {
                let Some(secret) = self.ask_members_for(&state, id).await else { continue };
                // It may have been retired meanwhile.
                let is_wanted = keys.lacks(&Plan::of(&self.directory.state())).contains(&id);
                if is_wanted && let Err(error) = self.accept_key(secret) {
                    tracing::error!(%error, "a key of the cluster cannot be installed");
                }
            }
            self.ring.sleep_until(self.ring.now() + ASK_AGAIN).await;
        }
        keys.asking.set(false);
    }

    async fn ask_members_for(&self, state: &Arc<ClusterState>, id: KeyId) -> Option<Secret> {
        let known: Vec<KeyId> = self.keys.as_ref()?.secrets.borrow().ids().collect();
        for peer in self.present_members(state) {
            let wanted = Wanted::new(id);
            let mut args = vec!["NODOSUM".to_owned(), "KEYS".to_owned(), "FETCH".to_owned(), id.to_string()];
            args.push(wanted.public().iter().map(|byte| format!("{byte:02x}")).collect());
            args.extend(known.iter().map(KeyId::to_string));
            let args: Vec<&[u8]> = args.iter().map(String::as_bytes).collect();
            let answer = match decode(&self.ask(peer, question(&args)).await) {
                Ok(Value::Bulk(answer)) => answer,
                Ok(_) => continue,
                Err(error) => {
                    tracing::debug!(key = %id, ?error, "a member did not give a key");
                    continue;
                }
            };
            match wanted.open(&self.keys.as_ref()?.secrets.borrow(), &answer) {
                Ok(secret) => return Some(secret),
                Err(error) => tracing::warn!(key = %id, %error, "a member did not give a key"),
            }
        }
        None
    }

    /// The first cores of the other members that are present.
    fn present_members(&self, state: &ClusterState) -> Vec<PeerId> {
        let present = state.members().filter(|member| member.presence == Presence::Present);
        let others = present.filter(|member| member.id != self.node.id);
        others.map(|member| self.directory.peer(CoreAddress { node: member.id, core: 0 })).collect()
    }

    /// Accepts a key from now on.
    pub(crate) fn accept_key(self: &Rc<Self>, secret: Secret) -> Result<(), KeyError> {
        let Some(keys) = &self.keys else { return Ok(()) };
        let mut plan = Plan::of(&self.directory.state());
        // A key that was retired may be installed again: the state says so in a moment.
        plan.retired.remove(&secret.id());
        keys.secrets.borrow_mut().install(secret)?;
        plan.put_in_force(&mut keys.secrets.borrow_mut());
        self.spread_keys();
        Ok(())
    }

    /// Gives a key to a member that lacks it.
    pub(crate) fn hand_key_over(
        &self,
        id: KeyId,
        theirs: &[u8; PUBLIC_BYTES],
        known: &[KeyId],
    ) -> Result<Vec<u8>, HandoverError> {
        let keys = self.keys.as_ref().ok_or(HandoverError::PeerWithout { id })?;
        hand_over(&keys.secrets.borrow(), id, theirs, known)
    }

    /// What this node holds, once all of its cores hold it.
    pub(crate) async fn held_keys(self: &Rc<Self>) -> Held {
        self.call_later(CoreId(0), |first: &Rc<Self>, answerer| {
            let core = Rc::clone(first);
            first.spawn(async move {
                let keys = core.keys.as_ref();
                let held = keys.map(|keys| keys.secrets.borrow().ids().collect()).unwrap_or_default();
                let others: Vec<CoreId> = core.node.cores().filter(|id| *id != core.id).collect();
                // Calls between two cores keep their order: those that brought the keys have run when this one has.
                core.call_all(&others, |_| ()).await;
                answerer.answer(&core, held);
            });
        })
        .await
    }

    /// What every present member holds, as it says itself.
    pub(crate) async fn keys_of_members(self: &Rc<Self>) -> BTreeMap<PeerId, Result<Held, CommandError>> {
        let state = self.directory.state();
        let peers = self.present_members(&state);
        let args: &[&[u8]] = &[b"NODOSUM", b"KEYS", b"LIST"];
        let replies = self.ask_all(&peers, question(args)).await;
        let mut held: BTreeMap<PeerId, Result<Held, CommandError>> =
            peers.into_iter().zip(replies.iter().map(|reply| decode(reply).and_then(read_held))).collect();
        let me = self.directory.peer(CoreAddress { node: self.node.id, core: 0 });
        held.insert(me, Ok(self.held_keys().await));
        held
    }

    /// Has the members agree that a key is installed, after the one that was there before.
    pub(crate) async fn agree_installed(self: &Rc<Self>, id: KeyId, used: KeyId) -> Result<(), CommandError> {
        if self.directory.state().setting(USED).is_none() {
            self.change(setting(format!("{KEY}{used}"), INSTALLED)).await?;
            self.change(setting(USED.to_owned(), &used.to_string())).await?;
        }
        Ok(self.change(setting(format!("{KEY}{id}"), INSTALLED)).await?)
    }

    /// Has the members agree that a key is in use.
    pub(crate) async fn agree_used(self: &Rc<Self>, id: KeyId) -> Result<(), CommandError> {
        Ok(self.change(setting(USED.to_owned(), &id.to_string())).await?)
    }

    /// Has the members agree that a key is retired.
    pub(crate) async fn agree_retired(self: &Rc<Self>, id: KeyId) -> Result<(), CommandError> {
        Ok(self.change(setting(format!("{KEY}{id}"), RETIRED)).await?)
    }
}

fn setting(name: String, value: &str) -> Command {
    Command::Set { name, value: Some(value.to_owned()) }
}

/// A question to another node, of one of the rows of NODOSUM.
fn question<'a>(args: &'a [&'a [u8]]) -> Question<'a> {
    let row = table::find(b"NODOSUM").expect("it is a command");
    let context = RequestContext { db: Db::default(), protocol: Protocol::Resp3, no_touch: false };
    Question { row, manner: Manner::OfNode, context, args }
}

fn read_held(value: Value) -> Result<Held, CommandError> {
    let unreadable = CommandError::Text("ERR the member said something of its keys that cannot be read");
    let Value::Array(items) = value else { return Err(unreadable) };
    let id = |item: &Value| item.as_bytes().and_then(|text| KeyId::parse(std::str::from_utf8(text).ok()?));
    items.iter().map(id).collect::<Option<Held>>().ok_or(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "the old secret of the cluster";
    const NEW: &str = "the new secret of the cluster";

    fn secrets(texts: &[&str]) -> Secrets {
        Secrets::parse(texts.join("\n").as_bytes()).expect("good secrets")
    }

    fn id(text: &str) -> KeyId {
        secrets(&[text]).used()
    }

    fn check(file: &[&str], plan: &Plan, expect: &[&str]) {
        let mut held = secrets(file);
        plan.put_in_force(&mut held);
        let expect: Vec<KeyId> = expect.iter().map(|text| id(text)).collect();
        assert_eq!(held.ids().collect::<Vec<_>>(), expect);
    }

    #[test]
    fn a_file_gives_way_to_what_was_agreed_on() {
        let nothing = Plan::default();
        check(&[OLD, NEW], &nothing, &[OLD, NEW]);
        let used = Plan { used: Some(id(NEW)), ..Plan::default() };
        check(&[OLD, NEW], &used, &[NEW, OLD]);
        check(&[OLD], &used, &[OLD]);
        let retired = Plan { used: Some(id(NEW)), retired: [id(OLD)].into(), ..Plan::default() };
        check(&[OLD, NEW], &retired, &[NEW]);
        check(&[NEW, OLD], &retired, &[NEW]);
        check(&[OLD], &retired, &[OLD]);
        let unused = Plan { retired: [id(OLD)].into(), ..Plan::default() };
        check(&[OLD, NEW], &unused, &[NEW]);
    }

    #[test]
    fn what_is_installed_and_not_there_is_lacking() {
        let plan = Plan { installed: [id(OLD), id(NEW)].into(), ..Plan::default() };
        assert_eq!(Keys::new(secrets(&[OLD])).lacks(&plan), [id(NEW)]);
        assert_eq!(Keys::new(secrets(&[OLD, NEW])).lacks(&plan), []);
    }
}
