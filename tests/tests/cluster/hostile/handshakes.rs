//! Connections to where links are taken, by who has no business there.

use std::io::Write as _;
use std::time::Duration;

use mycorrhizal_tests::clock;

use super::{check_unharmed, insider, lines, outsider, start};
use crate::stranger::{Stranger, is_closed, tcp};

/// Longer than a handshake may take.
const PATIENCE: Duration = Duration::from_secs(15);

#[test]
fn whoever_does_not_speak_the_protocol_is_shown_out() {
    let cluster = start();
    let node = &cluster.nodes[0];
    let mut too_long = b"MYCOLINK".to_vec();
    too_long.extend_from_slice(&mycorrhizal_net::version::PROTOCOL.to_le_bytes());
    too_long.extend_from_slice(&[0, 0, 0xFF, 0xFF]);
    let mut other_version = too_long.clone();
    other_version[8] = 77;
    let said: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 4096],
        b"\x16\x03\x01\x02\x00",
        b"*1\r\n$4\r\nPING\r\n",
        &too_long,
        &other_version,
    ];
    for bytes in said {
        let mut stream = tcp(node);
        stream.write_all(bytes).unwrap();
        assert!(is_closed(stream, PATIENCE), "{bytes:?}");
    }
    let mut ours = tcp(node);
    ours.write_all(b"MYCOL").unwrap();
    let silent = tcp(node);
    let begun = clock::now();
    assert!(is_closed(ours, PATIENCE) && is_closed(silent, PATIENCE), "silence is not waited for");
    assert!(clock::now() - begun < PATIENCE);
    assert!(node.info("links_refused") >= 8);
    check_unharmed(&cluster);
}

#[test]
fn many_connections_are_not_as_many_lines() {
    let cluster = start();
    let node = &cluster.nodes[0];
    let begun = clock::now();
    for _ in 0..1000 {
        let mut stream = tcp(node);
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    }
    cluster.wait("all of them", |cluster| cluster.nodes[0].info("links_refused") >= 1000);
    let told = lines(node, "a link was not taken");
    let most = usize::try_from((clock::now() - begun).as_secs()).unwrap() + 2;
    assert!((1..=most).contains(&told), "{told} lines in {most} s");
    check_unharmed(&cluster);
}

#[test]
fn who_has_no_key_or_another_cluster_gets_no_link() {
    let cluster = start();
    let node = &cluster.nodes[0];
    let no_key = outsider(&cluster).link(node, 0).err().unwrap();
    assert!(no_key.contains("no cluster key in common"), "{no_key}");
    let key = std::fs::read(cluster.key_file()).unwrap();
    let neighbour = Stranger::new("another cluster", &key).link(node, 0).err().unwrap();
    assert!(neighbour.contains("clusters of different names"), "{neighbour}");
    assert!(insider(&cluster).link(node, u16::MAX).is_ok(), "a core's number is only a name");
    check_unharmed(&cluster);
}
