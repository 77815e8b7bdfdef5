//! LOLWUT: a mycelium that grows from the bottom of the screen, another one for each seed.
//!
//! Tips climb, stray, branch and meet; where a tip dies near the top, a mushroom may stand. Only whole numbers are used, so
//! that a seed draws the same picture everywhere.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::{CommandError, argument};
use super::VERSION;
use crate::clock;
use crate::mycel::Rng;
use crate::node::Caller;

const COLUMNS: usize = 66;
const ROWS: usize = 18;
/// The largest picture that may be asked for, either way.
const MOST: usize = 200;

pub(super) fn lolwut(_: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let args = if args.get(1).eq_ignore_ascii_case(b"version") && args.len() > 2 {
        argument::integer(args.get(2))?;
        args.skip(2)
    } else {
        args
    };
    let size = |place, usual: usize| -> Result<usize, CommandError> {
        if args.len() <= place {
            return Ok(usual);
        }
        let asked = argument::integer(args.get(place))?;
        Ok(usize::try_from(asked).unwrap_or(1).clamp(1, MOST))
    };
    let (columns, rows) = (size(1, COLUMNS)?, size(2, ROWS)?);
    let seed =
        if args.len() > 3 { argument::integer(args.get(3))?.cast_unsigned() } else { clock::unix_us() };
    let text = format!(
        "{}\nWhat you see above is a tenth of it. Mycorrhizal ver. {VERSION}\n",
        grow(columns, rows, seed)
    );
    reply.verbatim("txt", &text);
    Ok(())
}

/// A growing end of a thread.
#[derive(Clone, Copy)]
struct Tip {
    column: usize,
    /// Which way it leans: 0 left, 1 up, 2 right.
    lean: usize,
}

/// Draws a mycelium of that size.
fn grow(columns: usize, rows: usize, seed: u64) -> String {
    let mut rng = Rng::new(seed);
    let mut field = vec![vec![' '; columns]; rows];
    let mut tips: Vec<Tip> =
        (0..columns / 9 + 1).map(|_| Tip { column: rng.below(columns), lean: rng.below(3) }).collect();
    for row in (0..rows).rev() {
        let mut next = Vec::new();
        for tip in tips {
            let is_last = row == 0 || rng.below(rows * 2) == 0;
            field[row][tip.column] = if is_last && row < rows / 2 { fruit(&mut rng) } else { thread(tip) };
            if !is_last {
                next.push(climb(tip, columns, &mut rng));
                if rng.below(9) == 0 {
                    next.push(climb(Tip { lean: rng.below(3), ..tip }, columns, &mut rng));
                }
            }
        }
        // Threads that meet become one: there are never more tips than columns.
        next.sort_unstable_by_key(|tip: &Tip| tip.column);
        next.dedup_by_key(|tip| tip.column);
        tips = next;
    }
    let lines: Vec<String> =
        field.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect();
    format!("{}\n{}", lines.join("\n"), ".".repeat(columns))
}

/// Where a tip is a row further up; now and then it leans another way.
fn climb(tip: Tip, columns: usize, rng: &mut Rng) -> Tip {
    let column = (tip.column + tip.lean).saturating_sub(1).min(columns - 1);
    let lean = if rng.below(3) == 0 { rng.below(3) } else { tip.lean };
    Tip { column, lean }
}

fn thread(tip: Tip) -> char {
    ['\\', '|', '/'][tip.lean]
}

fn fruit(rng: &mut Rng) -> char {
    ['T', 'o', '*', 'Y'][rng.below(4)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_draws_the_same_and_another_draws_something_else() {
        assert_eq!(grow(40, 10, 7), grow(40, 10, 7));
        assert_ne!(grow(40, 10, 7), grow(40, 10, 8));
    }

    #[test]
    fn every_size_can_be_drawn() {
        for (columns, rows) in [(1, 1), (1, 200), (200, 1), (66, 18)] {
            let picture = grow(columns, rows, 1);
            assert_eq!(picture.lines().count(), rows + 1);
            assert!(picture.lines().all(|line| line.chars().count() <= columns));
            assert!(picture.contains(['|', '/', '\\', 'T', 'o', '*', 'Y']));
        }
    }
}
