//! From received bytes to planned commands: parse, look up, find the owner.
//!
//! All commands of one receive are planned before the first runs, so that the cache lines that they will need are on
//! their way while the plan is still being made.

use mycorrhizal_net::resp::{Args, ProtocolError, RequestParser, Span};

use super::core::Core;
use super::directory::PeerId;
use crate::command::table::{self, Row};
use crate::command::{Run, Spread, keys};
use crate::mycel::{Db, Key, Slot};

/// Commands planned before the first of them runs. Few enough that what is prefetched stays in the nearest cache.
const BATCH_COMMANDS: usize = 64;

/// The planned commands of one receive. Belongs to one connection; kept for its allocations.
#[derive(Default)]
pub(crate) struct Batch {
    spans: Vec<Span>,
    planned: Vec<Planned>,
}

/// One command, as planned.
#[derive(Clone, Copy)]
pub(crate) struct Planned {
    /// What it is.
    pub(crate) plan: Plan,
    /// Its spans in the batch.
    first_span: usize,
    end_span: usize,
}

/// What a command turned out to be.
#[derive(Clone, Copy)]
pub(crate) enum Plan {
    /// A row, and where its keys are.
    Row(&'static Row, Place),
    /// A name that no row has.
    Unknown,
    /// A subcommand that its container does not have.
    UnknownSubcommand(&'static Row),
    /// Too few or too many arguments.
    WrongArity(&'static Row),
}

/// Where the keys of a command are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It names none.
    Nowhere,
    /// All on one core; slot and hash are those of the first.
    Core { owner: PeerId, slot: Slot, hash: u32, one_slot: bool },
    /// On several cores.
    Cores { slot: Slot, hash: u32 },
}

impl Place {
    /// Slot and hash of the first key.
    #[inline]
    pub(crate) fn first_key(self) -> Option<(Slot, u32)> {
        match self {
            Self::Nowhere => None,
            Self::Core { slot, hash, .. } | Self::Cores { slot, hash } => Some((slot, hash)),
        }
    }
}

/// How planning ended.
pub(crate) enum Planning {
    /// Everything that is whole is planned; the rest needs more input.
    NeedsInput,
    /// There may be more to plan once these have run.
    Full,
    /// After what is planned comes something that is no request.
    Broken(ProtocolError),
}

impl Batch {
    /// Plans the commands of `input` from offset `at` on, in place of those planned before: all that are whole, but
    /// not more than one if `one`. Returns the offset after the last. `db` is where they are expected to look.
    pub(crate) fn plan(
        &mut self,
        core: &Core,
        parser: &mut RequestParser,
        input: &[u8],
        at: usize,
        db: Db,
        one: bool,
    ) -> (Planning, usize) {
        let outcome = self.parse(core, parser, input, at, if one { 1 } else { BATCH_COMMANDS });
        core.data.borrow().keyspace.prefetch(self.planned.iter().filter_map(|planned| match planned.plan {
            Plan::Row(_, Place::Core { owner, slot, hash, .. }) if owner == core.id => Some((db, slot, hash)),
            _ => None,
        }));
        outcome
    }

    fn parse(
        &mut self,
        core: &Core,
        parser: &mut RequestParser,
        input: &[u8],
        mut at: usize,
        most: usize,
    ) -> (Planning, usize) {
        self.spans.clear();
        self.planned.clear();
        while self.planned.len() < most {
            let first_span = self.spans.len();
            // Unescaped arguments of inline requests live in the parser until the next one is parsed.
            let inline = input.get(at).is_some_and(|&byte| byte != b'*');
            if inline && first_span > 0 {
                break;
            }
            match parser.next(input, at, &mut self.spans) {
                Ok(Some(end)) => at = end,
                Ok(None) => return (Planning::NeedsInput, at),
                Err(error) => return (Planning::Broken(error), at),
            }
            if self.spans.len() > first_span {
                let plan = plan(core, parser.args(input, &self.spans[first_span..]));
                self.planned.push(Planned { plan, first_span, end_span: self.spans.len() });
            }
            if inline {
                break;
            }
        }
        (Planning::Full, at)
    }

    /// The commands in order.
    #[inline]
    pub(crate) fn planned(&self) -> &[Planned] {
        &self.planned
    }

    /// The arguments of a planned command.
    #[inline]
    pub(crate) fn args<'a>(
        &'a self,
        parser: &'a RequestParser,
        input: &'a [u8],
        planned: &Planned,
    ) -> Args<'a> {
        parser.args(input, &self.spans[planned.first_span..planned.end_span])
    }
}

/// Finds the row and the owner of one command.
#[inline]
fn plan(core: &Core, args: Args<'_>) -> Plan {
    let Some(mut row) = table::find(args.get(0)) else { return Plan::Unknown };
    if !row.subcommands.is_empty() && args.len() > 1 {
        match row.subcommand(args.get(1)) {
            Some(subcommand) => row = subcommand,
            None => return Plan::UnknownSubcommand(row),
        }
    }
    if !row.command.accepts(args.len()) {
        return Plan::WrongArity(row);
    }
    let Run::Data { spread, .. } = row.command.run else { return Plan::Row(row, Place::Nowhere) };
    Plan::Row(row, place(core, row, spread, args))
}

#[inline]
fn place(core: &Core, row: &'static Row, spread: Spread, args: Args<'_>) -> Place {
    let Some(spec) = row.command.keys.first() else { return Place::Nowhere };
    let first = Key::new(args.get(usize::from(spec.first)), &core.node.hasher);
    let (slot, hash) = (first.slot(), first.hash());
    let owner = core.directory.owner(slot);
    let mut one_slot = true;
    if !matches!(spread, Spread::Single) {
        for key in keys::keys(row.command.keys, args).skip(1) {
            let other = Slot::of(key);
            one_slot &= other == slot;
            if core.directory.owner(other) != owner {
                return Place::Cores { slot, hash };
            }
        }
    }
    Place::Core { owner, slot, hash, one_slot }
}
