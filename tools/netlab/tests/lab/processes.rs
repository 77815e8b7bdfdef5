//! Programs inside a host: where they run, and that signals do to them what they should.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use mycorrhizal_tests::clock;
use netlab::{Lab, Process};

fn state(process: &Process) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid())).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn they_run_inside_and_are_stopped_continued_and_killed() {
    let Some(lab) = Lab::where_possible(1) else { return };
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut command = Command::new("sh");
    command.args(["-c", "echo $WHO $PWD; ip -oneline -4 address; exec sleep 1000"]);
    command.env("WHO", "somebody").current_dir(directory.path());
    let mut process = lab.host(0).spawn(&command, &log).unwrap();
    let address = lab.host(0).address().to_string();
    clock::wait_for("its words", || process.log().contains(&address).then_some(()));
    assert!(process.log().starts_with(&format!("somebody {}", directory.path().display())));

    process.stop();
    clock::wait_for("it to stop", || (state(&process) == Some('T')).then_some(()));
    process.cont();
    clock::wait_for("it to go on", || (state(&process) == Some('S')).then_some(()));
    assert!(process.ended().is_none());
    assert_eq!(process.kill().signal(), Some(9));

    let mut process = lab.host(0).spawn(Command::new("sleep").arg("1000"), &log).unwrap();
    assert_eq!(process.terminate().signal(), Some(15));
    let mut failing = lab.host(0).spawn(&Command::new("false"), &log).unwrap();
    assert_eq!(failing.wait().code(), Some(1));
}
