//! A source, a destination, and what is on the way between them.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::super::super::{
    Db, Deadline, Decimal, Entry, Hasher, Keyspace, KeyspaceConfig, NewValue, Occupied, Parted, Slot, slot_of,
};
use super::super::*;

pub(super) const DATABASES: u16 = 3;
pub(super) const PARTITION: usize = 7;
pub(super) const START_MS: u64 = 1_000_000;

/// A message on its way.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) epoch: u64,
    pub(super) sequence: u64,
    pub(super) kind: TransferKind,
    slot: u16,
    pub(super) records: Vec<u8>,
}

impl Message {
    pub(super) fn of(message: TransferMessage<'_>) -> Message {
        let TransferMessage { epoch, sequence, kind, slot, records, .. } = message;
        Message { epoch, sequence, kind, slot, records: records.to_vec() }
    }

    pub(super) fn borrowed(&self) -> TransferMessage<'_> {
        TransferMessage {
            partition: u16::try_from(PARTITION).unwrap(),
            epoch: self.epoch,
            sequence: self.sequence,
            kind: self.kind,
            slot: self.slot,
            records: &self.records,
        }
    }
}

/// What a keyspace or partition holds: by database and key, value and deadline.
pub(super) type Held = BTreeMap<(u16, Vec<u8>), (Vec<u8>, Option<u64>)>;

pub(super) struct Bench {
    pub(super) source: Keyspace,
    pub(super) exports: Rc<RefCell<Exports>>,
    pub(super) imports: Imports,
    pub(super) on_way: VecDeque<Message>,
    pub(super) acks: VecDeque<Ack>,
    pub(super) now_ms: u64,
    /// What the destination's clock is ahead.
    pub(super) ahead_ms: i64,
}

pub(super) fn terms() -> Terms {
    Terms { hasher: Hasher::new([8, 9]), value_bytes_max: 64 << 20, databases_max: 16 }
}

/// A key: of the moving partition, in one of three slots, or of another.
pub(super) fn name(tag: u8, number: u16) -> Vec<u8> {
    let slot = match tag {
        0..3 => Slot::at(PARTITION, [0, 3, 15][usize::from(tag)]),
        _ => Slot::at(PARTITION + 1, 0),
    };
    let mut name = tag_of(slot);
    name.extend_from_slice(number.to_string().as_bytes());
    name
}

fn tag_of(slot: Slot) -> Vec<u8> {
    thread_local!(static TAGS: RefCell<BTreeMap<u16, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) });
    let find = || {
        let mut tags = (0..).map(|number: u32| format!("{{{number}}}").into_bytes());
        tags.find(|tag| slot_of(tag) == slot).unwrap()
    };
    TAGS.with_borrow_mut(|tags| tags.entry(slot.number()).or_insert_with(find).clone())
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::with_hasher(Hasher::new([3, 4]))
    }

    pub(super) fn with_hasher(hasher: Hasher) -> Bench {
        let exports = Rc::new(RefCell::new(Exports::new()));
        let mut source = Keyspace::new(KeyspaceConfig { databases: DATABASES, hasher });
        source.set_now(START_MS);
        source.set_sink(Some(Box::new(Rc::clone(&exports))));
        Bench {
            source,
            exports,
            imports: Imports::new(terms()),
            on_way: VecDeque::new(),
            acks: VecDeque::new(),
            now_ms: START_MS,
            ahead_ms: 0,
        }
    }

    pub(super) fn begin(&mut self, epoch: u64) {
        self.exports.borrow_mut().begin(PARTITION, epoch);
    }

    /// Begins, up to the destination's answer.
    pub(super) fn open(&mut self, epoch: u64) {
        self.begin(epoch);
        self.round();
    }

    pub(super) fn put(&mut self, db: u16, key: &[u8], value: NewValue<'_>, deadline: Deadline) {
        let key = self.source.key(key);
        self.source.entry(Db::new(db), key).put(value, deadline);
    }

    /// Does something to a key that is there.
    pub(super) fn edit<R>(&mut self, db: u16, key: &[u8], edit: impl FnOnce(Occupied<'_>) -> R) {
        let key = self.source.key(key);
        if let Entry::Occupied(occupied) = self.source.entry(Db::new(db), key) {
            edit(occupied);
        }
    }

    pub(super) fn remove(&mut self, db: u16, key: &[u8]) {
        let key = self.source.key(key);
        self.source.remove(Db::new(db), &key);
    }

    pub(super) fn pump(&mut self, budget_bytes: usize) -> bool {
        let on_way = &mut self.on_way;
        let mut exports = self.exports.borrow_mut();
        let more = exports.pump(&self.source, budget_bytes, |message| on_way.push_back(Message::of(message)));
        if let Some(export) = exports.export(PARTITION) {
            let one = on_way.back().map_or(0, |message| message_bytes(message.records.len()));
            assert!(export.on_way_bytes() <= WINDOW_BYTES.max(one), "the window holds");
        }
        more
    }

    pub(super) fn deliver(&mut self, count: usize) {
        let now_ms = self.now_ms.saturating_add_signed(self.ahead_ms);
        for _ in 0..count {
            let Some(message) = self.on_way.pop_front() else { return };
            let ack = self.imports.on_message(&message.borrowed(), now_ms).unwrap();
            self.acks.extend(ack);
        }
    }

    pub(super) fn acknowledge(&mut self, count: usize) {
        for _ in 0..count {
            let Some(ack) = self.acks.pop_front() else { return };
            self.exports.borrow_mut().on_ack(&ack, self.now_ms);
        }
    }

    /// One round of everything.
    pub(super) fn round(&mut self) {
        self.pump(usize::MAX);
        self.deliver(usize::MAX);
        self.acknowledge(usize::MAX);
    }

    pub(super) fn ready(&self) -> bool {
        self.exports.borrow().export(PARTITION).is_some_and(Export::ready_to_hand_over)
    }

    /// Goes through to the end and gives what has come.
    pub(super) fn complete(&mut self) -> Parted {
        for _ in 0..10_000 {
            if self.ready() {
                break;
            }
            self.round();
        }
        assert!(self.exports.borrow_mut().hand_over(PARTITION), "it gets ready");
        for _ in 0..100 {
            self.round();
        }
        let export = self.exports.borrow_mut().end(PARTITION).unwrap();
        assert!(export.handed_over() && export.pending_bytes() == 0 && export.on_way_bytes() == 0);
        self.imports.finish(PARTITION, export.epoch()).expect("it came whole")
    }

    /// What the source holds of the partition, those keys included that are past their deadline.
    pub(super) fn held(&self) -> Held {
        held(&self.source, PARTITION)
    }
}

pub(super) fn held(keyspace: &Keyspace, partition: usize) -> Held {
    let mut held = Held::new();
    for number in 0..keyspace.databases() {
        for within in 0..16 {
            let slot = Slot::at(partition, within);
            let rest = keyspace.walk_slot(Db::new(number), slot, 0, usize::MAX, |view| {
                let value = view.value().bytes(&mut Decimal::new()).to_vec();
                let before = held.insert((number, view.key().to_vec()), (value, view.deadline_ms()));
                assert!(before.is_none());
                true
            });
            assert!(rest.is_none() || keyspace.slot_len(Db::new(number), slot) > 512);
        }
    }
    held
}

/// What a parted partition holds.
pub(super) fn held_in(parted: Parted) -> Held {
    let partition = parted.partition();
    let mut keyspace = Keyspace::new(KeyspaceConfig { databases: 1, hasher: terms().hasher });
    assert!(keyspace.graft(parted).is_empty());
    assert_eq!(keyspace.used_bytes(), keyspace.recount_bytes());
    let all: usize = (0..keyspace.databases()).map(|number| keyspace.len(Db::new(number))).sum();
    assert_eq!(all, keyspace.partition_len(partition), "nothing else has come");
    held(&keyspace, partition)
}
