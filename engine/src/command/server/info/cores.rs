//! The section `cores`, one line per core, and what is asked of the cores for it and for others.

use mycorrhizal_net::gossip::OpenerStats;
use rustix::time::{ClockId, clock_gettime};

use super::{Facts, Page};
use crate::mycel::Db;
use crate::node::Core;

/// What a core knows of itself and no counter holds.
pub(super) struct CoreReport {
    /// By database: keys, and those of them that expire.
    pub(super) databases: Vec<(u64, u64)>,
    /// Time that the core's thread has had on its processor, in microseconds.
    pub(super) processor_micros: u64,
    /// The largest unparsed input of a connection, in bytes.
    pub(super) input_bytes_max: u64,
    /// The largest unsent output of a connection, in bytes.
    pub(super) output_bytes_max: u64,
    /// Partitions that have come to the core, and that have left it.
    pub(super) moved_in: u64,
    /// See `moved_in`.
    pub(super) moved_out: u64,
    /// Links to cores of other nodes.
    pub(super) links: usize,
    /// Digests of other nodes that disagreed with the map, and those that no map explains.
    pub(super) digests: (u64, u64),
    /// Connections that came for links and did not become any.
    pub(super) links_refused: u64,
    /// What became of the datagrams that came to it.
    pub(super) datagrams: Option<OpenerStats>,
}

impl CoreReport {
    /// To be called on the core.
    pub(super) fn of(core: &Core) -> Self {
        let data = core.data.borrow();
        let keyspace = &data.keyspace;
        let count = |db| (keyspace.len(db) as u64, keyspace.expiring(db) as u64);
        let callers = core.callers.borrow();
        let inputs = callers.iter().map(|(_, caller)| caller.session().input_bytes as u64);
        let connections = callers.iter().filter_map(|(_, caller)| caller.connection());
        let (moved_out, moved_in) = core.migration.moved();
        Self {
            moved_in,
            moved_out,
            links: core.links.count(),
            digests: (core.exchange.disagreements.get(), core.exchange.conflicts.get()),
            links_refused: core.links.refused(),
            datagrams: core.datagrams(),
            databases: (0..keyspace.databases()).map(|number| count(Db::new(number))).collect(),
            processor_micros: thread_micros(),
            input_bytes_max: inputs.max().unwrap_or(0),
            output_bytes_max: connections
                .map(|connection| connection.unsent_bytes() as u64)
                .max()
                .unwrap_or(0),
        }
    }

    fn keys(&self) -> u64 {
        self.databases.iter().map(|(keys, _)| keys).sum()
    }
}

/// Time that this thread has had on its processor, in microseconds.
fn thread_micros() -> u64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    spent.tv_sec.cast_unsigned() * 1_000_000 + spent.tv_nsec.cast_unsigned() / 1_000
}

/// Writes the lines that `pulse top` shows.
pub(super) fn cores(facts: &Facts<'_>, page: &mut Page) {
    let node = &facts.caller.core.node;
    let now_ms = facts.caller.core.now_ms();
    for ((number, counters), report) in node.counters.iter().enumerate().zip(&facts.reports) {
        let line = format_args!(
            "processor={},ops_per_sec={:.0},hits={},misses={},connections={},used_memory={},keys={},p99_us={:.3},\
             cpu_us={}",
            node.processors.get(number).copied().unwrap_or(number),
            counters.rates(now_ms).commands,
            counters.hits.read(),
            counters.misses.read(),
            counters.connections.read(),
            counters.data_bytes.read() + counters.buffer_bytes.read(),
            report.keys(),
            crate::node::sampler::ratio(counters.recent_durations().percentile(99.0), 1_000),
            report.processor_micros,
        )
        .to_string();
        page.field(format_args!("core{number}"), line);
    }
}
