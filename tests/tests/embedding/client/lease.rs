//! Elections, locks and semaphores by clients.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use mycorrhizal::{BlockingClient, BlockingElection, Leader, Leadership, ProposeError};
use mycorrhizal_tests::clock::{now, wait_for};
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::{Daemon, Server as _, example_binary};

use super::{address, client_of};
use crate::nodes::SOON;

/// Long enough for a claim that nobody holds.
const SURELY: Duration = Duration::from_secs(20);

/// Who leads, once the node that is asked knows.
fn leader_of(election: &BlockingElection) -> Leader {
    wait_for("a leader", || election.leader().unwrap())
}

#[test]
fn one_of_two_is_elected_and_then_the_other() {
    let cluster = Cluster::start(2);
    let [one, other] = [client_of(&cluster), client_of(&cluster)].map(|client| client.election("billing"));
    assert_eq!(one.leader().unwrap(), None);
    let mut watch = other.observe().unwrap();
    assert_eq!(watch.wait_next(), Ok(None));
    let first = one.campaign().unwrap();
    assert!(first.is_held());
    assert!(other.campaign_within(SOON).unwrap().is_none());
    let leader = leader_of(&other);
    assert_eq!(leader.token, first.token());
    assert!(leader.node_name.starts_with("node-"), "{leader:?}");
    assert_eq!(watch.wait_next(), Ok(Some(leader)));
    // Longer than any promise lasts.
    assert!(other.campaign_within(Duration::from_secs(3)).unwrap().is_none());
    assert!(first.is_held());
    let token = first.token();
    first.wait_resign().unwrap();
    let second = other.campaign_within(SURELY).unwrap().unwrap();
    assert!(second.token() > token);
    drop(second);
    assert!(one.campaign_within(SURELY).unwrap().is_some(), "what is dropped is given up");
}

#[test]
fn a_lock_goes_round_between_clients_and_a_node() {
    let daemon = Daemon::on_cores("0,1");
    let client = BlockingClient::connect([address(daemon.port())]).unwrap();
    let sum = client.septum::<i64>("0");
    sum.set("sum", &0).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (lock, sum) = (client.lock("sum"), &sum);
            scope.spawn(move || {
                let mut last = 0;
                for round in 0..10 {
                    let guard = lock.acquire().unwrap();
                    assert!(guard.is_held() && guard.token() > last);
                    last = guard.token();
                    // Without the lock, some of these would be lost.
                    let before = sum.get("sum").unwrap().unwrap();
                    sum.set("sum", &(before + 1)).unwrap();
                    if round % 2 == 0 {
                        guard.wait_release().unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(sum.get("sum").unwrap(), Some(30));
    let guard = client.lock("sum").acquire().unwrap();
    assert!(daemon.connect().say("LOCK ACQUIRE sum TIMEOUT 50").is_null());
    drop(guard);
    assert!(daemon.connect().say("LOCK ACQUIRE sum").as_integer() > 0);
}

#[test]
fn a_semaphore_has_so_many_permits() {
    let daemon = Daemon::on_cores("0");
    let client = BlockingClient::connect([address(daemon.port())]).unwrap();
    let pool = client.semaphore("pool", 2);
    let (one, other) = (pool.acquire().unwrap(), pool.acquire().unwrap());
    assert!(other.token() > one.token());
    assert!(pool.try_acquire(SOON).unwrap().is_none());
    drop(one);
    assert!(pool.try_acquire(SURELY).unwrap().is_some());
    for refused in [client.semaphore("pool", 3), client.semaphore("none", 0)] {
        assert!(matches!(refused.acquire(), Err(ProposeError::PeerRefused(_))));
    }
    drop(client);
    assert!(other.is_held(), "whoever holds something keeps the client going");
}

/// Takes `first` from its holder by `end`, and sees that it knows before another has won.
fn holder_is_told_first(
    cluster: &mut Cluster,
    election: &BlockingElection,
    first: &Leadership,
    end: impl FnOnce(&mut Daemon),
) {
    let leader = leader_of(election);
    let at = cluster.nodes.iter().position(|node| node.id() == leader.node.to_string()).unwrap();
    let (told, won) = std::thread::scope(|scope| {
        let told = scope.spawn(|| {
            first.wait_lost();
            now()
        });
        let won = scope.spawn(|| {
            let second = election.campaign_within(SURELY).unwrap().unwrap();
            (now(), second.token())
        });
        end(&mut cluster.nodes[at]);
        (told.join().unwrap(), won.join().unwrap())
    });
    assert!(told < won.0, "{:?} too late", told - won.0);
    assert!(!first.is_held());
    assert!(won.1 > first.token());
}

#[test]
fn the_holder_is_told_before_another_wins_when_its_node_is_killed() {
    let mut cluster = Cluster::start(3);
    let election = client_of(&cluster).election("billing");
    let first = election.campaign().unwrap();
    holder_is_told_first(&mut cluster, &election, &first, |node| {
        node.process().signal("KILL");
        node.process().wait();
    });
}

#[test]
fn the_holder_is_told_before_another_wins_when_its_node_stands_still() {
    let mut cluster = Cluster::start(3);
    let election = client_of(&cluster).election("billing");
    let first = election.campaign().unwrap();
    holder_is_told_first(&mut cluster, &election, &first, |node| node.signal("STOP"));
    cluster.nodes.iter().for_each(|node| node.signal("CONT"));
}

#[test]
fn a_holder_that_was_paused_knows_at_once_that_it_has_lost() {
    let cluster = Cluster::start(2);
    let addresses = cluster.nodes.iter().map(|node| address(node.port()));
    let mut holder = Command::new(example_binary("holder"));
    holder.arg("billing").args(addresses).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    let (mut input, output) = (holder.stdin.take().unwrap(), holder.stdout.take().unwrap());
    let mut answers = BufReader::new(output).lines().map(Result::unwrap);
    input.write_all(b"?\n").unwrap();
    assert_eq!(answers.next().as_deref(), Some("held"));
    let signal = |name: &str| {
        let pid = holder.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    };
    signal("STOP");
    let second = client_of(&cluster).election("billing").campaign_within(SURELY).unwrap();
    assert!(second.is_some());
    // What it finds first when it goes on is this question.
    input.write_all(b"?\n").unwrap();
    signal("CONT");
    assert_eq!(answers.next().as_deref(), Some("lost"));
    drop(input);
    assert!(holder.wait().unwrap().success());
}
