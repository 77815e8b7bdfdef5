//! The program as a process: exit codes, and what stands on which stream.

use std::net::TcpListener;
use std::process::{Command, Output};

use crate::fake::{Answer, ok, reply, serve_all};

fn pulse_bench(flags: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pulse-bench")).args(flags.split_whitespace()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_unreachable_server_is_one_sentence() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = pulse_bench(&format!("--port {port}"));
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.starts_with(&format!("pulse-bench: cannot connect to 127.0.0.1:{port}: ")), "{text}");
    assert_eq!(text.lines().count(), 1);
    assert!(output.stdout.is_empty());
}

#[test]
fn mistaken_flags_exit_with_2() {
    for flags in ["--mix gte:1", "--threads 9 --connections 2", "--key-size 3", "--nonsense"] {
        let output = pulse_bench(flags);
        assert_eq!(output.status.code(), Some(2), "{flags}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{flags}");
    }
}

#[test]
fn a_run_prints_its_report_and_exits_with_0() {
    let port = serve_all(|request| if request[0] == b"GET" { reply("-ERR no\r\n") } else { ok() });
    let output = pulse_bench(&format!("--port {port} -n 500"));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stderr.is_empty(), "no progress where there is no terminal: {}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("x ERR no"));
}

#[test]
fn a_connection_that_breaks_exits_with_1() {
    let port = serve_all(|_| Answer::Close);
    let output = pulse_bench(&format!("--port {port} -n 500"));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
}

#[test]
fn a_report_that_cannot_be_written_fails_before_the_run() {
    let port = serve_all(|_| ok());
    let output = pulse_bench(&format!("--port {port} --duration 60 --json /nowhere/report.json"));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot write /nowhere/report.json"), "{}", stderr(&output));
}

#[test]
fn a_second_server_that_is_not_there_fails_before_the_run() {
    let port = serve_all(|_| ok());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = pulse_bench(&format!("--port {port} --duration 60 --compare {nobody}"));
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(stderr(&output).contains(&format!("cannot connect to {nobody}")), "{}", stderr(&output));
}

#[test]
fn help_names_units_defaults_and_examples() {
    let output = pulse_bench("--help");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "in bytes",
        "in seconds",
        "[default: 50]",
        "[default: get:9,set:1]",
        "Examples:",
        "Exit code:",
        "zipf:THETA",
    ] {
        assert!(text.contains(part), "{part}");
    }
}
