//! Mycel: the keyspace and its storage, one core's share of it, without I/O and without a clock.
//!
//! ```text
//!  slot      CRC16 of the hash tag or key: one of 16,384
//!  key       bytes + slot + seeded hash, worked out once per command
//!  value     what a key holds, read (Value) or written (NewValue)
//!  entry     header, key and value in one allocation
//!  partition 16 slots: a hash table each, and their deadlines in order
//!  database  1,024 partitions of one numbered database, and the books
//!  keyspace  all databases of one core: look up, expire, clear, swap
//!  access    the handle of one key while a command works on it
//!  parted    a partition taken out of a keyspace, or not in it yet
//!  scan      cursors, the keys of a slot, a random key; pattern: globs
//!  prefetch  lets the cache misses of a batch overlap
//!  record    what a change did; replay applies it elsewhere; digest compares the outcome
//!  transfer  moves a partition elsewhere while it is served
//! ```
//!
//! Everything here belongs to one core and is reached by nobody else. Time and chance are arguments, changes are
//! records, so that the node, a replica and the simulator run the same code.

mod access;
mod database;
mod deadline;
mod digest;
mod due;
mod entry;
mod key;
mod keyspace;
mod parted;
mod partition;
mod pattern;
mod prefetch;
mod record;
mod replay;
mod rng;
mod scan;
mod slot;
pub mod transfer;
mod value;

#[cfg(test)]
mod tests;

pub use access::{Entry, Occupied, Vacant, View};
pub use database::Remains;
pub use digest::Digest;
pub use key::{Hasher, Key};
pub use keyspace::{Db, Expired, Keyspace, KeyspaceConfig};
pub use parted::Parted;
pub use pattern::{Case, glob_match};
pub use record::{Cause, Record, RecordBuffer, RecordSink, Records};
pub use replay::ReplayError;
pub use rng::Rng;
pub use scan::ScanCursor;
pub use slot::{PARTITIONS, SLOTS, SLOTS_PER_PARTITION, Slot, crc16, hash_tag, slot_of};
pub use value::{Deadline, Decimal, Encoding, Kind, NewValue, Value, parse_int};
