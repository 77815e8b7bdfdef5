//! The sections `stats` and `errorstats`: what went through the node since it started, or since CONFIG RESETSTAT.

use super::{Facts, Page};
use crate::cytoplasm::Kind;
use crate::node::counter::{CoreCounters, Counter, ERROR_CODES};

pub(super) fn stats(facts: &Facts<'_>, page: &mut Page) {
    let node = &facts.caller.core.node;
    let now_ms = facts.caller.core.now_ms();
    let rates: Vec<_> = node.counters.iter().map(|counters| counters.rates(now_ms)).collect();
    let kilobytes = |bytes: f64| format!("{:.2}", bytes / 1024.0);
    page.field("total_connections_received", node.sum(|core| core.accepted.read()));
    page.field("total_commands_processed", node.sum(|core| core.commands.read()));
    let commands: f64 = rates.iter().map(|rates| rates.commands).sum();
    page.field("instantaneous_ops_per_sec", format_args!("{commands:.0}"));
    page.field("total_net_input_bytes", node.sum(CoreCounters::recently_received_bytes));
    page.field("total_net_output_bytes", node.sum(CoreCounters::recently_sent_bytes));
    page.field("instantaneous_input_kbps", kilobytes(rates.iter().map(|rates| rates.received_bytes).sum()));
    page.field("instantaneous_output_kbps", kilobytes(rates.iter().map(|rates| rates.sent_bytes).sum()));
    page.field("rejected_connections", node.sum(|core| core.rejected.read()));
    page.field("sync_full", 0);
    page.field("sync_partial_ok", 0);
    page.field("sync_partial_err", 0);
    page.field("expired_keys", node.sum(CoreCounters::recently_expired));
    page.field("evicted_keys", 0);
    page.field("evicted_clients", 0);
    page.field("keyspace_hits", node.sum(|core| core.hits.read()));
    page.field("keyspace_misses", node.sum(|core| core.misses.read()));
    let subscribed = |kind| facts.caller.core.cytoplasm.interest.borrow().count_here(kind);
    page.field("pubsub_channels", subscribed(Kind::Channel));
    page.field("pubsub_patterns", subscribed(Kind::Pattern));
    page.field("pubsubshard_channels", subscribed(Kind::Shard));
    page.field("latest_fork_usec", 0);
    page.field("total_forks", 0);
    page.field("total_error_replies", node.sum(|core| core.errors.iter().map(Counter::read).sum()));
    page.field("total_forwarded_commands", node.sum(|core| core.forwarded_in.read()));
    page.field("total_forwarded_messages", node.sum(|core| core.published_in.read()));
    let query_limit = node.sum(|core| core.query_limit_closed.read());
    page.field("client_query_buffer_limit_disconnections", query_limit);
    let output_limit = node.sum(|core| core.output_limit_closed.read());
    page.field("client_output_buffer_limit_disconnections", output_limit);
}

pub(super) fn errors(facts: &Facts<'_>, page: &mut Page) {
    for (place, code) in ERROR_CODES.iter().enumerate() {
        let count = facts.caller.core.node.sum(|core| core.errors[place].read());
        if count > 0 {
            page.field(format_args!("errorstat_{code}"), format_args!("count={count}"));
        }
    }
}
