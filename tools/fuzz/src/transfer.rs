//! The destination's side of a move of `mycel::transfer`.

use mycorrhizal::mycel::transfer::{Imports, Terms, TransferError, TransferKind, TransferMessage};
use mycorrhizal::mycel::{Db, Hasher, Keyspace, KeyspaceConfig, slot_of};

/// The longest value that is taken here: so that a number in an input is not a gibibyte.
const VALUE_BYTES_MAX: usize = 1 << 16;
const EPOCH: u64 = 9;
const FIRST: u64 = 100;
const NOW_MS: u64 = 1_000_000;

/// Messages, each a byte for its kind, one for what is wrong with it, one for its length, and its records: put, append,
/// write, deadline, remove; clear and swap; a second attempt.
pub const IMPORT_SEEDS: &[&[u8]] = &[
    b"\0\0\0\x01\0\x0f\x01\0\0\x01\0\0\0k\0\x01\0\0\0v\0\x01\0\x0d\x02\0\0\x01\0\0\0k\x01\0\0\0x\
      \x01\0\x15\x03\0\0\x01\0\0\0k\x04\0\0\0\0\0\0\0\x01\0\0\0y\x02\0\0\x03\0\0",
    b"\0\0\0\x01\0\x16\x01\0\0\x01\0\0\0k\x02\x07\0\0\0\0\0\0\0\x01\xff\0\0\0\0\0\x01\0\x11\x04\0\0\x01\0\0\0k\x01\
      \xff\xff\0\0\0\0\0\0\x03\0\0",
    b"\0\0\0\x01\0\x0f\x01\x01\0\x01\0\0\0k\0\x01\0\0\0v\0\x01\0\x05\x07\x01\0\x05\0\x01\0\x03\x06\x01\0\x03\0\0",
    b"\0\0\0\x01\0\x0f\x01\0\0\x01\0\0\0k\0\x01\0\0\0v\0\0\0\0\x01\0\x09\x05\0\0\x01\0\0\0k\0\x03\0\0",
];
/// Parts of messages and records.
pub const IMPORT_TOKENS: &[&[u8]] = &[
    b"\0\0\0",
    b"\x03\0\0",
    b"\x01\0\x0f\x01\0\0\x01\0\0\0k\0\x01\0\0\0v\0",
    b"\x01\0\x0d\x02\0\0\x01\0\0\0k\x01\0\0\0x",
    b"\x01\0\x09\x05\0\0\x01\0\0\0k\0",
    b"\x07\x01\0\0\0",
    b"\x07\xff\xff\0\0",
    b"\xff\xff\xff\xff",
    b"{k}",
];

/// Whatever a peer sends, an import counts its memory exactly, holds keys of its partition alone, and is void after an
/// error.
pub fn import(input: &[u8]) {
    let hasher = Hasher::new([1, 2]);
    let partition = slot_of(b"k").partition();
    let mut imports = Imports::new(Terms { hasher, value_bytes_max: VALUE_BYTES_MAX, databases_max: 64 });
    let (mut rest, mut sequence) = (input, FIRST);
    while let [kind, wrong, len, tail @ ..] = rest {
        let (records, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        let message = TransferMessage {
            partition: u16::try_from(partition).expect("there are 1,024 partitions"),
            epoch: EPOCH + u64::from(*wrong == 1) - u64::from(*wrong == 2),
            sequence: sequence + u64::from(*wrong == 3) - u64::from(*wrong == 4),
            kind: match kind % 5 {
                0 => TransferKind::Begin,
                1 => TransferKind::Records,
                2 => TransferKind::SlotDone,
                3 => TransferKind::Handover,
                _ => TransferKind::Abort,
            },
            slot: 0,
            records,
        };
        sequence += 1;
        match imports.on_message(&message, NOW_MS) {
            Ok(ack) => assert!(ack.is_none_or(|ack| ack.sequence == message.sequence)),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                // A message of an earlier attempt harms nothing, and is refused as one of another.
                let is_void = imports.import(partition).is_none();
                assert!(error == TransferError::PeerOtherTransfer || is_void, "{error}");
            }
        }
    }
    finish(imports, partition);
}

/// What came whole is what it says it is.
fn finish(mut imports: Imports, partition: usize) {
    let used = imports.used_bytes();
    let Some(parted) = imports.finish(partition, EPOCH) else { return };
    assert_eq!((parted.used_bytes(), parted.recount_bytes()), (used, used));
    let (len, digest) = (parted.len(), parted.digest());
    let mut keyspace = Keyspace::new(KeyspaceConfig { databases: 1, hasher: Hasher::new([1, 2]) });
    assert!(parted.databases() <= 64 && keyspace.graft(parted).is_empty());
    assert_eq!(keyspace.used_bytes(), keyspace.recount_bytes());
    assert_eq!((keyspace.partition_len(partition), keyspace.partition_digest(partition)), (len, digest));
    let all: usize = (0..keyspace.databases()).map(|number| keyspace.len(Db::new(number))).sum();
    assert_eq!(all, len);
}
