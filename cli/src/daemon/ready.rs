//! Tells that the daemon serves: a line on stdout, and a file for those who wait for it.
//!
//! The file is one JSON object, `{"pid", "version", "port", "addresses", "core_ports", "cores", "node_id", "gossip",
//! "links"}`. It
//! appears whole (written beside, then renamed) once clients are served, and is removed at the end.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::DaemonError;

/// What a client or a supervisor needs to know of a daemon that serves.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    /// Process id.
    pub(super) pid: u32,
    /// Version of the daemon.
    pub(super) version: &'static str,
    /// Plain port, the one that was taken if a free one was asked for.
    pub(super) port: Option<u16>,
    /// Every address of the plain port.
    pub(super) addresses: Vec<SocketAddr>,
    /// Ports of the cores, in the order of `cores`; empty if there are none.
    pub(super) core_ports: Vec<u16>,
    /// Numbers of the processors that serve.
    pub(super) cores: Vec<usize>,
    /// Id of the node, 40 hex digits.
    pub(super) node_id: String,
    /// Gossip addresses of the cores; empty for a node that belongs to no cluster.
    pub(super) gossip: Vec<SocketAddr>,
    /// Where the links of the cores are accepted; likewise.
    pub(super) links: Vec<SocketAddr>,
}

impl Ready {
    /// The line on stdout.
    pub(super) fn line(&self) -> String {
        let list = |items: Vec<String>| if items.is_empty() { "off".to_owned() } else { items.join(",") };
        format!(
            "Ready: pid={} port={} addresses={} core_ports={} cores={} node_id={} gossip={} links={} version={}",
            self.pid,
            list(self.port.iter().map(ToString::to_string).collect()),
            list(self.addresses.iter().map(ToString::to_string).collect()),
            list(self.core_ports.iter().map(ToString::to_string).collect()),
            list(self.cores.iter().map(ToString::to_string).collect()),
            self.node_id,
            list(self.gossip.iter().map(ToString::to_string).collect()),
            list(self.links.iter().map(ToString::to_string).collect()),
            self.version,
        )
    }
}

/// A ready file that is there as long as this lives.
#[derive(Debug)]
pub(super) struct ReadyFile {
    path: PathBuf,
}

impl ReadyFile {
    /// Writes the file.
    pub(super) fn write(path: &Path, ready: &Ready) -> Result<Self, DaemonError> {
        let failed = |source| DaemonError::ReadyFile { path: path.to_owned(), source };
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", ready.pid));
        let beside = PathBuf::from(beside);
        let written = write_whole(&beside, ready).and_then(|()| std::fs::rename(&beside, path));
        if let Err(source) = written {
            remove(&beside);
            return Err(failed(source));
        }
        Ok(Self { path: path.to_owned() })
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn write_whole(path: &Path, ready: &Ready) -> io::Result<()> {
    let mut file = File::create(path)?;
    serde_json::to_writer(&mut file, ready)?;
    file.write_all(b"\n")
}

fn remove(path: &Path) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "the ready file stays behind");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Ready {
        Ready {
            pid: 7,
            version: "0.1.0",
            port: Some(6379),
            addresses: vec!["127.0.0.1:6379".parse().unwrap(), "[::1]:6379".parse().unwrap()],
            core_ports: vec![7379, 7380],
            cores: vec![0, 1],
            node_id: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            gossip: vec!["127.0.0.1:7946".parse().unwrap()],
            links: vec!["127.0.0.1:8946".parse().unwrap()],
        }
    }

    #[test]
    fn the_file_is_whole_json_and_goes_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ready.json");
        let file = ReadyFile::write(&path, &ready()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = concat!(
            r#"{"pid":7,"version":"0.1.0","port":6379,"addresses":["127.0.0.1:6379","[::1]:6379"],"#,
            r#""core_ports":[7379,7380],"cores":[0,1],"node_id":"0123456789abcdef0123456789abcdef01234567","#,
            r#""gossip":["127.0.0.1:7946"],"links":["127.0.0.1:8946"]}"#,
            "\n"
        );
        assert_eq!(text, expected);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        drop(file);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let error = ReadyFile::write(Path::new("/nowhere/at/all"), &ready()).expect_err("no such directory");
        assert!(error.to_string().starts_with("cannot write the ready file /nowhere/at/all: "), "{error}");
    }

    #[test]
    fn the_line_says_the_same() {
        let line = "Ready: pid=7 port=6379 addresses=127.0.0.1:6379,[::1]:6379 core_ports=7379,7380 cores=0,1 \
                    node_id=0123456789abcdef0123456789abcdef01234567 gossip=127.0.0.1:7946 links=127.0.0.1:8946 \
                    version=0.1.0";
        assert_eq!(ready().line(), line);
    }
}
