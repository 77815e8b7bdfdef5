//! The examples run to their end.

use std::process::{Command, Stdio};

use mycorrhizal_tests::server::example_binary;

fn run(example: &str) -> String {
    let output = Command::new(example_binary(example)).stdin(Stdio::null()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{example}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_order_is_charged_by_another_application() {
    let printed = run("two_applications");
    assert!(printed.contains("order 1 is paid"), "{printed}");
    assert!(printed.contains("order 2 was refused"), "{printed}");
}

#[test]
fn what_is_said_on_one_node_is_heard_on_another() {
    let printed = run("chat");
    assert_eq!(printed, "1 hears it\nalice: is anybody there?\nbob: only me, on another node\n");
}

#[test]
fn the_session_cache_serves_and_its_leader_works() {
    let printed = run("session_cache");
    assert!(printed.contains("alice is signed in"), "{printed}");
    assert!(printed.contains("leads"), "{printed}");
    assert!(printed.contains("another leads now"), "{printed}");
}
