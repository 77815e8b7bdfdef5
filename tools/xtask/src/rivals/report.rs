//! `benches/RESULTS.md`: the tables, and below a mark whatever was written by hand, which is kept.

use std::fmt::Write as _;
use std::process::Command;

use super::sample::{ONE_SHARED_CORE, Row, find};
use super::{Measured, PIPELINES, RivalsOptions, target};
use crate::failure::{Failure, Outcome};
use crate::{shell, workspace};

const MARK: &str = "<!-- Written by hand from here on; `cargo xtask rivals` keeps it. -->";

/// The generated part.
pub(super) fn write(measured: &Measured, options: &RivalsOptions) -> Outcome<String> {
    let mut text = header(options)?;
    let written = targets(&mut text, measured)
        .and_then(|()| one_core(&mut text, &measured.one_core))
        .and_then(|()| two_cores(&mut text, &measured.two_cores))
        .and_then(|()| memory(&mut text, measured));
    written.map_err(|_| Failure::Expectation("a string takes all that is written to it".to_owned()))?;
    Ok(text)
}

/// The generated part, followed by what stood below the mark before.
pub(super) fn with_kept_part(text: &str, before: &str) -> String {
    let kept = before.split_once(MARK).map_or("\n", |(_, kept)| kept);
    format!("{text}\n{MARK}{kept}")
}

fn header(options: &RivalsOptions) -> Outcome<String> {
    let git =
        |arguments: &[&str]| shell::read(Command::new("git").current_dir(workspace::root()).args(arguments));
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = if git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty() {
        ""
    } else {
        " with changes"
    };
    let date = shell::read(Command::new("date").args(["--utc", "+%Y-%m-%d %H:%M UTC"]))?;
    let kernel = shell::read(Command::new("uname").arg("-r"))?;
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown")
        .trim_matches([':', ' ', '\t']);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let (seconds, rounds, keyspace) = (options.seconds, options.rounds, options.keyspace);
    Ok(format!(
        "# Results\n\n\
         `cargo xtask rivals --seconds {seconds} --rounds {rounds} --keyspace {keyspace} --memory-keys {memory}`, \
         commit {commit}{changed}, {date}; {cores} cores of {cpu}, Linux {kernel}.\n\n\
         50 connections, keys of 16 and values of 64 bytes, {keyspace} keys, GET and SET one to one, pulse-bench as \
         the load, medians of {rounds} runs of {seconds} s, whose half seconds are interleaved among the servers. CPU is user and system time of the server \
         process, all its threads, divided by the operations that were answered.\n\n",
        memory = options.memory_keys,
        commit = commit.trim(),
        date = date.trim(),
        kernel = kernel.trim(),
    ))
}

fn targets(text: &mut String, measured: &Measured) -> std::fmt::Result {
    text.push_str("## Targets\n\n| figure | at most | measured | |\n|---|---|---|---|\n");
    for judged in target::judge(measured) {
        let figure = judged.figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.3}"));
        writeln!(text, "| {} | {} | {figure} | {} |", judged.what, judged.limit, judged.verdict())?;
    }
    Ok(())
}

fn one_core(text: &mut String, rows: &[Row]) -> std::fmt::Result {
    text.push_str(
        "\n## One core\n\nThe server on core 0, the load on core 1. Ratio: CPU of ours to theirs.\n\n",
    );
    table(text, rows, "mycorrhizald", |ours, theirs| ours / theirs)
}

fn two_cores(text: &mut String, rows: &[Row]) -> std::fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    text.push_str(
        "\n## Two cores\n\nOn each core of the server a load thread with 50 connections to all of its cores. Ratio: CPU to that of \
         one core, which has its load thread beside it too.\n\n",
    );
    table(text, rows, ONE_SHARED_CORE, |one, this| this / one)
}

/// One line per pipeline and setting; the ratio sets each in relation to the one of that name.
fn table(
    text: &mut String,
    rows: &[Row],
    relative_to: &str,
    ratio: impl Fn(f64, f64) -> f64,
) -> std::fmt::Result {
    text.push_str("| pipeline | server | op/s | CPU µs/op | p50 µs | p99 µs | p99.9 µs | max µs | ratio |\n");
    text.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for &pipeline in PIPELINES {
        let base = find(rows, relative_to, pipeline).map_or(f64::NAN, Row::cpu_us);
        for row in rows.iter().filter(|row| row.pipeline == pipeline) {
            let cpu = row.cpu_us();
            writeln!(
                text,
                "| {pipeline} | {} | {:.0} | {cpu:.3} | {:.0} | {:.0} | {:.0} | {:.0} | {:.2} |",
                row.setting.name,
                row.median(|sample| sample.per_second),
                row.median(|sample| sample.p50_us),
                row.median(|sample| sample.p99_us),
                row.median(|sample| sample.p999_us),
                row.median(|sample| sample.max_us),
                ratio(base, cpu),
            )?;
        }
    }
    Ok(())
}

fn memory(text: &mut String, measured: &Measured) -> std::fmt::Result {
    if measured.memory.is_empty() {
        return Ok(());
    }
    text.push_str("\n## Memory\n\nKeys of 16 and values of 64 bytes, inserted one after the other, 8 connections, pipeline 16.\n\n");
    text.push_str("| server | keys | resident bytes a key | beyond key and value, own accounting | longest wait ms | inserts/s |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for row in &measured.memory {
        let overhead = row.overhead_per_key.map_or_else(|| "–".to_owned(), |bytes| format!("{bytes:.1}"));
        let (keys, resident, longest) = (row.keys, row.resident_per_key, row.longest_us / 1_000.0);
        writeln!(
            text,
            "| {} | {keys} | {resident:.1} | {overhead} | {longest:.2} | {:.0} |",
            row.name, row.per_second
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_by_hand_is_kept() {
        let before = format!("old table\n{MARK}\n\n## What the time goes to\n");
        let after = with_kept_part("new table\n", &before);
        assert_eq!(after, format!("new table\n\n{MARK}\n\n## What the time goes to\n"));
        assert_eq!(with_kept_part("new\n", ""), format!("new\n\n{MARK}\n"));
    }
}
