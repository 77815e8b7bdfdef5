//! Whole runs against one server: counts, errors, warm-up, replies in pieces, login.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fake::{Answer, Request, number, ok, reply, run, serve, serve_all};

#[test]
fn error_replies_are_counted_and_not_fatal() {
    let port = serve_all(|request| match request[0].as_slice() {
        b"GET" => reply("-ERR no such thing\r\n"),
        b"DEL" => reply("-MOVED 7 127.0.0.1:1\r\n"),
        _ => ok(),
    });
    let tally = run(port, "--mix get:1,del:1,set:2 -n 4000 -P 4").unwrap().tally;
    assert_eq!(tally.operations, 4_000);
    let count = |text: &str| tally.errors.get(text.as_bytes()).copied().unwrap_or(0);
    assert_eq!(tally.errors.len(), 2);
    assert!((900..1_100).contains(&count("ERR no such thing")), "{:?}", tally.errors);
    assert!((900..1_100).contains(&count("MOVED")), "without --cluster a redirection is an error");
}

#[test]
fn nulls_are_told_apart_from_values() {
    let port = serve_all(|request| match number(&request[1]) {
        0..5 => reply("$-1\r\n"),
        5..10 => reply("_\r\n"),
        _ => reply("$1\r\nx\r\n"),
    });
    let tally = run(port, "--mix get --keyspace 20 --dist sequential -n 2000").unwrap().tally;
    assert_eq!((tally.operations, tally.nulls, tally.error_count()), (2_000, 1_000, 0));
}

#[test]
fn warm_up_counts_nowhere() {
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let port = serve_all(move |request| {
        counter.fetch_add(u64::from(request[0] == b"PING"), Ordering::Relaxed);
        ok()
    });
    let tally = run(port, "--mix ping -n 100 --warmup 0.2 -c 2").unwrap().tally;
    assert_eq!((tally.operations, tally.latencies.len()), (100, 100));
    assert!(seen.load(Ordering::Relaxed) > 200, "the warm-up is a load of its own");
    assert!(tally.elapsed_ns() < 5_000_000_000);
}

#[test]
fn bytes_are_counted_exactly() {
    let port = serve_all(|_| reply("$3\r\nabc\r\n"));
    let tally = run(port, "--mix get -n 1000 -P 10 -c 3 --threads 3").unwrap().tally;
    // *2 $3 GET $16 key:000000012345, each with its line end.
    assert_eq!((tally.bytes_out, tally.bytes_in), (1_000 * 36, 1_000 * 9));
}

#[test]
fn a_duration_is_kept() {
    let port = serve_all(|_| ok());
    let tally = run(port, "--mix ping --duration 0.3").unwrap().tally;
    assert!((250_000_000..3_000_000_000).contains(&tally.elapsed_ns()), "{}", tally.elapsed_ns());
    assert_eq!(tally.operations, tally.latencies.len());
}

#[test]
fn replies_in_pieces_are_put_together() {
    let value = "v".repeat(1_000);
    let text = format!("*3\r\n$1000\r\n{value}\r\n:5\r\n*1\r\n$-1\r\n");
    let port = serve_all(move |request| match request[0].as_slice() {
        b"GET" => Answer::Pieces(text.clone().into_bytes(), 7),
        _ => Answer::Pieces(b"+OK\r\n".to_vec(), 1),
    });
    let tally = run(port, "--mix get:1,set:1 -n 500 -P 3 -c 2").unwrap().tally;
    assert_eq!((tally.operations, tally.error_count(), tally.unanswered), (500, 0, 0));
}

#[test]
fn replies_larger_than_any_buffer_are_read() {
    let text = format!("$300000\r\n{}\r\n", "v".repeat(300_000));
    let reply_bytes = text.len() as u64;
    let port = serve_all(move |_| reply(&text));
    let tally = run(port, "--mix get -n 200 -P 4 -c 2").unwrap().tally;
    assert_eq!((tally.operations, tally.bytes_in), (200, 200 * reply_bytes));
}

#[test]
fn large_values_are_sent_whole() {
    let port = serve_all(|request| match request.get(2).map(Vec::len) {
        Some(2_000_000) => ok(),
        other => reply(&format!("-ERR {other:?}\r\n")),
    });
    let tally = run(port, "--mix set -n 40 -P 4 -c 2 --value-size 2000000").unwrap().tally;
    assert_eq!((tally.operations, tally.error_count()), (40, 0));
}

#[test]
fn every_command_arrives_as_it_should() {
    let port = serve_all(|request: &Request| {
        let is_fine = match (request[0].as_slice(), request.len()) {
            (b"GET" | b"DEL" | b"EXISTS", 2) => request[1].starts_with(b"key:0"),
            (b"INCR", 2) => request[1].starts_with(b"key:c"),
            (b"APPEND", 3) => request[1].starts_with(b"key:a") && (10..=20).contains(&request[2].len()),
            (b"SET", 3) => request[1].len() == 16 && (10..=20).contains(&request[2].len()),
            (b"SETEX", 4) => request[2] == b"7" && (10..=20).contains(&request[3].len()),
            (b"EXPIRE", 3) => request[2] == b"7",
            (b"MGET", 4) | (b"MSET", 5) | (b"PING", 1) => true,
            (b"HSET", 4) => request[1].starts_with(b"h:key:0") && request[2] == b"f",
            _ => false,
        };
        if is_fine { ok() } else { reply("-ERR malformed\r\n") }
    });
    let mix = "get,set,del,incr,mget:3,mset:2,exists,expire,setex,append,ping,'HSET\u{a0}h:{key}\u{a0}f\u{a0}{value}'";
    // The flags of a test are split at plain spaces; any white space parts the words of a template.
    let tally = run(port, &format!("--ttl 7 --value-size 10-20 -n 5000 -P 5 --mix {mix}")).unwrap().tally;
    assert_eq!((tally.operations, tally.error_count()), (5_000, 0), "{:?}", tally.errors);
}

#[test]
fn the_same_seed_asks_for_the_same_keys() {
    let keys_of = |seed: u64| {
        let sum = Arc::new(AtomicU64::new(0));
        let total = Arc::clone(&sum);
        let port = serve_all(move |request| {
            if request[0] == b"GET" {
                total.fetch_add(number(&request[1]) as u64, Ordering::Relaxed);
            }
            ok()
        });
        run(port, &format!("--mix get -n 1000 --seed {seed} --dist zipf:0.9")).unwrap();
        sum.load(Ordering::Relaxed)
    };
    assert_eq!(keys_of(1), keys_of(1));
    assert_ne!(keys_of(1), keys_of(2));
}

#[test]
fn a_login_comes_before_the_load() {
    let port = serve(|| {
        let mut step = 0;
        Box::new(move |request: &Request| {
            let words =
                request.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ");
            let expected = ["AUTH ann secret", "HELLO 3", "SELECT 4"];
            step += 1;
            match expected.get(step - 1) {
                Some(&expected) if words != expected => reply("-ERR out of order\r\n"),
                _ => ok(),
            }
        })
    });
    let flags = "--user ann --password secret --resp3 --db 4 --mix ping -n 100";
    assert_eq!(run(port, flags).unwrap().tally.error_count(), 0);
}

#[test]
fn push_messages_are_no_replies() {
    let port = serve_all(|_| reply(">2\r\n+invalidate\r\n*1\r\n+x\r\n+OK\r\n"));
    let tally = run(port, "--mix ping -n 100 -P 5").unwrap().tally;
    assert_eq!((tally.operations, tally.unanswered), (100, 0));
}

#[test]
fn broken_connections_end_the_run_with_one_sentence() {
    let check = |answer: fn() -> Answer, flags: &str, part: &str| {
        let port = serve_all(move |request| if request[0] == b"INFO" { ok() } else { answer() });
        let error = run(port, &format!("--mix ping -n 1000 {flags}")).unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains('\n'), "{error}");
    };
    check(|| Answer::Close, "", "replies of this thread: end of stream");
    check(|| Answer::Silence, "--timeout 0.3", "has not answered for 0.3 s");
    check(|| reply("HTTP/1.1 400 Bad Request\r\n"), "", "does not speak RESP");
    check(|| reply("-NOAUTH Authentication required.\r\n"), "--db 1", "refused SELECT: NOAUTH");
    check(|| reply("-WRONGPASS invalid\r\n"), "--password pw", "refused AUTH: WRONGPASS invalid");
    check(
        || reply("-OOM command not allowed\r\n"),
        "--fill",
        "refused SET while the keyspace was filled: OOM",
    );
}
