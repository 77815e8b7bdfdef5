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
    page.field("links", facts.reports.iter().map(|report| report.links).sum::<usize>());
    page.field("links_refused", facts.reports.iter().map(|report| report.links_refused).sum::<u64>());
    if let Some(datagrams) = facts.reports.iter().find_map(|report| report.datagrams) {
        write_datagrams(&datagrams, page);
    }
}

/// What came by UDP: how much of it opened, and why the rest was dropped.
fn write_datagrams(datagrams: &OpenerStats, page: &mut Page) {
    page.field("datagrams_opened", datagrams.opened);
    page.field("datagrams_too_short", datagrams.too_short);
    page.field("datagrams_other_version", datagrams.other_version);
    page.field("datagrams_unknown_key", datagrams.unknown_key);
    page.field("datagrams_forged", datagrams.forged);
    page.field("datagrams_replayed", datagrams.replayed);
    page.field("datagrams_retired_incarnation", datagrams.retired_incarnation);
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
