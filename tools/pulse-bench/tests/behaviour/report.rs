//! The reports that are written to files.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Parser;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use pulse_bench::cli::Cli;
use pulse_bench::program;
use serde_json::Value;

use crate::fake::{ok, reply, serve_all};

/// Runs the whole program, and returns what it printed.
fn program(flags: &[&str]) -> String {
    let cli = Cli::try_parse_from(["pulse-bench"].iter().chain(flags)).unwrap();
    let mut out = Vec::new();
    program::run(&cli.plan().unwrap(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Paths and types of a JSON value; elements of arrays share one path.
fn shape(value: &Value, path: &str, lines: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(items) => return items.iter().for_each(|item| shape(item, &format!("{path}[]"), lines)),
        Value::Object(fields) => {
            return fields.iter().for_each(|(name, field)| shape(field, &format!("{path}.{name}"), lines));
        }
    };
    lines.insert(format!("{path}: {kind}"));
}

#[test]
fn the_json_report_keeps_its_schema() {
    let server = || {
        let infos = AtomicU64::new(0);
        serve_all(move |request| match request[0].as_slice() {
            b"INFO" => {
                let seconds = infos.fetch_add(1, Ordering::Relaxed);
                reply(&format!("$47\r\nrun_id:abc\r\nused_cpu_user:{seconds}\r\nused_cpu_sys:2.5\r\n\r\n"))
            }
            b"GET" => reply("-ERR no\r\n"),
            _ => ok(),
        })
    };
    let (one, other) = (server(), server());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let (port, compare) = (one.to_string(), format!("127.0.0.1:{other}"));
    let path_text = path.to_str().unwrap();
    let flags = ["--port", &port, "--compare", &compare, "--rounds", "2", "-n", "1000", "--json", path_text];
    let printed = program(&flags);
    assert!(printed.contains("medians of 2 rounds"), "{printed}");
    let report = serde_json::from_str::<Value>(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let mut lines = BTreeSet::new();
    shape(&report, "", &mut lines);
    let seen = lines.into_iter().collect::<Vec<String>>().join("\n");
    assert_eq!(seen, include_str!("report.schema").trim_end());
    let order = report["runs"].as_array().unwrap().iter().map(|run| run["target"].as_str().unwrap());
    let (one, other) = (format!("127.0.0.1:{one}"), format!("127.0.0.1:{other}"));
    assert_eq!(order.collect::<Vec<&str>>(), [&one, &other, &other, &one]);
    assert_eq!(report["runs"][0]["errors_by_text"]["ERR no"], report["runs"][0]["errors"]);
}

#[test]
fn the_log_holds_every_operation() {
    let port = serve_all(|_| ok()).to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latency.hlog");
    let flags = ["--port", &port, "--rate", "1000", "--duration", "2.5", "--hdr", path.to_str().unwrap()];
    let printed = program(&flags);
    assert!(printed.contains("2,500 in"), "{printed}");
    let log = std::fs::read(&path).unwrap();
    let mut deserializer = Deserializer::new();
    let mut starts = Vec::new();
    let mut operations = 0;
    for entry in IntervalLogIterator::new(&log) {
        if let LogEntry::Interval(interval) = entry.unwrap() {
            starts.push(interval.start_timestamp().as_secs());
            let bytes = base64(interval.encoded_histogram());
            let histogram: Histogram<u64> = deserializer.deserialize(&mut bytes.as_slice()).unwrap();
            operations += histogram.len();
        }
    }
    assert_eq!(operations, 2_500);
    assert_eq!(starts, [0, 1, 2]);
}

/// Decodes base64, which the log wraps its histograms in.
fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for byte in text.bytes().filter(|&byte| byte != b'=') {
        bits = (bits << 6) | u32::from(digit(byte));
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).unwrap());
        }
    }
    bytes
}

#[test]
fn the_table_and_the_plot_are_plain_text() {
    let port =
        serve_all(|request| if request[0] == b"GET" { reply("-ERR no\r\n") } else { ok() }).to_string();
    let printed = program(&["--port", &port, "-n", "2000", "--mix", "get:1,set:1"]);
    for part in [
        "throughput",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "p99.99",
        "max",
        "errors",
        "x ERR no",
        "sent",
        "received",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert!(printed.contains("latency up to") && printed.contains('#'), "{printed}");
    assert!(printed.is_ascii());
}
