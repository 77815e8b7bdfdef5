//! Which part of a phase counts, second by second.

use std::sync::mpsc::Sender;

use hdrhistogram::Histogram;

use crate::clock::{SECOND_NS, thread_cpu_ns};
use crate::tally::{Tally, latencies};

use super::Interval;

/// Begins the count when the warm-up is over, and cuts it into seconds if somebody wants them.
pub(super) struct Recorder {
    from_ns: u64,
    cpu_from_ns: Option<u64>,
    intervals: Option<Sender<Interval>>,
    second: u64,
    whole: Histogram<u64>,
}

impl Recorder {
    pub(super) fn new(intervals: Option<Sender<Interval>>, from_ns: u64) -> Self {
        Self { from_ns, cpu_from_ns: None, intervals, second: 0, whole: latencies() }
    }

    #[inline]
    pub(super) fn on_time(&mut self, tally: &mut Tally, now_ns: u64) {
        if self.cpu_from_ns.is_none() && now_ns >= self.from_ns {
            self.cpu_from_ns = Some(thread_cpu_ns());
            tally.bytes_in = 0;
            tally.bytes_out = 0;
        }
        if self.intervals.is_some() && now_ns.saturating_sub(self.from_ns) / SECOND_NS > self.second {
            self.cut(tally, now_ns);
        }
    }

    #[cold]
    fn cut(&mut self, tally: &mut Tally, now_ns: u64) {
        let Some(intervals) = &self.intervals else { return };
        let cut = std::mem::replace(&mut tally.latencies, latencies());
        self.whole.add(&cut).expect("all histograms have the same bounds");
        // Nobody listens any more when the run is being given up.
        drop(intervals.send(Interval { second: self.second, latencies: cut }));
        self.second = now_ns.saturating_sub(self.from_ns) / SECOND_NS;
    }

    pub(super) fn finish(mut self, tally: &mut Tally, now_ns: u64) {
        self.cut(tally, now_ns);
        if self.intervals.is_some() {
            tally.latencies = self.whole;
        }
        tally.from_ns = self.from_ns;
        tally.cpu_ns = thread_cpu_ns() - self.cpu_from_ns.unwrap_or_else(thread_cpu_ns);
    }
}
