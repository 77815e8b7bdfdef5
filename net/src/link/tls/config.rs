//! What TLS needs of a node: the cluster's authority, its own certificate, its key.

use super::TlsError;
use crate::identity::NodeId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, PeerIncompatible, RootCertStore, ServerConfig,
    SignatureScheme,
};
use std::fmt;
use std::sync::Arc;

/// What node ids are names of, in certificates.
const DOMAIN: &str = "node.mycorrhizal";
/// What both sides say that they speak inside.
const APPLICATION_PROTOCOL: &[u8] = b"mycorrhizal-link";

/// The DNS name that the certificate of `node` has to bear.
#[must_use]
pub fn certificate_name(node: NodeId) -> String {
    format!("{node}.{DOMAIN}")
}

/// The name of `node`, or that which stands for any.
pub(super) fn server_name(node: Option<NodeId>) -> ServerName<'static> {
    let name = node.map_or_else(|| DOMAIN.to_owned(), certificate_name);
    ServerName::try_from(name).expect("hex digits and a domain are a DNS name")
}

/// Whether `certificate` is one of `node`. Says nothing of who signed it.
pub(super) fn names(certificate: &CertificateDer<'_>, node: NodeId) -> bool {
    let parsed = ParsedCertificate::try_from(certificate);
    parsed.is_ok_and(|parsed| verify_server_name(&parsed, &server_name(Some(node))).is_ok())
}

/// What TLS needs of a node. Clones share it.
#[derive(Clone)]
pub struct TlsConfig {
    pub(super) client: Arc<ClientConfig>,
    pub(super) server: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
}

impl TlsConfig {
    /// From PEM texts: the certificates of the authority, this node's certificate (with intermediate ones, if there
    /// are any, behind it), and its private key.
    ///
    /// # Errors
    ///
    /// Which of the three cannot be used. No text of theirs is in the error.
    pub fn from_pem(authority: &[u8], certificate: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for root in certificates(authority).ok_or(TlsError::ConfigAuthority)? {
            roots.add(root).map_err(|_| TlsError::ConfigAuthority)?;
        }
        let chain = certificates(certificate).ok_or(TlsError::ConfigCertificate)?;
        let own = chain.first().cloned().ok_or(TlsError::ConfigCertificate)?;
        ParsedCertificate::try_from(&own).map_err(|_| TlsError::ConfigCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::ConfigKey)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(roots);
        Ok(Self {
            client: client(&provider, &roots, chain.clone(), key.clone_key())?,
            server: server(&provider, &roots, chain, key)?,
            certificate: own,
        })
    }

    /// Whether this side's certificate is one of `node`: worth asking before peers do.
    #[must_use]
    pub fn is_of(&self, node: NodeId) -> bool {
        names(&self.certificate, node)
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TlsConfig").finish_non_exhaustive()
    }
}

/// At least one, or None.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    Some(found).filter(|found| !found.is_empty())
}

fn client(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let algorithms = provider.signature_verification_algorithms;
    let authority = Authority { roots: Arc::clone(roots), algorithms, anybody: server_name(None) };
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])
        .expect("the provider speaks TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(authority))
        .with_client_auth_cert(chain, key)
        .map_err(|error| unusable(&error))?;
    config.alpn_protocols = vec![APPLICATION_PROTOCOL.to_vec()];
    config.enable_sni = false;
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn server(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
    let verifier = verifier.build().map_err(|_| TlsError::ConfigAuthority)?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])
        .expect("the provider speaks TLS 1.3")
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&error))?;
    config.alpn_protocols = vec![APPLICATION_PROTOCOL.to_vec()];
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn unusable(error: &Error) -> TlsError {
    match error {
        Error::InconsistentKeys(_) => TlsError::ConfigPair,
        Error::InvalidCertificate(_) => TlsError::ConfigCertificate,
        _ => TlsError::ConfigKey,
    }
}

/// Judges the certificate of who was dialled: signed by the authority, and of the right node if that is known.
#[derive(Debug)]
struct Authority {
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
    anybody: ServerName<'static>,
}

impl ServerCertVerifier for Authority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        if *server_name != self.anybody {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
