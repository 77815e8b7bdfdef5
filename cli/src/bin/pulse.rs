//! The command-line interface.

use std::process::ExitCode;

fn main() -> ExitCode {
    mycorrhizal_cli::pulse::main()
}
