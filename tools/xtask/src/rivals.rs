//! `cargo xtask rivals`: measures the daemon beside Redis, Valkey and the floor, and writes `benches/RESULTS.md`.
//!
//! ```text
//! round 1..3 ─▶ fill every server, all on core 0 ─▶ pipeline 1, 16, 64: half a second of load from core 1 for each
//!               server in turn, again and again       (CPU of the server before and after; who is not asked sleeps)
//! two cores  ─▶ the same for ours on cores 0,1: cluster and plain port, the load on the same cores
//! memory     ─▶ ours and Redis: millions of keys, resident size, longest stall
//! ```
//!
//! The machine has minutes in which everything takes a third longer. Slices this short hit all servers alike.

mod load;
mod memory;
mod report;
mod sample;
mod server;
mod target;

use clap::Args;

use crate::failure::{Context, Outcome};
use crate::{measuring, prerequisites, workspace};

use self::load::Load;
use self::memory::MemoryRow;
use self::sample::{Row, Setting};
use self::server::{Binaries, Kind, Server};

/// How long and how much is measured.
#[derive(Args, Debug, Clone)]
pub(crate) struct RivalsOptions {
    /// A fast smoke: the whole course in half a minute, its figures worth nothing; prints, writes no file
    #[arg(long)]
    quick: bool,
    /// Seconds of one measurement, in slices of half a second
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Interleaved rounds, of which the median is reported
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Different keys under load
    #[arg(long, default_value_t = 100_000)]
    keyspace: u64,
    /// Keys of the memory test; 0 leaves it out
    #[arg(long, default_value_t = 5_000_000)]
    memory_keys: u64,
    /// Leave the rows with two cores out
    #[arg(long)]
    one_core_only: bool,
}

impl RivalsOptions {
    fn settled(&self) -> Self {
        if !self.quick {
            return self.clone();
        }
        RivalsOptions {
            seconds: 0.3,
            rounds: 1,
            keyspace: 10_000,
            memory_keys: 100_000.min(self.memory_keys),
            ..self.clone()
        }
    }
}

/// Everything that was measured.
struct Measured {
    one_core: Vec<Row>,
    two_cores: Vec<Row>,
    memory: Vec<MemoryRow>,
}

/// Requests in flight per connection.
const PIPELINES: &[usize] = &[1, 16, 64];

/// Measures and writes the report.
pub(crate) fn run(options: &RivalsOptions) -> Outcome {
    let options = options.settled();
    prerequisites::for_rivals()?;
    measuring::prepare("rivals", &["--package", "mycorrhizal-benches", "--bins"])?;
    let binaries = Binaries::find()?;
    let rows = |settings: &[Setting]| measure(settings, &options, &binaries);
    let one_core = rows(&[Kind::Redis, Kind::Valkey, Kind::Floor, Kind::Ours].map(Setting::one_core))?;
    let two_cores = if options.one_core_only { Vec::new() } else { rows(&Setting::TWO_CORES)? };
    let memory = memory::measure(&options, &binaries)?;
    let measured = Measured { one_core, two_cores, memory };
    let text = report::write(&measured, &options)?;
    if options.quick {
        println!("{text}");
        return Ok(());
    }
    let path = workspace::root().join("benches/RESULTS.md");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, report::with_kept_part(&text, &kept)).context("writing benches/RESULTS.md")?;
    println!("{}", target::summary(&measured));
    println!("written: benches/RESULTS.md");
    Ok(())
}

/// Seconds of load before it is the next server's turn.
const SLICE_SECONDS: f64 = 0.5;

/// Each setting in turn, as often as there are rounds.
fn measure(settings: &[Setting], options: &RivalsOptions, binaries: &Binaries) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for round in 1..=options.rounds {
        let start = |setting: &Setting| {
            let server = Server::start(setting, binaries)?;
            let load = Load::new(&server, setting, options.keyspace, binaries);
            load.fill()?;
            Ok((*setting, server, load))
        };
        let subjects: Vec<(Setting, Server, Load<'_>)> =
            settings.iter().map(start).collect::<Outcome<_>>()?;
        for &pipeline in PIPELINES {
            let mut slices = vec![Vec::new(); subjects.len()];
            let mut left_seconds = options.seconds;
            while left_seconds > 0.0 {
                for ((_, server, load), slices) in subjects.iter().zip(&mut slices) {
                    let before = server.process().cpu_us()?;
                    let outcome = load.run(pipeline, left_seconds.min(SLICE_SECONDS))?;
                    let cpu_us = server.process().cpu_us()?.saturating_sub(before);
                    slices.push((outcome, cpu_us));
                }
                left_seconds -= SLICE_SECONDS;
            }
            for ((setting, ..), slices) in subjects.iter().zip(&slices) {
                let sample = sample::Sample::of_slices(slices);
                eprintln!("round {round}, {}, pipeline {pipeline}: {sample}", setting.name);
                sample::record(&mut rows, setting, pipeline, sample);
            }
        }
    }
    Ok(rows)
}
