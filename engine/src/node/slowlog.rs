//! Commands that took long, and events that did: what SLOWLOG and LATENCY report. Each core keeps its own.

use std::collections::{BTreeMap, VecDeque};

use mycorrhizal_net::resp::Args;

/// Arguments of a command that the log keeps.
const ARGS_KEPT: usize = 32;
/// Bytes of one argument that the log keeps.
const ARG_BYTES_KEPT: usize = 128;
/// Stands for what is not to be read, as with Redis.
const REDACTED: &[u8] = b"(redacted)";
/// Spikes kept per event.
const SPIKES_KEPT: usize = 160;

/// One slow command.
#[derive(Debug, Clone)]
pub(crate) struct SlowCommand {
    /// Its number on this core; the node-wide id is made from it and the core.
    pub(crate) number: u64,
    /// Unix time at its end, in microseconds: puts the commands of several cores in order.
    pub(crate) unix_us: u64,
    /// How long it took, in microseconds.
    pub(crate) micros: u64,
    /// Its first arguments, shortened.
    pub(crate) args: Vec<Vec<u8>>,
    /// The client's address.
    pub(crate) address: String,
    /// The client's name.
    pub(crate) name: Vec<u8>,
}

/// The slow commands of one core, newest first.
#[derive(Debug)]
pub(crate) struct SlowLog {
    entries: VecDeque<SlowCommand>,
    max: usize,
    next: u64,
}

impl SlowLog {
    pub(crate) fn new(max: usize) -> Self {
        Self { entries: VecDeque::new(), max, next: 0 }
    }

    /// Keeps at most `max` commands from now on.
    pub(crate) fn set_max(&mut self, max: usize) {
        self.max = max;
        self.entries.truncate(max);
    }

    /// Logs a command.
    pub(crate) fn push(&mut self, unix_us: u64, micros: u64, args: Args<'_>, address: String, name: Vec<u8>) {
        let entry = SlowCommand { number: self.next, unix_us, micros, args: shortened(args), address, name };
        self.next += 1;
        self.entries.push_front(entry);
        self.entries.truncate(self.max);
    }

    /// The log, newest first.
    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = &SlowCommand> {
        self.entries.iter()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

fn shortened(args: Args<'_>) -> Vec<Vec<u8>> {
    let kept = if args.len() > ARGS_KEPT { ARGS_KEPT - 1 } else { args.len() };
    let shown =
        |(at, arg): (usize, &[u8])| if is_secret(args, at) { REDACTED.to_vec() } else { shortened_arg(arg) };
    let mut shortened: Vec<Vec<u8>> = args.iter().take(kept).enumerate().map(shown).collect();
    if args.len() > kept {
        shortened.push(format!("... ({} more arguments)", args.len() - kept).into_bytes());
    }
    shortened
}

/// Whether an argument is the password in CONFIG SET, the only command with one that is logged at all.
fn is_secret(args: Args<'_>, at: usize) -> bool {
    let is = |at: usize, word: &[u8]| args.get(at).eq_ignore_ascii_case(word);
    at >= 3 && at % 2 == 1 && is(0, b"config") && is(1, b"set") && is(at - 1, b"requirepass")
}

fn shortened_arg(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= ARG_BYTES_KEPT {
        return arg.to_vec();
    }
    let more = format!("... ({} more bytes)", arg.len() - ARG_BYTES_KEPT);
    [&arg[..ARG_BYTES_KEPT], more.as_bytes()].concat()
}

/// The latency spikes of one core by event: `command`, `fast-command`, `expire-cycle`.
#[derive(Debug, Default)]
pub(crate) struct LatencyEvents(BTreeMap<&'static str, LatencyEvent>);

/// The spikes of one event.
#[derive(Debug, Clone, Default)]
pub(crate) struct LatencyEvent {
    /// Unix time in seconds and milliseconds taken, oldest first; one entry per second at most.
    pub(crate) spikes: VecDeque<(u64, u64)>,
    /// The longest ever, in milliseconds.
    pub(crate) max_ms: u64,
}

impl LatencyEvents {
    /// Keeps a spike; of those in one second, the longest.
    pub(crate) fn push(&mut self, event: &'static str, unix_seconds: u64, millis: u64) {
        let event = self.0.entry(event).or_default();
        event.max_ms = event.max_ms.max(millis);
        match event.spikes.back_mut() {
            Some((at, longest)) if *at == unix_seconds => *longest = (*longest).max(millis),
            _ => event.spikes.push_back((unix_seconds, millis)),
        }
        if event.spikes.len() > SPIKES_KEPT {
            event.spikes.pop_front();
        }
    }

    /// The events and their spikes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &LatencyEvent)> {
        self.0.iter().map(|(name, event)| (*name, event))
    }

    /// Forgets the events that `chosen` names; returns how many there were.
    pub(crate) fn reset(&mut self, chosen: impl Fn(&str) -> bool) -> usize {
        let before = self.0.len();
        self.0.retain(|name, _| !chosen(name));
        before - self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use mycorrhizal_net::resp::Span;

    use super::*;

    #[test]
    fn passwords_are_not_kept() {
        let words: [&[u8]; 6] = [b"CONFIG", b"Set", b"maxclients", b"7", b"RequirePass", b"secret"];
        let mut buffer = Vec::new();
        let mut spans = Vec::new();
        for word in words {
            let start = u32::try_from(buffer.len()).unwrap();
            buffer.extend_from_slice(word);
            spans.push(Span { start, end: u32::try_from(buffer.len()).unwrap() });
        }
        let mut expected: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
        expected[5] = b"(redacted)".to_vec();
        assert_eq!(shortened(Args::new(&buffer, &spans)), expected);
    }

    #[test]
    fn long_commands_are_shortened() {
        let buffer = vec![b'x'; 200];
        let spans = vec![Span { start: 0, end: 200 }; 40];
        let mut log = SlowLog::new(2);
        for _ in 0..3 {
            log.push(1, 2, Args::new(&buffer, &spans), String::new(), Vec::new());
        }
        assert_eq!(log.entries().map(|entry| entry.number).collect::<Vec<_>>(), [2, 1]);
        let args = &log.entries().next().unwrap().args;
        assert_eq!(args.len(), 32);
        assert_eq!(args[31], b"... (9 more arguments)");
        assert!(args[0].ends_with(b"... (72 more bytes)"));
    }

    #[test]
    fn one_spike_per_second_the_longest() {
        let mut events = LatencyEvents::default();
        events.push("command", 10, 5);
        events.push("command", 10, 9);
        events.push("command", 11, 7);
        let (_, event) = events.iter().next().unwrap();
        assert_eq!(event.spikes, [(10, 9), (11, 7)]);
        assert_eq!(event.max_ms, 9);
        assert_eq!(events.reset(|name| name == "command"), 1);
    }
}
