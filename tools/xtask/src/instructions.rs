//! `cargo xtask instructions`: counts the instructions of each micro-benchmark under callgrind, and says what changed
//! since the last run of this tree. Counts repeat to the digit, whatever else the machine does.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::failure::{Context, Failure, Outcome};
use crate::{prerequisites, shell, workspace};

/// What is counted.
#[derive(Args)]
pub(crate) struct InstructionsOptions {
    /// Count only the cases whose names contain this
    #[arg(default_value = "")]
    part: String,
    /// Operations per case
    #[arg(long, default_value_t = 10_000)]
    operations: u32,
}

/// Instructions of one operation, by case.
type Counts = BTreeMap<String, f64>;

/// Counts and prints.
pub(crate) fn run(options: &InstructionsOptions) -> Outcome {
    prerequisites::valgrind()?;
    let mut build = shell::cargo();
    build.args([
        "build",
        "--release",
        "--locked",
        "--package",
        "mycorrhizal-benches",
        "--bin",
        "instructions",
    ]);
    shell::run(&mut build)?;
    let program = workspace::built("instructions")?;
    let last_path = workspace::root().join("target/instructions.json");
    let mut counts = read(&last_path);
    println!("{:<36} {:>12} {:>10}", "case", "instructions", "change");
    for case in shell::read(&mut Command::new(&program))?.lines().filter(|case| case.contains(&options.part))
    {
        let count = count(&program, case, options.operations)?;
        let change = counts.insert(case.to_owned(), count).map(|last| (count / last - 1.0) * 100.0);
        let change = change.map_or_else(|| "new".to_owned(), |percent| format!("{percent:+.1} %"));
        println!("{case:<36} {count:>12.1} {change:>10}");
    }
    let text =
        serde_json::to_string_pretty(&counts).map_err(|error| Failure::Expectation(error.to_string()))?;
    std::fs::write(&last_path, text).context("writing target/instructions.json")
}

fn read(path: &Path) -> Counts {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Collects only while the benchmark's `counted` runs, so that preparation is left out.
fn count(program: &Path, case: &str, operations: u32) -> Outcome<f64> {
    let out = workspace::root().join("target/callgrind.out");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind", "--collect-atstart=no"]);
    valgrind.arg("--toggle-collect=mycorrhizal_benches::instructions::counted");
    valgrind.arg(format!("--callgrind-out-file={}", out.display()));
    shell::read(valgrind.arg(program).args([case, &operations.to_string()]))?;
    let text = std::fs::read_to_string(&out).context("reading what callgrind counted")?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse::<f64>().ok());
    let total = total.filter(|total| *total > 0.0);
    let total =
        total.ok_or_else(|| Failure::Expectation(format!("callgrind counted nothing of `{case}`")))?;
    Ok(total / f64::from(operations))
}
