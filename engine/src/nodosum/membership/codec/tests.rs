use foca::Codec;
use proptest::prelude::*;

use super::*;

fn identity() -> impl Strategy<Value = MemberIdentity> {
    let ip = prop_oneof![
        (1..0xe000_0000_u32).prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        (1_u128 << 100..0xff00_u128 << 112).prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ];
    (prop::array::uniform20(1_u8..), any::<u64>(), ip, 1_u16.., any::<(u16, u16)>()).prop_map(
        |(id, incarnation, ip, port, (link_port, cores))| MemberIdentity {
            id: NodeId(id),
            incarnation: Incarnation(incarnation),
            address: SocketAddr::new(ip, port),
            link_port,
            cores,
        },
    )
}

fn message() -> impl Strategy<Value = Message<MemberIdentity>> {
    prop_oneof![
        any::<u8>().prop_map(Message::Ping),
        any::<u8>().prop_map(Message::Ack),
        (identity(), any::<u8>())
            .prop_map(|(target, probe_number)| Message::PingReq { target, probe_number }),
        (identity(), any::<u8>())
            .prop_map(|(origin, probe_number)| Message::IndirectPing { origin, probe_number }),
        (identity(), any::<u8>())
            .prop_map(|(target, probe_number)| Message::IndirectAck { target, probe_number }),
        (identity(), any::<u8>())
            .prop_map(|(origin, probe_number)| Message::ForwardedAck { origin, probe_number }),
        Just(Message::Announce),
        Just(Message::Feed),
        Just(Message::Gossip),
        Just(Message::Broadcast),
        Just(Message::TurnUndead),
    ]
}

proptest! {
    #[test]
    fn a_front_reads_what_it_writes_and_nothing_shorter(
        source in identity(), message in message(), refutation: u16, target: u32,
    ) {
        let mut bytes = Vec::new();
        put_front(&source, refutation, target, &message, &mut bytes);
        let front = Front { source, refutation, target, message };
        prop_assert_eq!(take_front(&mut bytes.as_slice()), Ok(front));
        for end in 0..bytes.len() {
            prop_assert_eq!(take_front(&mut &bytes[..end]), Err(CodecError::Truncated));
        }
    }

    #[test]
    fn a_member_reads_what_it_writes(identity in identity(), refutation: u16, state in 0..3) {
        let state = [State::Alive, State::Suspect, State::Down][usize::try_from(state).unwrap()];
        let member = Member::new(identity, refutation, state);
        let mut bytes = Vec::new();
        put_member(&member, &mut bytes);
        prop_assert!(bytes.len() <= IDENTITY_BYTES_MAX + 2);
        prop_assert_eq!(take_member(&mut bytes.as_slice()), Ok(member));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        drop((take_front(&mut bytes.as_slice()), take_member(&mut bytes.as_slice())));
    }
}

fn node(byte: u8) -> MemberIdentity {
    MemberIdentity {
        id: NodeId([byte; 20]),
        incarnation: Incarnation(3),
        address: SocketAddr::from(([10, 0, 0, byte], 7300)),
        link_port: 7400,
        cores: 8,
    }
}

#[test]
fn an_update_is_so_small_that_forty_fit() {
    let mut bytes = Vec::new();
    put_member(&Member::alive(node(1)), &mut bytes);
    assert_eq!(bytes.len(), 33);
    bytes.clear();
    put_front(&node(1), 0, node(2).tag(), &Message::Ping(1), &mut bytes);
    assert_eq!(bytes.len(), 39);
}

#[test]
fn a_datagram_for_another_life_is_for_nobody() {
    let mut codec = WireCodec::new(node(1));
    let mut decode = |target: u32, message| {
        let mut bytes = Vec::new();
        put_front(&node(2), 0, target, &message, &mut bytes);
        codec.decode_header(bytes.as_slice()).map(|header| header.dst)
    };
    assert_eq!(decode(node(1).tag(), Message::Gossip), Ok(node(1)));
    let earlier = MemberIdentity { incarnation: Incarnation(2), ..node(1) };
    assert_eq!(decode(earlier.tag(), Message::Gossip), Ok(MemberIdentity::nobody()));
    assert_eq!(decode(0, Message::Announce), Ok(node(1)), "an announcement may be for anyone");
    assert_eq!(decode(0, Message::Gossip), Err(CodecError::Senseless));
}

#[test]
fn the_codec_follows_its_own_identity() {
    let mut codec = WireCodec::new(node(1));
    let next = MemberIdentity { incarnation: Incarnation(4), ..node(1) };
    let header = Header { src: next.clone(), src_incarnation: 0, dst: node(2), message: Message::Gossip };
    let mut bytes = Vec::new();
    codec.encode_header(&header, &mut bytes).expect("there is room");
    bytes.clear();
    put_front(&node(2), 0, next.tag(), &Message::Gossip, &mut bytes);
    assert_eq!(codec.decode_header(bytes.as_slice()).map(|header| header.dst), Ok(next));
}

#[test]
fn what_does_not_fit_leaves_no_trace() {
    let mut codec = WireCodec::new(node(1));
    let mut buf = Vec::new().limit(10);
    assert_eq!(codec.encode_member(&Member::alive(node(2)), &mut buf), Err(CodecError::Full));
    assert!(buf.into_inner().is_empty());
}

#[test]
fn addresses_that_reach_nobody_are_refused() {
    for address in ["0.0.0.0:7300", "10.0.0.1:0", "239.1.1.1:7300", "[::]:1", "[::ffff:10.0.0.1]:1"] {
        let mut bytes = Vec::new();
        let identity = MemberIdentity { address: address.parse().expect("an address"), ..node(1) };
        put_identity(&identity, 0, &mut bytes);
        assert_eq!(take_identity(&mut bytes.as_slice()), Err(CodecError::Senseless), "{address}");
    }
}
