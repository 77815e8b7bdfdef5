//! What every scenario asks at its end: does each node answer for every key, whichever node it was written at.

use std::time::Duration;

use mycorrhizal_tests::clock;
use netlab::Cluster;
use redis::Value;

/// Enough for each of three nodes to own some of them.
pub(crate) const KEYS: usize = 60;

const PATIENCE: Duration = Duration::from_secs(2);

/// Writes keys at one node, with a value that tells this round from others.
pub(crate) fn write(cluster: &Cluster, node: usize, round: &str) -> redis::RedisResult<()> {
    let mut pipeline = redis::pipe();
    keys(round).for_each(|key| {
        pipeline.set(key, round);
    });
    ask(cluster, node, &pipeline).map(drop)
}

/// Reads at one node what was written in a round, and tells how many keys are as they were written.
pub(crate) fn read(cluster: &Cluster, node: usize, round: &str) -> redis::RedisResult<usize> {
    let mut pipeline = redis::pipe();
    keys(round).for_each(|key| {
        pipeline.get(key);
    });
    let expected = Value::BulkString(round.as_bytes().to_vec());
    Ok(ask(cluster, node, &pipeline)?.iter().filter(|value| **value == expected).count())
}

/// Sends all at once and reads until the first that fails; a pipeline itself would wait out the time of each one
/// behind it.
fn ask(cluster: &Cluster, node: usize, pipeline: &redis::Pipeline) -> redis::RedisResult<Vec<Value>> {
    let mut connection = cluster.try_connect(node)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.send_packed_command(&pipeline.get_packed_pipeline())?;
    (0..KEYS).map(|_| connection.recv_response()?.extract_error()).collect()
}

fn keys(round: &str) -> impl Iterator<Item = String> {
    (0..KEYS).map(move |key| format!("{round}:{key}"))
}

/// Waits until some round that is written at each node is read at every node.
pub(crate) fn wait_until_whole(cluster: &Cluster, nodes: usize, name: &str) {
    for writer in 0..nodes {
        let round = format!("{name}:{writer}");
        clock::wait_for("a node to take every key", || write(cluster, writer, &round).ok());
        for reader in 0..nodes {
            clock::wait_for("a node to answer for every key", || {
                read(cluster, reader, &round).is_ok_and(|found| found == KEYS).then_some(())
            });
        }
    }
}
