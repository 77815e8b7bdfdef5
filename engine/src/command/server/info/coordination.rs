//! The node's place in its cluster.

use mycorrhizal_net::gossip::OpenerStats;

use super::{Facts, Page};
use crate::nodosum::service::{Stage, Status};
use crate::nodosum::state::Presence;

pub(super) fn nodosum(facts: &Facts<'_>, page: &mut Page) {
    let core = &facts.caller.core;
    let state = core.directory.state();
    page.field("node_id", core.node.id);
    let Some(cluster) = &core.node.cluster else { return page.field("cluster", "none") };
    let status = cluster.service.status().borrow().clone();
    page.field("cluster", &cluster.options.name);
    page.field("cluster_id", state.cluster().map(|id| id.to_string()).unwrap_or_default());
    page.field("stage", stage(&status.stage));
    page.field("incarnation", cluster.incarnation);
    page.field("acts", u8::from(!core.suspended.get()));
    write_consensus(&status, page);
    let present = state.members().filter(|member| member.presence == Presence::Present);
    page.field("members", state.members().count());
    page.field("members_present", present.count());
    page.field("state_version", state.version());
    page.field("map_epoch", state.map().epoch());
    page.field("partitions_owned", state.map().owned_count(core.node.id));
    let moving = state.map().iter().filter(|(_, entry)| entry.moving_to.is_some());
    page.field("partitions_moving", moving.count());
    page.field("partitions_lost", state.partitions_lost());
    page.field("partitions_moved_in", facts.reports.iter().map(|report| report.moved_in).sum::<u64>());
    page.field("partitions_moved_out", facts.reports.iter().map(|report| report.moved_out).sum::<u64>());
    page.field("digests_disagreed", facts.reports.iter().map(|report| report.digests.0).sum::<u64>());
    page.field("digests_in_conflict", facts.reports.iter().map(|report| report.digests.1).sum::<u64>());
    page.field("links", facts.reports.iter().map(|report| report.links).sum::<usize>());
    page.field("links_refused", facts.reports.iter().map(|report| report.links_refused).sum::<u64>());
    write_datagrams(facts, page);
}

/// What came by UDP: how much of it opened, and why the rest was dropped.
fn write_datagrams(facts: &Facts<'_>, page: &mut Page) {
    let datagrams = || facts.reports.iter().filter_map(|report| report.datagrams.as_ref());
    let sum = |count: fn(&OpenerStats) -> u64| datagrams().map(count).sum::<u64>();
    page.field("datagrams_opened", sum(|stats| stats.opened));
    page.field("datagrams_too_short", sum(|stats| stats.too_short));
    page.field("datagrams_other_version", sum(|stats| stats.other_version));
    page.field("datagrams_unknown_key", sum(|stats| stats.unknown_key));
    page.field("datagrams_forged", sum(|stats| stats.forged));
    page.field("datagrams_replayed", sum(|stats| stats.replayed));
    page.field("datagrams_retired_incarnation", sum(|stats| stats.retired_incarnation));
}

fn write_consensus(status: &Status, page: &mut Page) {
    page.field("consensus_leader", status.leader.map(|leader| leader.to_string()).unwrap_or_default());
    page.field("consensus_term", status.term);
    let voters: Vec<String> = status.voters.iter().map(ToString::to_string).collect();
    page.field("consensus_voters", voters.join(","));
}

fn stage(stage: &Stage) -> String {
    match stage {
        Stage::Searching => "searching".to_owned(),
        Stage::Waiting { seen, expect } => format!("waiting:{seen}_of_{expect}"),
        Stage::Torn(_) => "torn_between_clusters".to_owned(),
        Stage::Joining(_) => "joining".to_owned(),
        Stage::Member(_) => "member".to_owned(),
        Stage::Retired(_) => "retired".to_owned(),
        Stage::Failed(_) => "failed".to_owned(),
    }
}
