//! `pulse certs`: an authority and certificates for mutual TLS on links, as files.
//!
//! ```text
//!   certs ca --out DIR             DIR/ca.pem    every node: --link-tls-ca
//!                                  DIR/ca.key    stays where certificates are made
//!   certs id DATA-DIR              the id of a node before its first start
//!   certs node ID --out DIR        DIR/ID.pem    that node: --link-tls-cert
//!                                  DIR/ID.key    that node: --link-tls-key
//! ```
//!
//! Private keys are readable by their owner only. No file is overwritten. Certificates hold from two days ago, for the
//! clocks of nodes differ.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mycorrhizal_net::identity::NodeId;
use mycorrhizal_net::link::tls::certificate_name;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use serde_json::json;

use crate::clock;

use super::args::CertificateAction;
use super::error::PulseError;
use super::status::Form;

/// What the authority is called; its certificates name it as their issuer.
const AUTHORITY: &str = "Mycorrhizal cluster authority";
/// By how much a certificate holds before it was made.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2 * 86_400);

/// Makes what is asked for, and says which files there are now.
pub(crate) fn run(action: CertificateAction, form: Form, mut out: impl Write) -> Result<(), PulseError> {
    let files = match action {
        CertificateAction::Ca { out, days } => make_authority(&out, days)?,
        CertificateAction::Node { nodes, out, days } => make_certificates(&nodes, &out, days)?,
        CertificateAction::Id { directory, cluster } => return tell_id(&directory, &cluster, form, out),
    };
    let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    match form {
        Form::Json => writeln!(out, "{}", json!({ "files": names }))?,
        Form::Table(_) => names.iter().try_for_each(|name| writeln!(out, "{name}"))?,
    }
    Ok(out.flush()?)
}

fn tell_id(directory: &Path, cluster: &str, form: Form, mut out: impl Write) -> Result<(), PulseError> {
    fs::create_dir_all(directory).map_err(|error| in_the_way("make", directory, &error))?;
    let id = mycorrhizal::node_id(directory, cluster);
    let id = id.map_err(|error| PulseError::Local(format!("{}: {error}", directory.display())))?;
    match form {
        Form::Json => writeln!(out, "{}", json!({ "id": id.to_string() }))?,
        Form::Table(_) => writeln!(out, "{id}")?,
    }
    Ok(out.flush()?)
}

fn make_authority(directory: &Path, days: u32) -> Result<Vec<PathBuf>, PulseError> {
    let (certificate, key) = (directory.join("ca.pem"), directory.join("ca.key"));
    refuse_existing([&certificate, &key])?;
    fs::create_dir_all(directory).map_err(|error| in_the_way("make", directory, &error))?;
    let pair = KeyPair::generate().map_err(|error| PulseError::Local(format!("no key: {error}")))?;
    let signed = authority(days)?.self_signed(&pair).map_err(|error| unsigned(&error))?;
    write(&key, pair.serialize_pem().as_bytes(), 0o600)?;
    write(&certificate, signed.pem().as_bytes(), 0o644)?;
    Ok(vec![certificate, key])
}

fn make_certificates(nodes: &[String], directory: &Path, days: u32) -> Result<Vec<PathBuf>, PulseError> {
    let ids = nodes.iter().map(|text| {
        let id = text.parse::<NodeId>();
        id.map_err(|_| PulseError::Local(format!("`{text}` is no node id: that has 40 hex digits")))
    });
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    let key_file = directory.join("ca.key");
    let pem = fs::read_to_string(&key_file).map_err(|error| in_the_way("read", &key_file, &error))?;
    let pair = KeyPair::from_pem(&pem);
    let pair = pair.map_err(|_| PulseError::Local(format!("{} is no private key", key_file.display())))?;
    let issuer = Issuer::new(authority(days)?, pair);
    let paths = |id: &NodeId| (directory.join(format!("{id}.pem")), directory.join(format!("{id}.key")));
    for id in &ids {
        let (certificate, key) = paths(id);
        refuse_existing([&certificate, &key])?;
    }
    let mut files = Vec::new();
    for id in &ids {
        let (certificate, key) = paths(id);
        let (signed, secret) = sign(*id, &issuer, days)?;
        write(&key, secret.as_bytes(), 0o600)?;
        write(&certificate, signed.as_bytes(), 0o644)?;
        files.extend([certificate, key]);
    }
    Ok(files)
}

/// The authority; the same whenever it is asked for, but for the time.
fn authority(days: u32) -> Result<CertificateParams, PulseError> {
    let mut params = named(AUTHORITY, [], days)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// Certificate and key of a node, as PEM.
fn sign(id: NodeId, issuer: &Issuer<'_, KeyPair>, days: u32) -> Result<(String, String), PulseError> {
    let name = certificate_name(id);
    let mut params = named(&id.to_string(), [name], days)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let pair = KeyPair::generate().map_err(|error| PulseError::Local(format!("no key: {error}")))?;
    let signed = params.signed_by(&pair, issuer).map_err(|error| unsigned(&error))?;
    Ok((signed.pem(), pair.serialize_pem()))
}

fn named<const N: usize>(
    common: &str,
    names: [String; N],
    days: u32,
) -> Result<CertificateParams, PulseError> {
    let mut params = CertificateParams::new(names).map_err(|error| unsigned(&error))?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common);
    let now = clock::wall();
    let lifetime = Duration::from_secs(u64::from(days) * 86_400);
    params.not_before = (now - CLOCK_TOLERANCE).into();
    params.not_after = (now + lifetime).into();
    Ok(params)
}

fn unsigned(error: &rcgen::Error) -> PulseError {
    PulseError::Local(format!("the certificate cannot be made: {error}"))
}

fn refuse_existing(paths: [&PathBuf; 2]) -> Result<(), PulseError> {
    match paths.into_iter().find(|path| path.exists()) {
        Some(path) => Err(PulseError::Local(format!("{} is there already", path.display()))),
        None => Ok(()),
    }
}

fn in_the_way(verb: &str, path: &Path, error: &io::Error) -> PulseError {
    PulseError::Local(format!("cannot {verb} {}: {error}", path.display()))
}

/// Writes a file that is not there yet.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), PulseError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| in_the_way("write", path, &error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use mycorrhizal_net::link::tls::TlsConfig;

    use super::*;

    fn make(action: CertificateAction) -> Result<(), PulseError> {
        run(action, Form::Json, io::sink())
    }

    #[test]
    fn a_set_of_certificates_is_what_links_need() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("certs");
        make(CertificateAction::Ca { out: out.clone(), days: 2 }).unwrap();
        let ids = [NodeId([1; 20]), NodeId([0xab; 20])];
        let nodes: Vec<String> = ids.iter().map(NodeId::to_string).collect();
        make(CertificateAction::Node { nodes: nodes.clone(), out: out.clone(), days: 1 }).unwrap();
        for (id, name) in ids.iter().zip(&nodes) {
            let read = |file: String| fs::read(out.join(file)).unwrap();
            let (ca, cert) = (read("ca.pem".into()), read(format!("{name}.pem")));
            let config = TlsConfig::from_pem(&ca, &cert, &read(format!("{name}.key"))).unwrap();
            assert!(config.is_of(*id));
        }
        for file in ["ca.key".to_owned(), format!("{}.key", nodes[0])] {
            let mode = fs::metadata(out.join(&file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        let again = make(CertificateAction::Ca { out: out.clone(), days: 2 }).unwrap_err();
        assert!(again.to_string().contains("is there already"), "{again}");
        let again = make(CertificateAction::Node { nodes, out, days: 1 }).unwrap_err();
        assert!(again.to_string().contains("is there already"), "{again}");
    }

    #[test]
    fn what_is_no_id_or_has_no_authority_is_refused_in_a_sentence() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().to_owned();
        let node = |node: &str| {
            let error = make(CertificateAction::Node { nodes: vec![node.into()], out: out.clone(), days: 1 });
            error.unwrap_err().to_string()
        };
        assert!(node("node-1").contains("is no node id"), "{}", node("node-1"));
        assert!(node(&"ab".repeat(20)).starts_with("cannot read "), "{}", node(&"ab".repeat(20)));
    }
}
