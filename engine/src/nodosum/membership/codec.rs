//! The bytes of a membership datagram, short enough that one carries some forty updates.
//!
//! ```text
//! kind:1  source:identity  refutation:2  target:4  (number:1)  (about:identity)
//! count:2  count × ( identity with its state, refutation:2 )
//! any × ( length:2  confirmation:10 )
//!
//! identity   flags:1  id:20  incarnation:1..10  ip:4|16  port:2  link port:2  cores:1..3
//! flags      bit 0: IPv6, bits 1 and 2: state of a member
//! ```
//!
//! Integers of fixed length are big-endian; incarnation and cores are LEB128. The target is the tag of an identity
//! ([`MemberIdentity::tag`]): the receiver compares it to its own. A refutation is what SWIM calls an incarnation: the
//! number that a suspected member raises.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{Buf, BufMut, TryGetError};
use foca::{Header, Member, Message, ProbeNumber, State};
use mycorrhizal_net::identity::{ID_BYTES, Incarnation, NodeId};

use super::MemberIdentity;

/// No encoded identity is longer: IPv6, the highest incarnation.
pub(super) const IDENTITY_BYTES_MAX: usize = 1 + ID_BYTES + 10 + 16 + 2 + 2 + 3;

/// Why bytes are no membership datagram, or do not become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum CodecError {
    #[error("the datagram ends in the middle")]
    Truncated,
    #[error("the datagram says what no member says")]
    Senseless,
    #[error("the datagram is full")]
    Full,
}

impl From<TryGetError> for CodecError {
    fn from(_: TryGetError) -> Self {
        Self::Truncated
    }
}

/// The front of a datagram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Front {
    pub(super) source: MemberIdentity,
    pub(super) refutation: u16,
    pub(super) target: u32,
    pub(super) message: Message<MemberIdentity>,
}

/// Foca's codec. It knows which identity the tag of an incoming datagram stands for: the one that it last wrote as
/// source, for nobody can address an identity that was never sent.
#[derive(Clone, Debug)]
pub(super) struct WireCodec {
    own: MemberIdentity,
    own_tag: u32,
}

impl WireCodec {
    pub(super) fn new(own: MemberIdentity) -> Self {
        Self { own_tag: own.tag(), own }
    }
}

impl foca::Codec<MemberIdentity> for WireCodec {
    type Error = CodecError;

    fn encode_header(
        &mut self,
        header: &Header<MemberIdentity>,
        mut buf: impl BufMut,
    ) -> Result<(), CodecError> {
        if self.own != header.src {
            *self = Self::new(header.src.clone());
        }
        let mut bytes = Vec::with_capacity(2 * IDENTITY_BYTES_MAX);
        put_front(&header.src, header.src_incarnation, header.dst.tag(), &header.message, &mut bytes);
        put_if_it_fits(&bytes, &mut buf)
    }

    fn decode_header(&mut self, mut buf: impl Buf) -> Result<Header<MemberIdentity>, CodecError> {
        let front = take_front(&mut buf)?;
        let dst = match front.target {
            0 if front.message != Message::Announce => return Err(CodecError::Senseless),
            0 => self.own.clone(),
            tag if tag == self.own_tag => self.own.clone(),
            _ => MemberIdentity::nobody(),
        };
        Ok(Header { src: front.source, src_incarnation: front.refutation, dst, message: front.message })
    }

    fn encode_member(
        &mut self,
        member: &Member<MemberIdentity>,
        mut buf: impl BufMut,
    ) -> Result<(), CodecError> {
        let mut bytes = Vec::with_capacity(IDENTITY_BYTES_MAX + 2);
        put_member(member, &mut bytes);
        put_if_it_fits(&bytes, &mut buf)
    }

    fn decode_member(&mut self, mut buf: impl Buf) -> Result<Member<MemberIdentity>, CodecError> {
        take_member(&mut buf)
    }
}

pub(super) fn put_front(
    source: &MemberIdentity,
    refutation: u16,
    target: u32,
    message: &Message<MemberIdentity>,
    out: &mut Vec<u8>,
) {
    let (kind, number, about) = match message {
        Message::Ping(number) => (0, Some(number), None),
        Message::Ack(number) => (1, Some(number), None),
        Message::PingReq { target, probe_number } => (2, Some(probe_number), Some(target)),
        Message::IndirectPing { origin, probe_number } => (3, Some(probe_number), Some(origin)),
        Message::IndirectAck { target, probe_number } => (4, Some(probe_number), Some(target)),
        Message::ForwardedAck { origin, probe_number } => (5, Some(probe_number), Some(origin)),
        Message::Announce => (6, None, None),
        Message::Feed => (7, None, None),
        Message::Gossip => (8, None, None),
        Message::Broadcast => (9, None, None),
        Message::TurnUndead => (10, None, None),
    };
    out.push(kind);
    put_identity(source, 0, out);
    out.put_u16(refutation);
    out.put_u32(target);
    if let Some(number) = number {
        out.push(*number);
    }
    if let Some(about) = about {
        put_identity(about, 0, out);
    }
}

pub(super) fn take_front(buf: &mut impl Buf) -> Result<Front, CodecError> {
    let kind = buf.try_get_u8()?;
    let (source, _) = take_identity(buf)?;
    let refutation = buf.try_get_u16()?;
    let target = buf.try_get_u32()?;
    let message = match kind {
        0 => Message::Ping(buf.try_get_u8()?),
        1 => Message::Ack(buf.try_get_u8()?),
        2..=5 => {
            let probe_number: ProbeNumber = buf.try_get_u8()?;
            let (about, _) = take_identity(buf)?;
            match kind {
                2 => Message::PingReq { target: about, probe_number },
                3 => Message::IndirectPing { origin: about, probe_number },
                4 => Message::IndirectAck { target: about, probe_number },
                _ => Message::ForwardedAck { origin: about, probe_number },
            }
        }
        6 => Message::Announce,
        7 => Message::Feed,
        8 => Message::Gossip,
        9 => Message::Broadcast,
        10 => Message::TurnUndead,
        _ => return Err(CodecError::Senseless),
    };
    Ok(Front { source, refutation, target, message })
}

pub(super) fn put_member(member: &Member<MemberIdentity>, out: &mut Vec<u8>) {
    let state = match member.state() {
        State::Alive => 0,
        State::Suspect => 1,
        State::Down => 2,
    };
    put_identity(member.id(), state, out);
    out.put_u16(member.incarnation());
}

pub(super) fn take_member(buf: &mut impl Buf) -> Result<Member<MemberIdentity>, CodecError> {
    let (identity, state) = take_identity(buf)?;
    let state = match state {
        0 => State::Alive,
        1 => State::Suspect,
        2 => State::Down,
        _ => return Err(CodecError::Senseless),
    };
    Ok(Member::new(identity, buf.try_get_u16()?, state))
}

pub(super) fn put_identity(identity: &MemberIdentity, state: u8, out: &mut Vec<u8>) {
    out.push(state << 1 | u8::from(identity.address.is_ipv6()));
    out.extend_from_slice(&identity.id.0);
    put_leb128(identity.incarnation.0, out);
    match identity.address.ip() {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
    }
    out.put_u16(identity.address.port());
    out.put_u16(identity.link_port);
    put_leb128(u64::from(identity.cores), out);
}

fn take_identity(buf: &mut impl Buf) -> Result<(MemberIdentity, u8), CodecError> {
    let flags = buf.try_get_u8()?;
    let mut id = [0; ID_BYTES];
    buf.try_copy_to_slice(&mut id)?;
    let incarnation = Incarnation(take_leb128(buf)?);
    let ip = if flags & 1 == 0 {
        IpAddr::V4(Ipv4Addr::from_bits(buf.try_get_u32()?))
    } else {
        IpAddr::V6(Ipv6Addr::from_bits(buf.try_get_u128()?))
    };
    let address = SocketAddr::new(ip, buf.try_get_u16()?);
    let link_port = buf.try_get_u16()?;
    let cores = u16::try_from(take_leb128(buf)?).map_err(|_| CodecError::Senseless)?;
    let identity = MemberIdentity { id: NodeId(id), incarnation, address, link_port, cores };
    let reachable = address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast();
    // An address is told in one way only, or two that are equal would compare as two.
    if identity.is_anyone() || !reachable || ip.to_canonical() != ip {
        return Err(CodecError::Senseless);
    }
    Ok((identity, flags >> 1))
}

fn put_leb128(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn take_leb128(buf: &mut impl Buf) -> Result<u64, CodecError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = buf.try_get_u8()?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return Err(CodecError::Senseless);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(CodecError::Senseless)
}

fn put_if_it_fits(bytes: &[u8], buf: &mut impl BufMut) -> Result<(), CodecError> {
    if buf.remaining_mut() < bytes.len() {
        return Err(CodecError::Full);
    }
    buf.put_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests;
