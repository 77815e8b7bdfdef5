//! Descriptors: running out of them, and giving all of them back.

use super::*;
use crate::ring::RingConfig;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

/// Set in the process that is started with few descriptors.
const ALONE: &str = "MYCORRHIZAL_TEST_ALONE";

/// Runs the test of this name in a process of its own, under a shell that sets limits first.
fn run_alone(test: &str, limits: &str) {
    let program = std::env::current_exe().expect("this program");
    let line = format!("{limits} && exec \"$0\" --exact {test} --nocapture --test-threads=1");
    let output =
        Command::new("sh").args(["-c", &line]).arg(program).env(ALONE, "1").output().expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn accepting_backs_off_while_there_are_no_descriptors() {
    if std::env::var_os(ALONE).is_none() {
        run_alone(
            "ring::tests::descriptors::accepting_backs_off_while_there_are_no_descriptors",
            "ulimit -n 120",
        );
        return;
    }
    on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        // Clients take descriptors of this process too: the connections of the last find none on our side.
        let mut sockets = Vec::new();
        while let Ok(socket) = TcpStream::connect(address) {
            sockets.push(socket);
        }
        let mut connections = Vec::new();
        while ring.stats().accept_back_offs == 0 || (connections.len() as u64) < ring.stats().accepts {
            if let Some(connection) = accept_now(&listener).await {
                connections.push(connection);
            } else {
                ring.sleep_until(ring.now() + std::time::Duration::from_millis(1)).await;
            }
        }
        let enters = ring.stats().enters;
        ring.sleep_until(ring.now() + std::time::Duration::from_millis(100)).await;
        let turns = ring.stats().enters - enters;
        assert!(turns < 50, "{turns} turns in 100 ms of waiting for descriptors");
        // Room again: whoever comes now is served.
        sockets.clear();
        connections.clear();
        spawn(async move {
            while let Ok(connection) = listener.accept().await {
                // Those that gave up in the backlog are through at once, or were reset.
                spawn(async move { echo(&connection).await.unwrap_or(()) });
            }
        });
        let peer = thread(move || {
            // Those in the backlog are accepted first, and may hold every descriptor until they are through.
            let mut socket = loop {
                match TcpStream::connect(address) {
                    Ok(socket) => break socket,
                    Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EMFILE)),
                }
            };
            socket.write_all(b"still there?").expect("sent");
            let mut echoed = [0; 12];
            socket.read_exact(&mut echoed).expect("received");
            echoed
        });
        until(&ring, |_| peer.is_finished()).await;
        assert_eq!(&peer.join().expect("no panic"), b"still there?");
    });
}

async fn accept_now(listener: &crate::ring::Listener) -> Option<crate::ring::Connection> {
    let mut accepting = Box::pin(listener.accept());
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match accepting.as_mut().poll(context) {
            std::task::Poll::Ready(connection) => Some(connection.expect("no error")),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

/// What the open descriptors are, as procfs names them.
fn open_descriptors() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/self/fd").expect("procfs");
    let links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let mut names: Vec<_> = links.map(|link| link.display().to_string()).collect();
    names.sort();
    names
}

#[test]
fn cores_that_ended_leave_no_descriptor() {
    if std::env::var_os(ALONE).is_none() {
        run_alone("ring::tests::descriptors::cores_that_ended_leave_no_descriptor", "true");
        return;
    }
    let run = || {
        on_core(RingConfig::default(), |ring| async move {
            let (listener, address) = listen(&ring);
            let peer = client(address, |mut socket| {
                socket.write_all(b"x").expect("sent");
                // The core ends while this waits.
                socket.read_to_end(&mut Vec::new()).map(drop)
            });
            let connection = listener.accept().await.expect("a client");
            connection.recv().await.expect("no error").expect("a byte");
            spawn(async move { connection.recv().await.map(drop).expect("no error") });
            spawn(async move { assert!(listener.accept().await.is_err(), "the core ends") });
            spawn({
                let ring = ring.clone();
                async move { ring.sleep_until(ring.now() + std::time::Duration::from_secs(3600)).await }
            });
            peer
        })
        .join()
        .expect("no panic")
        .expect("closed");
    };
    // glommio keeps one eventfd of each executor that ever was; a ring is to add none.
    let bare = || crate::executor::spawn(0, "bare", || async {}).expect("a thread").join().expect("no panic");
    bare();
    run();
    let at_first = open_descriptors();
    (0..5).for_each(|_| bare());
    let before = open_descriptors();
    let expected = before.len().saturating_sub(at_first.len());
    (0..5).for_each(|_| run());
    let mut after = open_descriptors();
    // The kernel closes a ring's descriptor some time after its thread has ended.
    for _ in 0..100_000 {
        if after.len() <= before.len() + expected {
            break;
        }
        std::thread::yield_now();
        after = open_descriptors();
    }
    assert!(after.len() <= before.len() + expected, "{before:?} before, {after:?} after five more cores");
}
