//! Whom this node calls although nobody answers: seeds and members that are down, in turn, for ever.
//!
//! That is how a cluster that was cut in two becomes one again without a restart, and how a first node waits for a
//! second. An announcement to a member that takes this node for dead makes the two tell each other so; both go on under
//! new incarnations.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::config::Config;

/// More seeds than these are not kept.
const SEEDS_MAX: usize = 1_024;
/// Announcements of a node that is catching up, after the last that brought something new.
const FRUITLESS_ANNOUNCEMENTS: u32 = 8;
/// Attempts to join before the pace of the attempts falls.
const HASTY_ATTEMPTS: u32 = 25;
/// Contacts at a time while no member is known.
const LONELY_CONTACTS: usize = 3;

/// Addresses to contact, and where in their rotation this node is.
#[derive(Clone, Debug)]
pub(super) struct Contacts {
    seeds: BTreeSet<SocketAddr>,
    last: Option<SocketAddr>,
    lonely_attempts: u32,
    catching_up: u32,
}

impl Contacts {
    pub(super) fn new() -> Self {
        Self { seeds: BTreeSet::new(), last: None, lonely_attempts: 0, catching_up: 0 }
    }

    /// Whether it is a new one, and kept.
    pub(super) fn add_seed(&mut self, seed: SocketAddr) -> bool {
        self.seeds.len() < SEEDS_MAX && self.seeds.insert(seed)
    }

    pub(super) fn seeds(&self) -> impl Iterator<Item = SocketAddr> {
        self.seeds.iter().copied()
    }

    /// Begins the rotation somewhere, so that nodes with the same list do not all call the same one.
    pub(super) fn begin_after(&mut self, address: SocketAddr) {
        self.last.get_or_insert(address);
    }

    /// The next of `targets` in the rotation, or the next few while no member is known; and when to ask again.
    pub(super) fn turn(
        &mut self,
        targets: &BTreeSet<SocketAddr>,
        is_lonely: bool,
        config: &Config,
    ) -> (Vec<SocketAddr>, Duration) {
        let count = if is_lonely { LONELY_CONTACTS.min(targets.len()) } else { targets.len().min(1) };
        let chosen: Vec<_> = (0..count).filter_map(|_| self.next(targets)).collect();
        let bounded =
            u32::try_from(targets.len()).unwrap_or(u32::MAX).clamp(1, config.contacts_per_period.max(1));
        let steady = config.announce_period / bounded;
        if !is_lonely {
            self.lonely_attempts = 0;
            return (chosen, steady);
        }
        self.lonely_attempts = self.lonely_attempts.saturating_add(1);
        let pause = if self.lonely_attempts <= HASTY_ATTEMPTS {
            config.join_interval
        } else {
            config.announce_period / config.contacts_per_period.max(1)
        };
        (chosen, pause)
    }

    fn next(&mut self, targets: &BTreeSet<SocketAddr>) -> Option<SocketAddr> {
        let after = self.last.and_then(|last| targets.range(last..).find(|address| **address != last));
        self.last = after.or_else(|| targets.first()).copied();
        self.last
    }

    /// A feed brought members that were not known: there may be more. Whether catching up begins with it.
    pub(super) fn note_news(&mut self) -> bool {
        let begins = self.catching_up == 0;
        self.catching_up = FRUITLESS_ANNOUNCEMENTS;
        begins
    }

    /// How many members to ask for more now; none when it is done.
    pub(super) fn catch_up(&mut self) -> u32 {
        let ask = self.catching_up.min(2);
        self.catching_up -= ask;
        ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(ports: &[u16]) -> BTreeSet<SocketAddr> {
        ports.iter().map(|port| SocketAddr::from(([10, 0, 0, 1], *port))).collect()
    }

    fn ports(contacts: &[SocketAddr]) -> Vec<u16> {
        contacts.iter().map(SocketAddr::port).collect()
    }

    #[test]
    fn everyone_has_a_turn_within_a_period() {
        let config = Config { contacts_per_period: 5, ..Config::default() };
        let mut contacts = Contacts::new();
        let targets = addresses(&[1, 2, 3, 4]);
        let mut called = Vec::new();
        let mut elapsed = Duration::ZERO;
        while elapsed < config.announce_period {
            let (chosen, pause) = contacts.turn(&targets, false, &config);
            called.extend(ports(&chosen));
            elapsed += pause;
        }
        assert_eq!(called, [1, 2, 3, 4]);
    }

    #[test]
    fn a_period_is_bounded_and_the_rest_comes_later() {
        let config = Config { contacts_per_period: 2, ..Config::default() };
        let mut contacts = Contacts::new();
        let targets = addresses(&[1, 2, 3]);
        let turns: Vec<_> = (0..4).map(|_| contacts.turn(&targets, false, &config)).collect();
        assert!(turns.iter().all(|(_, pause)| *pause == config.announce_period / 2));
        assert_eq!(turns.iter().flat_map(|(chosen, _)| ports(chosen)).collect::<Vec<_>>(), [1, 2, 3, 1]);
    }

    #[test]
    fn a_lonely_node_hurries_at_first() {
        let config = Config::default();
        let mut contacts = Contacts::new();
        let targets = addresses(&[1, 2, 3, 4]);
        let (chosen, pause) = contacts.turn(&targets, true, &config);
        assert_eq!((ports(&chosen), pause), (vec![1, 2, 3], config.join_interval));
        (0..HASTY_ATTEMPTS).for_each(|_| drop(contacts.turn(&targets, true, &config)));
        assert!(contacts.turn(&targets, true, &config).1 > config.join_interval);
    }

    #[test]
    fn nobody_to_contact_is_no_contact() {
        let (chosen, pause) = Contacts::new().turn(&BTreeSet::new(), false, &Config::default());
        assert!(chosen.is_empty());
        assert_eq!(pause, Config::default().announce_period);
    }

    #[test]
    fn catching_up_ends_when_nothing_new_comes() {
        let mut contacts = Contacts::new();
        assert_eq!(contacts.catch_up(), 0);
        assert!(contacts.note_news() && !contacts.note_news());
        let asked: u32 = std::iter::from_fn(|| Some(contacts.catch_up()).filter(|ask| *ask > 0)).sum();
        assert_eq!(asked, FRUITLESS_ANNOUNCEMENTS);
        assert!(contacts.note_news(), "and begins again with news");
    }
}
