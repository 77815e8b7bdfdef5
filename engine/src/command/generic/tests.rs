//! Keys of any type: every option and every refusal. Expectations were taken from Redis.

use super::super::rehearsal::{DATABASES, Rehearsal, START_MS, Spreads, check};
use crate::mycel::Db;

const SYNTAX: &str = "-ERR syntax error";
const NO_INTEGER: &str = "-ERR value is not an integer or out of range";
const NO_KEY: &str = "-ERR no such key";
const NO_DATABASE: &str = "-ERR DB index is out of range";
const NO_INT: &str = "-ERR value is out of range, value must between -2147483648 and 2147483647";
const SAME: &str = "-ERR source and destination objects are the same";

#[test]
fn presence() {
    for spreads in [Spreads::Whole, Spreads::Scattered] {
        let mut rehearsal = Rehearsal { spreads, ..Rehearsal::new() };
        rehearsal.check(&[
            ("MSET a 1 b 2 c 3", "+OK"),
            ("EXISTS a a b none", ":3"),
            ("TOUCH a none c", ":2"),
            ("TYPE a", "+string"),
            ("TYPE none", "+none"),
            ("DEL a a none", ":1"),
            ("UNLINK b c c", ":2"),
            ("EXISTS a", ":0"),
            ("DEL", "-ERR wrong number of arguments for 'del' command"),
        ]);
        assert!(rehearsal.keyspace.is_empty(rehearsal.db));
    }
}

#[test]
fn deadlines_are_set_and_told() {
    check(&[
        ("SET k v", "+OK"),
        ("TTL none", ":-2"),
        ("PTTL none", ":-2"),
        ("EXPIRETIME none", ":-2"),
        ("PEXPIRETIME none", ":-2"),
        ("TTL k", ":-1"),
        ("PTTL k", ":-1"),
        ("EXPIRETIME k", ":-1"),
        ("PEXPIRETIME k", ":-1"),
        ("EXPIRE none 10", ":0"),
        ("EXPIRE k 10", ":1"),
        ("PTTL k", ":10000"),
        ("PEXPIRE k 1499", ":1"),
        ("TTL k", ":1"),
        ("PEXPIRE k 1500", ":1"),
        ("TTL k", ":2"),
        ("PEXPIRETIME k", ":1000000001500"),
        ("EXPIRETIME k", ":1000000002"),
        ("EXPIREAT k 1000000007", ":1"),
        ("PTTL k", ":7000"),
        ("PEXPIREAT k 1000000000009", ":1"),
        ("PTTL k", ":9"),
        ("PERSIST k", ":1"),
        ("PERSIST k", ":0"),
        ("PERSIST none", ":0"),
        ("TTL k", ":-1"),
        ("PEXPIREAT k 9223372036854775807", ":1"),
        ("PEXPIRETIME k", ":9223372036854775807"),
        ("EXPIRETIME k", ":9223372036854776"),
    ]);
}

#[test]
fn deadlines_in_the_past_remove() {
    let past = [
        "EXPIRE k 0",
        "EXPIRE k -1",
        "PEXPIRE k -9223372036854775808",
        "EXPIREAT k 0",
        "EXPIREAT k 1000000000",
    ];
    for line in past {
        check(&[("SET k v", "+OK"), (line, ":1"), ("EXISTS k", ":0"), (line, ":0")]);
    }
}

#[test]
fn impossible_deadlines_are_refused() {
    check(&[
        ("SET k v", "+OK"),
        ("EXPIRE k x", NO_INTEGER),
        ("EXPIRE k 9223372036854775", "-ERR invalid expire time in 'expire' command"),
        ("EXPIRE k 9223372036854776", "-ERR invalid expire time in 'expire' command"),
        ("EXPIRE k -9223372036854776", "-ERR invalid expire time in 'expire' command"),
        ("PEXPIRE k 9223372036854775807", "-ERR invalid expire time in 'pexpire' command"),
        ("EXPIREAT k 9223372036854776", "-ERR invalid expire time in 'expireat' command"),
        ("EXPIRE none 9223372036854776", "-ERR invalid expire time in 'expire' command"),
        ("PEXPIREAT k 9223372036854775808", NO_INTEGER),
        ("TTL k", ":-1"),
    ]);
}

#[test]
fn deadlines_under_conditions() {
    const MIXED: &str = "-ERR NX and XX, GT or LT options at the same time are not compatible";
    check(&[
        ("SET k v", "+OK"),
        ("EXPIRE k 10 XX", ":0"),
        ("EXPIRE k 10 GT", ":0"),
        ("EXPIRE k 10 XX LT", ":0"),
        ("EXPIRE k 10 LT", ":1"),
        ("EXPIRE k 20 NX", ":0"),
        ("EXPIRE k 10 GT", ":0"),
        ("EXPIRE k 20 gt xx", ":1"),
        ("EXPIRE k 20 LT", ":0"),
        ("EXPIRE k 19 LT XX", ":1"),
        ("EXPIRE k 5 XX", ":1"),
        ("TTL k", ":5"),
        ("PERSIST k", ":1"),
        ("EXPIRE k 5 NX", ":1"),
        ("EXPIRE k -5 GT", ":0"),
        ("EXPIRE k 1 NX XX", MIXED),
        ("EXPIRE k 1 NX GT", MIXED),
        ("EXPIRE k 1 LT NX", MIXED),
        ("EXPIRE k 1 GT LT", "-ERR GT and LT options at the same time are not compatible"),
        ("EXPIRE k x FOO", "-ERR Unsupported option FOO"),
        ("EXPIRE k -5 LT", ":1"),
        ("EXISTS k", ":0"),
    ]);
}

#[test]
fn keys_pass_away() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.check(&[("SET k v PX 10", "+OK"), ("SET kept v PX 11", "+OK")]);
    rehearsal.keyspace.set_now(START_MS + 11);
    rehearsal.check(&[
        ("GET k", "$-1"),
        ("TTL k", ":-2"),
        ("EXISTS k kept", ":1"),
        ("PTTL kept", ":0"),
        ("SET k w KEEPTTL", "+OK"),
        ("TTL k", ":-1"),
    ]);
}

#[test]
fn renames() {
    check(&[
        ("RENAME none k", NO_KEY),
        ("RENAME none none", NO_KEY),
        ("RENAMENX none k", NO_KEY),
        ("SET k 5 EX 10", "+OK"),
        ("RENAME k k", "+OK"),
        ("RENAMENX k k", ":0"),
        ("RENAME k l", "+OK"),
        ("EXISTS k", ":0"),
        ("GET l", "$1 5"),
        ("OBJECT ENCODING l", "$3 int"),
        ("TTL l", ":10"),
        ("SET m v", "+OK"),
        ("RENAMENX m l", ":0"),
        ("RENAMENX m n", ":1"),
        ("RENAME n l", "+OK"),
        ("GET l", "$1 v"),
        ("TTL l", ":-1"),
        ("APPEND l w", ":2"),
        ("RENAME l o", "+OK"),
        ("OBJECT ENCODING o", "$3 raw"),
    ]);
}

#[test]
fn copies() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.check(&[
        ("COPY none k", ":0"),
        ("SET k v EX 10", "+OK"),
        ("COPY k k", SAME),
        ("COPY k k DB 0", SAME),
        ("COPY k l", ":1"),
        ("TTL l", ":10"),
        ("SET k w", "+OK"),
        ("COPY k l", ":0"),
        ("GET l", "$1 v"),
        ("COPY k l REPLACE replace", ":1"),
        ("GET l", "$1 w"),
        ("TTL l", ":-1"),
        ("COPY k k db 1", ":1"),
        ("COPY k k DB 1", ":0"),
        ("COPY k k DB 4", NO_DATABASE),
        ("COPY k k DB -1", NO_DATABASE),
        ("COPY k k DB 99999999999", NO_INT),
        ("COPY k k DB x", NO_INTEGER),
        ("COPY k k DB", SYNTAX),
        ("COPY k k FOO", SYNTAX),
    ]);
    rehearsal.db = Db::new(1);
    rehearsal.check(&[("GET k", "$1 w"), ("EXISTS l", ":0")]);
}

#[test]
fn moves() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.check(&[
        ("MOVE none 1", ":0"),
        ("SET k v EX 10", "+OK"),
        ("MOVE k 0", SAME),
        ("MOVE k 4", NO_DATABASE),
        ("MOVE k -1", NO_DATABASE),
        ("MOVE k x", NO_INTEGER),
        ("MOVE k 99999999999", NO_INT),
        ("MOVE k 3", ":1"),
        ("EXISTS k", ":0"),
        ("SET k w", "+OK"),
        ("MOVE k 3", ":0"),
    ]);
    rehearsal.db = Db::new(DATABASES - 1);
    rehearsal.check(&[("GET k", "$1 v"), ("TTL k", ":10")]);
}

#[test]
fn septa_behind_the_numbered_databases_have_no_numbers() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.keyspace.grow_databases(DATABASES + 2);
    rehearsal.check(&[
        ("SET k v", "+OK"),
        ("MOVE k 4", NO_DATABASE),
        ("COPY k l DB 5", NO_DATABASE),
        ("COPY k l DB 3", ":1"),
    ]);
}

#[test]
fn objects() {
    const NO_FREQ: &str = "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that \
                           when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    let long = "x".repeat(45);
    check(&[
        ("OBJECT ENCODING none", "$-1"),
        ("OBJECT FREQ none", "$-1"),
        ("OBJECT IDLETIME none", "$-1"),
        ("OBJECT REFCOUNT none", "$-1"),
        ("SET k 5", "+OK"),
        ("OBJECT ENCODING k", "$3 int"),
        ("OBJECT REFCOUNT k", ":1"),
        ("object idletime k", ":0"),
        ("OBJECT FREQ k", NO_FREQ),
        ("SET k 5x", "+OK"),
        ("OBJECT ENCODING k", "$6 embstr"),
        (&format!("SET k {long}"), "+OK"),
        ("OBJECT ENCODING k", "$3 raw"),
    ]);
}

#[test]
fn idle_time_passes_until_a_key_is_used() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.check(&[("SET k v", "+OK")]);
    rehearsal.keyspace.set_now(START_MS + 3_600_000);
    let idle = rehearsal.line("OBJECT IDLETIME k").trim_start_matches(':').parse::<u64>().unwrap();
    assert!((3_400..=3_600).contains(&idle), "{idle}");
    rehearsal.check(&[("EXISTS k", ":1"), ("TTL k", ":-1"), ("TYPE k", "+string")]);
    assert_ne!(rehearsal.line("OBJECT IDLETIME k"), ":0");
    rehearsal.check(&[("TOUCH k", ":1"), ("OBJECT IDLETIME k", ":0")]);
}

#[test]
fn looks_are_counted() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.check(&[
        ("SET k v", "+OK"),
        ("EXISTS k none k", ":2"),
        ("TYPE none", "+none"),
        ("TTL k", ":-1"),
        ("TOUCH k", ":1"),
        ("COPY none l", ":0"),
        ("OBJECT REFCOUNT k", ":1"),
        ("RENAME k l", "+OK"),
        ("DEL l", ":1"),
    ]);
    assert_eq!((rehearsal.hits, rehearsal.misses), (5, 3));
}
