//! Replies: round trips through the writer, split at every byte; bad ones; limits.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{DecodeError, Decoder, Protocol, Reply, ReplyLimits, Value, scan_reply};

/// Decodes a stream given in pieces, moved to another offset with each.
fn decode_pieces(pieces: &[&[u8]], limits: ReplyLimits) -> Result<Vec<Value>, DecodeError> {
    let mut decoder = Decoder::new(limits);
    let mut values = Vec::new();
    let mut buffer: Vec<u8> = Vec::new();
    let mut at = 0;
    for (i, piece) in pieces.iter().enumerate() {
        let unread = buffer.split_off(at);
        buffer = vec![b'~'; i % 5];
        at = buffer.len();
        buffer.extend_from_slice(&unread);
        buffer.extend_from_slice(piece);
        while let Some((value, end)) = decoder.decode(&buffer, at)? {
            assert!(end > at && end <= buffer.len());
            values.push(value);
            at = end;
        }
    }
    Ok(values)
}

fn decode(stream: &[u8]) -> Result<Vec<Value>, DecodeError> {
    decode_pieces(&[stream], ReplyLimits::default())
}

fn check(stream: &str, expect: Value) {
    assert_eq!(decode(stream.as_bytes()), Ok(vec![expect]), "{stream:?}");
    let is_error = stream.starts_with(['-', '!']);
    assert_eq!(scan_reply(stream.as_bytes(), 0), Ok(Some((stream.len(), is_error))), "{stream:?}");
}

fn bulk(text: &str) -> Value {
    Value::Bulk(text.as_bytes().to_vec())
}

#[test]
fn values_of_both_versions() {
    check("+OK\r\n", Value::Simple(b"OK".to_vec()));
    check("+\r\n", Value::Simple(Vec::new()));
    check("-ERR no\r\n", Value::Error(b"ERR no".to_vec()));
    check("!6\r\nERR no\r\n", Value::Error(b"ERR no".to_vec()));
    check(":-7\r\n", Value::Integer(-7));
    check(":+7\r\n", Value::Integer(7));
    check("$3\r\na\r\n\r\n", bulk("a\r\n"));
    check("$0\r\n\r\n", bulk(""));
    check("$-1\r\n", Value::Null);
    check("*-1\r\n", Value::Null);
    check("_\r\n", Value::Null);
    check("*0\r\n", Value::Array(Vec::new()));
    check(
        "*2\r\n:1\r\n*1\r\n$1\r\nx\r\n",
        Value::Array(vec![Value::Integer(1), Value::Array(vec![bulk("x")])]),
    );
    check("%1\r\n$1\r\nk\r\n:1\r\n", Value::Map(vec![(bulk("k"), Value::Integer(1))]));
    check("~1\r\n:1\r\n", Value::Set(vec![Value::Integer(1)]));
    check(">1\r\n+x\r\n", Value::Push(vec![Value::Simple(b"x".to_vec())]));
    check(",1.5\r\n", Value::Double(1.5));
    check(",-inf\r\n", Value::Double(f64::NEG_INFINITY));
    check("#t\r\n", Value::Boolean(true));
    check("#f\r\n", Value::Boolean(false));
    check("(-123456789012345678901\r\n", Value::BigNumber(b"-123456789012345678901".to_vec()));
    check("=7\r\ntxt:abc\r\n", Value::Verbatim { format: *b"txt", text: b"abc".to_vec() });
    check(
        "|1\r\n+ttl\r\n:9\r\n$1\r\nv\r\n",
        Value::Attributed {
            attributes: vec![(Value::Simple(b"ttl".to_vec()), Value::Integer(9))],
            value: Box::new(bulk("v")),
        },
    );
}

#[test]
fn malformed_replies() {
    for (stream, expect) in [
        ("?\r\n", DecodeError::PeerUnknownType(b'?')),
        ("\r\n", DecodeError::PeerUnknownType(b'\r')),
        (":\r\n", DecodeError::PeerMalformed(b':')),
        (":1x\r\n", DecodeError::PeerMalformed(b':')),
        (":+-1\r\n", DecodeError::PeerMalformed(b':')),
        ("+OK\rx", DecodeError::PeerMalformed(b'+')),
        ("$x\r\n", DecodeError::PeerMalformed(b'$')),
        ("$-2\r\n", DecodeError::PeerMalformed(b'$')),
        ("$1\r\nabc", DecodeError::PeerMalformed(b'$')),
        ("!-1\r\n", DecodeError::PeerMalformed(b'!')),
        ("*-2\r\n", DecodeError::PeerMalformed(b'*')),
        ("%-1\r\n", DecodeError::PeerMalformed(b'%')),
        ("*?\r\n", DecodeError::PeerMalformed(b'*')),
        ("_x\r\n", DecodeError::PeerMalformed(b'_')),
        ("#x\r\n", DecodeError::PeerMalformed(b'#')),
        (",x\r\n", DecodeError::PeerMalformed(b',')),
        ("(\r\n", DecodeError::PeerMalformed(b'(')),
        ("(1x\r\n", DecodeError::PeerMalformed(b'(')),
        ("=3\r\ntxt\r\n", DecodeError::PeerMalformed(b'=')),
        ("$536870913\r\n", DecodeError::PeerOverLimit("bytes")),
        ("*99999999999\r\n", DecodeError::PeerOverLimit("values")),
    ] {
        assert_eq!(decode(stream.as_bytes()), Err(expect), "{stream:?}");
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(decode_pieces(&bytes, ReplyLimits::default()), Err(expect), "{stream:?} in pieces");
    }
}

#[test]
fn limits_are_kept() {
    let limits = ReplyLimits { depth: 2, values: 4, bulk_bytes: 10 };
    let decode = |stream: &str| decode_pieces(&[stream.as_bytes()], limits);
    assert!(decode("*1\r\n*1\r\n:1\r\n").is_ok());
    assert_eq!(decode("*1\r\n*1\r\n*1\r\n:1\r\n"), Err(DecodeError::PeerOverLimit("depth")));
    assert!(decode("*1\r\n*1\r\n*0\r\n").is_ok(), "nothing is in the innermost");
    assert_eq!(decode("*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n"), Err(DecodeError::PeerOverLimit("values")));
    assert_eq!(decode("*5\r\n"), Err(DecodeError::PeerOverLimit("values")));
    assert_eq!(decode("$11\r\n"), Err(DecodeError::PeerOverLimit("bytes")));
    assert_eq!(decode("+01234567890"), Err(DecodeError::PeerOverLimit("bytes")));
    assert!(decode(&"*3\r\n:1\r\n:1\r\n:1\r\n".repeat(3)).is_ok(), "counted for each reply anew");
}

#[test]
fn the_scanner_refuses_what_has_no_end() {
    for stream in ["?\r\n", "$x\r\n", "$-2\r\n", "*x\r\n", "%-1\r\n", "\r\n"] {
        assert!(scan_reply(stream.as_bytes(), 0).is_err(), "{stream:?}");
    }
    let endless = "*9223372036854775807\r\n".repeat(3);
    assert_eq!(scan_reply(endless.as_bytes(), 0), Ok(None));
    assert_eq!(scan_reply(b"$9223372036854775807\r\nx", 0), Ok(None));
    assert_eq!(scan_reply(b"+OK\r\n", 9), Ok(None));
}

#[test]
fn an_error_with_attributes_is_an_error() {
    let stream = b"|1\r\n+a\r\n*2\r\n-x\r\n:1\r\n|0\r\n-ERR no\r\n";
    assert_eq!(scan_reply(stream, 0), Ok(Some((stream.len(), true))));
    assert!(decode(stream).expect("a reply").iter().all(Value::is_error));
    assert_eq!(scan_reply(b"*1\r\n-ERR no\r\n", 0), Ok(Some((13, false))));
    assert_eq!(scan_reply(b"|1\r\n+a\r\n-x\r\n*1\r\n-x\r\n", 0), Ok(Some((20, false))));
}

#[test]
fn version_2_has_other_words() {
    let mut out = Vec::new();
    let mut reply = Reply::new(&mut out, Protocol::Resp2);
    reply.map(1);
    reply.double(1.5);
    reply.boolean(true);
    reply.set(2);
    reply.null();
    reply.null_array();
    reply.verbatim("txt", "v");
    reply.big_number("12");
    reply.push(0);
    reply.error("ERR a\r\nb");
    reply.bulk_integer(-12);
    reply.integer(i64::MIN);
    reply.integer(100);
    let expect = "*2\r\n$3\r\n1.5\r\n:1\r\n*2\r\n$-1\r\n*-1\r\n$1\r\nv\r\n$2\r\n12\r\n*0\r\n-ERR a  b\r\n\
                  $3\r\n-12\r\n:-9223372036854775808\r\n:100\r\n";
    assert_eq!(String::from_utf8_lossy(&out), expect);
}

/// Values as a server may send them. Attributes are not written, so they are not among them.
fn value() -> impl Strategy<Value = Value> {
    let line = "[a-zA-Z ]{0,12}".prop_map(String::into_bytes);
    let leaf = prop_oneof![
        line.clone().prop_map(Value::Simple),
        line.prop_map(Value::Error),
        any::<i64>().prop_map(Value::Integer),
        (-2i64..1200).prop_map(Value::Integer),
        vec(any::<u8>(), 0..30).prop_map(Value::Bulk),
        vec(any::<u8>(), 95..105).prop_map(Value::Bulk),
        Just(Value::Null),
        any::<f64>().prop_filter("comparable", |value| !value.is_nan()).prop_map(Value::Double),
        any::<bool>().prop_map(Value::Boolean),
        "-?[1-9][0-9]{0,30}".prop_map(|digits| Value::BigNumber(digits.into_bytes())),
        "[a-z]{0,20}".prop_map(|text| Value::Verbatim { format: *b"mkd", text: text.into_bytes() }),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec(inner.clone(), 0..5).prop_map(Value::Set),
            vec(inner.clone(), 0..5).prop_map(Value::Push),
            vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

/// What is left of a value in RESP2.
fn downgraded(value: &Value) -> Value {
    let all = |values: &[Value]| Value::Array(values.iter().map(downgraded).collect());
    match value {
        Value::Array(values) | Value::Set(values) | Value::Push(values) => all(values),
        Value::Map(pairs) => {
            Value::Array(pairs.iter().flat_map(|(key, value)| [downgraded(key), downgraded(value)]).collect())
        }
        Value::Double(value) => Value::Bulk(super::super::number::FloatText::new(*value).as_bytes().to_vec()),
        Value::Boolean(value) => Value::Integer(i64::from(*value)),
        Value::BigNumber(bytes) | Value::Verbatim { text: bytes, .. } => Value::Bulk(bytes.clone()),
        other => other.clone(),
    }
}

fn written(values: &[Value], protocol: Protocol) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reply = Reply::new(&mut out, protocol);
    values.iter().for_each(|value| value.write(&mut reply));
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(values in vec(value(), 1..5)) {
        prop_assert_eq!(decode(&written(&values, Protocol::Resp3)), Ok(values.clone()));
        let expect: Vec<Value> = values.iter().map(downgraded).collect();
        prop_assert_eq!(decode(&written(&values, Protocol::Resp2)), Ok(expect));
    }

    #[test]
    fn replies_split_at_every_byte_decode_the_same(values in vec(value(), 1..4)) {
        let stream = written(&values, Protocol::Resp3);
        for cut in 0..=stream.len() {
            let (left, right) = stream.split_at(cut);
            let decoded = decode_pieces(&[left, right], ReplyLimits::default());
            prop_assert_eq!(decoded.as_ref(), Ok(&values), "cut at {}", cut);
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(decode_pieces(&bytes, ReplyLimits::default()), Ok(values));
    }

    #[test]
    fn the_scanner_finds_the_ends_that_the_decoder_finds(values in vec(value(), 1..5)) {
        let stream = written(&values, Protocol::Resp3);
        let mut at = 0;
        for value in &values {
            let first = written(std::slice::from_ref(value), Protocol::Resp3).len();
            for cut in at..at + first {
                prop_assert_eq!(scan_reply(&stream[..cut], at), Ok(None), "cut at {}", cut);
            }
            prop_assert_eq!(scan_reply(&stream, at), Ok(Some((at + first, value.is_error()))));
            at += first;
        }
    }
}
