//! Memory: what a key costs beside its bytes, in resident memory and by the daemon's own accounting, and the longest
//! stall while the keys came.

use super::RivalsOptions;
use super::load::{ENTRY_BYTES, Load};
use super::sample::Setting;
use super::server::{Binaries, Kind, Server};
use crate::failure::{Failure, Outcome};
use crate::measuring::{self, median};

/// One server full of keys.
#[derive(Debug, Clone)]
pub(super) struct MemoryRow {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) keys: u64,
    /// Growth of resident memory per key, in bytes.
    pub(super) resident_per_key: f64,
    /// By its own accounting, beyond key and value, in bytes per key.
    pub(super) overhead_per_key: Option<f64>,
    /// The longest that the load waited for one reply, in µs.
    pub(super) longest_us: f64,
    pub(super) per_second: f64,
}

/// Fills both servers, one after the other, in each round a new one.
pub(super) fn measure(options: &RivalsOptions, binaries: &Binaries) -> Outcome<Vec<MemoryRow>> {
    if options.memory_keys == 0 {
        return Ok(Vec::new());
    }
    let median_of_rounds = |kind| {
        let rounds: Vec<MemoryRow> =
            (0..options.rounds).map(|_| fill(kind, options.memory_keys, binaries)).collect::<Outcome<_>>()?;
        let middle = |figure: fn(&MemoryRow) -> f64| median(rounds.iter().map(figure));
        let last = rounds.last().ok_or_else(|| Failure::Expectation("no round was asked for".to_owned()))?;
        Ok(MemoryRow {
            resident_per_key: middle(|row| row.resident_per_key),
            longest_us: middle(|row| row.longest_us),
            per_second: middle(|row| row.per_second),
            ..last.clone()
        })
    };
    [Kind::Redis, Kind::Ours].into_iter().map(median_of_rounds).collect()
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a machine fit a double exactly")]
fn fill(kind: Kind, keys: u64, binaries: &Binaries) -> Outcome<MemoryRow> {
    let setting = Setting::one_core(kind);
    let server = Server::start(&setting, binaries)?;
    let empty = server.process().resident_bytes()?;
    let load = Load::new(&server, &setting, keys, binaries).fill()?;
    let grown = server.process().resident_bytes()?.saturating_sub(empty);
    let found = measuring::ask(server.port(), &["DBSIZE"])?;
    if found.trim() != keys.to_string() {
        return Err(Failure::Expectation(format!("{} holds {found} keys, not {keys}", setting.name)));
    }
    let dataset =
        dataset_bytes(&measuring::ask(server.port(), &["MEMORY", "STATS"])?).filter(|_| kind == Kind::Ours);
    let row = MemoryRow {
        name: setting.name,
        kind,
        keys,
        resident_per_key: grown as f64 / keys as f64,
        overhead_per_key: dataset.map(|bytes| bytes as f64 / keys as f64 - ENTRY_BYTES as f64),
        longest_us: load.max_us,
        per_second: load.per_second,
    };
    let longest_ms = row.longest_us / 1_000.0;
    eprintln!(
        "{}, {keys} keys: {:.1} bytes resident a key, longest wait {longest_ms:.2} ms",
        row.name, row.resident_per_key
    );
    Ok(row)
}

/// redis-cli prints name and value on lines of their own.
fn dataset_bytes(stats: &str) -> Option<u64> {
    let mut lines = stats.lines().skip_while(|line| *line != "dataset.bytes").skip(1);
    lines.next()?.parse().ok()
}
