//! `maxmemory` reached: writes are refused, nothing that was accepted is lost, reads go on.

use mycorrhizal_tests::server::{DaemonOptions, Server};

use super::text;

const REFUSED: &str = "-OOM command not allowed when used memory > 'maxmemory'.";

#[test]
fn full_memory_refuses_writes_and_loses_nothing() {
    let daemon = DaemonOptions::new().with("--cores", "0,1").with("--maxmemory", "20mb").start();
    let mut connection = daemon.connect();
    let value = "v".repeat(1_000);
    let accepted = (0..100_000)
        .take_while(|i| {
            let reply = text(&connection.say(&format!("SET key:{i} {value}")));
            assert!(reply == "+OK" || reply == REFUSED, "{reply}");
            reply == "+OK"
        })
        .count();
    assert!((5_000..20_000).contains(&accepted), "{accepted} keys of a kilobyte fit into 20 MB");
    assert!(daemon.resident_bytes() < 120 * 1024 * 1024);
    for command in
        ["APPEND key:0 x", "INCR n", "MSET a 1 b 2", "SETRANGE key:0 0 x", "COPY key:0 copy", "GETSET x y"]
    {
        assert_eq!(text(&connection.say(command)), REFUSED, "{command}");
    }
    for i in 0..accepted {
        assert_eq!(connection.say(&format!("GET key:{i}")).as_text(), value, "key:{i} is lost");
    }
    assert_eq!(text(&connection.say(&format!("EXISTS key:{accepted}"))), ":0");
    for command in
        ["TTL key:0", "EXPIRE key:0 1000", "STRLEN key:0", "RENAME key:1 renamed", "DEL key:0 key:2 key:3"]
    {
        assert!(!connection.say(command).is_error(), "{command}");
    }
    for i in 10..accepted {
        assert_eq!(text(&connection.say(&format!("DEL key:{i}"))), ":1");
    }
    assert_eq!(text(&connection.say("SET again 1")), "+OK");
}

#[test]
fn the_limit_can_be_raised_while_it_runs() {
    let daemon = DaemonOptions::new().with("--cores", "0,1").start();
    let mut connection = daemon.connect();
    assert_eq!(text(&connection.say("SET k v")), "+OK");
    assert_eq!(text(&connection.say("CONFIG SET maxmemory 1")), "+OK");
    assert_eq!(text(&connection.say("SET k w")), REFUSED);
    assert_eq!(connection.say("GET k").as_text(), "v");
    assert_eq!(text(&connection.say("CONFIG SET maxmemory 0")), "+OK");
    assert_eq!(text(&connection.say("SET k w")), "+OK");
}
