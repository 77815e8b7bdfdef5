//! A node's figures as a table of text: one row per core, and one for the node.

use super::amount::{bytes, count, latency, share, span};
use super::figures::{Load, Look, Rates};

/// The columns, left to right.
pub(crate) const COLUMNS: [&str; 7] = ["core", "ops/s", "hit rate", "clients", "memory", "p99", "cpu"];

/// The rows below [`COLUMNS`]; the last one is the node's.
pub(crate) fn rows(look: &Look) -> Vec<[String; 7]> {
    let cores = look.figures.cores.iter().zip(&look.cores).enumerate();
    let rows = cores.map(|(number, (load, rates))| row(number.to_string(), load, rates));
    rows.chain(std::iter::once(row("all".into(), &look.figures.total, &look.total))).collect()
}

/// What the node is, in one line.
pub(crate) fn headline(look: &Look, address: &str) -> String {
    let figures = &look.figures;
    let pid = figures.pid.map_or_else(String::new, |pid| format!("  pid {pid}"));
    format!("{} at {address}{pid}  up {}", figures.server, span(figures.uptime_s))
}

/// How much the node holds, in one line.
pub(crate) fn contents(look: &Look) -> String {
    let figures = &look.figures;
    let limit = if figures.maxmemory == 0 {
        "no limit".into()
    } else {
        format!("limit {}", bytes(figures.maxmemory))
    };
    let resident = figures
        .resident_memory
        .map_or_else(String::new, |resident| format!(", resident {}", bytes(resident)));
    format!(
        "keys {}  memory {} ({limit}{resident})  commands {}",
        count(figures.keys),
        bytes(figures.total.used_memory),
        count(figures.commands),
    )
}

/// The table as lines, the columns set right.
pub(crate) fn lines(look: &Look) -> Vec<String> {
    let rows = rows(look);
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(COLUMNS[column].len())
    };
    let line = |cells: &[String]| {
        let cells =
            cells.iter().enumerate().map(|(column, cell)| format!("{cell:>width$}", width = width(column)));
        cells.collect::<Vec<_>>().join("  ")
    };
    std::iter::once(line(&COLUMNS.map(str::to_owned))).chain(rows.iter().map(|row| line(row))).collect()
}

fn row(name: String, load: &Load, rates: &Rates) -> [String; 7] {
    [
        name,
        count(load.ops_per_sec),
        share(rates.hit_rate),
        count(load.connections),
        bytes(load.used_memory),
        load.p99_us.map_or_else(|| "-".into(), latency),
        share(rates.cpu),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pulse::figures::Figures;

    #[test]
    fn the_table_sets_its_columns_right() {
        let figures = Figures::parse(
            "mycorrhizal_version:0.1.0\nprocess_id:7\nuptime_in_seconds:61\ninstantaneous_ops_per_sec:1234567\n\
             keyspace_hits:3\nkeyspace_misses:1\nconnected_clients:2\nused_memory:2048\nmaxmemory:1048576\n\
             core0:ops_per_sec=1234567,hits=3,misses=1,connections=2,used_memory=2048,p99_us=1500,cpu_us=1\n\
             db0:keys=1000,expires=0\ntotal_commands_processed:5000\n",
        );
        let look = figures.since(None);
        let expected = [
            "core      ops/s  hit rate  clients   memory      p99  cpu",
            "   0  1,234,567    75.0 %        2  2.00 KB  1.50 ms    -",
            " all  1,234,567    75.0 %        2  2.00 KB  1.50 ms    -",
        ];
        assert_eq!(lines(&look), expected);
        assert_eq!(headline(&look, "h:1"), "mycorrhizal 0.1.0 at h:1  pid 7  up 00:01:01");
        assert_eq!(contents(&look), "keys 1,000  memory 2.00 KB (limit 1.00 MB)  commands 5,000");
    }
}
