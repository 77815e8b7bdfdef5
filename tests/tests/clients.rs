//! Real clients run unchanged: redis-py and its cluster client, the `redis` crate and its cluster client, redis-cli,
//! redis-benchmark.
#![expect(clippy::unwrap_used, reason = "what the tests call is a test too")]

use std::process::Command;

use mycorrhizal_tests::client::{program, python};
use mycorrhizal_tests::server::{Daemon, Oracle, Server, Subject};
use redis::Commands;

const DONE: &str = "round trips done\n";

fn on_two_cores() -> Daemon {
    Daemon::on_cores("0,1")
}

#[test]
fn redis_py_speaks_resp2() {
    let daemon = on_two_cores();
    assert_eq!(python("redis_py.py", &[daemon.port().to_string(), "2".into()]), DONE, "{}", daemon.log());
}

#[test]
fn redis_py_speaks_resp3() {
    let daemon = on_two_cores();
    assert_eq!(python("redis_py.py", &[daemon.port().to_string(), "3".into()]), DONE, "{}", daemon.log());
}

/// From the plain port and from a core's port, it comes to talk to every core.
#[test]
fn redis_py_cluster_finds_every_core() {
    let daemon = on_two_cores();
    for start in [daemon.port(), daemon.core_ports()[1]] {
        let ports = [start].into_iter().chain(daemon.core_ports().iter().copied());
        let ports: Vec<String> = ports.map(|port| port.to_string()).collect();
        assert_eq!(python("redis_py_cluster.py", &ports), DONE, "{}", daemon.log());
    }
}

#[test]
fn redis_crate_round_trips() {
    let daemon = on_two_cores();
    for protocol in ["resp2", "resp3"] {
        let url = format!("redis://127.0.0.1:{}/?protocol={protocol}", daemon.port());
        let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
        round_trip(&mut connection);
        let keys: Vec<String> = connection.scan_match("key:*").unwrap().map(Result::unwrap).collect();
        assert_eq!(keys.len(), 500);
        let mut pipe = redis::pipe();
        for i in 0..1_000 {
            pipe.set(format!("pipe:{i}"), i).ignore().get(format!("pipe:{i}"));
        }
        let values: Vec<i64> = pipe.query(&mut connection).unwrap();
        assert_eq!(values, (0..1_000).collect::<Vec<_>>());
    }
}

#[test]
fn redis_crate_cluster_round_trips() {
    let daemon = on_two_cores();
    for start in [daemon.port(), daemon.core_ports()[0]] {
        let client = redis::cluster::ClusterClient::new(vec![format!("redis://127.0.0.1:{start}/")]).unwrap();
        let mut connection = client.get_connection().unwrap();
        round_trip(&mut connection);
        // Keys of several slots of different cores, split up and gathered by the client.
        let keys: Vec<String> = (0..500).map(|i| format!("key:{i}")).collect();
        let values: Vec<i64> = connection.mget(&keys).unwrap();
        assert_eq!(values, (0..500).collect::<Vec<_>>());
    }
}

fn round_trip(connection: &mut impl redis::ConnectionLike) {
    for i in 0..500_i64 {
        let () = connection.set(format!("key:{i}"), i).unwrap();
    }
    for i in 0..500_i64 {
        let value: i64 = connection.get(format!("key:{i}")).unwrap();
        assert_eq!(value, i);
    }
    let every: Vec<u8> = (0..=255).collect();
    let () = connection.set(&every, &every).unwrap();
    let back: Vec<u8> = connection.get(&every).unwrap();
    assert_eq!(back, every);
    let count: i64 = connection.incr("{n}counter", 7).unwrap();
    assert!(count >= 7);
    let missing: Option<String> = connection.get("nokey").unwrap();
    assert_eq!(missing, None);
    let () = connection.set_ex("soon", "v", 100).unwrap();
    let ttl: i64 = connection.ttl("soon").unwrap();
    assert!((98..=100).contains(&ttl));
    let refused = connection.incr::<_, _, i64>(&every, 1).unwrap_err();
    assert!(refused.to_string().contains("not an integer"), "{refused}");
}

#[test]
fn redis_cli_shows_what_it_shows_of_redis() {
    let daemon = on_two_cores();
    let cli = |words: &[&str]| program(cli(&daemon).args(words));
    assert_eq!(cli(&["set", "k", "v"]), "OK\n");
    assert_eq!(cli(&["get", "k"]), "v\n");
    assert_eq!(cli(&["--no-raw", "get", "nokey"]), "(nil)\n");
    assert_eq!(cli(&["--no-raw", "-3", "get", "nokey"]), "(nil)\n");
    assert_eq!(cli(&["-n", "5", "dbsize"]), "0\n");
    assert_eq!(cli(&["--scan"]), "k\n");
    assert!(cli(&["info", "server"]).contains("redis_version"));
    assert!(cli(&["--no-raw", "command", "docs", "get"]).contains("summary"));
    assert!(program(cli_of(daemon.core_ports()[0]).args(["-c", "set", "k", "w"])).ends_with("OK\n"));
    assert!(program(cli_of(daemon.core_ports()[1]).args(["-c", "get", "k"])).ends_with("w\n"));
}

fn cli(daemon: &Daemon) -> Command {
    cli_of(daemon.port())
}

fn cli_of(port: u16) -> Command {
    let mut command = Command::new("redis-cli");
    command.args(["-e", "-p", &port.to_string()]);
    command
}

/// `redis-cli --pipe` is how people load data.
#[test]
fn redis_cli_loads_in_bulk() {
    let daemon = on_two_cores();
    let commands: String = (0..20_000).map(|i| format!("SET bulk:{i} {i}\r\n")).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), commands).unwrap();
    let line = format!("redis-cli -p {} --pipe < {}", daemon.port(), file.path().display());
    let said = program(Command::new("sh").args(["-c", &line]));
    assert!(said.contains("errors: 0, replies: 20000"), "{said}");
    assert_eq!(daemon.connect().say("DBSIZE").as_integer(), 20_000);
}

#[test]
fn redis_benchmark_runs_plain_and_as_a_cluster() {
    let daemon = on_two_cores();
    let benchmark = |port: u16, more: &[&str]| {
        let mut command = Command::new("redis-benchmark");
        command.args([
            "-p",
            &port.to_string(),
            "-n",
            "20000",
            "-r",
            "1000",
            "-t",
            "ping,set,get,incr,mset",
            "-q",
        ]);
        let said = program(command.args(more));
        for test in ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"] {
            assert!(said.contains(&format!("{test}: ")), "{test} is missing: {said}");
        }
        assert!(!said.contains("rror"), "{said}");
    };
    benchmark(daemon.port(), &[]);
    benchmark(daemon.port(), &["-P", "16", "-c", "100"]);
    benchmark(daemon.core_ports()[0], &["--cluster"]);
    benchmark(daemon.port(), &["--cluster", "-P", "16"]);
    assert!(daemon.connect().say("DBSIZE").as_integer() > 1_000);
}

/// The harness proves itself: the oracle is Redis, and the subject is not unless it is asked to be.
#[test]
fn the_oracle_is_redis() {
    let version = Oracle::start().connect().say("INFO server").as_text();
    assert!(version.contains("redis_version:7.0."), "{version}");
    assert!(!version.contains("mycorrhizal"));
    if let Subject::Daemon(daemon) = Subject::start("0") {
        assert!(daemon.connect().say("INFO server").as_text().contains("mycorrhizal"));
    }
}
