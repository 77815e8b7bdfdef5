//! Commands over many keys: look-ups are announced in windows, so that their cache misses overlap.

use mycorrhizal_net::resp::Args;

use super::DataContext;
use crate::mycel::Key;

/// Keys that are announced together: about as many misses as a core keeps in flight.
const WINDOW_KEYS: usize = 16;

/// Calls `visit` with each key of a command line (argument 1 and every `step`th after it) and the key's index.
#[inline]
pub(super) fn for_each_key<'k>(
    context: &mut DataContext<'_>,
    args: Args<'k>,
    step: usize,
    mut visit: impl FnMut(&mut DataContext<'_>, Key<'k>, usize),
) {
    let first = context.first_key(args.get(1));
    if args.len() <= 1 + step {
        return visit(context, first, 1);
    }
    for start in (1..args.len()).step_by(WINDOW_KEYS * step) {
        let window: [Option<(Key<'k>, usize)>; WINDOW_KEYS] = std::array::from_fn(|place| {
            let index = start + place * step;
            (index < args.len())
                .then(|| (if index == 1 { first } else { context.key(args.get(index)) }, index))
        });
        let keys = window.iter().flatten().map(|(key, _)| (context.db, key.slot(), key.hash()));
        context.keyspace.prefetch(keys);
        for (key, index) in window.into_iter().flatten() {
            visit(context, key, index);
        }
    }
}
