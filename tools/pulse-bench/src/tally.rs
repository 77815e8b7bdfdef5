//! What one load thread counts.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

/// Largest latency that is told apart: an hour, in nanoseconds.
const LATENCY_MAX_NS: u64 = 3_600 * 1_000_000_000;
/// Most different error texts that are kept apart; the rest is counted as one.
const ERROR_TEXTS_MAX: usize = 64;
/// Longest part of an error text that is kept, in bytes.
const ERROR_TEXT_BYTES: usize = 120;

/// A histogram of latencies in nanoseconds, to three significant digits.
pub fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).expect("the bounds are valid")
}

/// Counts of one thread; or, merged, of a run.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Latencies of all replies, errors included, in nanoseconds.
    pub latencies: Histogram<u64>,
    /// Replies, errors included.
    pub operations: u64,
    /// Error replies by text.
    pub errors: BTreeMap<Vec<u8>, u64>,
    /// Null replies: reads of keys that are not there.
    pub nulls: u64,
    /// Operations that a server sent elsewhere by `MOVED` or `ASK`.
    pub redirects: u64,
    /// Bytes of replies.
    pub bytes_in: u64,
    /// Bytes of requests.
    pub bytes_out: u64,
    /// User and system time of the load threads, in nanoseconds.
    pub cpu_ns: u64,
    /// When counting began, in nanoseconds of the run's clock.
    pub from_ns: u64,
    /// When the last reply came.
    pub until_ns: u64,
    /// Requests without a reply when the run was given up.
    pub unanswered: u64,
    /// Operations of an open loop that were due and never sent, because the server had fallen too far behind.
    pub unsent: u64,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self {
            latencies: latencies(),
            operations: 0,
            errors: BTreeMap::new(),
            nulls: 0,
            redirects: 0,
            bytes_in: 0,
            bytes_out: 0,
            cpu_ns: 0,
            from_ns: u64::MAX,
            until_ns: 0,
            unanswered: 0,
            unsent: 0,
        }
    }

    /// Counts an error reply; `line` is the reply without its mark.
    pub fn count_error(&mut self, line: &[u8]) {
        let end = line.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(line.len());
        let text = &line[..end.min(ERROR_TEXT_BYTES)];
        // The slot and the address of a redirection differ from reply to reply.
        let text = match text.split(|&byte| byte == b' ').next() {
            Some(word @ (b"MOVED" | b"ASK")) => word,
            _ => text,
        };
        if let Some(count) = self.errors.get_mut(text) {
            *count += 1;
        } else {
            let text = if self.errors.len() < ERROR_TEXTS_MAX { text } else { b"(other errors)" };
            *self.errors.entry(text.to_vec()).or_default() += 1;
        }
    }

    /// Error replies of all texts.
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Adds what another thread, or another round, has counted.
    pub fn merge(&mut self, other: &Self) {
        self.latencies.add(&other.latencies).expect("all histograms have the same bounds");
        self.operations += other.operations;
        for (text, count) in &other.errors {
            *self.errors.entry(text.clone()).or_default() += count;
        }
        self.nulls += other.nulls;
        self.redirects += other.redirects;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.cpu_ns += other.cpu_ns;
        self.from_ns = self.from_ns.min(other.from_ns);
        self.until_ns = self.until_ns.max(other.until_ns);
        self.unanswered += other.unanswered;
        self.unsent += other.unsent;
    }

    /// From the first request to the last reply, in nanoseconds.
    pub fn elapsed_ns(&self) -> u64 {
        self.until_ns.saturating_sub(self.from_ns)
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn errors_are_counted_by_text() {
        let mut tally = Tally::new();
        tally.count_error(b"ERR wrong number\r\n");
        tally.count_error(b"ERR wrong number\r\n");
        tally.count_error(b"MOVED 1 a:1\r\n");
        tally.count_error(b"MOVED 2 b:1\r\n");
        assert_eq!(tally.errors[b"ERR wrong number".as_slice()], 2);
        assert_eq!(tally.errors[b"MOVED".as_slice()], 2);
        assert_eq!(tally.error_count(), 4);
    }

    #[test]
    fn error_texts_are_bounded() {
        let mut tally = Tally::new();
        for number in 0..1_000 {
            tally.count_error(format!("ERR {number} {}", "x".repeat(1_000)).as_bytes());
        }
        assert_eq!(tally.error_count(), 1_000);
        assert_eq!(tally.errors.len(), 65);
        assert!(tally.errors.keys().all(|text| text.len() <= 120));
    }
}
