//! What the daemon is told about its cluster.

use std::path::{Path, PathBuf};

use mycorrhizal::{Builder, Discover, GOSSIP_PORT, LINK_PORT, LinkTls};

use super::{ConfigError, Settings, Switch};

/// The daemon's cluster, if it belongs to one. Owned by the node.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// The file with the key that all members share.
    pub key_file: PathBuf,
    /// Members to wait for before the first cluster is founded.
    pub expect: u16,
    /// Gossip addresses of members that may be there.
    pub join: Vec<String>,
    /// Whether members on the same LAN are found by multicast.
    pub multicast: Switch,
    /// First gossip port; 0 takes free ones.
    pub gossip_port: u16,
    /// First link port; 0 takes free ones.
    pub link_port: u16,
    /// What people call the node; the beginning of its id without one.
    pub node_name: Option<String>,
    /// Its share of the data; as many as it has cores without one.
    pub weight: Option<u32>,
    /// Whether it leaves for good when it is told to end.
    pub leave: Switch,
    /// Mutual TLS on links.
    pub tls: Option<TlsFiles>,
}

/// Where the certificates for links are.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The node's.
    pub cert: PathBuf,
    /// The node's private key.
    pub key: PathBuf,
}

impl Cluster {
    /// What the settings say of a cluster.
    ///
    /// # Errors
    /// They say something that makes sense in a cluster only, and name none; or they name one and no key.
    pub(super) fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let Some(name) = settings.cluster.clone() else {
            return match stray(settings) {
                Some(key) => {
                    Err(ConfigError::Senseless(format!("{key}: only a member of a --cluster has it")))
                }
                None => Ok(None),
            };
        };
        if name.is_empty() {
            return Err(ConfigError::Senseless("cluster: the name is empty".into()));
        }
        let Some(key_file) = settings.cluster_key_file.clone() else {
            return Err(ConfigError::Senseless("cluster: a --cluster-key-file is needed".into()));
        };
        let files = (&settings.link_tls_ca, &settings.link_tls_cert, &settings.link_tls_key);
        let tls = match files {
            (Some(ca), Some(cert), Some(key)) => {
                Some(TlsFiles { ca: ca.clone(), cert: cert.clone(), key: key.clone() })
            }
            (None, None, None) => None,
            _ => {
                let message = "link-tls-ca, link-tls-cert and link-tls-key are needed together";
                return Err(ConfigError::Senseless(message.into()));
            }
        };
        Ok(Some(Self {
            name,
            key_file,
            expect: settings.expect.unwrap_or(1),
            join: settings.join.clone().unwrap_or_default(),
            multicast: settings.multicast.unwrap_or(Switch::On),
            gossip_port: settings.gossip_port.unwrap_or(GOSSIP_PORT),
            link_port: settings.link_port.unwrap_or(LINK_PORT),
            node_name: settings.node_name.clone(),
            weight: settings.weight,
            leave: settings.leave.unwrap_or(Switch::Off),
            tls,
        }))
    }

    /// Makes a node a member of it, with what the files hold that it names.
    ///
    /// # Errors
    /// A file cannot be read, or is not what it should be.
    pub fn join(&self, builder: Builder) -> Result<Builder, ConfigError> {
        let discover = match self.multicast {
            Switch::On => Discover::multicast().and_seeds(&self.join),
            Switch::Off => Discover::seeds(&self.join),
        };
        let builder = builder
            .cluster(&self.name)
            .secret(read(&self.key_file)?)
            .discover(discover)
            .expect(self.expect.into())
            .gossip_port(self.gossip_port)
            .link_port(self.link_port)
            .node_name(self.node_name.clone().unwrap_or_default())
            .weight(self.weight.unwrap_or(0));
        let Some(files) = &self.tls else { return Ok(builder) };
        let tls = LinkTls::from_pem(&read(&files.ca)?, &read(&files.cert)?, &read(&files.key)?);
        let tls = tls.map_err(|error| ConfigError::Senseless(format!("link-tls: {error}")))?;
        Ok(builder.link_tls(tls))
    }

    /// As [`Config::rows`](super::Config::rows) lists it.
    pub(super) fn rows(cluster: Option<&Self>) -> Vec<(&'static str, String)> {
        let none = || "none".to_owned();
        let of = |pick: &dyn Fn(&Self) -> Option<String>| cluster.and_then(pick).unwrap_or_else(none);
        let path = |path: &PathBuf| Some(path.display().to_string());
        let tls = |pick: &dyn Fn(&TlsFiles) -> PathBuf| {
            let picked = cluster.and_then(|cluster| cluster.tls.as_ref()).map(pick);
            picked.map_or_else(none, |path| path.display().to_string())
        };
        let join = |cluster: &Self| (!cluster.join.is_empty()).then(|| cluster.join.join(","));
        vec![
            ("cluster", of(&|cluster| Some(cluster.name.clone()))),
            ("cluster-key-file", of(&|cluster| path(&cluster.key_file))),
            ("expect", cluster.map_or(1, |cluster| cluster.expect).to_string()),
            ("join", of(&join)),
            ("multicast", cluster.map_or(Switch::On, |cluster| cluster.multicast).to_string()),
            ("gossip-port", cluster.map_or(GOSSIP_PORT, |cluster| cluster.gossip_port).to_string()),
            ("link-port", cluster.map_or(LINK_PORT, |cluster| cluster.link_port).to_string()),
            ("node-name", of(&|cluster| cluster.node_name.clone())),
            ("weight", of(&|cluster| cluster.weight.map(|weight| weight.to_string()))),
            ("leave", cluster.map_or(Switch::Off, |cluster| cluster.leave).to_string()),
            ("link-tls-ca", tls(&|files| files.ca.clone())),
            ("link-tls-cert", tls(&|files| files.cert.clone())),
            ("link-tls-key", tls(&|files| files.key.clone())),
        ]
    }
}

/// A setting that only a member of a cluster has.
fn stray(settings: &Settings) -> Option<&'static str> {
    let strays = [
        ("cluster-key-file", settings.cluster_key_file.is_some()),
        ("expect", settings.expect.is_some()),
        ("join", settings.join.is_some()),
        ("multicast", settings.multicast.is_some()),
        ("gossip-port", settings.gossip_port.is_some()),
        ("link-port", settings.link_port.is_some()),
        ("node-name", settings.node_name.is_some()),
        ("weight", settings.weight.is_some()),
        ("leave", settings.leave.is_some()),
        ("link-tls-ca", settings.link_tls_ca.is_some()),
        ("link-tls-cert", settings.link_tls_cert.is_some()),
        ("link-tls-key", settings.link_tls_key.is_some()),
    ];
    strays.into_iter().find(|(_, is_set)| *is_set).map(|(key, _)| key)
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}
