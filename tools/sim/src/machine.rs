//! What the simulator asks of a protocol: input and time in, effects out.

use std::net::SocketAddr;

use mycorrhizal::nodosum::Time;

/// How a message travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// It may be lost, doubled, late and overtaken.
    Datagram,
    /// As over one TCP connection: in order, each once, held back by a cut, lost with either end or when it breaks.
    Link,
}

/// What travels.
pub trait Message: Clone {
    /// Its bytes, for the size and the trace.
    fn bytes(&self) -> &[u8];

    /// It in words, for a readable trace.
    fn describe(&self) -> String;
}

/// A protocol of one node.
pub trait Machine {
    /// What it sends.
    type Message: Message;
    /// What it tells its node.
    type Event;

    /// A message came.
    fn on_message(
        &mut self,
        now: Time,
        from: SocketAddr,
        message: &Self::Message,
        out: &mut Effects<Self::Message, Self::Event>,
    );

    /// The link with that peer broke: what was on its way, either way, is lost. The next message opens another.
    fn on_link_lost(
        &mut self,
        _now: Time,
        _peer: SocketAddr,
        _out: &mut Effects<Self::Message, Self::Event>,
    ) {
    }

    /// The time of [`Self::next_deadline`] has come.
    fn on_deadline(&mut self, now: Time, out: &mut Effects<Self::Message, Self::Event>);

    /// When to call [`Self::on_deadline`].
    fn next_deadline(&self) -> Option<Time>;
}

/// What a machine wants done.
#[derive(Debug)]
pub struct Effects<M, E> {
    /// Messages to send, in order.
    pub sends: Vec<(SocketAddr, Channel, M)>,
    /// What it tells its node, in order.
    pub events: Vec<E>,
}

impl<M, E> Default for Effects<M, E> {
    fn default() -> Self {
        Self { sends: Vec::new(), events: Vec::new() }
    }
}
