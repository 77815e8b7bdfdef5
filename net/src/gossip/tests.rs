use super::*;
use crate::identity::{Incarnation, NodeId};
use crate::version::PROTOCOL;
use proptest::prelude::*;

const NAME: &str = "orders";

fn key(byte: u8) -> Key {
    Key::new([byte; 32])
}

fn sealer(name: &str, sender: u8) -> Sealer {
    Sealer::new(name, NodeId([sender; 20]), Incarnation(3), 2, [0x51; SALT_BYTES])
}

fn sealed(payload: &[u8]) -> Vec<u8> {
    sealer(NAME, 0xAA).seal(&KeyRing::new(key(1)), 7, payload).expect("it fits")
}

/// What opening gives, and what it puts out.
fn open(opener: &mut Opener, keys: &KeyRing, datagram: &[u8]) -> Result<Vec<u8>, Dropped> {
    let mut payload = b"left from the last one".to_vec();
    let result = opener.open(keys, datagram, &mut payload);
    assert!(result.is_ok() || payload.is_empty());
    result.map(|_| payload)
}

fn open_afresh(keys: &KeyRing, datagram: &[u8]) -> Result<Vec<u8>, Dropped> {
    open(&mut Opener::new(NAME), keys, datagram)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_are_these() {
    let mut sealer = sealer(NAME, 0xAA);
    let keys = KeyRing::new(key(1));
    sealer.seal(&keys, 0, b"").expect("it fits");
    let datagram = sealer.seal(&keys, 7, b"hello").expect("it fits");
    let (head, rest) = datagram.split_at(HEADER_BYTES);
    let fields = [
        "0100",                                     // version
        "07",                                       // kind
        "4f2b91cb",                                 // key id
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", // sender
        "0300000000000000",                         // incarnation
        "0200",                                     // core
        "5151515151515151",                         // salt
        "0100000000000000",                         // sequence
    ];
    assert_eq!(hex(head), fields.concat());
    assert_eq!(hex(rest), "f45bc34bb05b395a300433c6eccc9498d1398e0fae");
    let mut payload = Vec::new();
    let header = Opener::new(NAME).open(&keys, &datagram, &mut payload).expect("it is ours");
    let expected = Header {
        kind: 7,
        key: key(1).id(),
        sender: NodeId([0xAA; 20]),
        incarnation: Incarnation(3),
        core: 2,
        salt: sealer.salt(),
        sequence: 1,
    };
    assert_eq!((header, payload), (expected, b"hello".to_vec()));
}

#[test]
fn a_payload_fits_up_to_its_limit() {
    let keys = KeyRing::new(key(1));
    let largest = vec![9; PAYLOAD_BYTES_MAX];
    let datagram = sealed(&largest);
    assert_eq!(datagram.len(), DATAGRAM_BYTES_MAX);
    assert_eq!(open_afresh(&keys, &datagram), Ok(largest.clone()));
    let mut sealer = sealer(NAME, 1);
    let larger = [largest, vec![9]].concat();
    let error = SealError::LocalTooLarge { bytes: PAYLOAD_BYTES_MAX + 1 };
    assert_eq!(sealer.seal(&keys, 0, &larger), Err(error));
    assert!(sealer.seal(&keys, 0, b"").expect("it fits").starts_with(&PROTOCOL.to_le_bytes()));
}

#[test]
fn every_cut_is_dropped() {
    let keys = KeyRing::new(key(1));
    let datagram = sealed(b"payload");
    for end in 0..datagram.len() {
        let reason = if end < HEADER_BYTES + TAG_BYTES { Dropped::TooShort } else { Dropped::Forged };
        assert_eq!(open_afresh(&keys, &datagram[..end]), Err(reason), "{end}");
    }
    assert_eq!(open_afresh(&keys, &[datagram, vec![0]].concat()), Err(Dropped::Forged));
}

#[test]
fn each_reason_is_told_and_counted() {
    let keys = KeyRing::new(key(1));
    let mut opener = Opener::new(NAME);
    let good = sealed(b"payload");
    assert!(open(&mut opener, &keys, &good).is_ok());

    let mut other_version = good.clone();
    other_version[0] = 9;
    let mut too_many_cores = good.clone();
    too_many_cores[35..37].copy_from_slice(&CORES_MAX.to_le_bytes());
    let mut too_long = good.clone();
    too_long.resize(DATAGRAM_BYTES_MAX + 1, 0);
    let mut retired = Sealer::new(NAME, NodeId([0xAA; 20]), Incarnation(2), 2, [0x52; SALT_BYTES]);
    let retired = retired.seal(&keys, 7, b"payload").expect("it fits");
    let other_key = sealer(NAME, 1).seal(&KeyRing::new(key(2)), 7, b"payload").expect("it fits");
    let other_name = sealer("order", 1).seal(&keys, 7, b"payload").expect("it fits");

    let cases: [(&[u8], Dropped); 8] = [
        (b"garbage", Dropped::TooShort),
        (&other_version, Dropped::OtherVersion { theirs: 9 }),
        (&other_key, Dropped::UnknownKey),
        (&other_name, Dropped::Forged),
        (&too_many_cores, Dropped::Forged),
        (&too_long, Dropped::Forged),
        (&good, Dropped::Replayed),
        (&retired, Dropped::RetiredIncarnation { known: Incarnation(3) }),
    ];
    for (datagram, reason) in cases {
        assert_eq!(open(&mut opener, &keys, datagram), Err(reason));
        assert!(!reason.to_string().contains('\n'));
    }
    let expected = OpenerStats {
        opened: 1,
        too_short: 1,
        other_version: 1,
        unknown_key: 1,
        forged: 3,
        replayed: 1,
        retired_incarnation: 1,
        senders: 1,
    };
    assert_eq!(opener.stats(), expected);
}

#[test]
fn what_does_not_open_moves_no_window() {
    let keys = KeyRing::new(key(1));
    let (mut sealer, mut opener) = (sealer(NAME, 0xAA), Opener::new(NAME));
    let first = sealer.seal(&keys, 0, b"1").expect("it fits");
    assert!(open(&mut opener, &keys, &first).is_ok());
    // A stranger who knows the header but not the key pretends to be far ahead, and of a later life.
    let mut ahead = first.clone();
    ahead[45..53].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut reborn = first.clone();
    reborn[27..35].copy_from_slice(&u64::MAX.to_le_bytes());
    for forged in [ahead, reborn] {
        assert_eq!(open(&mut opener, &keys, &forged), Err(Dropped::Forged));
    }
    let second = sealer.seal(&keys, 0, b"2").expect("it fits");
    assert_eq!(open(&mut opener, &keys, &second), Ok(b"2".to_vec()));
    assert_eq!(opener.stats().senders, 1);
}

#[test]
fn a_sealer_goes_on_as_a_higher_incarnation() {
    let keys = KeyRing::new(key(1));
    let (mut sealer, mut opener) = (sealer(NAME, 0xAA), Opener::new(NAME));
    let before = sealer.seal(&keys, 0, b"before").expect("it fits");
    sealer.set_incarnation(Incarnation(4));
    let after = sealer.seal(&keys, 0, b"after").expect("it fits");
    assert_eq!(before[45], 0);
    assert_eq!(after[45], 1, "the nonce goes on too");
    assert_eq!(open(&mut opener, &keys, &after), Ok(b"after".to_vec()));
    let retired = Dropped::RetiredIncarnation { known: Incarnation(4) };
    assert_eq!(open(&mut opener, &keys, &before), Err(retired));
}

#[test]
fn two_lives_of_one_node_never_share_a_stream() {
    // A data directory that was copied: the same id, incarnation and core, and the same first words.
    let keys = KeyRing::new(key(1));
    let life = |salt| {
        let mut sealer = Sealer::new(NAME, NodeId([1; 20]), Incarnation(1), 0, [salt; SALT_BYTES]);
        sealer.seal(&keys, 0, &[0; 64]).expect("it fits")
    };
    assert_ne!(life(1)[HEADER_BYTES..], life(2)[HEADER_BYTES..]);
}

#[test]
fn a_retired_key_opens_nothing() {
    let mut keys = KeyRing::new(key(1));
    let datagram = sealed(b"payload");
    let second = keys.install(key(2)).expect("room");
    keys.use_key(second).expect("installed");
    assert!(open_afresh(&keys, &datagram).is_ok(), "out of use, but installed");
    keys.remove(key(1).id()).expect("out of use");
    assert_eq!(open_afresh(&keys, &datagram), Err(Dropped::UnknownKey));
}

proptest! {
    #[test]
    fn what_was_sealed_opens(
        payload in proptest::collection::vec(any::<u8>(), 0..=PAYLOAD_BYTES_MAX),
        (kind, name, sender, incarnation) in any::<(u8, String, [u8; 20], u64)>(),
        core in 0..CORES_MAX,
        salt in any::<[u8; SALT_BYTES]>(),
    ) {
        let keys = KeyRing::new(key(1));
        let mut sealer = Sealer::new(&name, NodeId(sender), Incarnation(incarnation), core, salt);
        let datagram = sealer.seal(&keys, kind, &payload).expect("it fits");
        let (mut opener, mut opened) = (Opener::new(&name), Vec::new());
        let header = opener.open(&keys, &datagram, &mut opened).expect("it is ours");
        prop_assert_eq!(opened, payload);
        prop_assert_eq!((header.kind, header.sender, header.core), (kind, NodeId(sender), core));
    }

    #[test]
    fn nothing_opens_with_a_bit_changed(payload in proptest::collection::vec(any::<u8>(), 0..40), bit in any::<u32>()) {
        let mut datagram = sealed(&payload);
        let bit = usize::try_from(bit).expect("64-bit") % (datagram.len() * 8);
        datagram[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(open_afresh(&KeyRing::new(key(1)), &datagram).is_err());
    }

    #[test]
    fn each_is_heard_once_in_any_order(order in Just((0..200usize).collect::<Vec<_>>()).prop_shuffle(), again in 0..200usize) {
        let keys = KeyRing::new(key(1));
        let (mut sealer, mut opener) = (sealer(NAME, 0xAA), Opener::new(NAME));
        let all: Vec<Vec<u8>> =
            (0..200u8).map(|number| sealer.seal(&keys, 0, &[number]).expect("it fits")).collect();
        for (count, number) in order.iter().enumerate() {
            prop_assert_eq!(open(&mut opener, &keys, &all[*number]), Ok(vec![u8::try_from(*number).expect("few")]));
            let heard = order[again % (count + 1)];
            prop_assert_eq!(open(&mut opener, &keys, &all[heard]), Err(Dropped::Replayed));
        }
    }

    /// Two nodes go through the steps of a rotation at their own pace, neither more than one step ahead.
    #[test]
    fn a_rotation_drops_nothing(pace in proptest::collection::vec(any::<bool>(), 20)) {
        let mut nodes = [NodeId([1; 20]), NodeId([2; 20])].map(|id| {
            let sealer = Sealer::new(NAME, id, Incarnation(1), 0, [id.0[0]; SALT_BYTES]);
            (KeyRing::new(key(1)), sealer, Opener::new(NAME), 0)
        });
        for first in pace {
            let (mover, other) = if first { (0, 1) } else { (1, 0) };
            if nodes[mover].3 <= nodes[other].3 {
                let (keys, step) = (&mut nodes[mover].0, nodes[mover].3);
                let (old, new) = (key(1).id(), key(2).id());
                match step {
                    0 => prop_assert_eq!(keys.install(key(2)), Ok(new)),
                    1 => prop_assert_eq!(keys.use_key(new), Ok(())),
                    2 => prop_assert_eq!(keys.remove(old), Ok(())),
                    _ => {}
                }
                nodes[mover].3 += 1;
            }
            for (from, to) in [(0, 1), (1, 0)] {
                let (keys, sealer, ..) = &mut nodes[from];
                let datagram = sealer.seal(keys, 0, b"hello").expect("it fits");
                let (keys, _, opener, _) = &mut nodes[to];
                prop_assert_eq!(open(opener, keys, &datagram), Ok(b"hello".to_vec()));
            }
        }
    }
}

#[test]
fn a_datagram_that_is_sealed_twice_is_heard_once_by_whoever_has_either_key() {
    let (old, new) = (Key::new([1; 32]), Key::new([2; 32]));
    let mut both = KeyRing::new(new.clone());
    both.install(old.clone()).expect("room");
    let mut sealer = Sealer::new("orders", NodeId([1; 20]), Incarnation(1), 0, [3; SALT_BYTES]);
    let (first, copy) = sealer.seal_twice(&both, Some(old.id()), 1, b"alive").expect("it fits");
    let copy = copy.expect("the other key is installed");
    let hears = |keys: &KeyRing| {
        let mut opener = Opener::new("orders");
        let mut plain = Vec::new();
        [&first, &copy].map(|datagram| opener.open(keys, datagram, &mut plain).map(|header| header.key))
    };
    assert_eq!(hears(&both), [Ok(new.id()), Err(Dropped::Replayed)]);
    assert_eq!(hears(&KeyRing::new(new.clone())), [Ok(new.id()), Err(Dropped::UnknownKey)]);
    assert_eq!(hears(&KeyRing::new(old.clone())), [Err(Dropped::UnknownKey), Ok(old.id())]);
    for also in [None, Some(new.id()), Some(KeyId([9; 4]))] {
        assert_eq!(sealer.seal_twice(&both, also, 1, b"alive").expect("it fits").1, None);
    }
}
