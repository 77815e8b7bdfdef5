//! Frames: their bytes, cuts, and what is no frame.

use super::*;
use crate::resp::Span;
use proptest::prelude::*;

const GOLDEN: &str = include_str!("../golden/frames.txt");

const HEAD: RequestHead = RequestHead {
    ticket: 7,
    generation: 8,
    spans_end: 2,
    database: 9,
    part: 3,
    flags: RequestFlags::RESP3 | RequestFlags::ASKING,
    hops: 1,
};
const SPANS: [Span; 2] = [Span { start: 0, end: 3 }, Span { start: 3, end: 4 }];

/// One of every kind.
fn samples() -> Vec<Frame<'static>> {
    vec![
        Frame::Requests(Requests { epoch: 0x0102_0304, items: &[HEAD], spans: &SPANS, bytes: b"GETk" }),
        Frame::Replies(Replies {
            items: &[ReplyHead { ticket: 7, generation: 8, end: 5 }],
            bytes: b"$-1\r\n",
        }),
        Frame::Control(Control { channel: 2, id: 11, kind: ControlKind::Failure, body: b"not now" }),
        Frame::Transfer(Transfer {
            partition: 1023,
            epoch: 5,
            sequence: 6,
            kind: TransferKind::SlotDone,
            slot: 16_383,
            records: b"records",
        }),
        Frame::Interest(Interest {
            reset: true,
            version: 12,
            added: &[InterestHead { kind: 0, end: 4 }],
            removed: &[InterestHead { kind: 1, end: 6 }],
            bytes: b"newso*",
        }),
        Frame::InterestAck(12),
        Frame::Message(Message {
            application: b"billing",
            kind: MessageKind::Answer,
            id: 13,
            timeout_ms: 250,
            body: b"due",
        }),
        Frame::Ping(14),
        Frame::Pong(14),
        Frame::Goodbye(Goodbye { reason: b"the node stops" }),
    ]
}

fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    frame.encode(&mut out, FRAME_BYTES_MAX).expect("a small frame");
    assert_eq!(out.len(), LENGTH_BYTES + frame.archive_bytes());
    out
}

fn text(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

fn entry((kind, name): (u32, &[u8])) -> String {
    format!("{kind} {}", text(name))
}

/// What stands in a received frame, as text.
fn shown(frame: &ReceivedFrame) -> String {
    let name = frame.name();
    match frame {
        ReceivedFrame::Requests(body) => {
            let items = body.iter().map(|item| {
                let item = item.expect("within the frame");
                let head = item.head;
                let (ticket, generation, database) = (head.ticket, head.generation, head.database);
                let (part, flags, hops) = (head.part, head.flags, head.hops);
                let args: Vec<_> = item.args().map(text).collect();
                format!("[{ticket}/{generation} {database} {part} {flags} {hops} {}]", args.join(" "))
            });
            format!("{name} {} {}", body.epoch, items.collect::<String>())
        }
        ReceivedFrame::Replies(body) => {
            let items = body.iter().map(|item| {
                let item = item.expect("within the frame");
                format!(" [{}/{} {}]", item.ticket, item.generation, text(item.bytes))
            });
            name.to_owned() + &items.collect::<String>()
        }
        ReceivedFrame::Control(body) => {
            format!("{name} {} {} {:?} {}", body.channel, body.id, body.kind, text(&body.body))
        }
        ReceivedFrame::Transfer(body) => format!(
            "{name} {} {} {} {:?} {} {}",
            body.partition,
            body.epoch,
            body.sequence,
            body.kind,
            body.slot,
            text(&body.records)
        ),
        ReceivedFrame::Interest(body) => format!(
            "{name} {} {} {:?} {:?}",
            body.reset,
            body.version,
            body.added().flatten().map(entry).collect::<Vec<_>>(),
            body.removed().flatten().map(entry).collect::<Vec<_>>()
        ),
        ReceivedFrame::Message(body) => format!(
            "{name} {} {:?} {} {} {}",
            text(&body.application),
            body.kind,
            body.id,
            body.timeout_ms,
            text(&body.body)
        ),
        ReceivedFrame::InterestAck(number) | ReceivedFrame::Ping(number) | ReceivedFrame::Pong(number) => {
            format!("{name} {number}")
        }
        ReceivedFrame::Goodbye(body) => format!("{name} {}", text(&body.reason)),
    }
}

fn decode(chunks: &[&[u8]], max: usize) -> Result<Vec<String>, FrameError> {
    let mut decoder = FrameDecoder::new(max);
    let mut frames = Vec::new();
    for chunk in chunks {
        let mut rest = *chunk;
        while let Some(frame) = decoder.next(&mut rest)? {
            frames.push(shown(frame));
        }
        assert!(rest.is_empty(), "a decoder that wants more has taken everything");
    }
    assert!(decoder.is_between_frames());
    Ok(frames)
}

#[test]
fn the_bytes_of_every_kind_are_as_they_were() {
    let mut found = String::new();
    for frame in samples() {
        let bytes = encoded(&frame);
        let archive = access(&bytes[LENGTH_BYTES..]).expect("a frame");
        found += &format!("{}\n", shown(archive));
        for line in bytes.chunks(32) {
            let words = line.chunks(4).map(|word| word.iter().map(|byte| format!("{byte:02x}")).collect());
            found += &format!("    {}\n", words.collect::<Vec<String>>().join(" "));
        }
    }
    assert!(found == GOLDEN, "another protocol; if that is meant, these are its bytes:\n{found}");
}

#[test]
fn what_is_read_is_what_was_written() {
    let frame = encoded(&samples()[0]);
    let ReceivedFrame::Requests(body) = access(&frame[LENGTH_BYTES..]).expect("a frame") else {
        panic!("requests were sent")
    };
    let item = body.iter().next().expect("one command").expect("within the frame");
    assert_eq!((item.head.ticket.to_native(), item.head.flags.to_native()), (7, 17));
    assert_eq!(item.args().collect::<Vec<_>>(), [&b"GET"[..], b"k"]);
    let mut spans = Vec::new();
    item.append_spans(&mut spans);
    assert_eq!(spans, SPANS);
}

#[test]
fn frames_are_found_however_they_are_cut() {
    let stream: Vec<u8> = samples().iter().flat_map(encoded).collect();
    let whole = decode(&[&stream], FRAME_BYTES_MAX).expect("frames");
    assert_eq!(whole.len(), samples().len());
    for at in 0..=stream.len() {
        let (left, right) = stream.split_at(at);
        assert_eq!(decode(&[left, right], FRAME_BYTES_MAX).as_ref(), Ok(&whole), "cut at {at}");
    }
    for bytes in 1..80 {
        let chunks: Vec<&[u8]> = stream.chunks(bytes).collect();
        assert_eq!(decode(&chunks, FRAME_BYTES_MAX).as_ref(), Ok(&whole), "cut every {bytes}");
    }
}

#[test]
fn half_a_frame_is_not_between_frames() {
    let frame = encoded(&Frame::Ping(1));
    for at in 1..frame.len() {
        let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
        assert!(matches!(decoder.next(&mut &frame[..at]), Ok(None)));
        assert!(!decoder.is_between_frames(), "{at} bytes");
    }
}

#[test]
fn a_frame_over_the_limit_is_refused_by_both_sides() {
    let frame = Frame::Goodbye(Goodbye { reason: &[b'x'; 1000] });
    let bytes = frame.archive_bytes();
    let mut out = b"before".to_vec();
    let max = bytes - 1;
    assert_eq!(frame.encode(&mut out, max), Err(FrameError::LocalFrameTooLarge { bytes, max }));
    assert_eq!(out, b"before", "nothing was appended");
    frame.encode(&mut out, bytes).expect("as large as may be");
    let received = &out[b"before".len()..];
    assert_eq!(decode(&[received], bytes).expect("as large as may be").len(), 1);
    let error = FrameError::PeerFrameTooLarge { announced: bytes, max };
    assert_eq!(decode(&[received], max), Err(error));
    assert_eq!(decode(&[&received[..3], &received[3..4]], max), Err(error), "before any of it came");
}

#[test]
fn an_announcement_costs_nothing() {
    let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
    let announced = u32::try_from(FRAME_BYTES_MAX).unwrap().to_le_bytes();
    assert!(matches!(decoder.next(&mut &announced[..]), Ok(None)));
    assert!(decoder.reserved_bytes() < 64);
    for _ in 0..100 {
        assert!(matches!(decoder.next(&mut &[0; 1000][..]), Ok(None)));
    }
    assert!(decoder.reserved_bytes() <= 2 * 100_004, "{}", decoder.reserved_bytes());
}

#[test]
fn a_large_frame_is_gathered_in_as_much_as_it_needs_and_no_longer() {
    let reason = vec![b'x'; 300_000];
    let frame = encoded(&Frame::Goodbye(Goodbye { reason: &reason }));
    let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
    let (last, chunks) = frame.as_slice().split_last().expect("bytes");
    for mut chunk in chunks.chunks(16_384) {
        assert!(matches!(decoder.next(&mut chunk), Ok(None)));
    }
    let mut rest = std::slice::from_ref(last);
    assert!(
        matches!(decoder.next(&mut rest), Ok(Some(ReceivedFrame::Goodbye(body))) if body.reason == reason[..])
    );
    assert_eq!(decoder.reserved_bytes(), frame.len());
    assert!(matches!(decoder.next(&mut rest), Ok(None)));
    assert!(decoder.reserved_bytes() <= 64 * 1024);
}

#[test]
fn nothing_is_no_frame() {
    assert_eq!(decode(&[&[0; 4]], FRAME_BYTES_MAX), Err(FrameError::PeerFrameEmpty));
    assert_eq!(decode(&[&[0, 0], &[0, 0]], FRAME_BYTES_MAX), Err(FrameError::PeerFrameEmpty));
    assert_eq!(decode(&[&[1, 0, 0, 0, 7]], FRAME_BYTES_MAX), Err(FrameError::PeerFrameBroken), "too short");
    assert_eq!(access(&[]).err(), Some(FrameError::PeerFrameEmpty));
}

/// The root stands last; its tag comes first in it.
fn root(frame: &mut [u8]) -> &mut [u8] {
    let at = frame.len() - size_of::<ReceivedFrame>();
    &mut frame[at..]
}

#[test]
fn archives_that_fail_their_check_are_broken() {
    let broken = Err(FrameError::PeerFrameBroken);
    let mut tag = encoded(&Frame::Ping(1));
    root(&mut tag)[0] = 200;
    assert_eq!(decode(&[&tag], FRAME_BYTES_MAX), broken);
    let mut bool_of_two = encoded(&samples()[4]);
    root(&mut bool_of_two)[1] = 2;
    assert_eq!(decode(&[&bool_of_two], FRAME_BYTES_MAX), broken);
    // Offset and length of Goodbye's one list.
    for (field, value) in [(1, i32::MIN), (1, -1000), (1, 1000), (5, i32::MAX), (5, 15)] {
        let mut list = encoded(&samples()[9]);
        root(&mut list)[field..field + 4].copy_from_slice(&value.to_le_bytes());
        assert_eq!(decode(&[&list], FRAME_BYTES_MAX), broken, "{value} at {field}");
    }
}

#[test]
fn lists_that_contradict_each_other_are_broken() {
    let check = |frame: Frame<'_>| {
        let bytes = encoded(&frame);
        let broken = match access(&bytes[LENGTH_BYTES..]).expect("its bytes are right") {
            ReceivedFrame::Requests(body) => body.iter().filter(Result::is_err).count(),
            ReceivedFrame::Replies(body) => body.iter().filter(Result::is_err).count(),
            ReceivedFrame::Interest(body) => {
                body.added().chain(body.removed()).filter(Result::is_err).count()
            }
            _ => 0,
        };
        assert_eq!(broken, 1, "{frame:?}");
    };
    let spans = |spans| Frame::Requests(Requests { epoch: 0, items: &[HEAD], spans, bytes: b"1234" });
    check(spans(&SPANS[..1]));
    check(spans(&[Span { start: 0, end: 1 }, Span { start: 2, end: 5 }]));
    check(spans(&[Span { start: 2, end: 1 }, Span { start: 0, end: 0 }]));
    let heads = [HEAD, RequestHead { spans_end: 1, ..HEAD }];
    check(Frame::Requests(Requests { epoch: 0, items: &heads, spans: &SPANS, bytes: b"1234" }));
    let reply = |end| ReplyHead { ticket: 0, generation: 0, end };
    check(Frame::Replies(Replies { items: &[reply(2)], bytes: b"1" }));
    check(Frame::Replies(Replies { items: &[reply(1), reply(0)], bytes: b"1" }));
    let name = |end| [InterestHead { kind: 0, end }];
    check(Frame::Interest(Interest {
        reset: false,
        version: 0,
        added: &name(2),
        removed: &name(1),
        bytes: b"12",
    }));
}

proptest! {
    #[test]
    fn any_bytes_are_frames_or_an_error(stream: Vec<u8>, cut in 1_usize..40) {
        let chunks: Vec<&[u8]> = stream.chunks(cut).collect();
        let decode = |chunks: &[&[u8]]| {
            let mut decoder = FrameDecoder::new(1 << 16);
            let mut count = 0;
            for mut rest in chunks.iter().copied() {
                loop {
                    match decoder.next(&mut rest) {
                        Ok(Some(_)) => count += 1,
                        Ok(None) => break,
                        Err(error) => return (count, Some(error)),
                    }
                }
            }
            (count, None)
        };
        prop_assert_eq!(decode(&chunks), decode(&[&stream]));
    }

    #[test]
    fn a_bent_frame_is_read_or_refused(kind in 0_usize..10, at: prop::sample::Index, byte: u8) {
        let mut bytes = encoded(&samples()[kind]);
        let at = LENGTH_BYTES + at.index(bytes.len() - LENGTH_BYTES);
        bytes[at] = byte;
        if let Ok(ReceivedFrame::Requests(body)) = access(&bytes[LENGTH_BYTES..]) {
            for item in body.iter().flatten() {
                prop_assert!(item.args().map(<[u8]>::len).max() <= Some(bytes.len()));
            }
        }
    }

    #[test]
    fn requests_of_any_size_come_through(args: Vec<Vec<u8>>, cut in 1_usize..100) {
        let (mut items, mut spans, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        for arg in &args {
            let start = u32::try_from(bytes.len()).unwrap();
            bytes.extend_from_slice(arg);
            spans.push(Span { start, end: u32::try_from(bytes.len()).unwrap() });
            items.push(RequestHead { spans_end: u32::try_from(spans.len()).unwrap(), ..HEAD });
        }
        let stream = encoded(&Frame::Requests(Requests { epoch: 1, items: &items, spans: &spans, bytes: &bytes }));
        let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
        let mut received = Vec::new();
        for mut rest in stream.chunks(cut) {
            while let Some(frame) = decoder.next(&mut rest).expect("a frame") {
                let ReceivedFrame::Requests(body) = frame else { panic!("requests were sent") };
                for item in body.iter() {
                    received.extend(item.expect("within the frame").args().map(<[u8]>::to_vec));
                }
            }
        }
        prop_assert_eq!(received, args);
    }
}
