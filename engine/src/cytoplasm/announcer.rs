//! Tells others what a core has subscribers for, and knows who has been told. *Core*.
//!
//! Changes of one turn go out together, as one [`Delta`] with a version. Whoever has not been told everything, because the
//! way to it was made anew or it began a new life, is told all there is, in place of what it knew.

use std::rc::Rc;

use super::name::Kind;

/// A change of what a core has subscribers for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delta {
    /// What was known before is void.
    pub(crate) reset: bool,
    /// To be acknowledged by this; 0: more follows, and that is acknowledged.
    pub(crate) version: u64,
    /// Names that are of interest now.
    pub(crate) added: Vec<(Kind, Box<[u8]>)>,
    /// Names that are not any more.
    pub(crate) removed: Vec<(Kind, Box<[u8]>)>,
}

/// What a core tells others, and what they know; `P` is what a core calls another.
#[derive(Debug)]
pub(crate) struct Announcer<P> {
    /// Of the last delta.
    version: u64,
    /// Names about which something may have changed since.
    changes: Vec<(Kind, Rc<[u8]>)>,
    listeners: Vec<Listener<P>>,
}

/// Somebody who is told.
#[derive(Debug)]
struct Listener<P> {
    core: P,
    /// Which life of it.
    life: u64,
    /// Whether it has been told all there was, by the way that leads to it now.
    up_to_date: bool,
    /// Whether it has ever been told anything.
    knows_something: bool,
    acknowledged: u64,
    /// Whether it was waited for in vain.
    silent: bool,
}

impl<P: Copy + Eq> Announcer<P> {
    pub(crate) fn new() -> Self {
        Self { version: 0, changes: Vec::new(), listeners: Vec::new() }
    }

    /// These are to be told from now on, each with the number of its life; returns those that are new, or live anew.
    pub(crate) fn set_listeners(&mut self, listeners: impl IntoIterator<Item = (P, u64)>) -> Vec<P> {
        let before = std::mem::take(&mut self.listeners);
        let mut fresh = Vec::new();
        let mut kept: Vec<Option<Listener<P>>> = before.into_iter().map(Some).collect();
        for (core, life) in listeners {
            let same = |known: &&mut Option<Listener<P>>| {
                known.as_ref().is_some_and(|known| known.core == core && known.life == life)
            };
            let known = kept.iter_mut().find(same).and_then(Option::take);
            self.listeners.push(known.unwrap_or_else(|| {
                fresh.push(core);
                let (up_to_date, knows_something, silent) = (false, false, false);
                Listener { core, life, up_to_date, knows_something, acknowledged: 0, silent }
            }));
        }
        fresh
    }

    /// Something may have changed about a name.
    pub(crate) fn note(&mut self, kind: Kind, name: Rc<[u8]>) {
        self.changes.push((kind, name));
    }

    /// The delta of all changes since the last; `is_of_interest` says how things stand now.
    pub(crate) fn take_delta(&mut self, is_of_interest: impl Fn(Kind, &[u8]) -> bool) -> Delta {
        self.version += 1;
        let mut changes = std::mem::take(&mut self.changes);
        changes.sort_unstable();
        changes.dedup();
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for (kind, name) in changes {
            let list = if is_of_interest(kind, &name) { &mut added } else { &mut removed };
            list.push((kind, Box::from(&*name)));
        }
        Delta { reset: false, version: self.version, added, removed }
    }

    /// The version that says everything noted so far: that of the delta to come, if there is anything to come.
    pub(crate) fn awaited_version(&self) -> u64 {
        self.version + u64::from(!self.changes.is_empty())
    }

    /// The version of the last delta.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Everybody who is told, and whether a delta is enough: else all there is has to go first.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = (P, bool)> {
        self.listeners.iter().map(|listener| (listener.core, listener.up_to_date))
    }

    /// The way to a listener has been made anew; says whether it is to be told all there is, which may be nothing.
    pub(crate) fn on_way_made(&mut self, core: P, is_anything: bool) -> bool {
        self.find(core).is_some_and(|listener| {
            listener.up_to_date = false;
            listener.knows_something || is_anything
        })
    }

    /// The way to a listener is gone; says whether it should be made again.
    pub(crate) fn on_way_lost(&mut self, core: P, is_anything: bool) -> bool {
        self.find(core).is_some_and(|listener| {
            listener.up_to_date = false;
            listener.acknowledged = 0;
            listener.knows_something || is_anything
        })
    }

    /// A listener is being told all there is.
    pub(crate) fn on_told_all(&mut self, core: P) {
        if let Some(listener) = self.find(core) {
            listener.up_to_date = true;
            listener.knows_something = true;
        }
    }

    /// A listener knows everything up to a version.
    pub(crate) fn on_acknowledged(&mut self, core: P, version: u64) {
        let current = self.version;
        if let Some(listener) = self.find(core) {
            listener.acknowledged = listener.acknowledged.max(version.min(current));
            listener.silent = false;
        }
    }

    /// Whether everybody who answers knows everything up to a version.
    pub(crate) fn is_known(&self, version: u64) -> bool {
        self.listeners.iter().all(|listener| listener.silent || listener.acknowledged >= version)
    }

    /// Those who have not acknowledged a version are not waited for any more, until they are heard of again.
    pub(crate) fn give_up(&mut self, version: u64) {
        let late = self.listeners.iter_mut().filter(|listener| listener.acknowledged < version);
        late.for_each(|listener| listener.silent = true);
    }

    fn find(&mut self, core: P) -> Option<&mut Listener<P>> {
        self.listeners.iter_mut().find(|listener| listener.core == core)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Rc<[u8]> {
        Rc::from(text.as_bytes())
    }

    #[test]
    fn changes_of_a_turn_go_out_together_and_as_things_stand_then() {
        let mut announcer = Announcer::<u16>::new();
        announcer.note(Kind::Channel, name("a"));
        announcer.note(Kind::Pattern, name("b*"));
        announcer.note(Kind::Channel, name("a"));
        assert_eq!(announcer.awaited_version(), 1);
        let delta = announcer.take_delta(|kind, _| kind == Kind::Pattern);
        let added = vec![(Kind::Pattern, Box::from(&b"b*"[..]))];
        let removed = vec![(Kind::Channel, Box::from(&b"a"[..]))];
        assert_eq!(delta, Delta { reset: false, version: 1, added, removed });
        assert_eq!(announcer.awaited_version(), 1);
    }

    #[test]
    fn a_version_is_known_when_all_who_answer_have_acknowledged_it() {
        let mut announcer = Announcer::new();
        assert_eq!(announcer.set_listeners([(1, 1), (2, 1)]), [1, 2]);
        announcer.note(Kind::Channel, name("a"));
        let version = announcer.take_delta(|_, _| true).version;
        assert!(!announcer.is_known(version));
        announcer.on_acknowledged(1, version);
        assert!(!announcer.is_known(version));
        announcer.give_up(version);
        assert!(announcer.is_known(version));
        announcer.on_acknowledged(2, 0);
        assert!(!announcer.is_known(version), "it was heard of, and is waited for again");
        assert_eq!(announcer.set_listeners([(1, 1)]), [0_u16; 0]);
        assert!(announcer.is_known(version), "one that is none any more is not waited for");
        assert_eq!(announcer.set_listeners([(1, 2)]), [1], "another life of it");
        assert!(!announcer.is_known(version));
    }

    #[test]
    fn who_lost_the_way_is_told_all_there_is() {
        let mut announcer = Announcer::new();
        announcer.set_listeners([(1, 1)]);
        assert!(!announcer.on_way_made(1, false), "there is nothing to tell");
        assert!(announcer.on_way_made(1, true));
        announcer.on_told_all(1);
        assert_eq!(announcer.listeners().collect::<Vec<_>>(), [(1, true)]);
        assert!(announcer.on_way_lost(1, false), "what it knows may be void by now");
        assert_eq!(announcer.listeners().collect::<Vec<_>>(), [(1, false)]);
        assert!(announcer.on_way_made(1, false));
        assert!(!announcer.on_way_lost(7, true), "no listener");
    }
}
