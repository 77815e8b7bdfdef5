//! The section `memory`.

use super::process::{rss_bytes, system_bytes};
use super::{Facts, Page};
use crate::node::sampler::ratio;

pub(super) fn memory(facts: &Facts<'_>, page: &mut Page) {
    let core = &facts.caller.core;
    let startup = core.node.sum(|core| core.startup_bytes.read());
    let data = core.node.sum(|core| core.data_bytes.read()) - startup;
    let buffers = core.node.sum(|core| core.buffer_bytes.read());
    let used = startup + data + buffers;
    let rss = rss_bytes();
    let peak = core.node.peak_bytes().max(used);
    let maxmemory = core.settings().maxmemory;
    page.bytes("used_memory", used);
    page.bytes("used_memory_rss", rss);
    page.bytes("used_memory_peak", peak);
    page.field("used_memory_peak_perc", format_args!("{:.2}%", percent(used, peak)));
    page.field("used_memory_overhead", startup + buffers);
    page.field("used_memory_startup", startup);
    page.field("used_memory_dataset", data);
    page.field("used_memory_dataset_perc", format_args!("{:.2}%", percent(data, used - startup)));
    page.bytes("total_system_memory", system_bytes());
    page.bytes("maxmemory", maxmemory);
    page.field("maxmemory_policy", "noeviction");
    page.field("mem_fragmentation_ratio", format_args!("{:.2}", ratio(rss, used.max(1))));
    page.field("mem_fragmentation_bytes", rss.cast_signed() - used.cast_signed());
    page.field("mem_not_counted_for_evict", 0);
    page.field("mem_clients_slaves", 0);
    page.field("mem_clients_normal", buffers);
    page.field("mem_cluster_links", 0);
    page.field("mem_aof_buffer", 0);
}

fn percent(part: u64, whole: u64) -> f64 {
    ratio(part, whole.max(1)) * 100.0
}
