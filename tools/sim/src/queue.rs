//! What will happen, in the order of time; what happens at one moment, in the order in which it was planned.

use std::collections::BTreeMap;

use mycorrhizal::nodosum::Time;

/// The virtual clock's queue.
#[derive(Debug)]
pub struct Queue<H> {
    happenings: BTreeMap<(Time, u64), H>,
    sequence: u64,
}

impl<H> Queue<H> {
    /// An empty one.
    pub fn new() -> Self {
        Self { happenings: BTreeMap::new(), sequence: 0 }
    }

    /// Plans.
    pub fn push(&mut self, at: Time, happening: H) {
        self.happenings.insert((at, self.sequence), happening);
        self.sequence += 1;
    }

    /// When the next one happens.
    pub fn next(&self) -> Option<Time> {
        Some(self.happenings.first_key_value()?.0.0)
    }

    /// The next one, if it happens not after `until`.
    pub fn pop(&mut self, until: Time) -> Option<(Time, H)> {
        let entry = self.happenings.first_entry()?;
        let at = entry.key().0;
        (at <= until).then(|| (at, entry.remove()))
    }
}

impl<H> Default for Queue<H> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_planned_first_happens_first() {
        let mut queue = Queue::new();
        queue.push(Time::from_micros(2), 'b');
        queue.push(Time::from_micros(2), 'c');
        queue.push(Time::from_micros(1), 'a');
        assert_eq!(queue.pop(Time::from_micros(0)), None);
        let order: Vec<char> =
            std::iter::from_fn(|| queue.pop(Time::from_micros(2))).map(|(_, h)| h).collect();
        assert_eq!(order, ['a', 'b', 'c']);
    }
}
