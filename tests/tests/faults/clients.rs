//! Clients that misbehave in time: that never read, never speak, or die in the middle.

use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;

use mycorrhizal_tests::clock;
use mycorrhizal_tests::server::{Daemon, DaemonOptions, Server};
use mycorrhizal_tests::wire::{Connection, encode};

use super::{is_well, text, wait_until_alone};

const MIB: usize = 1024 * 1024;

/// With the limit that Redis sets nobody by default, it must not be able to fill the memory, and it loses nothing.
#[test]
fn a_client_that_never_reads_is_held_back() {
    const REQUESTS: usize = 600;
    let daemon = Daemon::on_cores("0,1");
    let mut witness = daemon.connect();
    let value = vec![b'v'; MIB];
    witness.command(&[b"SET".as_slice(), b"big", &value]).unwrap();
    let before = daemon.resident_bytes();
    let mut lazy = daemon.connect();
    lazy.send(&encode(&["GET", "big"]).repeat(REQUESTS)).unwrap();
    for _ in 0..200 {
        is_well(&mut witness);
    }
    let grown = daemon.resident_bytes().saturating_sub(before);
    // A batch of 64 replies, on its way from core to core and in the output.
    assert!(grown < 4 * 64 * MIB, "{grown} bytes wait for a client that does not read");
    for number in 0..REQUESTS {
        let reply = lazy.read().unwrap().reply;
        assert!(reply.text == value, "reply {number} is {} bytes", reply.text.len());
    }
    drop(lazy);
    wait_until_alone(&daemon, &mut witness);
}

/// The limit of Redis's configuration closes it.
#[test]
fn an_output_buffer_over_its_limit_closes() {
    let daemon = Daemon::on_cores("0,1");
    let mut witness = daemon.connect();
    witness.command(&[b"SET".as_slice(), b"big", &vec![b'v'; MIB]]).unwrap();
    let limit = ["CONFIG", "SET", "client-output-buffer-limit", "normal 4194304 0 0"];
    assert_eq!(text(&witness.command(&limit).unwrap().reply), "+OK");
    let mut lazy = daemon.connect();
    lazy.send(&encode(&["GET", "big"]).repeat(100)).unwrap();
    wait_until_alone(&daemon, &mut witness);
    let received = lazy.read_to_end().unwrap().len();
    assert!(received < 100 * MIB, "everything came: {received} bytes");
    is_well(&mut witness);
}

/// Ten thousand, or what the limit of files allows, that open and say nothing.
#[test]
fn silent_connections_are_borne() {
    let count = raise_file_limit().saturating_sub(500).min(10_000);
    assert!(count >= 500, "the limit of open files is too low for a test to mean anything");
    let daemon = DaemonOptions::new().with("--cores", "0,1").with("--maxclients", "12000").start();
    let mut witness = daemon.connect();
    let before = daemon.resident_bytes();
    let address = (Ipv4Addr::LOCALHOST, daemon.port());
    let silent: Vec<TcpStream> = (0..count).map(|_| TcpStream::connect(address).unwrap()).collect();
    clock::wait_for("all connections to be counted", || {
        let counted = daemon.info("connected_clients");
        (counted > i64::try_from(count).unwrap()).then_some(())
    });
    for _ in 0..100 {
        is_well(&mut witness);
    }
    let each = daemon.resident_bytes().saturating_sub(before) / count;
    assert!(each < 8 * 1024, "a silent connection takes {each} bytes");
    drop(silent);
    wait_until_alone(&daemon, &mut witness);
}

/// Raises this process's limit of open files as far as it may and returns it.
fn raise_file_limit() -> usize {
    let pid = std::process::id().to_string();
    let prlimit =
        |more: &[&str]| Command::new("prlimit").args(["--pid", &pid]).args(more).output().unwrap().stdout;
    let hard = prlimit(&["--nofile", "--noheadings", "--output=HARD"]);
    let hard = String::from_utf8(hard).unwrap().trim().to_owned();
    prlimit(&[&format!("--nofile={hard}:{hard}")]);
    hard.parse().unwrap_or(usize::MAX)
}

#[test]
fn one_too_many_is_told_so() {
    let daemon = DaemonOptions::new().with("--cores", "0,1").with("--maxclients", "10").start();
    let mut clients: Vec<Connection> = (0..10).map(|_| daemon.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.say("PING").as_text(), "PONG");
    }
    let said = daemon.connect().read_to_end().unwrap();
    assert_eq!(said, b"-ERR max number of clients reached\r\n");
    clients.pop();
    clock::wait_for("a place to become free", || {
        let pong = daemon.connect().command(&["PING"]).ok()?;
        (pong.bytes == b"+PONG\r\n").then_some(())
    });
}

/// Resets in the middle of a request and in the middle of a reply.
#[test]
fn connections_killed_mid_command_leave_nothing() {
    let daemon = Daemon::on_cores("0,1");
    let mut witness = daemon.connect();
    witness.command(&[b"SET".as_slice(), b"big", &vec![b'v'; MIB]]).unwrap();
    let half = encode(&[b"SET".as_slice(), b"half", &vec![b'h'; MIB]]);
    for round in 0..200 {
        let mut connection = daemon.connect();
        // Closing a socket with unread input sends a reset, so each asks for something and does not read it.
        let request = match round % 4 {
            0 => [encode(&["PING"]), half[..half.len() / 2].to_vec()].concat(),
            1 => encode(&["GET", "big"]),
            2 => encode(&["GET", "big"]).repeat(20),
            _ => [encode(&["MSET", "a", "1", "b", "2"]), b"*2\r\n$3\r\nGE".to_vec()].concat(),
        };
        connection.send(&request).unwrap();
        drop(connection);
    }
    is_well(&mut witness);
    assert_eq!(text(&witness.say("EXISTS half")), ":0");
    wait_until_alone(&daemon, &mut witness);
    assert_eq!(witness.say("FLUSHALL").as_text(), "OK");
    super::accounting::is_zero(&mut witness);
}
