//! COMMAND LIST: names, all or those that a filter lets through.

use mycorrhizal_net::resp::{Args, Reply};

use super::super::super::table::{self, Row};
use super::super::super::{Categories, CommandError};
use super::entry::categories;
use crate::mycel::{Case, glob_match};
use crate::node::Caller;

/// Which commands are listed.
#[derive(Debug, PartialEq, Eq)]
enum Filter<'a> {
    /// All, but no subcommands.
    None,
    /// Those of a module; there are no modules.
    Module,
    /// Those of an ACL category; of one that does not exist, none.
    Category(Option<Categories>),
    /// Those whose full name fits.
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        if args.len() == 2 {
            return Ok(Self::None);
        }
        if args.len() != 5 || !args.get(2).eq_ignore_ascii_case(b"filterby") {
            return Err(CommandError::Syntax);
        }
        match args.get(3).to_ascii_lowercase().as_slice() {
            b"module" => Ok(Self::Module),
            b"aclcat" => {
                Ok(Self::Category(std::str::from_utf8(args.get(4)).ok().and_then(Categories::named)))
            }
            b"pattern" => Ok(Self::Pattern(args.get(4))),
            _ => Err(CommandError::Syntax),
        }
    }

    fn rows(&self) -> Vec<&'static Row> {
        let every = table::all().flat_map(Row::with_subcommands);
        match self {
            Self::None => table::all().collect(),
            Self::Module | Self::Category(None) => Vec::new(),
            Self::Category(Some(category)) => {
                every.filter(|row| categories(row.command).has(*category)).collect()
            }
            Self::Pattern(pattern) => {
                every.filter(|row| glob_match(pattern, row.full_name.as_bytes(), Case::Ignored)).collect()
            }
        }
    }
}

pub(super) fn list(_: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let rows = Filter::parse(args)?.rows();
    reply.array(rows.len());
    rows.iter().for_each(|row| reply.bulk(row.full_name.as_bytes()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_let_through_what_they_name() {
        let names = |filter: Filter<'_>| -> Vec<&str> {
            let mut names: Vec<&str> = filter.rows().iter().map(|row| row.full_name.as_str()).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(Filter::Pattern(b"CONFIG|re*")), ["config|resetstat", "config|rewrite"]);
        assert!(names(Filter::None).contains(&"get"));
        assert!(!names(Filter::None).iter().any(|name| name.contains('|')));
        let dangerous = names(Filter::Category(Categories::named("DANGEROUS")));
        assert!(
            dangerous.contains(&"keys") && dangerous.contains(&"config|set") && !dangerous.contains(&"get")
        );
        assert!(names(Filter::Module).is_empty() && names(Filter::Category(None)).is_empty());
    }
}
