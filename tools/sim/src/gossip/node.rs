//! The gossip machine as a machine of the simulator.

use std::net::SocketAddr;

use mycorrhizal::nodosum::membership::{Event, Membership, Outbox, describe};

use crate::Time;
use crate::machine::{Channel, Effects, Machine, Message};

/// A datagram's payload.
#[derive(Clone, Debug)]
pub struct Payload(pub Vec<u8>);

impl Message for Payload {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn describe(&self) -> String {
        describe(&self.0)
    }
}

/// A node that does nothing but gossip.
pub struct SwimNode(pub Membership);

impl SwimNode {
    /// Has the machine do something.
    pub fn act(
        &mut self,
        effects: &mut Effects<Payload, Event>,
        action: impl FnOnce(&mut Membership, &mut Outbox),
    ) {
        let mut outbox = Outbox::default();
        action(&mut self.0, &mut outbox);
        let sends = outbox.datagrams.into_iter();
        effects
            .sends
            .extend(sends.map(|datagram| (datagram.to, Channel::Datagram, Payload(datagram.payload))));
        effects.events.extend(outbox.events);
    }
}

impl Machine for SwimNode {
    type Message = Payload;
    type Event = Event;

    fn on_message(
        &mut self,
        now: Time,
        _from: SocketAddr,
        message: &Payload,
        out: &mut Effects<Payload, Event>,
    ) {
        self.act(out, |membership, outbox| membership.on_datagram(now, &message.0, outbox));
    }

    fn on_deadline(&mut self, now: Time, out: &mut Effects<Payload, Event>) {
        self.act(out, |membership, outbox| membership.on_deadline(now, outbox));
    }

    fn next_deadline(&self) -> Option<Time> {
        self.0.next_deadline()
    }
}
