//! What must hold while partitions move: every answer is that of one model of all keys, given by the one owner.
//!
//! All operations of all nodes come here in the order in which they were done. The model does them too, and its outcome must
//! be the same: so nothing acknowledged is lost, nothing is done twice, nothing deleted comes back, and no time to live is
//! off. What the log takes from a node, the model forgets.

use std::collections::{BTreeMap, BTreeSet};

use mycorrhizal::mycel::{Decimal, Keyspace, PARTITIONS, slot_of};
use mycorrhizal::nodosum::Time;
use mycorrhizal::nodosum::state::{ClusterState, Command, MapChange, Ownership, PartitionId, Request};
use mycorrhizal_net::identity::NodeId;

use super::message::{Action, Event, Operation, Outcome};
use super::{id_of, index_of_id, partitions_of};

/// By database and key, the value and when it ends, in ms since the world began.
type Keys = BTreeMap<(u16, Vec<u8>), (Vec<u8>, Option<u64>)>;

/// The checker of one run.
pub struct Checker {
    state: ClusterState,
    /// The map before the last entry.
    seen: Vec<Ownership>,
    /// Who owns each partition, by the epoch since which it does.
    owners: BTreeMap<(u16, u64), NodeId>,
    /// Since when whoever answered last for each partition has owned it.
    answered: Vec<u64>,
    keys: Vec<Keys>,
    done: BTreeSet<u64>,
    /// By partition.
    lost_keys: Vec<usize>,
    failures: Vec<String>,
}

impl Default for Checker {
    fn default() -> Checker {
        Checker {
            state: ClusterState::default(),
            seen: vec![Ownership::default(); PARTITIONS],
            owners: BTreeMap::new(),
            answered: vec![0; PARTITIONS],
            keys: vec![Keys::new(); PARTITIONS],
            done: BTreeSet::new(),
            lost_keys: vec![0; PARTITIONS],
            failures: Vec::new(),
        }
    }
}

impl Checker {
    /// What did not hold.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// How many operations were done.
    pub fn done(&self) -> usize {
        self.done.len()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.iter().map(Keys::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys went with their owners.
    pub fn lost_keys(&self) -> usize {
        self.lost_keys.iter().sum()
    }

    /// How many keys of a partition went with its owners.
    pub fn lost_keys_of(&self, partition: PartitionId) -> usize {
        self.lost_keys[partition.index()]
    }

    /// Something did not hold.
    pub fn fail(&mut self, what: String) {
        self.failures.push(what);
    }

    /// Something happened, on the node at a place.
    pub fn on_event(&mut self, at: Time, node: usize, event: &Event) {
        match event {
            Event::Committed(request) => self.on_commit(request),
            Event::Applied { operation, outcome, partitions } => {
                for (partition, since) in partitions {
                    self.check_owner(at, node, *partition, *since);
                }
                if !self.done.insert(operation.number) {
                    self.fail(format!("{at}: {} was done twice", operation.number));
                }
                let expect = self.execute(at, operation, partitions);
                if expect != *outcome {
                    self.fail(format!(
                        "{at}: node {node}: {operation:?} gives {outcome:?} instead of {expect:?}"
                    ));
                }
            }
            Event::Acknowledged(number) if !self.done.contains(number) => {
                self.fail(format!("{at}: {number} was acknowledged and not done"));
            }
            Event::Acknowledged(_) => {}
            Event::Impossible(what) => self.fail(format!("{at}: node {node}: {what}")),
        }
    }

    /// What nodes hold is what the model holds, no more and no less.
    pub fn check_contents<'a>(&mut self, at: Time, nodes: impl Iterator<Item = (usize, &'a Keyspace)>) {
        let mut there = Keys::new();
        for (node, keyspace) in nodes {
            for db in 0..keyspace.databases() {
                keyspace.for_each(mycorrhizal::mycel::Db::new(db), |view| {
                    let value = view.value().bytes(&mut Decimal::new()).to_vec();
                    let id =
                        PartitionId(u16::try_from(slot_of(view.key()).partition()).expect("below 1,024"));
                    let owner = self.state.map().ownership(id).owner;
                    if owner.is_none_or(|owner| owner.node != id_of(node)) {
                        self.failures.push(format!("node {node} holds {:?} and does not own it", view.key()));
                    }
                    there.insert((db, view.key().to_vec()), (value, None));
                });
            }
        }
        let now_ms = millis(at);
        let expect: Keys = self
            .keys
            .iter()
            .flatten()
            .filter(|(_, (_, end))| lives(*end, now_ms))
            .map(|(key, (value, _))| (key.clone(), (value.clone(), None)))
            .collect();
        if there != expect {
            let missing = expect.keys().filter(|key| !there.contains_key(*key)).count();
            let extra = there.iter().filter(|(key, value)| expect.get(*key) != Some(*value)).count();
            self.fail(format!("in the end {missing} keys are missing, {extra} are not as they were written"));
        }
    }

    fn on_commit(&mut self, request: &Request) {
        let known = match &request.command {
            Command::Join(member) => self.state.member(member.id).map(|known| known.incarnation),
            _ => None,
        };
        // An entry that changes nothing is one all the same.
        drop(self.state.apply(request));
        match &request.command {
            // What a node had goes with its life …
            Command::Join(member) if known.is_some_and(|known| known < member.incarnation) => {
                let seen = std::mem::take(&mut self.seen);
                self.forget(|partition| {
                    seen[partition.index()].owner.is_some_and(|owner| owner.node == member.id)
                });
                self.seen = seen;
            }
            // … or when it is given up.
            Command::Map(changes) => {
                for change in changes {
                    if let MapChange::Lose { partition: lost, .. } = change {
                        self.forget(|partition| partition == *lost);
                    }
                }
            }
            _ => {}
        }
        for partition in partitions_of(&request.command) {
            let now = self.state.map().ownership(partition);
            let then = std::mem::replace(&mut self.seen[partition.index()], now);
            if let Some(owner) = now.owner
                && then.owner != now.owner
            {
                self.owners.insert((partition.0, now.epoch), owner.node);
            }
        }
    }

    fn forget(&mut self, is_lost: impl Fn(PartitionId) -> bool) {
        for partition in PartitionId::all().filter(|partition| is_lost(*partition)) {
            self.lost_keys[partition.index()] += self.keys[partition.index()].len();
            self.keys[partition.index()].clear();
        }
    }

    fn check_owner(&mut self, at: Time, node: usize, partition: u16, since: u64) {
        let owner = self.owners.get(&(partition, since)).map(|owner| index_of_id(*owner));
        if owner != Some(node) {
            self.fail(format!("{at}: {node} answers for {partition}, which since {since} is {owner:?}'s"));
        }
        let answered = &mut self.answered[usize::from(partition)];
        if since < *answered {
            let later = *answered;
            self.fail(format!(
                "{at}: {node} answers for {partition}, an owner since {later} has answered already"
            ));
        } else {
            *answered = since;
        }
    }

    /// Does to the model what was done to the keys.
    fn execute(&mut self, at: Time, operation: &Operation, partitions: &[(u16, u64)]) -> Outcome {
        let now_ms = millis(at);
        if operation.is_whole() {
            for (partition, _) in partitions {
                whole(&mut self.keys[usize::from(*partition)], operation);
            }
            return Outcome::Done;
        }
        let keys = &mut self.keys[slot_of(&operation.key).partition()];
        let key = (operation.db, operation.key.to_vec());
        if keys.get(&key).is_some_and(|(_, end)| !lives(*end, now_ms)) {
            keys.remove(&key);
        }
        let token = operation.token();
        match operation.action {
            Action::Get => Outcome::Value(keys.get(&key).map(|(value, _)| value.clone())),
            Action::Set | Action::SetLong(_) => {
                keys.insert(key, (token.clone(), None));
                Outcome::Value(Some(token))
            }
            Action::Append => {
                let (value, _) = keys.entry(key).or_default();
                value.extend_from_slice(&token);
                Outcome::Value(Some(value.clone()))
            }
            Action::Increment => {
                let (value, _) = keys.entry(key).or_insert_with(|| (b"0".to_vec(), None));
                let number: u64 =
                    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
                *value = (number + 1).to_string().into_bytes();
                Outcome::Value(Some(value.clone()))
            }
            Action::Remove => Outcome::Was(keys.remove(&key).is_some()),
            Action::Expire(after_ms) => {
                let found = keys.get_mut(&key);
                Outcome::Was(found.map(|(_, end)| *end = Some(now_ms + after_ms)).is_some())
            }
            Action::Clear | Action::Swap => Outcome::Done,
        }
    }
}

fn whole(keys: &mut Keys, operation: &Operation) {
    if operation.action == Action::Clear {
        keys.retain(|(db, _), _| *db != operation.db);
    } else {
        let swapped = std::mem::take(keys).into_iter().map(|((db, key), value)| ((1 - db, key), value));
        *keys = swapped.collect();
    }
}

fn millis(at: Time) -> u64 {
    at.micros() / 1_000
}

/// The deadline is the last moment.
fn lives(end: Option<u64>, now_ms: u64) -> bool {
    end.is_none_or(|end| end >= now_ms)
}
