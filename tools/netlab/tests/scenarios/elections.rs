//! Leaders that die, and leaders that stand still: another is elected soon, with a higher token, and the old one knows.

use std::time::Duration;

use mycorrhizal_tests::clock;
use netlab::Cluster;
use redis::Value;

/// So long may it take until another leads.
const BOUND: Duration = Duration::from_secs(3);

/// How many leaders are killed, one after the other, if not two; with fifty the 99th percentile is worth something.
const ROUNDS: &str = "NETLAB_ELECTION_ROUNDS";

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn info(cluster: &Cluster, node: usize, field: &str) -> Option<String> {
    let mut connection = cluster.try_connect(node).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let info: String = redis::cmd("INFO").arg("nodosum").query(&mut connection).ok()?;
    info.lines().find_map(|line| Some(line.strip_prefix(field)?.strip_prefix(':')?.to_owned()))
}

/// Waits until every node is present, and may act.
pub(crate) fn wait_until_all_act(cluster: &Cluster, nodes: usize) {
    clock::wait_for("all nodes", || {
        let is_whole = |node| {
            info(cluster, node, "members_present") == Some(nodes.to_string())
                && info(cluster, node, "acts").as_deref() == Some("1")
        };
        (0..nodes).all(is_whole).then_some(())
    });
}

/// The node that leads consensus, and one that does not.
fn leader_and_other(cluster: &Cluster) -> (usize, usize) {
    let leads = |node: &usize| info(cluster, *node, "consensus_leader") == info(cluster, *node, "node_id");
    let leader = clock::wait_for("a leader of consensus", || (0..3).find(leads));
    (leader, (leader + 1) % 3)
}

/// Sends a command whose answer is awaited later.
fn send(connection: &mut redis::Connection, words: &[&str]) {
    let (first, rest) = words.split_first().unwrap();
    let command = redis::cmd(first).arg(rest).get_packed_command();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection.send_packed_command(&command).unwrap();
}

fn token(value: &Value) -> i64 {
    redis::from_redis_value(value.clone()).unwrap_or_else(|_| panic!("no token: {value:?}"))
}

/// A node that was not heard for a while says that it is on its way back, and is asked again.
fn campaign(connection: &mut redis::Connection, name: &str) -> i64 {
    clock::wait_for("an election", || {
        let won = redis::cmd("ELECTION").arg("CAMPAIGN").arg(name).query(connection);
        match won {
            Err(error) if error.code() == Some("CLUSTERDOWN") => None,
            won => Some(won.unwrap()),
        }
    })
}

/// A candidate that waits in the queue.
fn candidate(cluster: &Cluster, node: usize, name: &str) -> redis::Connection {
    let mut candidate = cluster.connect(node);
    send(&mut candidate, &["ELECTION", "CAMPAIGN", name]);
    clock::wait_for("a candidate in the queue", || {
        let info: Value =
            redis::cmd("ELECTION").arg("INFO").arg(name).query(&mut cluster.connect(node)).ok()?;
        let Value::Array(fields) = info else { return None };
        fields.contains(&Value::Int(1)).then_some(())
    });
    candidate
}

/// Kills who leads the election of that name, and returns how long it took until another one led.
fn kill_leader(cluster: &mut Cluster, leader: usize, name: &str) -> Duration {
    let mut leading = cluster.connect(leader);
    let first = campaign(&mut leading, name);
    let mut waiting = candidate(cluster, (leader + 1) % 3, name);
    let killed = clock::now();
    cluster.kill(leader);
    let second = token(&waiting.recv_response().unwrap());
    let took = clock::now() - killed;
    assert!(second > first, "{second} > {first}");
    took
}

#[test]
fn another_is_elected_soon_when_the_leader_is_killed() {
    let Some(mut cluster) = Cluster::start(3) else { return };
    let rounds = std::env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2);
    let mut took: Vec<Duration> = (0..rounds)
        .map(|round| {
            wait_until_all_act(&cluster, 3);
            let (leader, other) = leader_and_other(&cluster);
            // In turn one that leads consensus too, and one that does not.
            let victim = if round % 2 == 0 { leader } else { other };
            let took = kill_leader(&mut cluster, victim, &format!("billing-{round}"));
            eprintln!("round {round}: {took:?}{}", if victim == leader { ", with consensus" } else { "" });
            cluster.restart(victim);
            took
        })
        .collect();
    took.sort_unstable();
    let percentile = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    eprintln!(
        "{rounds} rounds: p50 {:?}, p90 {:?}, p99 {:?}",
        percentile(50),
        percentile(90),
        percentile(99)
    );
    assert!(percentile(99) < BOUND, "{took:?}");
}

#[test]
fn a_leader_that_stood_still_knows_that_it_lost() {
    let Some(mut cluster) = Cluster::start(3) else { return };
    wait_until_all_act(&cluster, 3);
    let (_, leader) = leader_and_other(&cluster);
    let mut leading = cluster.connect(leader);
    let first = campaign(&mut leading, "billing");
    let mut waiting = candidate(&cluster, (leader + 1) % 3, "billing");
    cluster.process(leader).stop();
    let stopped = clock::now();
    let second = token(&waiting.recv_response().unwrap());
    assert!(second > first, "{second} > {first}");
    // What it is asked while it stands still is the first that it answers.
    send(&mut leading, &["ELECTION", "INFO", "billing"]);
    clock::wait_for("ten seconds", || (clock::now() - stopped > Duration::from_secs(10)).then_some(()));
    cluster.process(leader).cont();
    // An error, or the end of the connection, will do as well.
    if let Ok(told) = leading.recv_response() {
        assert!(!names(&told, first), "the old leader says that it leads: {told:?}");
    }
    wait_until_all_act(&cluster, 3);
    let told: Value =
        redis::cmd("ELECTION").arg("INFO").arg("billing").query(&mut cluster.connect(leader)).unwrap();
    assert!(names(&told, second), "{told:?}");
}

/// Whether an answer has this token as that of the holder.
fn names(told: &Value, token: i64) -> bool {
    format!("{told:?}").contains(&format!("\"token\"'), int({token})"))
}
