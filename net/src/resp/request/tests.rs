//! Requests: good ones split at every byte, bad ones against Redis's texts.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Limits, ProtocolError, RequestParser, Span, Trust, encode_command};

type Request = Vec<Vec<u8>>;

/// Parses a whole stream, given at once.
fn parse(stream: &[u8], limits: Limits) -> (Vec<Request>, Option<ProtocolError>) {
    parse_pieces(&[stream], limits)
}

/// Parses a stream given in pieces. Consumed bytes are dropped before the next piece comes, and what is left moves to a
/// new offset, as a receive buffer would do it.
fn parse_pieces(pieces: &[&[u8]], limits: Limits) -> (Vec<Request>, Option<ProtocolError>) {
    let mut parser = RequestParser::new(limits);
    let mut requests = Vec::new();
    let mut buffer: Vec<u8> = Vec::new();
    let mut at = 0;
    for (i, piece) in pieces.iter().enumerate() {
        let unread = buffer.split_off(at);
        buffer = vec![b'~'; i % 7];
        at = buffer.len();
        buffer.extend_from_slice(&unread);
        buffer.extend_from_slice(piece);
        let mut batch: Vec<Span> = Vec::new();
        let mut ends = Vec::new();
        let error = loop {
            match parser.next(&buffer, at, &mut batch) {
                Ok(Some(end)) => {
                    assert!(end > at && end <= buffer.len(), "goes on within the buffer");
                    at = end;
                    ends.push(batch.len());
                }
                Ok(None) => {
                    assert_eq!(batch.len(), ends.last().copied().unwrap_or(0), "nothing of it was appended");
                    assert!(parser.missing() > 0);
                    break None;
                }
                Err(error) => break Some(error),
            }
        };
        let mut start = 0;
        for end in ends {
            let args = parser.args(&buffer, &batch[start..end]);
            let request: Request = args.iter().map(<[u8]>::to_vec).collect();
            assert!((0..args.len()).all(|i| args.get(i) == request[i].as_slice()));
            requests.push(request);
            start = end;
        }
        if error.is_some() {
            return (requests, error);
        }
    }
    (requests, None)
}

fn check(stream: &[u8], expect: &[&[&[u8]]]) {
    let (requests, error) = parse(stream, Limits::default());
    assert_eq!(error, None, "{:?}", String::from_utf8_lossy(stream));
    let expect: Vec<Request> =
        expect.iter().map(|request| request.iter().map(|arg| arg.to_vec()).collect()).collect();
    assert_eq!(requests, expect, "{:?}", String::from_utf8_lossy(stream));
}

fn check_error(stream: &[u8], text: &[u8]) {
    check_error_of(stream, Limits::default(), text);
}

fn check_error_of(stream: &[u8], limits: Limits, text: &[u8]) {
    for pieces in [vec![stream], stream.chunks(1).collect(), stream.chunks(1000).collect()] {
        let (_, error) = parse_pieces(&pieces, limits);
        let mut out = Vec::new();
        error.expect("an error").write(&mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            String::from_utf8_lossy(&[b"-ERR Protocol error: ", text, b"\r\n"].concat())
        );
    }
}

#[test]
fn multibulk_requests() {
    check(b"*1\r\n$4\r\nPING\r\n", &[&[b"PING"]]);
    check(b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n", &[&[b"GET", b""]]);
    check(b"*0\r\n*-1\r\n*-5\r\n*1\r\n$1\r\nx\r\n", &[&[], &[], &[], &[b"x"]]);
    check(b"*1\r\n$4\r\nPI", &[]);
    check(&[b"*2\r\n$1\r\na\r\n$123\r\n", &[b'v'; 123][..], b"\r\n"].concat(), &[&[b"a", &[b'v'; 123]]]);
    // As Redis, what stands where a line end is due is skipped unseen.
    check(b"*1\rX$2\rYokZZ*1\r\n$1\r\na\r\n", &[&[b"ok"], &[b"a"]]);
}

#[test]
fn inline_requests() {
    check(b"PING\r\n", &[&[b"PING"]]);
    check(b"\r\n\n  \r\nPING\n", &[&[], &[], &[], &[b"PING"]]);
    check(b" set\tkey  value \r\n", &[&[b"set", b"key", b"value"]]);
    check(b"set k \"a b\"\r\nget k\r\n", &[&[b"set", b"k", b"a b"], &[b"get", b"k"]]);
    check(
        b"\"\\x41\\x0a\\n\\r\\t\\b\\a\\\"\\\\\\q\\xzz\" 'it\\'s \\n' \"\" ''\r\n",
        &[&[b"A\n\n\r\t\x08\x07\"\\qxzz", b"it's \\n", b"", b""]],
    );
    check(b"a\"b c\"\tfo'o'\r\n", &[&[b"ab c", b"foo"]]);
    check(b"a\x0bb \x0bc\r\n", &[&[b"a\x0bb", b"c"]]);
    check(b"a\rb\n", &[&[b"a", b"b"]]);
}

#[test]
fn malformed_requests_get_the_texts_of_redis() {
    check_error(b"*x\r\n", b"invalid multibulk length");
    check_error(b"*\r\n", b"invalid multibulk length");
    check_error(b"*+1\r\n", b"invalid multibulk length");
    check_error(b"*01\r\n", b"invalid multibulk length");
    check_error(b"* 1\r\n", b"invalid multibulk length");
    check_error(b"*1048577\r\n", b"invalid multibulk length");
    check_error(b"*9223372036854775808\r\n", b"invalid multibulk length");
    check_error(b"*1\r\nfoo\r\n", b"expected '$', got 'f'");
    check_error(b"*1\r\n\r\n", b"expected '$', got ' '");
    check_error(b"*1\r\n\nx\r\n", b"expected '$', got ' '");
    check_error(b"*1\r\n\xff\r\n", b"expected '$', got '\xff'");
    check_error(b"*1\r\n$\r\n", b"invalid bulk length");
    check_error(b"*1\r\n$-1\r\n", b"invalid bulk length");
    check_error(b"*1\r\n$03\r\n", b"invalid bulk length");
    check_error(b"*1\r\n$00\r\n", b"invalid bulk length");
    check_error(b"*1\r\n$3a\r\n", b"invalid bulk length");
    check_error(b"*1\r\n$100a\r\n", b"invalid bulk length");
    check_error(b"*1\r\n$536870913\r\n", b"invalid bulk length");
    check_error(b"*2\r\n$1\r\na\r\n$4294967296\r\n", b"invalid bulk length");
    check_error(b"get \"a\r\n", b"unbalanced quotes in request");
    check_error(b"get 'a\r\n", b"unbalanced quotes in request");
    check_error(b"get \"a\"b\r\n", b"unbalanced quotes in request");
    check_error(b"get 'a'b\r\n", b"unbalanced quotes in request");
    check_error(b"get \"a\\\r\n", b"unbalanced quotes in request");
}

#[test]
fn lines_end_within_64_kib() {
    let long = vec![b'1'; 65537];
    check_error(&long, b"too big inline request");
    check_error(&[b"*", &long[..65536]].concat(), b"too big mbulk count string");
    check_error(&[b"*1\r\n$", &long[..65536]].concat(), b"too big bulk count string");
    check_error(&[&long[..], b"\r\n"].concat(), b"too big inline request");
    let line = &long[..65535];
    check(&[line, b"\r\n"].concat(), &[&[line]]);
}

#[test]
fn before_auth_little_is_accepted() {
    let limits = Limits { trust: Trust::Unauthenticated, ..Limits::default() };
    check_error_of(b"*11\r\n", limits, b"unauthenticated multibulk length");
    check_error_of(b"*1048577\r\n", limits, b"invalid multibulk length");
    check_error_of(b"*1\r\n$16385\r\n", limits, b"unauthenticated bulk length");
    check_error_of(b"*1\r\n$536870913\r\n", limits, b"invalid bulk length");
    let longest = [b"*1\r\n$16384\r\n", &[b'x'; 16384][..], b"\r\n"].concat();
    assert_eq!(parse(&longest, limits), (vec![vec![vec![b'x'; 16384]]], None));
}

#[test]
fn limits_can_change_between_requests() {
    let mut parser = RequestParser::new(Limits { trust: Trust::Unauthenticated, ..Limits::default() });
    let mut stream = Vec::new();
    encode_command(&mut stream, &["x"; 11]);
    assert_eq!(parser.next(&stream, 0, &mut Vec::new()), Err(ProtocolError::UnauthenticatedCount));
    let mut parser = RequestParser::new(Limits { trust: Trust::Unauthenticated, ..Limits::default() });
    parser.set_limits(Limits::default());
    assert_eq!(parser.next(&stream, 0, &mut Vec::new()), Ok(Some(stream.len())));
}

#[test]
fn a_large_argument_tells_what_is_missing() {
    let mut parser = RequestParser::new(Limits::default());
    let mut spans = Vec::new();
    assert_eq!(parser.next(b"*2\r\n$3\r\nSET\r\n$1000000\r\nabc", 0, &mut spans), Ok(None));
    assert_eq!(parser.missing(), 1_000_002 - 3);
    assert!(spans.is_empty());
}

/// The word trick against the plain parser, for every word that starts with the mark or beside it.
#[test]
fn short_lines_are_read_as_by_the_plain_parser() {
    for first in [b'$', b'#', b'%', b'*', 0] {
        for rest in 0..1u32 << 24 {
            let [a, b, c, _] = rest.to_le_bytes();
            let expect = match [first, a, b, c] {
                [b'$', ones @ b'0'..=b'9', b'\r', _] => Some((u32::from(ones - b'0'), 4)),
                [b'$', tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r'] => {
                    Some((u32::from(tens - b'0') * 10 + u32::from(ones - b'0'), 5))
                }
                _ => None,
            };
            let line = super::short_line::<b'$'>(&[first, a, b, c]).map(|line| (line.number, line.bytes));
            if line != expect {
                panic!("{:?}: {line:?} instead of {expect:?}", [first, a, b, c]);
            }
        }
    }
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let arg = prop_oneof![
        vec(any::<u8>(), 0..12),
        vec(any::<u8>(), 95..105),
        vec(prop::sample::select(b"*$\r\n0129 ".to_vec()), 0..20)
    ];
    let multibulk = vec(arg, 0..15).prop_map(|args| {
        let mut out = Vec::new();
        encode_command(&mut out, &args);
        out
    });
    let inline = prop::sample::select(vec![
        "PING\r\n",
        "\n",
        "set  key value\r\n",
        "set k \"v \\x00\\n\"\r\n",
        "get 'a\\'b' \"\"\n",
        "*0\r\n",
        "*-1\r\n",
    ])
    .prop_map(|line| line.as_bytes().to_vec());
    prop_oneof![3 => multibulk, 1 => inline]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_split_at_every_byte_parses_the_same(requests in vec(request(), 1..8)) {
        let stream = requests.concat();
        let (whole, error) = parse(&stream, Limits::default());
        prop_assert_eq!(error, None);
        prop_assert_eq!(whole.len(), requests.len());
        for cut in 0..=stream.len() {
            let (left, right) = stream.split_at(cut);
            prop_assert_eq!(&parse_pieces(&[left, right], Limits::default()).0, &whole, "cut at {}", cut);
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(parse_pieces(&bytes, Limits::default()).0, whole);
    }

    #[test]
    fn any_bytes_split_anywhere_parse_the_same(
        stream in vec(prop_oneof![any::<u8>(), prop::sample::select(b"*$\r\n0123'\"\\x ".to_vec())], 0..60)
    ) {
        let whole = parse(&stream, Limits::default());
        for cut in 0..=stream.len() {
            let (left, right) = stream.split_at(cut);
            prop_assert_eq!(&parse_pieces(&[left, right], Limits::default()), &whole, "cut at {}", cut);
        }
    }
}
