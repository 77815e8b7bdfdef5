//! Commands from stdin, one per line; each reply is printed in its turn.
//!
//! Lines that have arrived together are sent together, up to 16 KiB of requests at once, which is little enough
//! that the server takes them in even if nobody reads its replies meanwhile.

use std::io::{BufRead, BufReader, Read, Write};

use mycorrhizal_net::resp::encode_command;

use super::error::PulseError;
use super::line;
use super::runner::{Outcome, Runner};

/// Bytes of requests that are sent at once.
const BATCH_BYTES: usize = 16 * 1024;

/// Commands that wait to be sent together.
#[derive(Default)]
struct Batch {
    requests: Vec<u8>,
    commands: Vec<Vec<Vec<u8>>>,
}

/// Runs every line of `input`. A line that cannot be split is told on stderr and counts as an error.
pub(crate) fn run<W: Write>(runner: &mut Runner<W>, input: impl Read) -> Result<Outcome, PulseError> {
    let mut input = BufReader::new(input);
    let mut batch = Batch::default();
    let mut outcome = Outcome::Done;
    let mut text = Vec::new();
    for number in 1_u64.. {
        text.clear();
        if input.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        match line::split(&text) {
            Ok(args) if args.is_empty() => {}
            Ok(args) if is_end(&args) => break,
            Ok(args) if Runner::<W>::is_pipelinable(&args) => batch.add(args),
            Ok(args) => {
                outcome = outcome.and(batch.run(runner)?).and(runner.run(&args)?);
            }
            Err(error) => {
                outcome = outcome.and(batch.run(runner)?).and(Outcome::ErrorReply);
                eprintln!("pulse: line {number}: {error}");
            }
        }
        if batch.requests.len() >= BATCH_BYTES || !input.buffer().contains(&b'\n') {
            outcome = outcome.and(batch.run(runner)?);
        }
    }
    Ok(outcome.and(batch.run(runner)?))
}

impl Batch {
    fn add(&mut self, args: Vec<Vec<u8>>) {
        encode_command(&mut self.requests, &args);
        self.commands.push(args);
    }

    fn run<W: Write>(&mut self, runner: &mut Runner<W>) -> Result<Outcome, PulseError> {
        if self.commands.is_empty() {
            return Ok(Outcome::Done);
        }
        let outcome = runner.run_batch(&self.requests, &self.commands)?;
        self.requests.clear();
        self.commands.clear();
        Ok(outcome)
    }
}

fn is_end(args: &[Vec<u8>]) -> bool {
    args.len() == 1 && ["quit", "exit"].iter().any(|word| args[0].eq_ignore_ascii_case(word.as_bytes()))
}
