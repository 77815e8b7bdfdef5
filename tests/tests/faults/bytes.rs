//! Streams that are no RESP, or not enough of it, or too much.

use mycorrhizal_tests::random::Random;
use mycorrhizal_tests::server::{Daemon, DaemonOptions, Server};
use mycorrhizal_tests::wire::{encode, shown};

use super::{is_well, text, wait_until_alone};

const MIB: usize = 1024 * 1024;

/// Each is answered with Redis's text, then the connection closes, and nobody else notices.
fn refused(inputs: &[(&[u8], &str)]) {
    let daemon = Daemon::on_cores("0,1");
    let mut witness = daemon.connect();
    for (input, expected) in inputs {
        let mut connection = daemon.connect();
        connection.send(input).unwrap();
        let said = connection.read_to_end().unwrap();
        let expected = format!("-ERR Protocol error: {expected}\r\n");
        assert_eq!(shown(&said), shown(expected.as_bytes()), "after {}", shown(input));
        is_well(&mut witness);
    }
    wait_until_alone(&daemon, &mut witness);
}

#[test]
fn malformed_requests_are_named_and_closed() {
    refused(&[
        (b"*x\r\n", "invalid multibulk length"),
        (b"*1\r\n$x\r\n", "invalid bulk length"),
        (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
        (b"GET \"unbalanced\r\n", "unbalanced quotes in request"),
    ]);
}

#[test]
fn oversized_requests_are_refused() {
    refused(&[
        (b"*1048577\r\n", "invalid multibulk length"),
        (b"*9223372036854775807\r\n", "invalid multibulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"*1\r\n$9223372036854775807\r\n", "invalid bulk length"),
        (&[b'x'; 80_000], "too big inline request"),
        (&[b"*".as_slice(), &[b'1'; 80_000]].concat(), "too big mbulk count string"),
        (&[b"*1\r\n$".as_slice(), &[b'1'; 80_000]].concat(), "too big bulk count string"),
    ]);
}

#[test]
fn negative_lengths_are_refused() {
    refused(&[
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*2\r\n$3\r\nGET\r\n$-2\r\n", "invalid bulk length"),
        (b"*1\r\n$-9223372036854775808\r\n", "invalid bulk length"),
    ]);
}

/// Whatever the bytes are: an answer, or silence, or an end; and all others are served.
#[test]
fn garbage_disturbs_nobody() {
    let daemon = Daemon::on_cores("0,1");
    let mut witness = daemon.connect();
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let alphabet: &[u8] = if seed % 2 == 0 { b"*$:+-\r\n0123456789 GETSET\"'\\" } else { &[] };
        let mut draw = || match alphabet {
            [] => random.bits().to_le_bytes()[0],
            alphabet => *random.pick(alphabet),
        };
        let garbage: Vec<u8> = (0..1 + seed * 7).map(|_| draw()).collect();
        let mut connection = daemon.connect();
        // A server that has seen enough may close while we are still talking.
        drop(connection.send(&garbage));
        drop(connection.end_sending());
        connection.read_to_end().unwrap();
        if seed % 50 == 0 {
            is_well(&mut witness);
        }
    }
    is_well(&mut witness);
    wait_until_alone(&daemon, &mut witness);
}

/// A request that breaks off, at every byte, leaves nothing behind.
#[test]
fn truncated_requests_leave_nothing() {
    let daemon = Daemon::on_cores("0,1");
    let mut witness = daemon.connect();
    let request = encode(&["SET", "truncated", "a value\r\nof two lines"]);
    for end in 0..request.len() {
        let mut connection = daemon.connect();
        connection.send(&request[..end]).unwrap();
        connection.end_sending().unwrap();
        assert_eq!(connection.read_to_end().unwrap(), b"", "an answer to {}", shown(&request[..end]));
    }
    assert_eq!(text(&witness.say("EXISTS truncated")), ":0");
    wait_until_alone(&daemon, &mut witness);
}

/// A promise of half a gigabyte costs nothing until it is kept.
#[test]
fn promised_bytes_take_no_memory() {
    let daemon = Daemon::on_cores("0,1");
    let mut witness = daemon.connect();
    let before = daemon.resident_bytes();
    let mut talkers: Vec<_> = (0..100).map(|_| daemon.connect()).collect();
    for talker in &mut talkers {
        talker.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nbeginning").unwrap();
    }
    is_well(&mut witness);
    let grown = daemon.resident_bytes().saturating_sub(before);
    assert!(grown < 64 * MIB, "100 promises took {grown} bytes");
    drop(talkers);
    wait_until_alone(&daemon, &mut witness);
}

#[test]
fn a_query_over_its_limit_is_closed() {
    let daemon = DaemonOptions::new().with("--cores", "0").start();
    let mut witness = daemon.connect();
    assert_eq!(witness.say("CONFIG SET client-query-buffer-limit 1048576").as_text(), "OK");
    let mut connection = daemon.connect();
    connection.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\n").unwrap();
    let chunk = vec![b'x'; MIB];
    let sent = (0..100).take_while(|_| connection.send(&chunk).is_ok()).count();
    assert!(sent < 100, "all of it was taken");
    is_well(&mut witness);
    wait_until_alone(&daemon, &mut witness);
}

/// Every byte and every pair with the bytes that the protocol uses, as key and as value.
#[test]
fn keys_and_values_hold_every_byte() {
    let daemon = Daemon::on_cores("0,1");
    let mut connection = daemon.connect();
    let bytes: Vec<Vec<u8>> = (0..=255)
        .flat_map(|byte| {
            [vec![byte], vec![byte, b'\r'], vec![b'\n', byte], vec![b'{', byte, b'}'], vec![byte; 100]]
        })
        .collect();
    let mut request = Vec::new();
    for (key, value) in bytes.iter().zip(bytes.iter().rev()) {
        request.extend(encode(&[b"SET".as_slice(), key, value]));
    }
    for key in &bytes {
        request.extend(encode(&[b"GET".as_slice(), key]));
    }
    connection.send(&request).unwrap();
    for _ in &bytes {
        assert_eq!(text(&connection.read().unwrap().reply), "+OK");
    }
    // The same key may come twice, as `\r` does; the last value stands.
    let mut expected = std::collections::BTreeMap::new();
    expected.extend(bytes.iter().zip(bytes.iter().rev()));
    for key in &bytes {
        assert_eq!(&&connection.read().unwrap().reply.text, &expected[key], "key {}", shown(key));
    }
    let found = connection.say("DBSIZE").as_integer();
    assert_eq!(usize::try_from(found).unwrap(), expected.len());
}

/// What was sent before the end of the stream is answered, then the server closes too.
#[test]
fn a_half_closed_peer_gets_all_its_answers() {
    let daemon = Daemon::on_cores("0,1");
    let mut connection = daemon.connect();
    let requests: Vec<u8> = (0..1_000).flat_map(|i| encode(&["SET", &format!("k{i}"), "v"])).collect();
    connection.send(&requests).unwrap();
    connection.end_sending().unwrap();
    assert_eq!(connection.read_to_end().unwrap(), b"+OK\r\n".repeat(1_000));
}
