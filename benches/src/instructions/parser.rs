//! Bytes to spans, and a reply to bytes.

use mycorrhizal_net::resp::{Limits, Protocol, Reply, RequestParser, encode_command};

use super::{VALUE, Work, key};

pub(super) fn get(operations: usize) -> Work {
    parse(requests(operations, |number| vec![b"GET".to_vec(), key(number)]).concat())
}

pub(super) fn set(operations: usize) -> Work {
    parse(requests(operations, set_words).concat())
}

/// Each request arrives in two pieces, as at the edge of a receive buffer.
pub(super) fn set_in_halves(operations: usize) -> Work {
    let requests = requests(operations, set_words);
    let mut parser = RequestParser::new(Limits::default());
    Box::new(move || {
        let mut spans = Vec::with_capacity(16);
        let mut found = 0;
        for request in &requests {
            for end in [request.len() / 2, request.len()] {
                spans.clear();
                let parsed = parser.next(&request[..end], 0, &mut spans).expect("the request is well-formed");
                found += parsed.map_or(0, |_| spans.len());
            }
        }
        found
    })
}

pub(super) fn reply(operations: usize) -> Work {
    let mut out = Vec::with_capacity(operations * 80);
    Box::new(move || {
        for _ in 0..operations {
            Reply::new(&mut out, Protocol::Resp2).bulk(&VALUE);
        }
        out.len()
    })
}

fn parse(bytes: Vec<u8>) -> Work {
    let mut parser = RequestParser::new(Limits::default());
    Box::new(move || {
        let mut spans = Vec::with_capacity(16);
        let (mut at, mut found) = (0, 0);
        while let Some(end) = parser.next(&bytes, at, &mut spans).expect("the requests are well-formed") {
            found += spans.len();
            spans.clear();
            at = end;
        }
        found
    })
}

fn set_words(number: usize) -> Vec<Vec<u8>> {
    vec![b"SET".to_vec(), key(number), VALUE.to_vec()]
}

/// Requests as a client sends them, one each.
pub(super) fn requests(operations: usize, words: impl Fn(usize) -> Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let encode = |number| {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &words(number));
        bytes
    };
    (0..operations).map(encode).collect()
}
