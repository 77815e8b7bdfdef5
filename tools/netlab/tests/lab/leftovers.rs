//! Nothing stays behind, neither after a lab that was dropped nor after a process that was killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use mycorrhizal_tests::clock;
use netlab::{Fault, Impairment, Lab, Paths};

fn exists(namespace: &str) -> bool {
    Path::new("/run/netns").join(namespace).exists()
}

#[test]
fn a_lab_that_is_dropped_takes_everything_with_it() {
    let Some(mut lab) = Lab::where_possible(2) else { return };
    lab.apply(&Paths::among([0, 1]), Fault::Rate { kilobits: 1000 }).unwrap();
    lab.apply(&Paths::among([0, 1]), Fault::Impair(Impairment::default())).unwrap();
    lab.unplug(0).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("sleep");
    let mut process = lab.host(0).spawn(command.arg("1000"), &directory.path().join("log")).unwrap();
    let names: Vec<String> = lab.namespaces().map(str::to_owned).collect();
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| exists(name)));
    drop(lab);
    process.wait();
    assert!(!names.iter().any(|name| exists(name)));
}

#[test]
fn what_a_killed_process_left_is_removed_and_what_lives_is_not() {
    let Some(lab) = Lab::where_possible(1) else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_netlab"));
    let mut owner = command.args(["up", "2"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines().map(Result::unwrap);
    let names: Vec<String> = lines.take_while(|line| line != "Up.").collect();
    assert_eq!(names.len(), 3);
    let mut inside = Command::new("ip");
    let mut inside = inside.args(["netns", "exec", &names[0], "sleep", "1000"]).spawn().unwrap();
    clock::wait_for("the program to be inside", || {
        let pids = Command::new("ip").args(["netns", "pids", &names[0]]).output().unwrap();
        String::from_utf8_lossy(&pids.stdout).contains(&inside.id().to_string()).then_some(())
    });
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(names.iter().all(|name| exists(name)), "nobody has cleaned up");

    // Another test may have been quicker, so that the number says nothing.
    let _removed = Lab::remove_stale();
    assert!(!names.iter().any(|name| exists(name)));
    assert!(!inside.wait().unwrap().success(), "what ran inside is ended");
    assert!(lab.namespaces().all(exists), "a lab whose process lives is left alone");
}
