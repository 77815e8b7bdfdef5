//! LCS: the longest common subsequence of two strings, by a table of the lengths of all pairs of prefixes.
//!
//! The table takes `4 · (n + 1) · (m + 1)` bytes, which `proto-max-bulk-len` limits; a length alone needs two rows of
//! it, but is refused by the same limit, since the time is the same. The walk from the end of both strings back to the
//! start prefers to shorten the second one, which decides among subsequences of equal length.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::{CommandError, DataContext, argument};
use crate::mycel::Decimal;

/// What LCS answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// The subsequence.
    Text,
    /// `LEN`: its length.
    Length,
    /// `IDX`: where its pieces stand in both strings, those of `least` bytes and more, the last one first.
    Matches { least: usize, lengths: bool },
}

/// Bytes `first.0 .. first.0 + length` of the first string equal `second.0 ..` of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Match {
    first: usize,
    second: usize,
    length: usize,
}

/// LCS.
pub(super) fn lcs(
    context: &mut DataContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let answer = Answer::parse(args)?;
    let first = string(context, args.get(1));
    let second = string(context, args.get(2));
    let table = Table::build(&first, &second, context.value_bytes_max)?;
    if answer == Answer::Length {
        reply.integer(i64::from(table.length(first.len(), second.len())));
        return Ok(());
    }
    let matches = table.matches(&first, &second);
    match answer {
        Answer::Matches { least, lengths } => {
            write_matches(reply, &matches, least, lengths);
            reply.integer(i64::from(table.length(first.len(), second.len())));
        }
        Answer::Text | Answer::Length => {
            let pieces = matches.iter().rev().map(|piece| &first[piece.first..piece.first + piece.length]);
            reply.bulk(&pieces.collect::<Vec<_>>().concat());
        }
    }
    Ok(())
}

impl Answer {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let (mut length, mut matches, mut lengths, mut least) = (false, false, false, 0);
        let mut words = args.iter().skip(3);
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case(b"IDX") {
                matches = true;
            } else if word.eq_ignore_ascii_case(b"LEN") {
                length = true;
            } else if word.eq_ignore_ascii_case(b"WITHMATCHLEN") {
                lengths = true;
            } else if word.eq_ignore_ascii_case(b"MINMATCHLEN") {
                let number = argument::integer(words.next().ok_or(CommandError::Syntax)?)?;
                least = usize::try_from(number).unwrap_or(0);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        match (length, matches) {
            (true, true) => {
                let text = "ERR If you want both the length and indexes, please just use IDX.";
                Err(CommandError::Text(text))
            }
            (true, false) => Ok(Self::Length),
            (false, true) => Ok(Self::Matches { least, lengths }),
            (false, false) => Ok(Self::Text),
        }
    }
}

/// The string under a key; empty if there is none.
fn string(context: &mut DataContext<'_>, key: &[u8]) -> Vec<u8> {
    let key = context.key(key);
    context.read(&key).map_or_else(Vec::new, |view| view.value().bytes(&mut Decimal::new()).to_vec())
}

/// Lengths of the longest common subsequences of all pairs of prefixes.
struct Table {
    lengths: Vec<u32>,
    columns: usize,
}

impl Table {
    fn build(first: &[u8], second: &[u8], bytes_max: usize) -> Result<Self, CommandError> {
        if first.len().max(second.len()) >= u32::MAX as usize - 1 {
            return Err(CommandError::Text("ERR String too long for LCS"));
        }
        let columns = second.len() + 1;
        let cells = columns.checked_mul(first.len() + 1);
        let cells =
            cells.filter(|cells| cells.checked_mul(size_of::<u32>()).is_some_and(|bytes| bytes <= bytes_max));
        let cells = cells.ok_or(CommandError::Text(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ))?;
        let mut lengths = Vec::new();
        lengths.try_reserve_exact(cells).map_err(|_| {
            CommandError::Text("ERR Insufficient memory, failed allocating transient memory for LCS")
        })?;
        lengths.resize(columns, 0);
        for byte in first {
            let above = lengths.len() - columns;
            let mut left = 0;
            lengths.push(left);
            for (column, other) in second.iter().enumerate() {
                let longer = lengths[above + column + 1];
                left = if byte == other { lengths[above + column] + 1 } else { longer.max(left) };
                lengths.push(left);
            }
        }
        Ok(Self { lengths, columns })
    }

    /// The length for the first `i` bytes of one string and the first `j` of the other.
    fn length(&self, i: usize, j: usize) -> u32 {
        self.lengths[i * self.columns + j]
    }

    /// The pieces of the subsequence, the last one first.
    fn matches(&self, first: &[u8], second: &[u8]) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let (mut i, mut j) = (first.len(), second.len());
        while i > 0 && j > 0 {
            if first[i - 1] != second[j - 1] {
                if self.length(i - 1, j) > self.length(i, j - 1) {
                    i -= 1;
                } else {
                    j -= 1;
                }
                continue;
            }
            match matches.last_mut() {
                Some(piece) if piece.first == i && piece.second == j => {
                    *piece = Match { first: i - 1, second: j - 1, length: piece.length + 1 };
                }
                _ => matches.push(Match { first: i - 1, second: j - 1, length: 1 }),
            }
            (i, j) = (i - 1, j - 1);
        }
        matches
    }
}

/// The reply of `IDX` but for the length at its end.
fn write_matches(reply: &mut Reply<'_>, matches: &[Match], least: usize, lengths: bool) {
    let shown = matches.iter().filter(|piece| piece.length >= least);
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(shown.clone().count());
    for piece in shown {
        reply.array(if lengths { 3 } else { 2 });
        for start in [piece.first, piece.second] {
            reply.array(2);
            reply.integer(start as i64);
            reply.integer((start + piece.length - 1) as i64);
        }
        if lengths {
            reply.integer(piece.length as i64);
        }
    }
    reply.bulk(b"len");
}
