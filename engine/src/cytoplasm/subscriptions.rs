//! Who of a core is subscribed to what. *Core*.
//!
//! A name is of interest as soon as somebody is about to subscribe to it ([`Subscriptions::expect`]): the others are told
//! before the subscription is confirmed and begins.

use std::rc::Rc;

use slab::Slab;

use super::name::{Kind, Names};
use crate::mycel::{Case, Hasher, glob_match};

/// A subscriber of this core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubscriberId {
    place: usize,
    /// Places are used again, numbers are not.
    number: u64,
}

/// The subscribers of a core; `S` is what they are reached by.
#[derive(Debug)]
pub(crate) struct Subscriptions<S> {
    hasher: Hasher,
    topics: [Names<Topic>; 3],
    subscribers: Slab<Subscriber<S>>,
    joined: u64,
}

#[derive(Debug, Default)]
struct Topic {
    subscribers: Vec<SubscriberId>,
    /// Those who are about to subscribe.
    expected: usize,
}

#[derive(Debug)]
struct Subscriber<S> {
    number: u64,
    outlet: S,
    /// By kind and name the place among the subscribers of the topic.
    places: [Names<usize>; 3],
}

impl<S> Subscriptions<S> {
    /// Without any.
    pub(crate) fn new(hasher: Hasher) -> Self {
        let topics = std::array::from_fn(|_| Names::new(hasher));
        Self { hasher, topics, subscribers: Slab::new(), joined: 0 }
    }

    /// A new subscriber, to nothing yet.
    pub(crate) fn join(&mut self, outlet: S) -> SubscriberId {
        let places = std::array::from_fn(|_| Names::new(self.hasher));
        self.joined += 1;
        let number = self.joined;
        SubscriberId { place: self.subscribers.insert(Subscriber { number, outlet, places }), number }
    }

    /// A subscriber is gone; returns the names that are of no interest any more.
    pub(crate) fn leave(&mut self, id: SubscriberId) -> Vec<(Kind, Rc<[u8]>)> {
        let mut lost = Vec::new();
        for kind in Kind::ALL {
            for name in self.names_of(id, kind) {
                if self.unsubscribe(id, kind, &name) == Unsubscribed::Last {
                    lost.push((kind, name));
                }
            }
        }
        if self.find(id).is_some() {
            self.subscribers.remove(id.place);
        }
        lost
    }

    /// Somebody is about to subscribe; says whether the name is of interest only now.
    pub(crate) fn expect(&mut self, kind: Kind, name: &[u8]) -> bool {
        let (_, topic) = self.topics[kind.index()].get_or_insert(name, Topic::default);
        topic.expected += 1;
        topic.expected == 1 && topic.subscribers.is_empty()
    }

    /// Somebody who was about to subscribe has, or will not; says whether the name is of no interest any more.
    pub(crate) fn unexpect(&mut self, kind: Kind, name: &[u8]) -> bool {
        let topics = &mut self.topics[kind.index()];
        let Some(topic) = topics.get_mut(name) else { return false };
        topic.expected = topic.expected.saturating_sub(1);
        let is_over = topic.expected == 0 && topic.subscribers.is_empty();
        if is_over {
            topics.remove(name);
        }
        is_over
    }

    /// Subscribes; nothing happens to one that is subscribed already.
    pub(crate) fn subscribe(&mut self, id: SubscriberId, kind: Kind, name: &[u8]) {
        let subscriber = self.subscribers.get_mut(id.place);
        let Some(subscriber) = subscriber.filter(|known| known.number == id.number) else { return };
        let (_, topic) = self.topics[kind.index()].get_or_insert(name, Topic::default);
        let places = &mut subscriber.places[kind.index()];
        if places.get(name).is_none() {
            places.get_or_insert(name, || topic.subscribers.len());
            topic.subscribers.push(id);
        }
    }

    /// Ends a subscription.
    pub(crate) fn unsubscribe(&mut self, id: SubscriberId, kind: Kind, name: &[u8]) -> Unsubscribed {
        let subscriber = self.subscribers.get_mut(id.place).filter(|known| known.number == id.number);
        let place = subscriber.and_then(|subscriber| subscriber.places[kind.index()].remove(name));
        let Some(place) = place else { return Unsubscribed::WasNot };
        let topics = &mut self.topics[kind.index()];
        let topic = topics.get_mut(name).expect("a topic has all its subscribers");
        topic.subscribers.swap_remove(place);
        if let Some(moved) = topic.subscribers.get(place) {
            let moved = &mut self.subscribers[moved.place].places[kind.index()];
            *moved.get_mut(name).expect("a subscriber knows all its places") = place;
        }
        if topic.subscribers.is_empty() && topic.expected == 0 {
            topics.remove(name);
            return Unsubscribed::Last;
        }
        Unsubscribed::OthersStay
    }

    #[inline]
    fn find(&self, id: SubscriberId) -> Option<&Subscriber<S>> {
        self.subscribers.get(id.place).filter(|known| known.number == id.number)
    }

    /// What a subscriber is reached by.
    #[inline]
    pub(crate) fn outlet(&self, id: SubscriberId) -> Option<&S> {
        self.find(id).map(|subscriber| &subscriber.outlet)
    }

    /// The names of a kind that somebody is subscribed to.
    pub(crate) fn names_of(&self, id: SubscriberId, kind: Kind) -> Vec<Rc<[u8]>> {
        let Some(subscriber) = self.find(id) else { return Vec::new() };
        subscriber.places[kind.index()].iter().map(|(name, _)| Rc::clone(name)).collect()
    }

    /// To how many names of a kind somebody is subscribed.
    pub(crate) fn count_of(&self, id: SubscriberId, kind: Kind) -> usize {
        self.find(id).map_or(0, |subscriber| subscriber.places[kind.index()].len())
    }

    /// Who is subscribed to a name.
    #[inline]
    pub(crate) fn subscribers(&self, kind: Kind, name: &[u8]) -> &[SubscriberId] {
        self.topics[kind.index()].get(name).map_or(&[], |topic| &topic.subscribers)
    }

    /// The patterns that match a channel, each with who is subscribed to it.
    pub(crate) fn matching<'a>(
        &'a self,
        channel: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], &'a [SubscriberId])> {
        let patterns = self.topics[Kind::Pattern.index()].iter();
        let matching = patterns.filter(move |(pattern, _)| glob_match(pattern, channel, Case::Exact));
        matching.map(|(pattern, topic)| (&**pattern, topic.subscribers.as_slice()))
    }

    /// Everything that is of interest, to those who are subscribed or about to.
    pub(crate) fn of_interest(&self, kind: Kind) -> impl Iterator<Item = &Rc<[u8]>> {
        self.topics[kind.index()].iter().map(|(name, _)| name)
    }

    /// Whether a name is of interest.
    pub(crate) fn is_of_interest(&self, kind: Kind, name: &[u8]) -> bool {
        self.topics[kind.index()].get(name).is_some()
    }

    /// The names of a kind that have subscribers.
    pub(crate) fn subscribed(&self, kind: Kind) -> impl Iterator<Item = &Rc<[u8]>> {
        let topics = self.topics[kind.index()].iter();
        topics.filter(|(_, topic)| !topic.subscribers.is_empty()).map(|(name, _)| name)
    }
}

/// What came of an unsubscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsubscribed {
    /// There was no such subscription.
    WasNot,
    /// The name is still of interest to others.
    OthersStay,
    /// The name is of no interest any more.
    Last,
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    const NAMES: [&[u8]; 4] = [b"news", b"n*", b"*", b"x"];

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Join,
        Leave(usize),
        Subscribe(usize, usize, usize),
        Unsubscribe(usize, usize, usize),
        Expect(usize, usize),
        Unexpect(usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let (who, kind, name) = (0..6_usize, 0..3_usize, 0..NAMES.len());
        prop_oneof![
            2 => Just(Step::Join),
            1 => who.clone().prop_map(Step::Leave),
            6 => (who.clone(), kind.clone(), name.clone()).prop_map(|(who, kind, name)| Step::Subscribe(who, kind, name)),
            3 => (who, kind.clone(), name.clone()).prop_map(|(who, kind, name)| Step::Unsubscribe(who, kind, name)),
            1 => (kind.clone(), name.clone()).prop_map(|(kind, name)| Step::Expect(kind, name)),
            1 => (kind, name).prop_map(|(kind, name)| Step::Unexpect(kind, name)),
        ]
    }

    #[derive(Default)]
    struct Model {
        subscriptions: BTreeSet<(SubscriberId, usize, usize)>,
        expected: BTreeMap<(usize, usize), usize>,
    }

    impl Model {
        fn is_of_interest(&self, kind: usize, name: usize) -> bool {
            self.expected.get(&(kind, name)).is_some_and(|count| *count > 0)
                || self.subscriptions.iter().any(|(_, known, other)| (*known, *other) == (kind, name))
        }

        fn subscribers(&self, kind: usize, name: usize) -> BTreeSet<SubscriberId> {
            let of_name =
                self.subscriptions.iter().filter(|(_, known, other)| (*known, *other) == (kind, name));
            of_name.map(|(id, ..)| *id).collect()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn agrees_with_a_plain_set(steps in proptest::collection::vec(step(), 0..80)) {
            let mut subscriptions = Subscriptions::new(Hasher::new([1, 2]));
            let (mut model, mut ids) = (Model::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Join => ids.push(subscriptions.join(ids.len())),
                    Step::Leave(who) if who < ids.len() => {
                        let id = ids.remove(who);
                        let before: Vec<_> = model.subscriptions.iter().filter(|(known, ..)| *known == id).copied().collect();
                        model.subscriptions.retain(|(known, ..)| *known != id);
                        let expect: BTreeSet<_> = before
                            .iter()
                            .filter(|(_, kind, name)| !model.is_of_interest(*kind, *name))
                            .map(|(_, kind, name)| (*kind, NAMES[*name].to_vec()))
                            .collect();
                        let lost = subscriptions.leave(id);
                        let lost: BTreeSet<_> = lost.into_iter().map(|(kind, name)| (kind.index(), name.to_vec())).collect();
                        prop_assert_eq!(lost, expect);
                    }
                    Step::Subscribe(who, kind, name) if who < ids.len() => {
                        subscriptions.subscribe(ids[who], Kind::ALL[kind], NAMES[name]);
                        model.subscriptions.insert((ids[who], kind, name));
                    }
                    Step::Unsubscribe(who, kind, name) if who < ids.len() => {
                        let was = model.subscriptions.remove(&(ids[who], kind, name));
                        let expect = match (was, model.is_of_interest(kind, name)) {
                            (false, _) => Unsubscribed::WasNot,
                            (true, true) => Unsubscribed::OthersStay,
                            (true, false) => Unsubscribed::Last,
                        };
                        prop_assert_eq!(subscriptions.unsubscribe(ids[who], Kind::ALL[kind], NAMES[name]), expect);
                    }
                    Step::Expect(kind, name) => {
                        let expect = !model.is_of_interest(kind, name);
                        *model.expected.entry((kind, name)).or_default() += 1;
                        prop_assert_eq!(subscriptions.expect(Kind::ALL[kind], NAMES[name]), expect);
                    }
                    Step::Unexpect(kind, name) => {
                        let count = model.expected.entry((kind, name)).or_default();
                        if *count > 0 {
                            *count -= 1;
                            let expect = !model.is_of_interest(kind, name);
                            prop_assert_eq!(subscriptions.unexpect(Kind::ALL[kind], NAMES[name]), expect);
                        }
                    }
                    _ => {}
                }
                for kind in Kind::ALL {
                    for (at, name) in NAMES.into_iter().enumerate() {
                        let found: BTreeSet<_> = subscriptions.subscribers(kind, name).iter().copied().collect();
                        prop_assert_eq!(found.len(), subscriptions.subscribers(kind, name).len());
                        prop_assert_eq!(found, model.subscribers(kind.index(), at));
                        prop_assert_eq!(subscriptions.is_of_interest(kind, name), model.is_of_interest(kind.index(), at));
                    }
                    for id in &ids {
                        let count = model.subscriptions.iter().filter(|(known, of, _)| known == id && *of == kind.index()).count();
                        prop_assert_eq!(subscriptions.count_of(*id, kind), count);
                    }
                }
                let matching: BTreeSet<_> = subscriptions.matching(b"news").map(|(pattern, _)| pattern.to_vec()).collect();
                let patterns = subscriptions.of_interest(Kind::Pattern).filter(|name| glob_match(name, b"news", Case::Exact));
                prop_assert_eq!(matching, patterns.map(|name| name.to_vec()).collect());
            }
        }
    }
}
