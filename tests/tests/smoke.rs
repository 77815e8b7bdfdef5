//! Every fuzz target for about two seconds, over seeded random and mutated inputs.
//!
//! The bodies are those that libFuzzer runs (`tools/fuzz`). A failure prints the target and the input; the
//! sequence of inputs is the same in every run, only how far it gets depends on the machine.

use std::time::Duration;

use mycorrhizal_tests::clock;
use mycorrhizal_tests::random::Random;

#[expect(unreachable_pub, reason = "the crate that the file is from exports it")]
#[path = "../../tools/fuzz/src/lib.rs"]
mod fuzz;

use fuzz::{TARGETS, Target};

const TIME_PER_TARGET: Duration = Duration::from_secs(2);
const MAX_INPUT_BYTES: usize = 400;

#[test]
fn every_fuzz_target_holds_for_seconds() {
    for target in TARGETS {
        for seed in target.seeds {
            run(target, seed);
        }
        let mut random = Random::new(0x4D79_6365_6C69_756D);
        let end = clock::now() + TIME_PER_TARGET;
        let mut inputs = 0u64;
        while clock::now() < end {
            for _ in 0..100 {
                run(target, &input(target, &mut random));
            }
            inputs += 100;
        }
        println!("{}: {inputs} inputs", target.name);
    }
}

/// Says which input it was, should the body panic.
struct Announce<'a>(&'a Target, &'a [u8]);

impl Drop for Announce<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} fails on b\"{}\"", self.0.name, self.1.escape_ascii());
        }
    }
}

fn run(target: &Target, input: &[u8]) {
    let announce = Announce(target, input);
    (target.body)(input);
    drop(announce);
}

/// Once in eight times noise, else one or two seeds with a few mutations.
fn input(target: &Target, random: &mut Random) -> Vec<u8> {
    if random.one_in(8) {
        return (0..random.below(64)).map(|_| byte(random)).collect();
    }
    let mut input = pick(target.seeds, random).to_vec();
    for _ in 0..random.below(6) {
        mutate(&mut input, target, random);
    }
    input.truncate(MAX_INPUT_BYTES);
    input
}

fn mutate(input: &mut Vec<u8>, target: &Target, random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = at + random.below(input.len() - at + 1).min(16);
    match random.below(7) {
        0 => input.truncate(at),
        1 => drop(input.drain(at..end)),
        2 => drop(input.splice(at..end, [byte(random)])),
        3 => drop(input.splice(at..at, pick(target.tokens, random).iter().copied())),
        4 => drop(input.splice(at..end, pick(target.tokens, random).iter().copied())),
        5 => input.extend_from_within(at..end),
        _ => input.extend_from_slice(pick(target.seeds, random)),
    }
}

fn byte(random: &mut Random) -> u8 {
    u8::try_from(random.below(256)).expect("below 256")
}

fn pick(choices: &'static [&'static [u8]], random: &mut Random) -> &'static [u8] {
    choices[random.below(choices.len())]
}
