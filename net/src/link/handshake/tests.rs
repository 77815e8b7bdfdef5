//! Handshakes: two sides against each other, and one side against whoever comes.

use super::*;
use crate::identity::{ClusterId, Incarnation};
use crate::version::PROTOCOL;
use proptest::prelude::*;

const KEY: [u8; 32] = [7; 32];
const NEW_KEY: [u8; 32] = [8; 32];

fn hello(node: u8) -> Hello {
    Hello {
        cluster_tag: ClusterTag::of("orders"),
        cluster: Some(ClusterId([9; 20])),
        node: NodeId([node; 20]),
        incarnation: Incarnation(3),
        process: u64::from(node) + 100,
        core: u16::from(node),
        cores: 4,
        purpose: Purpose::Member,
    }
}

fn secret(keys: &[[u8; 32]]) -> LinkSecret {
    LinkSecret::new(keys).expect("keys")
}

type Outcome = Result<Hello, HandshakeError>;

/// Lets the two talk, in pieces of `cut` bytes, until neither has anything to say.
fn talk(dialer: Terms<'_>, acceptor: Terms<'_>, cut: usize) -> (Outcome, Outcome) {
    let (mut to_acceptor, mut to_dialer) = (Vec::new(), Vec::new());
    let mut dialer = Handshake::dial(dialer, &mut to_acceptor);
    let mut acceptor = Handshake::accept(acceptor);
    let (mut dialled, mut accepted) = (None, None);
    while !to_acceptor.is_empty() || !to_dialer.is_empty() {
        let input = std::mem::take(&mut to_acceptor);
        feed(&mut acceptor, &input, cut, &mut to_dialer, &mut accepted);
        let input = std::mem::take(&mut to_dialer);
        feed(&mut dialer, &input, cut, &mut to_acceptor, &mut dialled);
    }
    (dialled.unwrap_or_else(|| Err(dialer.on_end())), accepted.unwrap_or_else(|| Err(acceptor.on_end())))
}

fn feed(
    side: &mut Handshake<'_>,
    input: &[u8],
    cut: usize,
    out: &mut Vec<u8>,
    outcome: &mut Option<Outcome>,
) {
    for piece in input.chunks(cut) {
        if outcome.is_some() {
            return;
        }
        match side.on_bytes(piece, out) {
            Ok(Progress::Pending) => {}
            Ok(Progress::Done { peer, used }) => {
                assert_eq!(used, piece.len(), "nothing follows a handshake here");
                *outcome = Some(Ok(peer));
            }
            Err(error) => *outcome = Some(Err(error)),
        }
    }
}

fn refused(error: &HandshakeError) -> Outcome {
    Err(HandshakeError::PeerRefused { reason: error.to_string() })
}

#[test]
fn two_members_learn_who_the_other_is() {
    let (one, two, secret) = (hello(1), hello(2), secret(&[KEY]));
    for cut in [1, 2, 13, 14, 15, 100, 4096] {
        let outcome = talk(Terms::new(&one, &secret, [1; 32]), Terms::new(&two, &secret, [2; 32]), cut);
        assert_eq!(outcome, (Ok(two), Ok(one)), "in pieces of {cut}");
    }
}

#[test]
fn who_has_no_cluster_yet_is_a_peer_too() {
    let joiner = Hello { cluster: None, purpose: Purpose::Client, ..hello(1) };
    let (two, secret) = (hello(2), secret(&[KEY]));
    let outcome = talk(Terms::new(&joiner, &secret, [1; 32]), Terms::new(&two, &secret, [2; 32]), 4096);
    assert_eq!(outcome, (Ok(two), Ok(joiner)));
}

#[test]
fn frames_may_follow_at_once() {
    let (one, two, secret) = (hello(1), hello(2), secret(&[KEY]));
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let mut dialer = Handshake::dial(Terms::new(&one, &secret, [1; 32]), &mut a);
    let mut acceptor = Handshake::accept(Terms::new(&two, &secret, [2; 32]));
    assert_eq!(acceptor.on_bytes(&std::mem::take(&mut a), &mut b), Ok(Progress::Pending));
    assert_eq!(dialer.on_bytes(&std::mem::take(&mut b), &mut a), Ok(Progress::Pending));
    assert_eq!(acceptor.on_bytes(&std::mem::take(&mut a), &mut b), Ok(Progress::Pending));
    b.extend_from_slice(b"no frames yet, but who knows");
    let proof = b.len() - 28;
    assert_eq!(dialer.on_bytes(&b, &mut a), Ok(Progress::Done { peer: two, used: proof }));
    let ready = a.len();
    a.extend_from_slice(b"frames");
    assert_eq!(acceptor.on_bytes(&a, &mut b), Ok(Progress::Done { peer: one, used: ready }));
}

#[test]
fn keys_are_exchanged_one_node_after_the_other() {
    let (one, two) = (hello(1), hello(2));
    let rings: [&[[u8; 32]]; 4] = [&[KEY], &[KEY, NEW_KEY], &[NEW_KEY, KEY], &[NEW_KEY]];
    for (i, ours) in rings.iter().enumerate() {
        for (k, theirs) in rings.iter().enumerate() {
            let (ours, theirs) = (secret(ours), secret(theirs));
            let outcome = talk(Terms::new(&one, &ours, [1; 32]), Terms::new(&two, &theirs, [2; 32]), 50);
            match i.abs_diff(k) {
                // The first and the last have nothing in common.
                3 => assert_eq!(
                    outcome,
                    (refused(&HandshakeError::PeerNoCommonKey), Err(HandshakeError::PeerNoCommonKey))
                ),
                _ => assert_eq!(outcome, (Ok(two), Ok(one)), "{i} and {k}"),
            }
        }
    }
}

#[test]
fn a_side_with_keys_takes_nobody_without() {
    let (one, two, some, none) = (hello(1), hello(2), secret(&[KEY]), LinkSecret::none());
    let no_key = HandshakeError::PeerNoCommonKey;
    let outcome = talk(Terms::new(&one, &none, [1; 32]), Terms::new(&two, &some, [2; 32]), 4096);
    assert_eq!(outcome, (refused(&no_key), Err(no_key.clone())));
    let outcome = talk(Terms::new(&one, &some, [1; 32]), Terms::new(&two, &none, [2; 32]), 4096);
    assert_eq!(outcome, (refused(&no_key), Err(no_key)));
    let outcome = talk(Terms::new(&one, &none, [1; 32]), Terms::new(&two, &none, [2; 32]), 4096);
    assert_eq!(outcome, (Ok(two), Ok(one)));
}

#[test]
fn both_sides_say_why_there_is_no_link() {
    let (one, two, secret) = (hello(1), hello(2), secret(&[KEY]));
    let check = |one: Hello, error: HandshakeError| {
        let outcome = talk(Terms::new(&one, &secret, [1; 32]), Terms::new(&two, &secret, [2; 32]), 4096);
        assert_eq!(outcome, (refused(&error), Err(error)));
    };
    check(Hello { cluster_tag: ClusterTag::of("invoices"), ..one }, HandshakeError::PeerOtherClusterName);
    let other = ClusterId([5; 20]);
    check(
        Hello { cluster: Some(other), ..one },
        HandshakeError::PeerOtherCluster { theirs: other, ours: ClusterId([9; 20]) },
    );
    check(Hello { node: two.node, ..one }, HandshakeError::PeerHasOurId { node: two.node });
    check(Hello { process: two.process, node: two.node, ..one }, HandshakeError::PeerIsSelf);
}

#[test]
fn the_caller_refuses_whom_it_will() {
    let (one, two, secret) = (hello(1), hello(2), secret(&[KEY]));
    let retired = |peer: &Hello| {
        (peer.incarnation < Incarnation(4)).then(|| format!("incarnation {} is retired", peer.incarnation))
    };
    let strict = Terms { refuse: &retired, ..Terms::new(&two, &secret, [2; 32]) };
    let error = HandshakeError::LocalRefused { reason: "incarnation 3 is retired".to_owned() };
    let outcome = talk(Terms::new(&one, &secret, [1; 32]), strict, 4096);
    assert_eq!(outcome, (refused(&error), Err(error.clone())));
    // The dialer too, and then the acceptor does not take the link for made.
    let outcome = talk(strict, Terms::new(&one, &secret, [1; 32]), 4096);
    assert_eq!(outcome, (Err(error.clone()), refused(&error)));
}

#[test]
fn a_dialer_gets_whom_it_dialled() {
    let (one, two, secret) = (hello(1), hello(2), secret(&[KEY]));
    let dial = |expected| Terms { expected: Some(expected), ..Terms::new(&one, &secret, [1; 32]) };
    let accept = Terms::new(&two, &secret, [2; 32]);
    assert_eq!(talk(dial(two.node), accept, 4096), (Ok(two), Ok(one)));
    let error = HandshakeError::PeerOtherNode { expected: NodeId([3; 20]), found: two.node };
    assert_eq!(talk(dial(NodeId([3; 20])), accept, 4096), (Err(error.clone()), refused(&error)));
}

#[test]
fn what_the_channel_shows_is_heeded() {
    let (one, two, secret) = (hello(1), hello(2), secret(&[KEY]));
    let certified = |node: NodeId| node == NodeId([3; 20]);
    let accept = Terms { certified: Some(&certified), ..Terms::new(&two, &secret, [2; 32]) };
    let error = HandshakeError::PeerNotInCertificate { node: one.node };
    let outcome = talk(Terms::new(&one, &secret, [1; 32]), accept, 4096);
    assert_eq!(outcome, (refused(&error), Err(error)));
    // Two ends of different channels: somebody stands between them.
    let between = Terms { binding: [1; 32], ..Terms::new(&one, &secret, [1; 32]) };
    let outcome = talk(between, Terms::new(&two, &secret, [2; 32]), 4096);
    assert_eq!(outcome.1, Err(HandshakeError::PeerWrongProof));
}

/// The first messages of a good handshake: dialer's hello, acceptor's hello, dialer's proof, acceptor's proof.
fn messages(one: &Hello, two: &Hello, secret: &LinkSecret) -> [Vec<u8>; 4] {
    let [mut a, mut b, mut c, mut d] = [const { Vec::new() }; 4];
    let mut dialer = Handshake::dial(Terms::new(one, secret, [1; 32]), &mut a);
    let mut acceptor = Handshake::accept(Terms::new(two, secret, [2; 32]));
    acceptor.on_bytes(&a, &mut b).expect("a hello");
    dialer.on_bytes(&b, &mut c).expect("a hello");
    acceptor.on_bytes(&c, &mut d).expect("a proof");
    [a, b, c, d]
}

#[test]
fn the_bytes_of_every_message_are_as_they_were() {
    let mut messages = messages(&hello(1), &hello(2), &secret(&[KEY, NEW_KEY])).to_vec();
    let mut ready_and_refusal = Vec::new();
    packet::encode(Kind::Ready, &[], &mut ready_and_refusal);
    packet::encode(Kind::Refusal, b"no", &mut ready_and_refusal);
    messages.push(ready_and_refusal);
    let mut found = String::new();
    for (message, name) in messages.iter().zip(["hello", "hello", "proof", "proof", "ready, refusal"]) {
        found += &format!("{name}\n");
        for line in message.chunks(32) {
            let words = line.chunks(4).map(|word| word.iter().map(|byte| format!("{byte:02x}")).collect());
            found += &format!("    {}\n", words.collect::<Vec<String>>().join(" "));
        }
    }
    let golden = include_str!("../golden/handshake.txt");
    assert!(found == golden, "another protocol; if that is meant, these are its bytes:\n{found}");
}

#[test]
fn a_recorded_handshake_is_of_no_use() {
    let (one, two, secret) = (hello(1), hello(2), secret(&[KEY]));
    let [dialers_hello, _, dialers_proof, _] = messages(&one, &two, &secret);
    let mut acceptor = Handshake::accept(Terms::new(&two, &secret, [3; 32]));
    acceptor.on_bytes(&dialers_hello, &mut Vec::new()).expect("a hello");
    let error = acceptor.on_bytes(&dialers_proof, &mut Vec::new()).expect_err("it was for another random");
    assert_eq!(error, HandshakeError::PeerWrongProof);
}

#[test]
fn a_proof_sent_back_is_of_no_use() {
    // Somebody without the key who says what the other said: the same hello, the same proof.
    let (one, secret) = (hello(1), secret(&[KEY]));
    let (mut sent, mut proof) = (Vec::new(), Vec::new());
    let mut dialer = Handshake::dial(Terms::new(&one, &secret, [1; 32]), &mut sent);
    dialer.on_bytes(&sent, &mut proof).expect("a hello, if its own");
    let error = dialer.on_bytes(&proof, &mut Vec::new()).expect_err("its own proof");
    assert_eq!(error, HandshakeError::PeerWrongProof);
}

#[test]
fn whatever_is_altered_on_the_way_is_noticed() {
    let (one, two, secret) = (hello(1), hello(2), secret(&[KEY]));
    let [first, second, third, fourth] = messages(&one, &two, &secret);
    for (at, _) in first.iter().enumerate() {
        let mut hello = first.clone();
        hello[at] ^= 1;
        let mut acceptor = Handshake::accept(Terms::new(&two, &secret, [2; 32]));
        let input = [hello, third.clone()].concat();
        match acceptor.on_bytes(&input, &mut Vec::new()) {
            Err(_) => {}
            Ok(Progress::Pending) => assert!((12..14).contains(&at), "only a longer hello is awaited: {at}"),
            Ok(Progress::Done { .. }) => panic!("byte {at} was altered"),
        }
    }
    for (at, _) in fourth.iter().enumerate().skip(14) {
        let mut proof = fourth.clone();
        proof[at] ^= 1;
        let mut dialer = Handshake::dial(Terms::new(&one, &secret, [1; 32]), &mut Vec::new());
        dialer.on_bytes(&second, &mut Vec::new()).expect("a hello");
        assert_eq!(dialer.on_bytes(&proof, &mut Vec::new()), Err(HandshakeError::PeerWrongProof));
    }
}

#[test]
fn versions_that_differ_are_told_to_both_sides() {
    let (one, two, secret) = (hello(1), hello(2), secret(&[KEY]));
    // What a later version says has this head; its body is its own affair.
    let later = [b"MYCOLINK".as_slice(), &[PROTOCOL.to_le_bytes()[0] + 1, 0, 0, 0, 3, 0], b"???"].concat();
    let error = HandshakeError::PeerOtherProtocol { theirs: PROTOCOL + 1, ours: PROTOCOL };
    let mut out = Vec::new();
    let mut acceptor = Handshake::accept(Terms::new(&two, &secret, [2; 32]));
    assert_eq!(acceptor.on_bytes(&later, &mut out), Err(error.clone()));
    assert_eq!(&out[8..12], [PROTOCOL.to_le_bytes()[0], 0, 1, 0], "a refusal of this version");
    assert_eq!(out[14..], *b"the versions of the link protocol differ: 2 there, 1 here");
    // And what it says when it refuses us.
    let refusal = [b"MYCOLINK".as_slice(), &[PROTOCOL.to_le_bytes()[0] + 1, 0, 1, 0, 2, 0], b"no"].concat();
    let mut dialer = Handshake::dial(Terms::new(&one, &secret, [1; 32]), &mut Vec::new());
    assert_eq!(dialer.on_bytes(&refusal, &mut Vec::new()), Err(error));
}

#[test]
fn whoever_is_no_node_is_cut_off_early() {
    let (two, secret) = (hello(2), secret(&[KEY]));
    let check = |input: &[u8], error: HandshakeError| {
        for cut in [1, 7, 1 << 20] {
            let mut out = Vec::new();
            let mut side = Handshake::accept(Terms::new(&two, &secret, [2; 32]));
            let mut taken = 0;
            let found = input.chunks(cut).find_map(|piece| {
                taken += piece.len();
                side.on_bytes(piece, &mut out).err()
            });
            assert_eq!(found.as_ref(), Some(&error));
            assert!(cut > 4096 || taken <= 4096, "{taken} bytes were looked at");
            assert!(out.len() < 500, "not more than a sentence");
        }
    };
    check(&vec![b'x'; 1 << 20], HandshakeError::PeerNotALink);
    check(b"GET / HTTP/1.1\r\n\r\n", HandshakeError::PeerNotALink);
    check(b"*1\r\n$4\r\nPING\r\n", HandshakeError::PeerNotALink);
    check(&[0x16, 0x03, 0x01, 0x02, 0x00], HandshakeError::PeerSpeaksTls);
    check(&[0x16, 0x00, 0x00], HandshakeError::PeerNotALink);
    let head = |kind, length: u16| {
        [b"MYCOLINK".as_slice(), &PROTOCOL.to_le_bytes(), &[kind, 0], &length.to_le_bytes()].concat()
    };
    check(&head(0, u16::MAX), HandshakeError::PeerMessageTooLarge { announced: 65_549 });
    check(&[head(0, 4000), vec![0; 1 << 20]].concat(), HandshakeError::PeerMessageBroken);
    check(&head(0, 0), HandshakeError::PeerMessageBroken);
    check(&head(2, 0), HandshakeError::PeerMessageBroken);
    check(&head(3, 0), HandshakeError::PeerMessageBroken);
    check(&head(77, 0), HandshakeError::PeerMessageBroken);
    let refusal = [head(1, 12), b"go\n\x1b[2J away".to_vec()].concat();
    check(&refusal, HandshakeError::PeerRefused { reason: "go[2J away".to_owned() });
}

#[test]
fn a_peer_without_the_key_learns_nothing_of_the_cluster() {
    // It claims a key by its id and has none: it hears of the wrong proof before anything else that is wrong.
    let (two, secret) = (hello(2), secret(&[KEY]));
    let stranger = Hello { cluster: Some(ClusterId([1; 20])), node: two.node, ..hello(1) };
    let [first, ..] = messages(&stranger, &Hello { cluster: None, node: NodeId([4; 20]), ..two }, &secret);
    let mut out = Vec::new();
    let mut acceptor = Handshake::accept(Terms::new(&two, &secret, [2; 32]));
    acceptor.on_bytes(&first, &mut out).expect("a hello");
    packet::encode(Kind::Proof, &[0; 32], &mut out);
    let at = out.len() - 46;
    let proof = out.split_off(at);
    assert_eq!(acceptor.on_bytes(&proof, &mut out), Err(HandshakeError::PeerWrongProof));
}

#[test]
fn keys_are_not_shown() {
    let secret = secret(&[KEY, NEW_KEY]);
    let hello = hello(1);
    let terms = Terms::new(&hello, &secret, [0x55; 32]);
    let mut handshake = Handshake::accept(terms);
    let [first, ..] = messages(&super::tests::hello(2), &hello, &secret);
    handshake.on_bytes(&first, &mut Vec::new()).expect("a hello");
    let shown = format!("{secret:?} {terms:?}");
    assert_eq!(format!("{secret:?}"), "LinkSecret(2 keys)");
    assert!(!shown.contains("85, 85") && !shown.contains("7, 7"), "{shown}");
    assert!(format!("{handshake:?}").contains("Proofs { .. }"));
}

#[test]
fn keys_that_are_none_are_refused() {
    assert_eq!(LinkSecret::new([b"short"]).err(), Some(SecretError::ConfigKeyTooShort));
    let many: Vec<[u8; 32]> = (0..9).map(|index| [index; 32]).collect();
    assert_eq!(LinkSecret::new(&many).err(), Some(SecretError::ConfigTooManyKeys));
    assert!(LinkSecret::none().is_none() && !secret(&[KEY]).is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_awaited(input: Vec<u8>, with_head: bool, kind in 0_u8..5) {
        let (two, secret) = (hello(2), secret(&[KEY]));
        let mut stream = Vec::new();
        if with_head {
            stream.extend_from_slice(b"MYCOLINK\x01\x00");
            stream.extend_from_slice(&[kind, 0]);
            stream.extend_from_slice(&u16::try_from(input.len()).unwrap().to_le_bytes());
        }
        stream.extend_from_slice(&input);
        let mut side = Handshake::accept(Terms::new(&two, &secret, [2; 32]));
        let progress = side.on_bytes(&stream, &mut Vec::new());
        prop_assert!(matches!(progress, Ok(Progress::Pending) | Err(_)));
    }
}
