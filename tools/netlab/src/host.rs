//! One host of the lab: a namespace with an address, in which the test's sockets and the programs under test live.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::error::LabError;
use crate::namespace::Namespace;
use crate::process::Process;

/// The host's one interface.
pub(crate) const INTERFACE: &str = "eth0";

/// A host. Owned by its [`Lab`](crate::Lab).
#[derive(Debug)]
pub struct Host {
    number: usize,
    namespace: Namespace,
}

impl Host {
    /// Makes the host and plugs it into the hub.
    pub(crate) fn create(lab: usize, number: usize, hub: &Namespace) -> Result<Self, LabError> {
        let namespace = Namespace::create(lab, &format!("h{number}"))?;
        let port = port(number);
        hub.ip(&format!(
            "link add {port} type veth peer name {INTERFACE} netns {}\n\
             link set {port} master br0\n\
             link set {port} up\n",
            namespace.name()
        ))?;
        let host = Host { number, namespace };
        // Without offloading across segments, so that each packet on the wire meets its own fate.
        host.namespace.ip(&format!(
            "link set {INTERFACE} address {} gso_max_segs 1 up\n\
             address add {}/16 dev {INTERFACE}\n\
             address add {}/64 dev {INTERFACE}\n\
             route add 224.0.0.0/4 dev {INTERFACE}\n",
            hardware_address(number),
            host.address(),
            host.address_v6(),
        ))?;
        // A neighbour that was cut off is asked for again soon, so that scenarios measure our healing and not the
        // kernel's.
        for family in ["ipv4", "ipv6"] {
            host.namespace.set(&format!("{family}/neigh/{INTERFACE}/retrans_time_ms"), "100")?;
        }
        Ok(host)
    }

    /// Its number, from 0.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// Its IPv4 address: 10.77.0.1 for host 0, and so on.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        let [high, low] = ordinal(self.number).to_be_bytes();
        Ipv4Addr::new(10, 77, high, low)
    }

    /// Its IPv6 address: fd77::1 for host 0, and so on. It has one of the link as well.
    #[must_use]
    pub fn address_v6(&self) -> Ipv6Addr {
        Ipv6Addr::new(0xFD77, 0, 0, 0, 0, 0, 0, ordinal(self.number))
    }

    /// Runs `work` on a thread inside the host. Sockets made there stay there, whoever uses them afterwards. What the
    /// kernel tells of the host's network is at `/proc/thread-self/net`; `/proc/net` is that of the process.
    ///
    /// # Panics
    /// When `work` does.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.namespace.enter(work)
    }

    /// Connects from inside.
    ///
    /// # Errors
    /// What connecting comes to.
    pub fn tcp_connect(&self, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        self.enter(|| TcpStream::connect_timeout(&to, timeout))
    }

    /// Listens inside.
    ///
    /// # Errors
    /// What binding comes to.
    pub fn tcp_listen(&self, at: SocketAddr) -> io::Result<TcpListener> {
        self.enter(|| TcpListener::bind(at))
    }

    /// A datagram socket inside.
    ///
    /// # Errors
    /// What binding comes to.
    pub fn udp(&self, at: SocketAddr) -> io::Result<UdpSocket> {
        self.enter(|| UdpSocket::bind(at))
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Replaces its rules.
    pub(crate) fn load(&self, script: &str) -> Result<(), LabError> {
        self.namespace.nft(script)
    }

    /// Starts a program inside, with program, arguments, directory and variables as `command` has them. It reads
    /// nothing, writes both its outputs to the end of `log`, and is killed when its handle is dropped or the calling
    /// thread ends.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, command: &Command, log: &Path) -> Result<Process, LabError> {
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--net={}", self.namespace.path().display()));
        inside.args(["--", "setpriv", "--pdeathsig", "KILL", "--"]);
        inside.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
        if let Some(directory) = command.get_current_dir() {
            inside.current_dir(directory);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        Process::start(inside, log)
    }
}

/// The hub's end of a host's cable.
pub(crate) fn port(host: usize) -> String {
    format!("p{host}")
}

/// By which rules know a sender, whatever protocol it speaks.
pub(crate) fn hardware_address(host: usize) -> String {
    let [high, low] = ordinal(host).to_be_bytes();
    format!("02:77:00:00:{high:02x}:{low:02x}")
}

fn ordinal(host: usize) -> u16 {
    u16::try_from(host + 1).expect("a lab has fewer hosts than a bridge has ports")
}
