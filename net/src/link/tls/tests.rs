//! TLS sessions between nodes of one authority, and with others.

use super::*;
use crate::identity::NodeId;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};

const ONE: NodeId = NodeId([1; 20]);
const TWO: NodeId = NodeId([2; 20]);

/// An authority that signs for whom it will.
pub(in crate::link) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(in crate::link) fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// PEM of a certificate and its key.
    fn sign(&self, node: NodeId, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let mut params = CertificateParams::new([certificate_name(node)]).expect("a DNS name");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// Of a node with this authority, with a certificate that `change` was let loose on.
    fn config_with(&self, node: NodeId, change: impl FnOnce(&mut CertificateParams)) -> TlsConfig {
        let (certificate, key) = self.sign(node, change);
        TlsConfig::from_pem(self.pem.as_bytes(), certificate.as_bytes(), key.as_bytes()).expect("good PEM")
    }

    pub(in crate::link) fn config(&self, node: NodeId) -> TlsConfig {
        self.config_with(node, |_| {})
    }
}

/// Lets the two talk, in pieces of `cut` bytes, until they have nothing to say. A side that failed hears no more.
fn talk(
    dialer: &mut TlsSession,
    first: Vec<u8>,
    acceptor: &mut TlsSession,
    cut: usize,
) -> (Result<(), TlsError>, Result<(), TlsError>) {
    let (mut dialled, mut accepted) = (Ok(()), Ok(()));
    let (mut to_acceptor, mut to_dialer) = (first, Vec::new());
    while !to_acceptor.is_empty() || !to_dialer.is_empty() {
        let input = std::mem::take(&mut to_acceptor);
        for piece in input.chunks(cut) {
            if accepted.is_ok() {
                accepted = acceptor.on_bytes(piece, &mut Vec::new(), &mut to_dialer);
            }
        }
        let input = std::mem::take(&mut to_dialer);
        for piece in input.chunks(cut) {
            if dialled.is_ok() {
                dialled = dialer.on_bytes(piece, &mut Vec::new(), &mut to_acceptor);
            }
        }
    }
    (dialled, accepted)
}

fn try_session(
    dialer: &TlsConfig,
    expected: Option<NodeId>,
    acceptor: &TlsConfig,
) -> (Result<(), TlsError>, Result<(), TlsError>) {
    let mut first = Vec::new();
    let mut dialer = TlsSession::dial(dialer, expected, &mut first).expect("a session");
    let mut acceptor = TlsSession::accept(acceptor).expect("a session");
    talk(&mut dialer, first, &mut acceptor, 4096)
}

#[test]
fn two_nodes_of_one_authority_agree_however_their_bytes_are_cut() {
    let authority = Authority::new();
    let (one, two) = (authority.config(ONE), authority.config(TWO));
    for cut in [1, 100, 100_000] {
        let mut first = Vec::new();
        let mut dialer = TlsSession::dial(&one, Some(TWO), &mut first).expect("a session");
        let mut acceptor = TlsSession::accept(&two).expect("a session");
        assert!(dialer.is_handshaking() && dialer.binding().is_none() && dialer.peer().is_none());
        assert_eq!(talk(&mut dialer, first, &mut acceptor, cut), (Ok(()), Ok(())));
        assert!(!dialer.is_handshaking() && !acceptor.is_handshaking());
        let (two, one) = (dialer.peer().expect("shown"), acceptor.peer().expect("shown"));
        assert!(two.is_node(TWO) && !two.is_node(ONE));
        assert!(one.is_node(ONE) && !one.is_node(TWO));
        assert!(dialer.binding().is_some() && dialer.binding() == acceptor.binding());
        let data: Vec<u8> = (0..200_000_u32).map(|index| index.to_le_bytes()[0]).collect();
        let (mut sealed, mut plain, mut out) = (Vec::new(), Vec::new(), Vec::new());
        dialer.write(&data, &mut sealed).expect("it stands");
        assert!(!sealed.windows(64).any(|window| data[..64] == *window), "it is sealed");
        for piece in sealed.chunks(cut) {
            acceptor.on_bytes(piece, &mut plain, &mut out).expect("sealed by the peer");
        }
        assert!(plain == data && out.is_empty());
    }
}

#[test]
fn an_address_may_be_that_of_any_node_of_the_authority() {
    let authority = Authority::new();
    let outcome = try_session(&authority.config(ONE), None, &authority.config(TWO));
    assert_eq!(outcome, (Ok(()), Ok(())));
}

#[test]
fn another_authority_is_refused_by_both_sides() {
    let unsigned =
        TlsError::PeerCertificate { reason: "is not signed by the cluster's authority".to_owned() };
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (dialled, accepted) = try_session(&ours.config(ONE), None, &theirs.config(TWO));
    assert_eq!(dialled, Err(unsigned.clone()));
    assert!(matches!(accepted, Err(TlsError::PeerRefusedCertificate { .. })), "{accepted:?}");
    // A dialer that trusts the acceptor's authority but has its certificate from another.
    let (certificate, key) = theirs.sign(ONE, |_| {});
    let mixed = TlsConfig::from_pem(ours.pem.as_bytes(), certificate.as_bytes(), key.as_bytes());
    let (dialled, accepted) = try_session(&mixed.expect("good PEM"), None, &ours.config(TWO));
    assert_eq!(accepted, Err(unsigned));
    assert!(matches!(dialled, Err(TlsError::PeerRefusedCertificate { .. })), "{dialled:?}");
}

#[test]
fn another_node_than_was_dialled_is_refused() {
    let authority = Authority::new();
    let (dialled, accepted) = try_session(&authority.config(ONE), Some(ONE), &authority.config(TWO));
    let reason = "is not that of the node that was dialled".to_owned();
    assert_eq!(dialled, Err(TlsError::PeerCertificate { reason }));
    assert!(matches!(accepted, Err(TlsError::PeerRefusedCertificate { .. })), "{accepted:?}");
}

#[test]
fn certificates_have_their_time_and_purpose() {
    let authority = Authority::new();
    let check = |change: fn(&mut CertificateParams), reason: &str| {
        let error = TlsError::PeerCertificate { reason: reason.to_owned() };
        let bad = authority.config_with(TWO, change);
        let good = authority.config(ONE);
        assert_eq!(try_session(&good, Some(TWO), &bad).0, Err(error.clone()), "of the acceptor");
        assert_eq!(try_session(&bad, Some(ONE), &good).1, Err(error), "of the dialer");
    };
    check(|params| params.not_after = date_time_ymd(2001, 1, 1), "has expired");
    check(|params| params.not_before = date_time_ymd(4000, 1, 1), "is not valid yet");
    check(
        |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning],
        "is not for both server and client authentication",
    );
}

#[test]
fn who_does_not_speak_tls_is_told_apart() {
    let config = Authority::new().config(ONE);
    for input in [b"MYCOLINK\x01\x00\x00\x00\x10\x00".as_slice(), &[b'x'; 100_000], &[0; 100], &[0xff; 100]] {
        let mut out = Vec::new();
        let mut acceptor = TlsSession::accept(&config).expect("a session");
        assert_eq!(acceptor.on_bytes(input, &mut Vec::new(), &mut out), Err(TlsError::PeerNotTls));
        assert!(out.len() < 100, "an alert at most");
        let mut dialer = TlsSession::dial(&config, None, &mut Vec::new()).expect("a session");
        assert_eq!(dialer.on_bytes(input, &mut Vec::new(), &mut out), Err(TlsError::PeerNotTls));
    }
}

#[test]
fn bytes_altered_on_the_way_end_the_session() {
    let authority = Authority::new();
    let mut first = Vec::new();
    let mut dialer = TlsSession::dial(&authority.config(ONE), None, &mut first).expect("a session");
    let mut acceptor = TlsSession::accept(&authority.config(TWO)).expect("a session");
    assert_eq!(talk(&mut dialer, first, &mut acceptor, 4096), (Ok(()), Ok(())));
    let mut sealed = Vec::new();
    dialer.write(b"a frame", &mut sealed).expect("it stands");
    *sealed.last_mut().expect("bytes") ^= 1;
    let (mut plain, mut out) = (Vec::new(), Vec::new());
    let error = acceptor.on_bytes(&sealed, &mut plain, &mut out).expect_err("altered");
    assert!(matches!(error, TlsError::PeerBroken { .. }), "{error:?}");
    assert!(plain.is_empty());
    assert!(matches!(dialer.on_bytes(&out, &mut plain, &mut Vec::new()), Err(TlsError::PeerAlert { .. })));
}

#[test]
fn what_is_said_after_the_end_is_not_heard() {
    let authority = Authority::new();
    let mut first = Vec::new();
    let mut dialer = TlsSession::dial(&authority.config(ONE), None, &mut first).expect("a session");
    let mut acceptor = TlsSession::accept(&authority.config(TWO)).expect("a session");
    assert_eq!(talk(&mut dialer, first, &mut acceptor, 4096), (Ok(()), Ok(())));
    let mut sealed = Vec::new();
    dialer.write(b"last", &mut sealed).expect("it stands");
    dialer.close(&mut sealed);
    sealed.extend_from_slice(b"and more");
    let mut plain = Vec::new();
    acceptor.on_bytes(&sealed, &mut plain, &mut Vec::new()).expect("an end in order");
    assert_eq!(plain, b"last");
}

#[test]
fn files_that_do_not_do_are_named() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign(ONE, |_| {});
    let (_, other_key) = authority.sign(ONE, |_| {});
    let load = |ca: &str, certificate: &str, key: &str| {
        TlsConfig::from_pem(ca.as_bytes(), certificate.as_bytes(), key.as_bytes()).map(|_| ())
    };
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(load(&authority.pem, &certificate, &key), Ok(()));
    for ca in ["", "no PEM", broken, &key] {
        assert_eq!(load(ca, &certificate, &key), Err(TlsError::ConfigAuthority), "{ca}");
    }
    for certificate in ["", broken, &key] {
        assert_eq!(load(&authority.pem, certificate, &key), Err(TlsError::ConfigCertificate));
    }
    let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for key in ["", broken, &certificate] {
        assert_eq!(load(&authority.pem, &certificate, key), Err(TlsError::ConfigKey));
    }
    assert_eq!(load(&authority.pem, &certificate, &other_key), Err(TlsError::ConfigPair));
}

#[test]
fn a_config_knows_whose_it_is_and_shows_nothing() {
    let config = Authority::new().config(ONE);
    assert!(config.is_of(ONE) && !config.is_of(TWO));
    assert_eq!(format!("{config:?}"), "TlsConfig { .. }");
}
