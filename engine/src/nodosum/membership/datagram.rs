//! Datagrams beside those that foca writes, and what is read in a datagram beside what foca reads.

use std::fmt::Write;

use bytes::{Buf, BufMut};
use foca::{Member, Message, State};

use super::MemberIdentity;
use super::codec::{self, Front};
use super::suspicion::Confirmation;

/// Tells a suspect that it is suspected, first thing, and asks for its answer: a ping that carries the suspicion. The
/// answer carries the refutation. (Lifeguard's buddy system.)
pub(super) fn notice(
    source: &MemberIdentity,
    refutation: u16,
    suspect: &Member<MemberIdentity>,
    probe_number: u8,
) -> Vec<u8> {
    let mut payload = Vec::with_capacity(3 * codec::IDENTITY_BYTES_MAX);
    codec::put_front(source, refutation, suspect.id().tag(), &Message::Ping(probe_number), &mut payload);
    payload.put_u16(1);
    codec::put_member(suspect, &mut payload);
    payload
}

/// Tells a node that another one lives under its id.
pub(super) fn rumour(
    source: &MemberIdentity,
    refutation: u16,
    target: &MemberIdentity,
    other: &MemberIdentity,
) -> Vec<u8> {
    let mut payload = Vec::with_capacity(3 * codec::IDENTITY_BYTES_MAX);
    codec::put_front(source, refutation, target.tag(), &Message::Gossip, &mut payload);
    payload.put_u16(1);
    codec::put_member(&Member::alive(other.clone()), &mut payload);
    payload
}

/// The updates and confirmations behind the front of a datagram. Stops at the first byte that makes no sense; foca, which
/// reads the same bytes, refuses the datagram.
pub(super) fn read_on(
    message: &Message<MemberIdentity>,
    mut rest: &[u8],
    mut on_member: impl FnMut(&Member<MemberIdentity>),
    mut on_confirmation: impl FnMut(Confirmation),
) {
    if *message != Message::Broadcast {
        let Ok(count) = rest.try_get_u16() else { return };
        for _ in 0..count {
            let Ok(member) = codec::take_member(&mut rest) else { return };
            on_member(&member);
        }
    }
    while let Ok(length) = rest.try_get_u16() {
        let Some((item, behind)) = rest.split_at_checked(usize::from(length)) else { return };
        rest = behind;
        if let Some(confirmation) = Confirmation::decode(item) {
            on_confirmation(confirmation);
        }
    }
}

/// A datagram in words, for a trace.
pub fn describe(payload: &[u8]) -> String {
    let mut rest = payload;
    let Ok(Front { source, refutation, target: _, message }) = codec::take_front(&mut rest) else {
        return format!("{} senseless bytes", payload.len());
    };
    let mut text = String::new();
    let mut say = |arguments: std::fmt::Arguments<'_>| {
        text.write_fmt(arguments).expect("a string takes everything");
    };
    match &message {
        Message::PingReq { target: about, .. } | Message::IndirectAck { target: about, .. } => {
            say(format_args!("{} about {}", name(&message), short(about)));
        }
        Message::IndirectPing { origin: about, .. } | Message::ForwardedAck { origin: about, .. } => {
            say(format_args!("{} about {}", name(&message), short(about)));
        }
        _ => say(format_args!("{}", name(&message))),
    }
    say(format_args!(" from {} refutation {refutation}", short(&source)));
    let mut members = Vec::new();
    let mut confirmations = 0;
    read_on(&message, rest, |member| members.push(member.clone()), |_| confirmations += 1);
    for member in &members {
        let state = match member.state() {
            State::Alive => "alive",
            State::Suspect => "suspect",
            State::Down => "down",
        };
        say(format_args!(", {} {state}/{}", short(member.id()), member.incarnation()));
    }
    if confirmations > 0 {
        say(format_args!(", {confirmations} confirmations"));
    }
    text
}

fn short(identity: &MemberIdentity) -> String {
    format!("{}@{}", identity.address, identity.incarnation)
}

fn name(message: &Message<MemberIdentity>) -> &'static str {
    match message {
        Message::Ping(_) => "ping",
        Message::Ack(_) => "ack",
        Message::PingReq { .. } => "ping request",
        Message::IndirectPing { .. } => "indirect ping",
        Message::IndirectAck { .. } => "indirect ack",
        Message::ForwardedAck { .. } => "forwarded ack",
        Message::Announce => "announce",
        Message::Feed => "feed",
        Message::Gossip => "gossip",
        Message::Broadcast => "broadcast",
        Message::TurnUndead => "you are down",
    }
}
