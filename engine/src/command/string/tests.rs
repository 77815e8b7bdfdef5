//! Strings: every option and every refusal. Expectations were taken from Redis, but for IFEQ, which is Valkey's.

use super::super::rehearsal::{Rehearsal, Spreads, check};

const SYNTAX: &str = "-ERR syntax error";
const NO_INTEGER: &str = "-ERR value is not an integer or out of range";
const NO_FLOAT: &str = "-ERR value is not a valid float";
const TOO_LONG: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
const EXPIRE_SET: &str = "-ERR invalid expire time in 'set' command";
const EXPIRE_GETEX: &str = "-ERR invalid expire time in 'getex' command";

#[test]
fn set_and_get() {
    check(&[
        ("GET k", "$-1"),
        ("SET k v", "+OK"),
        ("GET k", "$1 v"),
        ("set k \"\"", "+OK"),
        ("GET k", "$0"),
        ("SET k -12", "+OK"),
        ("GET k", "$3 -12"),
        ("SET k 0012", "+OK"),
        ("GET k", "$4 0012"),
        ("STRLEN k", ":4"),
        ("STRLEN none", ":0"),
    ]);
}

#[test]
fn set_conditions() {
    check(&[
        ("SET k v XX", "$-1"),
        ("SET k v NX", "+OK"),
        ("SET k w NX", "$-1"),
        ("SET k w XX XX", "+OK"),
        ("SET k x NX XX", SYNTAX),
        ("SET k x XX NX", SYNTAX),
        ("SET k x GET", "$1 w"),
        ("SET k y GET NX", "$1 x"),
        ("SET k y NX GET GET", "$1 x"),
        ("SET none y GET XX", "$-1"),
        ("SET none y GET", "$-1"),
        ("GET none", "$1 y"),
        ("SET k x FOO", SYNTAX),
        ("SET k x PERSIST", SYNTAX),
        ("GET k", "$1 x"),
    ]);
}

#[test]
fn set_ifeq_compares() {
    check(&[
        ("SET k v IFEQ v", "$-1"),
        ("EXISTS k", ":0"),
        ("SET k 10", "+OK"),
        ("SET k 11 IFEQ 9", "$-1"),
        ("SET k 11 IFEQ 010", "$-1"),
        ("SET k 11 ifeq 10", "+OK"),
        ("SET k 12 IFEQ 11 GET", "$2 11"),
        ("SET k 13 IFEQ 11 GET", "$2 12"),
        ("GET k", "$2 12"),
        ("SET none 1 IFEQ 1 GET", "$-1"),
        ("SET k 1 IFEQ", SYNTAX),
        ("SET k 1 IFEQ 12 NX", SYNTAX),
        ("SET k 1 XX IFEQ 12", SYNTAX),
        ("SET k 1 IFEQ 12 IFEQ 12", SYNTAX),
        ("SET k 14 IFEQ 12 EX 10", "+OK"),
        ("TTL k", ":10"),
    ]);
}

#[test]
fn set_lifetimes() {
    check(&[
        ("SET k v EX 10", "+OK"),
        ("PTTL k", ":10000"),
        ("SET k v PX 10", "+OK"),
        ("PTTL k", ":10"),
        ("SET k v EXAT 1000000100", "+OK"),
        ("PTTL k", ":100000"),
        ("SET k v KEEPTTL", "+OK"),
        ("TTL k", ":100"),
        ("SET k v KEEPTTL KEEPTTL", "+OK"),
        ("SET k v PXAT 1000000000001", "+OK"),
        ("PTTL k", ":1"),
        ("SET k v EX 5 EX 6", "+OK"),
        ("TTL k", ":6"),
        ("SET k v NX EX 100", "$-1"),
        ("TTL k", ":6"),
        ("SET k v", "+OK"),
        ("TTL k", ":-1"),
        ("SET k v EX", SYNTAX),
        ("SET k v EX 1 PX 1", SYNTAX),
        ("SET k v EX 1 KEEPTTL", SYNTAX),
        ("SET k v KEEPTTL EXAT 1", SYNTAX),
        ("SET k v EX x", NO_INTEGER),
        ("SET k v EX 0", EXPIRE_SET),
        ("SET k v PX -1", EXPIRE_SET),
        ("SET k v EX 9223372036854775807", EXPIRE_SET),
        ("SET k v PX 9223372036854775807", EXPIRE_SET),
        ("SET k v PXAT 9223372036854775807", "+OK"),
        ("PEXPIRETIME k", ":9223372036854775807"),
        ("SET k v EXAT 9223372036854776", EXPIRE_SET),
    ]);
}

#[test]
fn a_deadline_in_the_past_removes() {
    check(&[
        ("SET k v EXAT 1", "+OK"),
        ("EXISTS k", ":0"),
        ("SET k v", "+OK"),
        ("SET k w GET PXAT 1000000000000", "$1 v"),
        ("EXISTS k", ":0"),
        ("SET k v", "+OK"),
        ("GETEX k EXAT 1", "$1 v"),
        ("EXISTS k", ":0"),
    ]);
}

#[test]
fn older_setters() {
    check(&[
        ("SETNX k v", ":1"),
        ("SETNX k w", ":0"),
        ("GETSET k 5", "$1 v"),
        ("GETSET none 5", "$-1"),
        ("SETEX k 10 v", "+OK"),
        ("TTL k", ":10"),
        ("GETSET k w", "$1 v"),
        ("TTL k", ":-1"),
        ("PSETEX k 10 v", "+OK"),
        ("PTTL k", ":10"),
        ("SETEX k x v", NO_INTEGER),
        ("SETEX k 0 v", "-ERR invalid expire time in 'setex' command"),
        ("PSETEX k -5 v", "-ERR invalid expire time in 'psetex' command"),
        ("PSETEX k 9223372036854775807 v", "-ERR invalid expire time in 'psetex' command"),
        ("GETDEL k", "$1 v"),
        ("GETDEL k", "$-1"),
    ]);
}

#[test]
fn getex_changes_the_deadline() {
    check(&[
        ("GETEX none EX 0", "$-1"),
        ("GETEX none FOO", SYNTAX),
        ("SET k 5", "+OK"),
        ("GETEX k", "$1 5"),
        ("TTL k", ":-1"),
        ("GETEX k EX 10", "$1 5"),
        ("TTL k", ":10"),
        ("GETEX k", "$1 5"),
        ("TTL k", ":10"),
        ("GETEX k PERSIST PERSIST", "$1 5"),
        ("TTL k", ":-1"),
        ("GETEX k PX 10", "$1 5"),
        ("PTTL k", ":10"),
        ("GETEX k EXAT 1000000001", "$1 5"),
        ("PTTL k", ":1000"),
        ("GETEX k PXAT 1000000000007", "$1 5"),
        ("PTTL k", ":7"),
        ("GETEX k EX 1 PERSIST", SYNTAX),
        ("GETEX k PERSIST EX 1", SYNTAX),
        ("GETEX k KEEPTTL", SYNTAX),
        ("GETEX k EX", SYNTAX),
        ("GETEX k EX 0", EXPIRE_GETEX),
        ("GETEX k EX x", NO_INTEGER),
    ]);
}

#[test]
fn many_keys() {
    for spreads in [Spreads::Whole, Spreads::Scattered] {
        let mut rehearsal = Rehearsal { spreads, ..Rehearsal::new() };
        rehearsal.check(&[
            ("MSET a 1 b two a 3", "+OK"),
            ("MGET a none b a", "*4 $1 3 $-1 $3 two $1 3"),
            ("MGET a", "*1 $1 3"),
            ("SET a x EX 10", "+OK"),
            ("MSET a y", "+OK"),
            ("TTL a", ":-1"),
            ("MSET a", "-ERR wrong number of arguments for 'mset' command"),
            ("MSETNX c 1 b 2", ":0"),
            ("MGET c b", "*2 $-1 $3 two"),
            ("MSETNX c 1 d 2 c 3", ":1"),
            ("MGET c d", "*2 $1 3 $1 2"),
            ("MSETNX c 1 d", "-ERR wrong number of arguments for 'msetnx' command"),
        ]);
    }
}

#[test]
fn a_pair_that_is_cut_short_changes_nothing() {
    for spreads in [Spreads::Whole, Spreads::Scattered] {
        let mut rehearsal = Rehearsal { spreads, ..Rehearsal::new() };
        rehearsal.check(&[
            ("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"),
            ("MSETNX a 1 b", "-ERR wrong number of arguments for 'msetnx' command"),
            ("EXISTS a", ":0"),
        ]);
    }
}

#[test]
fn windows_of_many_keys_miss_none() {
    let mut rehearsal = Rehearsal::new();
    for count in [15, 16, 17, 31, 32, 33, 50] {
        let pairs: String = (0..count).map(|key| format!(" k{key} v{key}")).collect();
        let keys: String = (0..count).map(|key| format!(" k{key}")).collect();
        let values: String = (0..count).map(|key| format!(" ${} v{key}", format!("v{key}").len())).collect();
        rehearsal.check(&[
            (&format!("MSET{pairs}"), "+OK"),
            (&format!("MGET{keys}"), &format!("*{count}{values}")),
            (&format!("DEL{keys}"), &format!(":{count}")),
        ]);
        assert!(rehearsal.keyspace.is_empty(rehearsal.db));
    }
}

#[test]
fn counters() {
    check(&[
        ("INCR n", ":1"),
        ("INCRBY n 41", ":42"),
        ("DECR n", ":41"),
        ("DECRBY n 50", ":-9"),
        ("DECR m", ":-1"),
        ("OBJECT ENCODING n", "$3 int"),
        ("EXPIRE n 10", ":1"),
        ("INCR n", ":-8"),
        ("TTL n", ":10"),
        ("SET n 9223372036854775807", "+OK"),
        ("INCR n", "-ERR increment or decrement would overflow"),
        ("DECRBY n -1", "-ERR increment or decrement would overflow"),
        ("DECRBY n -9223372036854775808", "-ERR decrement would overflow"),
        ("INCRBY n -9223372036854775808", ":-1"),
        ("INCRBY n 9223372036854775808", NO_INTEGER),
        ("INCRBY n +1", NO_INTEGER),
        ("SET n 01", "+OK"),
        ("INCR n", NO_INTEGER),
        ("SET n \"\"", "+OK"),
        ("INCR n", NO_INTEGER),
        ("GET n", "$0"),
    ]);
}

#[test]
fn float_counters() {
    check(&[
        ("INCRBYFLOAT f 10.50", "$4 10.5"),
        ("INCRBYFLOAT f 0.1", "$4 10.6"),
        ("INCRBYFLOAT f -5", "$3 5.6"),
        ("INCRBYFLOAT f 4.4", "$2 10"),
        ("OBJECT ENCODING f", "$6 embstr"),
        ("INCR f", ":11"),
        ("EXPIRE f 10", ":1"),
        ("INCRBYFLOAT f 5.0e3", "$4 5011"),
        ("TTL f", ":10"),
        ("INCRBYFLOAT f 0x10", "$4 5027"),
        ("INCRBYFLOAT f x", NO_FLOAT),
        ("INCRBYFLOAT f nan", NO_FLOAT),
        ("INCRBYFLOAT f inf", "-ERR increment would produce NaN or Infinity"),
        ("INCRBYFLOAT none -inf", "-ERR increment would produce NaN or Infinity"),
        ("INCRBYFLOAT none x", NO_FLOAT),
        ("EXISTS none", ":0"),
        ("SET f abc", "+OK"),
        ("INCRBYFLOAT f 1", NO_FLOAT),
        ("SET f -1e-30", "+OK"),
        ("INCRBYFLOAT f 0", "$1 0"),
    ]);
}

#[test]
fn edits() {
    check(&[
        ("APPEND k abc", ":3"),
        ("OBJECT ENCODING k", "$6 embstr"),
        ("APPEND k def", ":6"),
        ("OBJECT ENCODING k", "$3 raw"),
        ("APPEND n 10", ":2"),
        ("INCR n", ":11"),
        ("APPEND n 0", ":3"),
        ("INCR n", ":111"),
        ("APPEND none \"\"", ":0"),
        ("EXISTS none", ":1"),
        ("EXPIRE k 10", ":1"),
        ("SETRANGE k 1 XX", ":6"),
        ("GET k", "$6 aXXdef"),
        ("TTL k", ":10"),
        ("SETRANGE k 7 Z", ":8"),
        ("GET k", "$8 aXXdef\0Z"),
        ("SETRANGE k 100 \"\"", ":8"),
        ("SETRANGE empty 100 \"\"", ":0"),
        ("EXISTS empty", ":0"),
        ("SETRANGE fresh 2 ab", ":4"),
        ("GET fresh", "$4 \0\0ab"),
        ("SETRANGE n 0 9", ":3"),
        ("GET n", "$3 911"),
        ("SETRANGE k -1 x", "-ERR offset is out of range"),
        ("SETRANGE k x x", NO_INTEGER),
        ("SETRANGE k 1048576 x", TOO_LONG),
        ("SETRANGE k 9223372036854775807 x", TOO_LONG),
        ("SETRANGE k 1048575 x", ":1048576"),
        ("APPEND k y", TOO_LONG),
        ("STRLEN k", ":1048576"),
    ]);
}

#[test]
fn ranges() {
    check(&[
        ("SET k abc", "+OK"),
        ("GETRANGE k 0 -1", "$3 abc"),
        ("GETRANGE k 1 1", "$1 b"),
        ("SUBSTR k -2 -1", "$2 bc"),
        ("GETRANGE k 2 1", "$0"),
        ("GETRANGE k -100 -50", "$1 a"),
        ("GETRANGE none 0 -1", "$0"),
        ("GETRANGE k x 1", NO_INTEGER),
        ("GETRANGE k 1 x", NO_INTEGER),
        ("SET k -123", "+OK"),
        ("GETRANGE k 0 1", "$2 -1"),
    ]);
}

#[test]
fn longest_common_subsequences() {
    check(&[
        ("MSET a ohmytext b mynewtext n 12345", "+OK"),
        ("LCS a b", "$6 mytext"),
        ("LCS a b LEN", ":6"),
        ("LCS a b IDX", "*4 $7 matches *2 *2 *2 :4 :7 *2 :5 :8 *2 *2 :2 :3 *2 :0 :1 $3 len :6"),
        ("LCS a b IDX MINMATCHLEN 4", "*4 $7 matches *1 *2 *2 :4 :7 *2 :5 :8 $3 len :6"),
        ("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN", "*4 $7 matches *1 *3 *2 :4 :7 *2 :5 :8 :4 $3 len :6"),
        ("LCS a none IDX MINMATCHLEN -1", "*4 $7 matches *0 $3 len :0"),
        ("LCS a none", "$0"),
        ("LCS n n", "$5 12345"),
        ("LCS a b IDX LEN", "-ERR If you want both the length and indexes, please just use IDX."),
        ("LCS a b MINMATCHLEN", SYNTAX),
        ("LCS a b MINMATCHLEN x", NO_INTEGER),
        ("LCS a b FOO", SYNTAX),
        ("SETRANGE a 600 x", ":601"),
        ("LCS a a LEN", "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"),
    ]);
}

#[test]
fn reads_are_counted() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.check(&[
        ("SET k 1", "+OK"),
        ("GET k", "$1 1"),
        ("GET none", "$-1"),
        ("MGET k none k", "*3 $1 1 $-1 $1 1"),
        ("SET k 2 GET", "$1 1"),
        ("GETSET k 3", "$1 2"),
        ("GETEX none", "$-1"),
        ("INCR k", ":4"),
        ("GETDEL k", "$1 4"),
        ("GETDEL k", "$-1"),
    ]);
    assert_eq!((rehearsal.hits, rehearsal.misses), (6, 4));
}
