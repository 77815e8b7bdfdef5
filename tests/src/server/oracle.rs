//! Redis 7.0 as the oracle, on a Unix socket and without persistence.

use std::net::{Ipv4Addr, TcpListener};

use super::{Process, Server, binary, fresh_directory};
use crate::clock;
use crate::wire::{Address, Connection};

/// A running `redis-server`.
#[derive(Debug)]
pub struct Oracle {
    process: Process,
}

impl Oracle {
    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start() -> Self {
        Self::start_on(0)
    }

    /// Starts one that listens on a free TCP port as well, and returns that too.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start_on_tcp() -> (Self, u16) {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("there is a free port").port();
        (Self::start_on(port), port)
    }

    fn start_on(port: u16) -> Self {
        let port = port.to_string();
        let directory = fresh_directory();
        let socket = directory.path().join("socket").display().to_string();
        let arguments = ["--port", &port, "--unixsocket", &socket, "--save", "", "--appendonly", "no"];
        let arguments: Vec<String> =
            arguments.iter().chain(&["--enable-debug-command", "yes"]).map(ToString::to_string).collect();
        let process = Process::start(directory, &binary::redis_binary(), &arguments, &[], false);
        let oracle = Oracle { process: process.expect("redis-server can be started") };
        clock::wait_for("redis-server to listen", || Connection::open(&oracle.address()).ok());
        oracle
    }
}

impl Server for Oracle {
    fn address(&self) -> Address {
        Address::Unix(self.process.directory().join("socket"))
    }

    fn log(&self) -> String {
        self.process.log()
    }
}
