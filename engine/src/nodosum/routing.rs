//! Routing: what a core does with a request, by what it knows and by what the one who sent it knew.
//!
//! A request names the version of the cluster's state by which its sender chose this core. Of the two the one that knows
//! less waits until it knows as much, and the one that knows more hands on; versions only grow on the way, so nothing goes
//! in circles, and a client that follows an outdated map ends at the right core.
//!
//! Pure: the node and the simulator decide by the same function.

/// What a core knows of itself and of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sight {
    /// Whether it owns all keys that the request names, by the state that it knows.
    pub owns: bool,
    /// The version of that state.
    pub known: u64,
    /// The version by which the sender chose this core.
    pub chosen_by: u64,
    /// Whether its node may act as what the cluster takes it for.
    pub tenure: bool,
    /// Whether something holds the keys: a command over several cores, or the last step of a move.
    pub held: bool,
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// It runs here and now.
    Run,
    /// It waits until nothing holds its keys any more.
    Defer,
    /// It waits until this core knows this version of the state.
    AwaitVersion(u64),
    /// It waits until the node may act again.
    AwaitTenure,
    /// It is for the owner, who is looked up anew.
    HandOn,
}

/// Decides what becomes of a request.
#[inline]
#[must_use]
pub fn route(sight: Sight) -> Route {
    match sight {
        Sight { owns: false, known, chosen_by, .. } if chosen_by > known => Route::AwaitVersion(chosen_by),
        Sight { owns: false, .. } => Route::HandOn,
        Sight { tenure: false, .. } => Route::AwaitTenure,
        Sight { held: true, .. } => Route::Defer,
        Sight { .. } => Route::Run,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Sight = Sight { owns: true, known: 5, chosen_by: 5, tenure: true, held: false };

    fn check(sight: Sight, expect: Route) {
        assert_eq!(route(sight), expect, "{sight:?}");
    }

    #[test]
    fn the_owner_runs_what_nothing_holds_as_long_as_it_may() {
        check(OWNER, Route::Run);
        check(Sight { chosen_by: 9, ..OWNER }, Route::Run);
        check(Sight { held: true, ..OWNER }, Route::Defer);
        check(Sight { tenure: false, held: true, ..OWNER }, Route::AwaitTenure);
    }

    #[test]
    fn who_knows_less_waits_and_who_knows_more_hands_on() {
        let other = Sight { owns: false, ..OWNER };
        check(Sight { chosen_by: 6, ..other }, Route::AwaitVersion(6));
        check(Sight { chosen_by: 5, ..other }, Route::HandOn);
        check(Sight { chosen_by: 4, tenure: false, held: true, ..other }, Route::HandOn);
    }
}
