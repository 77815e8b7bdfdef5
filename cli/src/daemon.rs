//! The daemon: reads its configuration, takes its directory, starts the node, tells that it serves, and waits.
//!
//! ```text
//!  configuration ─▶ log ─▶ file limit ─▶ directory lock ─▶ node ─▶ ready file and line ─▶ wait ─▶ drain
//!       2                                     1              n               1                        0
//! ```
//!
//! The numbers are the exit codes of a failure there (the node has its own); every failure is one sentence on stderr.
//! SIGTERM, SIGINT and the SHUTDOWN command drain and end with 0; a second signal ends the process at once.

mod directory;
mod error;
mod limit;
mod log;
mod ready;
mod signal;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use mycorrhizal::{CoreSet, Hypha};
use mycorrhizal_net::executor::available_cpus;

use crate::config::{Config, Cores, Endpoints, Request, Secret, Switch};

use self::directory::DataDirectory;
use self::error::DaemonError;
use self::ready::{Ready, ReadyFile};

/// Runs the daemon as the process's arguments and environment say.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Config::load(std::env::args_os(), |name| std::env::var_os(name)) {
        Ok(Request::Print(text)) => print(&text),
        Ok(Request::Run(config)) => serve(&config),
        Err(error) => Err(DaemonError::Config(error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mycorrhizald: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs a node until it is told to end. The ready file goes first, the directory last.
fn serve(config: &Config) -> Result<(), DaemonError> {
    log::start(config);
    use_small_pages();
    let maxclients = limit::raise_open_files(config.maxclients);
    let _directory = DataDirectory::take(&config.dir)?;
    let node = start(config, maxclients)?;
    let stopper = node.stopper();
    signal::on_first(move || stopper.request_stop()).map_err(DaemonError::Signals)?;
    if !wait_ready(&node)? {
        return node.wait_shutdown().map_err(DaemonError::Core);
    }
    let ready = Ready::of(&node);
    let ready_file = config.ready_file.as_deref().map(|path| ReadyFile::write(path, &ready)).transpose()?;
    tracing::info!(version = ready.version, config = ?config.rows(), "serving");
    print(&format!("{}\n", ready.line()))?;
    node.wait_stop_requested();
    drop(ready_file);
    if config.cluster.as_ref().is_some_and(|cluster| cluster.leave == Switch::On)
        && let Err(error) = node.wait_leave()
    {
        tracing::error!(%error, "the node ends without having left its cluster");
    }
    let ended = node.wait_shutdown().map_err(DaemonError::Core);
    tracing::info!("ended");
    ended
}

/// Waits until the node serves; `false`: it was told to end before.
fn wait_ready(node: &Hypha) -> Result<bool, DaemonError> {
    let ready = async { node.ready().await.map(|()| true) };
    let told_to_end = async {
        node.stop_requested().await;
        Ok(false)
    };
    Ok(futures_lite::future::block_on(futures_lite::future::or(ready, told_to_end))?)
}

/// Has the kernel back memory by small pages. Clearing a huge page stops a core for milliseconds, with all its clients.
fn use_small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::warn!(%error, "huge pages stay: a core may stop for milliseconds when its memory grows");
    }
}

fn start(config: &Config, maxclients: u32) -> Result<Hypha, DaemonError> {
    let cores = match &config.cores {
        Cores::All => CoreSet::first(available_cpus().len()),
        Cores::Set(cores) => cores.clone(),
    };
    let mut builder = Hypha::builder()
        .cores(cores)
        .bind(config.bind.clone())
        .port(config.port)
        .announce(config.announce_address)
        .endpoints(match config.endpoints {
            Endpoints::Core => mycorrhizal::Endpoints::Core,
            Endpoints::Node => mycorrhizal::Endpoints::Node,
        })
        .config_file(config.file.clone())
        .maxclients(maxclients.into())
        .databases(config.databases)
        .timeout(config.timeout.into())
        .tcp_keepalive(config.tcp_keepalive.into())
        .tcp_backlog(config.tcp_backlog)
        .data_dir(&config.dir)
        .maxmemory(config.maxmemory.0)
        .requirepass(config.requirepass.as_ref().map_or("", Secret::reveal));
    if let Some(base) = config.core_ports.base(config.port) {
        builder = builder.core_ports(base);
    }
    if let Some(cluster) = &config.cluster {
        builder = cluster.join(builder)?;
    }
    for (name, value) in &config.parameters {
        builder = builder.parameter(name, value)?;
    }
    Ok(builder.start()?)
}

impl Ready {
    fn of(node: &Hypha) -> Self {
        let addresses = node.addresses();
        let cores = node.processors().to_vec();
        Self {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION"),
            port: addresses.plain.first().map(SocketAddr::port),
            addresses: addresses.plain.clone(),
            core_ports: addresses.cores.iter().map(SocketAddr::port).take(cores.len()).collect(),
            cores,
            node_id: node.id().to_string(),
            gossip: addresses.gossip.clone(),
            links: addresses.links.clone(),
        }
    }
}

/// Writes to stdout. That nobody reads it any more is no reason to end.
fn print(text: &str) -> Result<(), DaemonError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(DaemonError::Stdout(error)),
        _ => Ok(()),
    }
}
