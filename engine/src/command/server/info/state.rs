//! The sections that describe how things stand: `clients`, `persistence`, `replication`, `cluster`, `keyspace`.
//!
//! Of features that this version lacks, the fields that monitors read are written as a node that does not use them
//! would write them.

use super::{Facts, Page};
use crate::node::caller::PortKind;

pub(super) fn clients(facts: &Facts<'_>, page: &mut Page) {
    let core = &facts.caller.core;
    let reports = &facts.reports;
    page.field("connected_clients", core.node.sum(|core| core.connections.read()));
    page.field("cluster_connections", 0);
    page.field("maxclients", core.settings().maxclients);
    let input = reports.iter().map(|report| report.input_bytes_max).max();
    page.field("client_recent_max_input_buffer", input.unwrap_or(0));
    let output = reports.iter().map(|report| report.output_bytes_max).max();
    page.field("client_recent_max_output_buffer", output.unwrap_or(0));
    page.field("blocked_clients", 0);
    page.field("tracking_clients", 0);
    page.field("clients_in_timeout_table", 0);
}

pub(super) fn persistence(_: &Facts<'_>, page: &mut Page) {
    page.field("loading", 0);
    page.field("async_loading", 0);
    page.field("rdb_bgsave_in_progress", 0);
    page.field("rdb_saves", 0);
    page.field("aof_enabled", 0);
    page.field("aof_rewrite_in_progress", 0);
    page.field("aof_rewrite_scheduled", 0);
}

pub(super) fn replication(facts: &Facts<'_>, page: &mut Page) {
    page.field("role", "master");
    page.field("connected_slaves", 0);
    page.field("master_failover_state", "no-failover");
    page.field("master_replid", facts.caller.core.node.id);
    page.field("master_replid2", "0".repeat(40));
    page.field("master_repl_offset", 0);
    page.field("second_repl_offset", -1);
    page.field("repl_backlog_active", 0);
}

pub(super) fn cluster(facts: &Facts<'_>, page: &mut Page) {
    page.field("cluster_enabled", u8::from(facts.caller.port == PortKind::Core));
}

/// As everywhere, a core's own port shows that core's keys.
pub(super) fn keyspace(facts: &Facts<'_>, page: &mut Page) {
    let visible = facts.caller.visible_cores();
    let reports = visible.iter().filter_map(|core| facts.reports.get(core.index()));
    for number in 0..usize::from(facts.caller.core.settings().databases) {
        let counts = reports.clone().filter_map(|report| report.databases.get(number));
        let (keys, expiring) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        if keys > 0 {
            page.field(format_args!("db{number}"), format_args!("keys={keys},expires={expiring},avg_ttl=0"));
        }
    }
}
