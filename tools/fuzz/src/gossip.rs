//! Sealed datagrams and beacons of `net::gossip`.

use mycorrhizal_net::gossip::{Beacon, DATAGRAM_BYTES_MAX, Key, KeyRing, Opener, PAYLOAD_BYTES_MAX, Sealer};
use mycorrhizal_net::identity::{Incarnation, NodeId};

/// Two bytes of position and one of change, for each change; then a payload, after a byte that says how many changes.
pub const OPEN_SEEDS: &[&[u8]] = &[
    b"\0a payload",
    b"\x01\0\x02\x01a payload",
    b"\x01\0\x23\x04",
    b"\x02\0\x2d\xff\0\x3a\x01a payload",
    b"\x01\0\x00\x01\x01\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
/// Numbers that mean something in a header.
pub const OPEN_TOKENS: &[&[u8]] =
    &[b"\x01\0", b"\0\0\0\0\0\0\0\0", b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\0\x04", b"\x05\x79"];
/// Beacons with a cluster and without.
pub const BEACON_SEEDS: &[&[u8]] = &[
    b"aaaaaaaaaaaaaaaaaaaa\x01bbbbbbbbbbbbbbbbbbbb\x12\x34",
    b"aaaaaaaaaaaaaaaaaaaa\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x12\x34",
];
/// The tag, both ways.
pub const BEACON_TOKENS: &[&[u8]] = &[b"\0", b"\x01", b"\x02"];

/// What was sealed opens once, to what went in; whatever else was made of it, or of nothing, does not, and moves
/// nothing: the sealed one still opens after it.
pub fn open(input: &[u8]) {
    let [changes, rest @ ..] = input else { return };
    let (changes, payload) = rest.split_at(rest.len().min(3 * usize::from(*changes % 8)));
    let payload = &payload[..payload.len().min(PAYLOAD_BYTES_MAX)];
    let keys = KeyRing::new(Key::new([7; 32]));
    let mut sealer = Sealer::new("fuzz", NodeId([1; 20]), Incarnation(2), 0, [3; 8]);
    let sealed = sealer.seal(&keys, 4, payload).expect("it fits");
    assert!(sealed.len() <= DATAGRAM_BYTES_MAX);
    let mut changed = sealed.clone();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % changed.len();
        changed[at] ^= change[2];
    }

    let mut opener = Opener::new("fuzz");
    let mut out = Vec::new();
    assert!(opener.open(&keys, input, &mut out).is_err() && out.is_empty(), "nobody sealed that");
    if changed != sealed {
        assert!(opener.open(&keys, &changed, &mut out).is_err() && out.is_empty(), "it was changed");
    }
    let header = opener.open(&keys, &sealed, &mut out).expect("it is as it was sealed");
    assert_eq!((header.kind, header.sequence, out.as_slice()), (4, 0, payload));
    assert!(opener.open(&keys, &sealed, &mut out).is_err(), "it was heard before");
    assert_eq!(opener.stats().opened, 1);
}

/// Whatever is read as a beacon is what is read from its own bytes.
pub fn beacon(input: &[u8]) {
    if let Ok(beacon) = Beacon::decode(input) {
        assert_eq!(Beacon::decode(&beacon.encode()), Ok(beacon));
    }
}
