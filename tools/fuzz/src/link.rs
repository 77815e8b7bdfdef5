//! The links of `net::link`: frames, and the handshake before them.

use mycorrhizal_net::identity::{Incarnation, NodeId};
use mycorrhizal_net::link::frame::{FrameDecoder, FrameError, ReceivedFrame};
use mycorrhizal_net::link::handshake::{
    ClusterTag, Handshake, HandshakeError, Hello, LinkSecret, MESSAGE_BYTES_MAX, Progress, Purpose, Terms,
};

/// The largest frame that is taken here: larger than any input.
const FRAME_BYTES_MAX: usize = 1 << 20;

/// Frames, after one byte that chooses cuts: requests, publish and interest, ping.
pub const FRAME_SEEDS: &[&[u8]] = &[
    b"\x05\x4a\0\0\0\x07\0\0\0\x08\0\0\0\x02\0\0\0\x09\0\x03\0\x11\0\x01\0\0\0\0\0\x03\0\0\0\x03\0\0\0\x04\0\0\0GETk\
      \0\x04\x03\x02\x01\0\0\0\0\xcf\xff\xff\xff\x01\0\0\0\xdb\xff\xff\xff\x02\0\0\0\xe3\xff\xff\xff\x04\0\0\0\0",
    b"\x10\x34\0\0\0\x01\0\0\0\x04\0\0\0\x06\0\0\0newshi\x04\xed\xff\xff\xff\x01\0\0\0\xf1\xff\xff\xff\x06\0\0\0\
      \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"\x21\x38\0\0\0\0\0\0\0\x04\0\0\0\x01\0\0\0\x06\0\0\0newso*\x05\x01\x0c\0\0\0\0\0\0\0\xe0\xff\xff\xff\x01\0\0\0\
      \xe0\xff\xff\xff\x01\0\0\0\xe0\xff\xff\xff\x06\0\0\0",
    b"\x01\x22\0\0\0\x07\x0e\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
];
/// Parts of frames.
pub const FRAME_TOKENS: &[&[u8]] = &[
    b"\0\0\0\0",
    b"\x22\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\xde\xff\xff\xff",
    b"\x01\0\0\0",
    b"\0\0\x10\0",
    b"\x01\0\x10\0",
];
/// Handshakes, after one byte that chooses role and cuts.
pub const HANDSHAKE_SEEDS: &[&[u8]] = &[
    b"\x02MYCOLINK\x01\0\x01\0\x05\0sorry",
    b"\x03MYCOLINK\x02\0\0\0\0\0",
    b"\x11MYCOLINK\x01\0\x02\0\0\0MYCOLINK\x01\0\x03\0\0\0",
    b"\x20\x16\x03\x01\x02\0",
];
/// Parts of handshakes.
pub const HANDSHAKE_TOKENS: &[&[u8]] =
    &[b"MYCOLINK", b"\x01\0", b"\0\0", b"\x6f\0", b"\xff\xff", b"\x16\x03", b"\x15\x03"];

/// However a stream is cut, the same frames come out, with the same error; and whatever passes its check can be read
/// to its end.
pub fn frame(input: &[u8]) {
    let [cut, stream @ ..] = input else { return };
    let pieces: Vec<&[u8]> = stream.chunks(usize::from(*cut).max(1)).collect();
    assert_eq!(frames(&pieces), frames(&[stream]), "cut into pieces of {cut} bytes");
}

/// What each frame held, and how it ended.
fn frames(pieces: &[&[u8]]) -> (Vec<(&'static str, usize)>, Option<FrameError>) {
    let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
    let (mut found, mut received_bytes) = (Vec::new(), 0);
    for mut piece in pieces.iter().copied() {
        received_bytes += piece.len();
        loop {
            match decoder.next(&mut piece) {
                Ok(Some(frame)) => found.push((frame.name(), read(frame))),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
        assert!(piece.is_empty() && decoder.reserved_bytes() <= 2 * received_bytes + 64);
    }
    (found, None)
}

/// Reads everything that a frame speaks of; how many bytes that were.
fn read(frame: &ReceivedFrame) -> usize {
    match frame {
        ReceivedFrame::Requests(body) => {
            body.iter().flatten().flat_map(|item| item.args()).map(<[u8]>::len).sum()
        }
        ReceivedFrame::Replies(body) => body.iter().flatten().map(|item| item.bytes.len()).sum(),
        ReceivedFrame::Interest(body) => {
            body.added().chain(body.removed()).flatten().map(|(_, name)| name.len()).sum()
        }
        ReceivedFrame::Control(body) => body.body.len(),
        ReceivedFrame::Transfer(body) => body.records.len(),
        ReceivedFrame::Message(body) => body.application.len() + body.body.len(),
        ReceivedFrame::Goodbye(body) => body.reason.len(),
        ReceivedFrame::InterestAck(_) | ReceivedFrame::Ping(_) | ReceivedFrame::Pong(_) => 0,
    }
}

/// Whoever has no key gets no link, whatever it says and however that is cut, and hears a sentence at most.
pub fn handshake(input: &[u8]) {
    let [choice, stream @ ..] = input else { return };
    let pieces: Vec<&[u8]> = stream.chunks(usize::from(choice >> 1).max(1)).collect();
    let dials = choice & 1 == 1;
    assert_eq!(shake_hands(dials, &pieces), shake_hands(dials, &[stream]));
}

fn shake_hands(dials: bool, pieces: &[&[u8]]) -> (Vec<u8>, Option<HandshakeError>) {
    let local = Hello {
        cluster_tag: ClusterTag::of("orders"),
        cluster: None,
        node: NodeId([1; 20]),
        incarnation: Incarnation(1),
        process: 1,
        core: 0,
        cores: 1,
        purpose: Purpose::Member,
    };
    let secret = LinkSecret::new([[7; 32]]).expect("a key");
    let terms = Terms::new(&local, &secret, [1; 32]);
    let mut out = Vec::new();
    let mut side = if dials { Handshake::dial(terms, &mut out) } else { Handshake::accept(terms) };
    for piece in pieces {
        match side.on_bytes(piece, &mut out) {
            Ok(Progress::Pending) => {}
            Ok(Progress::Done { .. }) => panic!("nobody has guessed the key"),
            Err(error) => {
                assert!(!error.to_string().is_empty() && out.len() < MESSAGE_BYTES_MAX);
                return (out, Some(error));
            }
        }
    }
    (out, None)
}
