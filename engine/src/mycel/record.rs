//! Effect records: what a change did, so that replaying it needs no clock, no chance and no decision.
//!
//! Every mutation of a [`Keyspace`](super::Keyspace) hands one [`Record`] to the keyspace's sink, if it has one.
//! [`RecordBuffer`] keeps records as bytes, one behind the other:
//!
//! ```text
//!  tag u8 │ db u16 │ then by tag, lengths as u32, numbers as u64, all little-endian:
//!  1 Put       key len │ key │ form u8 (0 bytes, 1 raw bytes, 2 number) │ value len, value  or  number │ deadline
//!  2 Append    key len │ key │ value len │ value
//!  3 WriteAt   key len │ key │ offset u64 │ value len │ value
//!  4 Deadline  key len │ key │ deadline
//!  5 Remove    key len │ key │ cause u8 (0 deleted, 1 expired)
//!  6 Clear
//!  7 Swap      other db u16
//!  a deadline is a presence byte and, if that is 1, ms since the Unix epoch as u64
//! ```

use std::cell::RefCell;
use std::rc::Rc;

use super::keyspace::Db;
use super::value::NewValue;

/// Why a key went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Cause {
    /// A command removed it.
    Deleted = 0,
    /// Its deadline had passed.
    Expired = 1,
}

/// One change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record<'a> {
    /// The key has this value and this deadline now, whatever it had before.
    Put {
        /// The database.
        db: Db,
        /// The key.
        key: &'a [u8],
        /// The value; never [`NewValue::Text`].
        value: NewValue<'a>,
        /// The deadline in ms since the Unix epoch.
        deadline_ms: Option<u64>,
    },
    /// The value of the key grew by this tail.
    Append {
        /// The database.
        db: Db,
        /// The key.
        key: &'a [u8],
        /// What was appended.
        bytes: &'a [u8],
    },
    /// Part of the value of the key was written over, with zeros before it if it was shorter.
    WriteAt {
        /// The database.
        db: Db,
        /// The key.
        key: &'a [u8],
        /// Where in the value, in bytes.
        offset: u64,
        /// What was written.
        bytes: &'a [u8],
    },
    /// The key has this deadline now.
    Deadline {
        /// The database.
        db: Db,
        /// The key.
        key: &'a [u8],
        /// The deadline in ms since the Unix epoch.
        deadline_ms: Option<u64>,
    },
    /// The key is gone.
    Remove {
        /// The database.
        db: Db,
        /// The key.
        key: &'a [u8],
        /// Why it is gone.
        cause: Cause,
    },
    /// The database is empty.
    Clear {
        /// The database.
        db: Db,
    },
    /// Two databases changed places.
    Swap {
        /// The one.
        first: Db,
        /// The other.
        second: Db,
    },
}

impl<'a> Record<'a> {
    /// The key that changed, if the record is about one.
    #[must_use]
    pub fn key(&self) -> Option<&'a [u8]> {
        match *self {
            Record::Put { key, .. }
            | Record::Append { key, .. }
            | Record::WriteAt { key, .. }
            | Record::Deadline { key, .. }
            | Record::Remove { key, .. } => Some(key),
            Record::Clear { .. } | Record::Swap { .. } => None,
        }
    }

    /// Appends the record as bytes.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        encode(self, out);
    }
}

/// Who is told of every change, in the order of the changes.
pub trait RecordSink {
    /// Takes note of `record`, which stands for a change that has just happened.
    fn on_record(&mut self, record: &Record<'_>);
}

impl<S: RecordSink> RecordSink for Rc<RefCell<S>> {
    fn on_record(&mut self, record: &Record<'_>) {
        self.borrow_mut().on_record(record);
    }
}

/// Records as bytes, in order.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct RecordBuffer {
    bytes: Vec<u8>,
    len: usize,
}

impl RecordBuffer {
    /// A buffer without records.
    #[must_use]
    pub fn new() -> RecordBuffer {
        RecordBuffer::default()
    }

    /// Appends a record.
    pub fn push(&mut self, record: &Record<'_>) {
        encode(record, &mut self.bytes);
        self.len += 1;
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The encoded records.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The records, first to last.
    #[must_use]
    pub fn iter(&self) -> Records<'_> {
        Records::new(&self.bytes)
    }

    /// Forgets all records and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.len = 0;
    }
}

impl RecordSink for RecordBuffer {
    fn on_record(&mut self, record: &Record<'_>) {
        self.push(record);
    }
}

impl<'a> IntoIterator for &'a RecordBuffer {
    type Item = Record<'a>;
    type IntoIter = Records<'a>;

    fn into_iter(self) -> Records<'a> {
        self.iter()
    }
}

/// Reads encoded records; ends at the first byte that is no record.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// Reads the records in `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Records<'a> {
        Records { rest: bytes }
    }

    /// The bytes that are not read yet; empty after the last record, unless what follows it is no record.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let mut input = self.rest;
        let record = decode(&mut input)?;
        self.rest = input;
        Some(record)
    }
}

fn encode(record: &Record<'_>, out: &mut Vec<u8>) {
    let head = |out: &mut Vec<u8>, tag: u8, db: Db| {
        out.push(tag);
        out.extend_from_slice(&db.number().to_le_bytes());
    };
    match *record {
        Record::Put { db, key, value, deadline_ms } => {
            head(out, 1, db);
            put_bytes(out, key);
            put_value(out, value);
            put_deadline(out, deadline_ms);
        }
        Record::Append { db, key, bytes } => {
            head(out, 2, db);
            put_bytes(out, key);
            put_bytes(out, bytes);
        }
        Record::WriteAt { db, key, offset, bytes } => {
            head(out, 3, db);
            put_bytes(out, key);
            out.extend_from_slice(&offset.to_le_bytes());
            put_bytes(out, bytes);
        }
        Record::Deadline { db, key, deadline_ms } => {
            head(out, 4, db);
            put_bytes(out, key);
            put_deadline(out, deadline_ms);
        }
        Record::Remove { db, key, cause } => {
            head(out, 5, db);
            put_bytes(out, key);
            out.push(cause as u8);
        }
        Record::Clear { db } => head(out, 6, db),
        Record::Swap { first, second } => {
            head(out, 7, first);
            out.extend_from_slice(&second.number().to_le_bytes());
        }
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).expect("keys and values end far below 4 GiB");
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(bytes);
}

fn put_value(out: &mut Vec<u8>, value: NewValue<'_>) {
    match value.decided() {
        NewValue::Text(bytes) | NewValue::Bytes(bytes) => {
            out.push(0);
            put_bytes(out, bytes);
        }
        NewValue::Raw(bytes) => {
            out.push(1);
            put_bytes(out, bytes);
        }
        NewValue::Int(number) => {
            out.push(2);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

fn put_deadline(out: &mut Vec<u8>, deadline_ms: Option<u64>) {
    out.push(u8::from(deadline_ms.is_some()));
    if let Some(deadline_ms) = deadline_ms {
        out.extend_from_slice(&deadline_ms.to_le_bytes());
    }
}

fn decode<'a>(input: &mut &'a [u8]) -> Option<Record<'a>> {
    let tag = take::<1>(input)?;
    let db = take_db(input)?;
    Some(match tag {
        [1] => {
            let (key, value) = (take_bytes(input)?, take_value(input)?);
            Record::Put { db, key, value, deadline_ms: take_deadline(input)? }
        }
        [2] => Record::Append { db, key: take_bytes(input)?, bytes: take_bytes(input)? },
        [3] => {
            let (key, offset) = (take_bytes(input)?, u64::from_le_bytes(take(input)?));
            Record::WriteAt { db, key, offset, bytes: take_bytes(input)? }
        }
        [4] => Record::Deadline { db, key: take_bytes(input)?, deadline_ms: take_deadline(input)? },
        [5] => {
            let key = take_bytes(input)?;
            let cause = match take(input)? {
                [0] => Cause::Deleted,
                [1] => Cause::Expired,
                _ => return None,
            };
            Record::Remove { db, key, cause }
        }
        [6] => Record::Clear { db },
        [7] => Record::Swap { first: db, second: take_db(input)? },
        _ => return None,
    })
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*head)
}

fn take_db(input: &mut &[u8]) -> Option<Db> {
    Some(Db::new(u16::from_le_bytes(take(input)?)))
}

fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = u32::from_le_bytes(take(input)?) as usize;
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(bytes)
}

fn take_value<'a>(input: &mut &'a [u8]) -> Option<NewValue<'a>> {
    Some(match take(input)? {
        [0] => NewValue::Bytes(take_bytes(input)?),
        [1] => NewValue::Raw(take_bytes(input)?),
        [2] => NewValue::Int(i64::from_le_bytes(take(input)?)),
        _ => return None,
    })
}

fn take_deadline(input: &mut &[u8]) -> Option<Option<u64>> {
    Some(match take(input)? {
        [0] => None,
        [1] => Some(u64::from_le_bytes(take(input)?)),
        _ => return None,
    })
}
