//! What every scenario asks at its end: does each node answer for every key, whichever node it was written at.

use std::time::Duration;

use mycorrhizal_tests::clock;
use netlab::Cluster;

/// Enough for each of three nodes to own some of them.
pub(crate) const KEYS: usize = 60;

const PATIENCE: Duration = Duration::from_secs(2);

/// Writes keys at one node, with a value that tells this round from others.
pub(crate) fn write(cluster: &Cluster, node: usize, round: &str) -> redis::RedisResult<()> {
    let mut pipeline = redis::pipe();
    keys(round).for_each(|key| {
        pipeline.set(key, round).ignore();
    });
    pipeline.query(&mut connect(cluster, node)?)
}

/// Reads at one node what was written in a round, and tells how many keys are as they were written.
pub(crate) fn read(cluster: &Cluster, node: usize, round: &str) -> redis::RedisResult<usize> {
    let mut pipeline = redis::pipe();
    keys(round).for_each(|key| {
        pipeline.get(key);
    });
    let values: Vec<Option<String>> = pipeline.query(&mut connect(cluster, node)?)?;
    Ok(values.iter().filter(|value| value.as_deref() == Some(round)).count())
}

fn keys(round: &str) -> impl Iterator<Item = String> {
    (0..KEYS).map(move |key| format!("{round}:{key}"))
}

fn connect(cluster: &Cluster, node: usize) -> redis::RedisResult<redis::Connection> {
    let connection = cluster.try_connect(node)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    Ok(connection)
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
