//! A client: asks any node for anything, and remembers what it has heard.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;

use mycorrhizal::mycel::{SLOTS_PER_PARTITION, Slot, slot_of};
use mycorrhizal::nodosum::Time;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::message::{Action, Body, Event, Note, Operation};
use super::{Out, address_of};
use crate::machine::Channel;
use crate::network::between;

/// Keys of each kind of use.
const KEYS: u32 = 48;
/// Keys that share a slot.
const KEYS_IN_ONE_SLOT: u32 = 200;

/// A client.
pub struct Client {
    index: usize,
    random: Xoshiro256PlusPlus,
    /// Where nodes are, running or not.
    nodes: Vec<usize>,
    next: Option<Time>,
    pause_max: Duration,
    asked: u64,
    open: BTreeSet<u64>,
    expires: bool,
}

impl Client {
    /// A client that asks these nodes, with pauses of up to `pause_max`.
    pub fn new(index: usize, seed: u64, nodes: Vec<usize>, pause_max: Duration, expires: bool) -> Client {
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let next = Some(Time::START);
        Client { index, random, nodes, next, pause_max, asked: 0, open: BTreeSet::new(), expires }
    }

    /// It asks nothing more; what it asked is forgotten.
    pub fn stop(&mut self) {
        self.next = None;
        self.open.clear();
    }

    /// How many of its operations it has no reply of.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.next
    }

    pub(super) fn on_message(&mut self, note: &Note, out: &mut Out) {
        if let Body::Reply { number } = note.body {
            self.open.remove(&number);
            out.events.push(Event::Acknowledged(number));
        }
    }

    pub(super) fn on_deadline(&mut self, now: Time, out: &mut Out) {
        if self.next.is_some_and(|next| next <= now) {
            self.next = Some(now + between(&mut self.random, Duration::from_micros(1), self.pause_max));
            let action = self.action();
            let to = self.nodes[self.random.random_range(0..self.nodes.len())];
            self.ask(to, action, out);
        }
    }

    /// Asks a node for something about any key.
    pub fn ask(&mut self, to: usize, action: Action, out: &mut Out) {
        let key = self.key(&action);
        let db = self.random.random_range(0..2);
        self.asked += 1;
        let number = (self.index as u64) << 32 | self.asked;
        let operation = Operation { number, client: self.index, db, key: key.into(), action };
        self.open.insert(number);
        let body = Body::Ask { operation: Rc::new(operation), chosen_by: 0 };
        out.sends.push((address_of(to), Channel::Link, Note::new(body)));
    }

    fn action(&mut self) -> Action {
        match self.random.random_range(0..400) {
            0..100 => Action::Append,
            100..200 => Action::Increment,
            200..260 => Action::Set,
            260..270 => Action::SetLong(self.random.random_range(1..60_000)),
            270..320 => Action::Remove,
            320..340 if self.expires => Action::Expire(self.random.random_range(1..3_000)),
            340 => Action::Clear,
            341 => Action::Swap,
            _ => Action::Get,
        }
    }

    fn key(&mut self, action: &Action) -> Vec<u8> {
        let number = self.random.random_range(0..KEYS);
        let is_count = match action {
            Action::Clear | Action::Swap => return Vec::new(),
            Action::Increment => true,
            Action::Append | Action::Set | Action::SetLong(_) => false,
            Action::Get | Action::Remove | Action::Expire(_) => self.random.random(),
        };
        if is_count {
            return format!("count:{number}").into_bytes();
        }
        match self.random.random_range(0..3) {
            // Many in one slot, and one partition with keys in many slots.
            0 => format!("{{one}}{}", self.random.random_range(0..KEYS_IN_ONE_SLOT)).into_bytes(),
            1 => in_one_partition(number),
            _ => format!("text:{number}").into_bytes(),
        }
    }
}

/// A key in the partition of `one`, in any of its slots.
fn in_one_partition(number: u32) -> Vec<u8> {
    static TAGS: OnceLock<Vec<String>> = OnceLock::new();
    let tags = TAGS.get_or_init(|| {
        let partition = slot_of(b"one").partition();
        let slot = |within| Slot::at(partition, within);
        let mut tags = vec![String::new(); SLOTS_PER_PARTITION];
        for tag in (0..).map(|tag: u32| format!("{{{tag}}}")) {
            let found = (0..SLOTS_PER_PARTITION).find(|within| slot_of(tag.as_bytes()) == slot(*within));
            if let Some(within) = found {
                tags[within] = tag;
            }
            if tags.iter().all(|tag| !tag.is_empty()) {
                break;
            }
        }
        tags
    });
    format!("{}{number}", tags[number as usize % SLOTS_PER_PARTITION]).into_bytes()
}
