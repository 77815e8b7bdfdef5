//! LATENCY DOCTOR: the spikes in words, and what may help against them.

use std::fmt::Write as _;

use super::Events;
use crate::node::settings::Settings;
use crate::node::slowlog::LatencyEvent;

/// The whole report.
pub(super) fn write(events: &Events, settings: &Settings) -> String {
    if settings.latency_monitor_threshold == 0 {
        return "Latency monitoring is off, so there is nothing to report. CONFIG SET latency-monitor-threshold \
                <milliseconds> turns it on.\n"
            .to_owned();
    }
    if events.is_empty() {
        return "No latency spike was seen since monitoring began, or since LATENCY RESET. The mycelium is calm.\n"
            .to_owned();
    }
    let mut report = "Latency spikes were seen in this node:\n\n".to_owned();
    for (place, (name, event)) in events.iter().enumerate() {
        let line = describe(event);
        writeln!(report, "{}. {name}: {line}", place + 1).expect("a string takes what is written to it");
    }
    report.push_str("\nWhat may help:\n\n");
    for name in events.keys() {
        writeln!(report, "- {}", advice(name)).expect("a string takes what is written to it");
    }
    report
}

fn describe(event: &LatencyEvent) -> String {
    let count = event.spikes.len().max(1) as u64;
    let average = event.spikes.iter().map(|(_, millis)| millis).sum::<u64>() / count;
    let deviation = event.spikes.iter().map(|(_, millis)| millis.abs_diff(average)).sum::<u64>() / count;
    let first = event.spikes.front().map_or(0, |(at, _)| *at);
    let last = event.spikes.back().map_or(0, |(at, _)| *at);
    let period = (last - first) / count.saturating_sub(1).max(1);
    format!(
        "{} latency spikes (average {average} ms, mean deviation {deviation} ms, period {period} s). Worst all time \
         event {} ms.",
        event.spikes.len(),
        event.max_ms,
    )
}

fn advice(event: &str) -> &'static str {
    match event {
        "fast-command" => {
            "Commands that take constant time were slow: the machine was short of processor time, or the core was busy \
             with something else. See INFO cores, and whether other programs share its processor."
        }
        "expire-cycle" => {
            "Many keys expired at the same moment. Deadlines with some chance in them spread that over time."
        }
        _ => {
            "Commands took long by what they were asked to do. SLOWLOG GET tells which; ask for less at a time (SCAN \
             instead of KEYS), or let the keys live on more cores."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_says_what_was_seen() {
        let on = Settings { latency_monitor_threshold: 5, ..Settings::default() };
        assert!(write(&Events::new(), &Settings::default()).contains("off"));
        assert!(write(&Events::new(), &on).contains("No latency spike"));
        let event = LatencyEvent { spikes: [(10, 4), (20, 8), (30, 12)].into(), max_ms: 40 };
        let report = write(&[("command", event)].into(), &on);
        let line = "1. command: 3 latency spikes (average 8 ms, mean deviation 2 ms, period 10 s). Worst all time event 40 ms.";
        assert!(report.contains(line), "{report}");
        assert!(report.contains("SLOWLOG GET"));
    }
}
