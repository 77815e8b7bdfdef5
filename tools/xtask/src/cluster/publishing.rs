//! What a message costs that goes to a subscriber on another node, beside Redis with publisher and subscriber on it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread::{self, JoinHandle};

use super::node::{self, Binaries};
use super::{ClusterOptions, Figure, load};
use crate::failure::{Context, Failure, Outcome};
use crate::measuring::median;
use crate::process::Process;
use crate::workspace;

/// Publishers at once.
const PUBLISHERS: &[&str] = &["1", "10", "50"];

/// Reads messages and does nothing with them.
struct Subscriber {
    connection: TcpStream,
    reader: Option<JoinHandle<()>>,
}

impl Subscriber {
    fn start(port: u16) -> Outcome<Self> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("connecting")?;
        connection.write_all(b"SUBSCRIBE news\r\n").context("subscribing")?;
        let mut confirmation = [0; 64];
        let read = connection.read(&mut confirmation).context("subscribing")?;
        if !confirmation[..read].starts_with(b"*3\r\n$9\r\nsubscribe") {
            return Err(Failure::Expectation("no subscription was confirmed".to_owned()));
        }
        let mut input = connection.try_clone().context("subscribing")?;
        let read = move || {
            let mut buffer = vec![0; 1 << 20];
            while input.read(&mut buffer).is_ok_and(|read| read > 0) {}
        };
        let reader = thread::Builder::new().name("subscriber".to_owned()).spawn(read).context("a thread")?;
        Ok(Self { connection, reader: Some(reader) })
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if self.connection.shutdown(Shutdown::Both).is_ok()
            && let Some(reader) = self.reader.take()
        {
            reader.join().expect("a reader only reads");
        }
    }
}

/// CPU time of `servers` for one message, in µs.
#[expect(clippy::cast_precision_loss, reason = "µs of minutes fit a double exactly")]
fn cost(
    servers: &[&Process],
    port: u16,
    publishers: &str,
    options: &ClusterOptions,
    binaries: &Binaries,
) -> Outcome<f64> {
    let cpu = || servers.iter().map(|server| server.cpu_us()).sum::<Outcome<u64>>();
    let before = cpu()?;
    let duration = (options.seconds / 5.0).to_string();
    let mix = "\"PUBLISH news {value}\":1";
    let arguments =
        ["--mix", mix, "--pipeline", "16", "--connections", publishers, "--duration", duration.as_str()];
    let report = load::run(&binaries.bench, port, &arguments)?;
    Ok(cpu()?.saturating_sub(before) as f64 / report.operations)
}

pub(super) fn measure(options: &ClusterOptions, binaries: &Binaries) -> Outcome<Vec<Figure>> {
    let nodes = node::start("publishing", 2, binaries)?;
    let port = nodes[0].port + 1;
    let arguments = ["--port", &port.to_string(), "--save", "", "--appendonly", "no"].map(ToOwned::to_owned);
    let directory = workspace::root().join("target/cluster/redis");
    let redis = Process::start(&binaries.redis, &arguments, "0", &directory)?;
    node::wait("Redis", || Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()))?;
    let _here = Subscriber::start(nodes[1].port)?;
    let _there = Subscriber::start(port)?;
    let mut figures = Vec::new();
    for publishers in PUBLISHERS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            let both = [&nodes[0].process, &nodes[1].process];
            ours.push(cost(&both, nodes[0].port, publishers, options, binaries)?);
            theirs.push(cost(&[&redis], port, publishers, options, binaries)?);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        figures.push(Figure {
            name: format!(
                "CPU of a message to another node, to Redis 7.0, {publishers} publishers, pipeline 16"
            ),
            target: 1.0,
            measured: ours / theirs,
            from: format!("{ours:.3} µs, {theirs:.3} µs"),
        });
    }
    Ok(figures)
}
