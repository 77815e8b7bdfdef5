//! Starts that cannot succeed say why in one sentence, and ends that are asked for are clean.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use mycorrhizal_tests::server::{Daemon, DaemonOptions, FailedStart, Server};

fn fails(options: DaemonOptions) -> FailedStart {
    let failed = options.try_start().expect_err("it must not start");
    assert!(failed.code.is_some_and(|code| code != 0), "{failed:?}");
    assert!(!failed.stderr.contains("panicked"), "{}", failed.stderr);
    failed
}

/// Also when the holder of the port is one of us, who would share it.
#[test]
fn a_port_in_use_is_named() {
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let daemon = Daemon::on_cores("0");
    for port in [other.local_addr().unwrap().port(), daemon.port(), daemon.core_ports()[0]] {
        let failed = fails(DaemonOptions::new().with("--port", &port.to_string()));
        assert!(failed.stderr.contains(&port.to_string()), "{}", failed.stderr);
        let failed = fails(DaemonOptions::new().with("--core-ports", &port.to_string()));
        assert!(failed.stderr.contains(&port.to_string()), "{}", failed.stderr);
    }
    assert_eq!(daemon.connect().say("PING").as_text(), "PONG");
}

#[test]
fn a_config_that_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    let with = |path: &std::path::Path| fails(DaemonOptions::new().with("--config", path.to_str().unwrap()));
    let missing = with(&path);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("config.toml"), "{}", missing.stderr);
    let no_file = with(directory.path());
    assert_eq!(no_file.code, Some(2), "a directory is no configuration: {}", no_file.stderr);
    for (text, named) in [
        ("port = ", "config.toml"),
        ("prot = 1", "prot"),
        ("port = \"x\"", "port"),
        ("port = 70000", "port"),
        ("maxmemory = \"12 parsecs\"", "maxmemory"),
        ("cores = \"0-\"", "cores"),
        ("bind = \"nowhere\"", "bind"),
    ] {
        fs::write(&path, text).unwrap();
        let failed = with(&path);
        assert_eq!(failed.code, Some(2), "{text}: {}", failed.stderr);
        assert!(failed.stderr.contains(named), "{text}: {}", failed.stderr);
    }
    fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert_eq!(with(&path).code, Some(2));
    let unknown = fails(DaemonOptions::new().with("--no-such-flag", "1"));
    assert!(unknown.stderr.contains("--no-such-flag"), "{}", unknown.stderr);
}

#[test]
fn a_config_file_is_obeyed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    fs::write(&path, "maxmemory = \"64mb\"\nrequirepass = \"secret\"\ndatabases = 4\n").unwrap();
    let daemon = DaemonOptions::new().with("--config", path.to_str().unwrap()).start();
    let mut connection = daemon.connect();
    assert!(connection.say("GET k").as_text().starts_with("NOAUTH"));
    assert_eq!(connection.say("AUTH secret").as_text(), "OK");
    assert_eq!(connection.say("CONFIG GET maxmemory").items[1].as_text(), "67108864");
    assert_eq!(connection.say("SELECT 4").as_text(), "ERR DB index is out of range");
}

#[test]
fn two_daemons_share_no_directory() {
    let daemon = Daemon::on_cores("0");
    let directory = daemon.data_directory();
    let failed = fails(DaemonOptions::new().with("--dir", directory.to_str().unwrap()));
    assert!(failed.stderr.contains(directory.to_str().unwrap()), "{}", failed.stderr);
    assert_eq!(daemon.connect().say("PING").as_text(), "PONG");
    // Once it is gone, however it went, the directory is free.
    let free = tempfile::tempdir().unwrap();
    let path = free.path().to_str().unwrap();
    drop(DaemonOptions::new().with("--dir", path).start());
    drop(DaemonOptions::new().with("--dir", path).start());
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let failed = fails(DaemonOptions::new().with("--dir", "/proc/nowhere"));
    assert!(failed.stderr.contains("/proc/nowhere"), "{}", failed.stderr);
}

#[test]
fn cores_that_are_not_there_are_named() {
    for cores in ["4096", "9999-10000", "x", ""] {
        let failed = fails(DaemonOptions::new().with("--cores", cores));
        assert!(failed.stderr.contains("core"), "{cores}: {}", failed.stderr);
    }
}

#[test]
fn signals_and_shutdown_end_it_cleanly() {
    for how in ["TERM", "INT", "SHUTDOWN", "SHUTDOWN NOSAVE"] {
        let mut daemon = Daemon::on_cores("0,1");
        let mut connection = daemon.connect();
        assert_eq!(connection.say("SET k v").as_text(), "OK");
        if how.starts_with("SHUTDOWN") {
            let words: Vec<&str> = how.split(' ').collect();
            drop(connection.command(&words).map(|reply| panic!("{how} answered {reply:?}")));
        } else {
            daemon.process().signal(how);
        }
        let status = daemon.process().wait();
        assert_eq!(status.code(), Some(0), "{how}: {status}\n{}", daemon.log());
        let ready_file = daemon.process().directory().join("ready.json");
        assert!(!ready_file.exists(), "{how} leaves the ready file behind");
    }
}
