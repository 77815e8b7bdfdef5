//! Runs one case, for callgrind to count: `instructions CASE OPERATIONS`; without arguments, names the cases.

use std::process::ExitCode;

use mycorrhizal_benches::instructions::{CASES, counted};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, operations] = &words[..] else {
        CASES.iter().for_each(|case| println!("{}", case.name));
        return ExitCode::SUCCESS;
    };
    let case = CASES.iter().find(|case| case.name == name);
    let Some((case, operations)) = case.zip(operations.parse().ok()) else {
        eprintln!("instructions: no case `{name}`, or `{operations}` is no number");
        return ExitCode::FAILURE;
    };
    let mut work = (case.prepare)(operations);
    println!("{}", counted(&mut work));
    ExitCode::SUCCESS
}
