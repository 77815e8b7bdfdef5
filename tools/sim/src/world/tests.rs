use std::time::Duration;

use super::*;
use crate::network::Weather;

/// Sends its number every ten milliseconds, over both channels, and tells what it got.
struct Counter {
    peer: SocketAddr,
    next: u8,
    at: Option<Time>,
}

#[derive(Clone, Debug)]
struct Number([u8; 1]);

impl Message for Number {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn describe(&self) -> String {
        self.0[0].to_string()
    }
}

impl Machine for Counter {
    type Message = Number;
    type Event = u8;

    fn on_message(&mut self, _: Time, _: SocketAddr, message: &Number, out: &mut Effects<Number, u8>) {
        out.events.push(message.0[0]);
    }

    fn on_link_lost(&mut self, _: Time, peer: SocketAddr, out: &mut Effects<Number, u8>) {
        assert_eq!(peer, self.peer);
        out.events.push(LOST);
    }

    fn on_deadline(&mut self, now: Time, out: &mut Effects<Number, u8>) {
        out.sends.push((self.peer, Channel::Link, Number([self.next])));
        out.sends.push((self.peer, Channel::Datagram, Number([self.next + 100])));
        self.next += 1;
        self.at = (self.next < 100).then_some(now + Duration::from_millis(10));
    }

    fn next_deadline(&self) -> Option<Time> {
        self.at
    }
}

/// What is told of a link that is lost: between those of links and those of datagrams.
const LOST: u8 = 255;

fn address(node: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 1000 + node))
}

fn world(seed: u64) -> World<Counter> {
    let mut world = World::new(seed, Network::new(Weather::lan()), Trace::silent());
    for node in 0..2 {
        world.add(address(node));
    }
    world.start(0, Counter { peer: address(1), next: 0, at: Some(Time::START) });
    world.start(1, Counter { peer: address(0), next: 0, at: None });
    world
}

fn at(millis: u64) -> Time {
    Time::from_micros(millis * 1000)
}

fn links(world: &mut World<Counter>) -> Vec<u8> {
    world.observations().into_iter().map(|seen| seen.event).filter(|event| *event < 100).collect()
}

#[test]
fn links_keep_order_through_a_cut_and_datagrams_do_not_survive_it() {
    let mut world = world(1);
    world.network.cut(vec![true, false], vec![false, true]);
    world.run_until(at(500));
    assert!(world.observations().is_empty());
    world.heal();
    world.run_until(at(2_000));
    let seen = world.observations();
    let numbers = |low, high| {
        seen.iter().map(|seen| seen.event).filter(|event| (low..high).contains(event)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(0, 100), (0..100).collect::<Vec<_>>());
    assert!(numbers(100, 200).iter().all(|event| *event > 149));
}

#[test]
fn a_paused_node_does_everything_late() {
    let mut world = world(1);
    world.pause(1);
    world.run_until(at(200));
    assert!(links(&mut world).is_empty());
    world.resume(1);
    let late = links(&mut world);
    assert!((18..=20).contains(&late.len()), "{late:?}");
    world.pause(0);
    world.run_until(at(400));
    drop(world.observations());
    world.resume(0);
    world.run_until(at(405));
    assert_eq!(links(&mut world).len(), 1, "its timer is late, not lost");
}

#[test]
fn a_link_ends_with_either_end() {
    let mut world = world(1);
    world.network.cut(vec![true, false], vec![false, true]);
    world.run_until(at(95));
    world.kill(1);
    world.start(1, Counter { peer: address(0), next: 0, at: None });
    world.heal();
    world.run_until(at(2_000));
    assert_eq!(links(&mut world).first(), Some(&10));
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_does_not() {
    let hash = |seed| {
        let mut world = world(seed);
        world.run_until(at(2_000));
        world.trace_hash()
    };
    assert_eq!(hash(7), hash(7));
    assert_ne!(hash(7), hash(8));
}

#[test]
fn a_link_that_breaks_loses_what_is_on_its_way_and_goes_on() {
    let mut world = world(1);
    world.run_until(at(100));
    let mut before = links(&mut world).len();
    let side = |node: usize| vec![node == 0, node == 1];
    world.network.cut_one_way(side(0), side(1));
    world.run_until(at(155));
    world.break_link(1, 0);
    let seen: Vec<u8> = world.observations().into_iter().map(|seen| seen.event).collect();
    assert_eq!(seen.iter().filter(|event| **event == LOST).count(), 2, "both sides are told");
    before += seen.iter().filter(|event| **event < 100).count();
    world.run_until(at(205));
    world.heal();
    world.run_until(at(2_000));
    let after = links(&mut world);
    assert_eq!(before + after.len(), 100 - 5, "what was held back when the link broke is lost");
    assert!(after.is_sorted() && after.last() == Some(&99));
}
