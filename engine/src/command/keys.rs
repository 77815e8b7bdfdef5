//! Where the keys of a command stand among its arguments.

use mycorrhizal_net::resp::Args;

/// One run of keys: they start at argument `first`, stand `step` apart, and end at `last`.
///
/// Source: "Command key specifications" of the Redis documentation.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// Index of the first key; the command's name is 0.
    pub first: u8,
    /// Index of the last key; negative: from the end, -1 the last argument.
    pub last: i8,
    /// Distance between two keys.
    pub step: u8,
    /// What is done to them: `RO`, `RW`, `OW` or `RM`, then what with the value.
    pub access: Access,
    /// What the access of one command line is, where `access` covers all options together.
    pub access_of: Option<fn(Args<'_>) -> Access>,
    /// Why the access is what it is, where that is not plain.
    pub note: &'static str,
}

/// What a command does to a key and to its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// `RW`, `RO`, `OW` (overwrites) or `RM` (removes).
    pub mode: &'static str,
    /// The flags beside the mode: `access`, `update`, `insert`, `delete`.
    pub value: &'static [&'static str],
}

impl KeySpec {
    /// One key, at argument 1.
    pub const fn one(access: Access) -> Self {
        Self::range(1, 1, 1, access)
    }

    /// Keys from argument 1 to the end, `step` apart.
    pub const fn rest(step: u8, access: Access) -> Self {
        Self::range(1, -1, step, access)
    }

    /// One key at argument `index`.
    pub const fn at(index: u8, access: Access) -> Self {
        #[expect(clippy::cast_possible_wrap, reason = "argument indexes in rows are below 16")]
        Self::range(index, index as i8, 1, access)
    }

    /// Keys from argument `first` to argument `last`, `step` apart.
    pub const fn range(first: u8, last: i8, step: u8, access: Access) -> Self {
        Self { first, last, step, access, access_of: None, note: "" }
    }

    /// The same with a note.
    pub const fn noted(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// The same, where the access depends on the options.
    pub const fn varying(self, access_of: fn(Args<'_>) -> Access) -> Self {
        Self { access_of: Some(access_of), ..self }
    }

    /// What a command line does to the keys.
    #[must_use]
    pub fn access_in(&self, line: Args<'_>) -> Access {
        self.access_of.map_or(self.access, |access_of| access_of(line))
    }

    /// The argument indexes of the keys, given how many arguments there are.
    pub fn positions(&self, count: usize) -> impl Iterator<Item = usize> + Clone + use<> {
        let end = match usize::try_from(self.last) {
            Ok(last) => (last + 1).min(count),
            Err(_) => (count + 1).saturating_sub(usize::from(self.last.unsigned_abs())),
        };
        (usize::from(self.first)..end).step_by(usize::from(self.step.max(1)))
    }
}

impl Access {
    /// Reads the value.
    pub const READ: Self = Self { mode: "RO", value: &["access"] };
    /// Looks at the key, not at its value.
    pub const LOOK: Self = Self { mode: "RO", value: &[] };
    /// Replaces the value.
    pub const OVERWRITE: Self = Self { mode: "OW", value: &["update"] };
    /// Changes the value.
    pub const UPDATE: Self = Self { mode: "RW", value: &["update"] };
    /// Changes the value and returns what it held.
    pub const READ_UPDATE: Self = Self { mode: "RW", value: &["access", "update"] };
    /// Removes the key.
    pub const REMOVE: Self = Self { mode: "RM", value: &["delete"] };
    /// Returns the value and removes the key.
    pub const READ_REMOVE: Self = Self { mode: "RW", value: &["access", "delete"] };
    /// It is no key, but has a slot.
    pub const NOT_KEY: Self = Self { mode: "not_key", value: &[] };
    /// Creates the key.
    pub const INSERT: Self = Self { mode: "OW", value: &["insert"] };
}

/// All keys of a command line.
pub fn keys<'a>(specs: &'static [KeySpec], args: Args<'a>) -> impl Iterator<Item = &'a [u8]> {
    specs.iter().flat_map(move |spec| spec.positions(args.len()).map(move |index| args.get(index)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_follow_the_specification() {
        let check = |spec: KeySpec, count, expect: &[usize]| {
            assert_eq!(spec.positions(count).collect::<Vec<_>>(), expect);
        };
        check(KeySpec::one(Access::READ), 2, &[1]);
        check(KeySpec::one(Access::READ), 1, &[]);
        check(KeySpec::rest(1, Access::READ), 4, &[1, 2, 3]);
        check(KeySpec::rest(2, Access::OVERWRITE), 5, &[1, 3]);
        check(KeySpec::range(1, -2, 1, Access::READ), 5, &[1, 2, 3]);
        check(KeySpec::at(2, Access::READ), 4, &[2]);
    }
}
