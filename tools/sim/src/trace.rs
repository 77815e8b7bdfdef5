//! What happened: as one number, to compare two runs, and on request as text.

use std::fmt;
use std::io::Write;

use mycorrhizal::nodosum::Time;

/// A running hash of all that happened, and a writer of lines.
pub struct Trace {
    hash: u64,
    lines: Option<Box<dyn Write>>,
}

impl Trace {
    /// Only the hash.
    pub fn silent() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: None }
    }

    /// The hash, and lines for people.
    pub fn written(lines: impl Write + 'static) -> Self {
        Self { lines: Some(Box::new(lines)), ..Self::silent() }
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Something happened to `node`. `detail` is asked only if somebody reads it.
    pub fn record(
        &mut self,
        now: Time,
        node: usize,
        what: &'static str,
        bytes: &[u8],
        detail: impl FnOnce() -> String,
    ) {
        self.mix(now.micros());
        self.mix(node as u64);
        self.mix_bytes(what.as_bytes());
        self.mix_bytes(bytes);
        if let Some(lines) = &mut self.lines {
            let written = writeln!(lines, "{now:>12} {node:>4} {what:<9} {}", detail());
            // Whoever asked for lines would rather have the run than nothing, when the disk is full.
            if written.is_err() {
                self.lines = None;
            }
        }
    }

    fn mix_bytes(&mut self, bytes: &[u8]) {
        self.mix(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.mix(u64::from(*byte)));
    }

    fn mix(&mut self, value: u64) {
        self.hash = (self.hash ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Trace({:016x})", self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(times: &[u64], bytes: &[u8]) -> u64 {
        let mut trace = Trace::silent();
        for time in times {
            trace.record(Time::from_micros(*time), 1, "came", bytes, || unreachable!("nobody reads it"));
        }
        trace.hash()
    }

    #[test]
    fn everything_counts() {
        assert_eq!(hash(&[1, 2], b"12345678x"), hash(&[1, 2], b"12345678x"));
        assert_ne!(hash(&[1, 2], b"12345678x"), hash(&[2, 1], b"12345678x"));
        assert_ne!(hash(&[1, 2], b"12345678x"), hash(&[1, 2], b"12345678y"));
        assert_ne!(hash(&[1], b""), hash(&[1], b"\0"));
    }
}
