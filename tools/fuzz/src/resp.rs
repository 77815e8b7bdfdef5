//! The codec of `net::resp`: requests, replies and numbers.

use mycorrhizal_net::resp::number::{Decimal, FloatText, LongDouble, parse_f64, parse_i64};
use mycorrhizal_net::resp::{
    DecodeError, Decoder, Limits, Protocol, ProtocolError, Reply, ReplyLimits, RequestParser, Trust, Value,
    encode_command, scan_reply,
};

/// Requests, after two bytes that choose limits and cuts.
pub const REQUEST_SEEDS: &[&[u8]] = &[
    b"\0\x01*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n",
    b"\0\x03set key \"a \\x41 value\"\r\nget 'it\\'s'\n\r\n",
    b"\x01\x02*0\r\n*-1\r\n*1\r\n$100\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
      xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
    b"\x01\x05*11\r\n$16385\r\n",
];
/// Parts of requests.
pub const REQUEST_TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"*",
    b"$",
    b"*1\r\n",
    b"$1\r\nx\r\n",
    b"$-1\r\n",
    b"$0\r\n\r\n",
    b"-",
    b"0",
    b"9",
    b"1048577",
    b"536870913",
    b"4294967295",
    b"4294967296",
    b"9223372036854775807",
    b"\"",
    b"'",
    b"\\",
    b"\\x",
    b" ",
    b"\0",
    b"\n",
    b"\r",
];
/// Replies, after one byte that chooses cuts.
pub const REPLY_SEEDS: &[&[u8]] = &[
    b"\x01+OK\r\n-ERR no\r\n:12\r\n$5\r\nvalue\r\n$-1\r\n*-1\r\n*2\r\n:1\r\n$1\r\nx\r\n",
    b"\x02%1\r\n+k\r\n~2\r\n,1.5\r\n#t\r\n_\r\n(12345678901234567890\r\n=7\r\ntxt:abc\r\n>1\r\n!3\r\nERR\r\n",
    b"\x03|1\r\n+ttl\r\n:9\r\n*1\r\n*1\r\n*1\r\n:0\r\n",
];
/// Parts of replies.
pub const REPLY_TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"+",
    b"-",
    b":",
    b"$",
    b"*",
    b"%",
    b"~",
    b">",
    b"|",
    b"_\r\n",
    b"#t\r\n",
    b",inf\r\n",
    b",nan\r\n",
    b"(1\r\n",
    b"=4\r\ntxt:\r\n",
    b"*1\r\n",
    b"$0\r\n\r\n",
    b"9223372036854775807",
    b"536870912",
    b"-1",
    b"0",
];
/// Numbers.
pub const NUMBER_SEEDS: &[&[u8]] = &[
    b"9223372036854775807",
    b"-9223372036854775808",
    b"0.1",
    b"1e-4940",
    b"0x1.8p-3",
    b"-inf",
    b"12345.678e12",
];
/// Parts of numbers.
pub const NUMBER_TOKENS: &[&[u8]] = &[
    b"0",
    b"1",
    b"9",
    b".",
    b"-",
    b"+",
    b"e",
    b"0x",
    b"p",
    b"inf",
    b"nan",
    b"000000000000",
    b"99999999999999999999",
];

type Requests = Vec<Vec<Vec<u8>>>;

/// However a stream of requests is cut, the same ones come out, with the same error; and what came out, written
/// and parsed again, is the same.
pub fn request(input: &[u8]) {
    let [trust, cut, stream @ ..] = input else { return };
    let trust = if trust & 1 == 0 { Trust::Authenticated } else { Trust::Unauthenticated };
    let limits = Limits { trust, ..Limits::default() };
    let whole = requests(&[stream], limits);
    let pieces: Vec<&[u8]> = stream.chunks(usize::from(*cut).max(1)).collect();
    assert_eq!(requests(&pieces, limits), whole, "cut into pieces of {cut} bytes");

    let mut again = Vec::new();
    whole.0.iter().for_each(|request| encode_command(&mut again, request));
    assert_eq!(requests(&[&again], Limits::default()), (whole.0, None), "written and parsed again");
}

fn requests(pieces: &[&[u8]], limits: Limits) -> (Requests, Option<ProtocolError>) {
    let mut parser = RequestParser::new(limits);
    let (mut requests, mut spans) = (Requests::new(), Vec::new());
    let (mut buffer, mut at) = (Vec::new(), 0);
    for piece in pieces {
        // What is left moves, as it does when a receive buffer is exchanged.
        buffer.drain(..at / 2);
        at -= at / 2;
        buffer.extend_from_slice(piece);
        loop {
            spans.clear();
            match parser.next(&buffer, at, &mut spans) {
                Ok(Some(end)) => {
                    assert!(end > at && end <= buffer.len(), "a request ends within the buffer");
                    let args = parser.args(&buffer, &spans);
                    requests.push(args.iter().map(<[u8]>::to_vec).collect());
                    at = end;
                }
                Ok(None) => {
                    assert!(spans.is_empty() && parser.missing() > 0);
                    break;
                }
                Err(error) => {
                    let mut text = Vec::new();
                    error.write(&mut text);
                    assert!(text.starts_with(b"-ERR Protocol error: ") && text.ends_with(b"\r\n"));
                    return (requests, Some(error));
                }
            }
        }
    }
    (requests, None)
}

/// However a stream of replies is cut, the same ones come out, with the same error; the scanner finds the same ends;
/// and what came out, written and decoded again, is the same.
pub fn reply(input: &[u8]) {
    let [cut, stream @ ..] = input else { return };
    let (values, error) = replies(&[stream]);
    let pieces: Vec<&[u8]> = stream.chunks(usize::from(*cut).max(1)).collect();
    let (values_of_pieces, error_of_pieces) = replies(&pieces);
    assert_eq!(error_of_pieces, error, "cut into pieces of {cut} bytes");
    assert_eq!(written(&values_of_pieces), written(&values), "cut into pieces of {cut} bytes");
    assert_scanned(stream, &values);

    let again = written(&values);
    let (values_again, error_again) = replies(&[&again]);
    assert_eq!(error_again, None, "what was written is a reply");
    assert_eq!(written(&values_again), again, "written and decoded again");
}

fn replies(pieces: &[&[u8]]) -> (Vec<Value>, Option<DecodeError>) {
    // Small enough that no input can announce what would take long to refuse.
    let limits = ReplyLimits { values: 10_000, ..ReplyLimits::default() };
    let mut decoder = Decoder::new(limits);
    let (mut values, mut buffer, mut at) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        buffer.drain(..at / 2);
        at -= at / 2;
        buffer.extend_from_slice(piece);
        loop {
            match decoder.decode(&buffer, at) {
                Ok(Some((value, end))) => {
                    assert!(end > at && end <= buffer.len(), "a reply ends within the buffer");
                    values.push(value);
                    at = end;
                }
                Ok(None) => break,
                Err(error) => return (values, Some(error)),
            }
        }
    }
    (values, None)
}

/// The scanner skips the replies that were decoded, one by one. What comes after them it may judge differently: it
/// looks at less.
fn assert_scanned(stream: &[u8], values: &[Value]) {
    let mut at = 0;
    for value in values {
        match scan_reply(stream, at) {
            Ok(Some((end, is_error))) => {
                assert!(end > at && end <= stream.len(), "a reply ends within the buffer");
                assert_eq!(is_error, value.is_error());
                at = end;
            }
            other => panic!("the scanner says {other:?} to {value:?}"),
        }
    }
    if let Ok(Some((end, _))) = scan_reply(stream, at) {
        assert!(end > at && end <= stream.len(), "a reply ends within the buffer");
    }
}

fn written(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reply = Reply::new(&mut out, Protocol::Resp3);
    values.iter().for_each(|value| value.write(&mut reply));
    out
}

/// What is accepted as a number comes back from its text; the parsers agree with the standard library's.
pub fn number(input: &[u8]) {
    let text = std::str::from_utf8(input).ok();
    if let Some(value) = parse_i64(input) {
        assert_eq!(Decimal::new(value).as_bytes(), input, "an integer has one spelling");
        assert_eq!(text.and_then(|text| text.parse().ok()), Some(value));
    }
    if let Some(value) = parse_f64(input) {
        assert!(!value.is_nan());
        assert_eq!(parse_f64(FloatText::new(value).as_bytes()).map(f64::to_bits), Some(value.to_bits()));
        if let Some(standard) = text.and_then(|text| text.parse::<f64>().ok()) {
            assert_eq!(value.to_bits(), standard.to_bits(), "as the standard library reads it");
        }
        assert!(LongDouble::parse(input).is_some(), "the range of a long double is larger");
    }
    if let Some(value) = LongDouble::parse(input) {
        let printed = value.to_text();
        if value.is_finite() {
            let again = LongDouble::parse(&printed).expect("what is printed is a number");
            assert!((again + again).to_text().len() <= printed.len() + 20);
        }
    }
}
