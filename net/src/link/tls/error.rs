//! What goes wrong with TLS.

use rustls::{AlertDescription, CertificateError, Error};

/// Why there is no TLS. Final for the session; nothing else has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The authority's file has no certificate in PEM that could be one of an authority.
    #[error("the file of the cluster's authority holds no usable certificate")]
    ConfigAuthority,
    /// The node's certificate file has no certificate in PEM.
    #[error("the file of the node's certificate holds no usable certificate")]
    ConfigCertificate,
    /// The key file has no private key in PEM that could be used.
    #[error("the file of the node's private key holds no usable key")]
    ConfigKey,
    /// The key belongs to another certificate.
    #[error("the node's private key is not that of its certificate")]
    ConfigPair,
    /// What the peer says is not TLS.
    #[error("the peer does not speak TLS, and links are configured to")]
    PeerNotTls,
    /// The peer shows no certificate.
    #[error("the peer shows no certificate")]
    PeerNoCertificate,
    /// The peer's certificate does not do.
    #[error("the peer's certificate {reason}")]
    PeerCertificate {
        /// Why, as the end of that sentence.
        reason: String,
    },
    /// The peer does not like this side's certificate.
    #[error("the peer does not accept this node's certificate: {reason}")]
    PeerRefusedCertificate {
        /// The name of the alert.
        reason: String,
    },
    /// The peer gave up, for another reason.
    #[error("the peer ended TLS: {reason}")]
    PeerAlert {
        /// The name of the alert.
        reason: String,
    },
    /// The peer breaks the rules of TLS, or cannot do what is needed.
    #[error("TLS with the peer failed: {reason}")]
    PeerBroken {
        /// What is wrong.
        reason: String,
    },
    /// The session takes nothing more to send.
    #[error("the TLS session has ended")]
    LocalEnded,
}

impl TlsError {
    /// `begun`: the peer has spoken TLS before.
    pub(super) fn from_rustls(error: Error, begun: bool) -> Self {
        match error {
            Error::InvalidMessage(_) if !begun => Self::PeerNotTls,
            Error::NoCertificatesPresented => Self::PeerNoCertificate,
            Error::InvalidCertificate(error) => Self::PeerCertificate { reason: reason(&error) },
            Error::AlertReceived(alert) => on_alert(alert),
            error => Self::PeerBroken { reason: error.to_string() },
        }
    }
}

fn reason(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "is not signed by the cluster's authority".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is not that of the node that was dialled".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not for both server and client authentication".to_owned()
        }
        error => format!("does not do: {error}"),
    }
}

fn on_alert(alert: AlertDescription) -> TlsError {
    let reason = format!("{alert:?}");
    match alert {
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied
        | AlertDescription::CertificateRequired => TlsError::PeerRefusedCertificate { reason },
        _ => TlsError::PeerAlert { reason },
    }
}
