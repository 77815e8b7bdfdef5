//! INFO: what the node is and does, in sections of `name:value` lines.
//!
//! Nearly everything is read from the cores' counters, which stops nobody. Only what stands in no counter (keys per
//! database, processor time of a core's thread) is asked of the cores, and only if a chosen section needs it.

mod commands;
mod coordination;
mod cores;
mod memory;
mod process;
mod state;
mod traffic;

use std::fmt::{Display, Write as _};

use mycorrhizal_net::resp::{Args, Reply};

use super::super::CommandError;
use crate::node::Caller;
pub(super) use process::rss_bytes;

use cores::CoreReport;

/// One section.
struct Section {
    /// Its name as an argument and, with a capital, as its headline.
    name: &'static str,
    /// When it is told unasked.
    told: Told,
    /// Writes its lines.
    write: fn(&Facts<'_>, &mut Page),
}

/// When a section is told unasked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Without any argument, too.
    ByDefault,
    /// For `all` and `everything`.
    InAll,
    /// Without any argument and for `everything`, but not for `all`.
    NotInAll,
}

/// All sections in the order in which they are told.
const SECTIONS: [Section; 15] = [
    Section { name: "server", told: Told::ByDefault, write: process::server },
    Section { name: "clients", told: Told::ByDefault, write: state::clients },
    Section { name: "memory", told: Told::ByDefault, write: memory::memory },
    Section { name: "persistence", told: Told::ByDefault, write: state::persistence },
    Section { name: "stats", told: Told::ByDefault, write: traffic::stats },
    Section { name: "replication", told: Told::ByDefault, write: state::replication },
    Section { name: "cpu", told: Told::ByDefault, write: process::cpu },
    Section { name: "cores", told: Told::ByDefault, write: cores::cores },
    Section { name: "modules", told: Told::NotInAll, write: |_, _| () },
    Section { name: "commandstats", told: Told::InAll, write: commands::calls },
    Section { name: "errorstats", told: Told::ByDefault, write: traffic::errors },
    Section { name: "latencystats", told: Told::InAll, write: commands::latencies },
    Section { name: "cluster", told: Told::ByDefault, write: state::cluster },
    Section { name: "nodosum", told: Told::ByDefault, write: coordination::nodosum },
    Section { name: "keyspace", told: Told::ByDefault, write: state::keyspace },
];

/// What sections are written from.
struct Facts<'c> {
    caller: &'c Caller,
    /// One per core, in their order; empty if no chosen section needs them.
    reports: Vec<CoreReport>,
}

/// The text under way.
#[derive(Default)]
struct Page(String);

impl Page {
    fn headline(&mut self, section: &str) {
        if !self.0.is_empty() {
            self.0.push_str("\r\n");
        }
        let (first, rest) = section.split_at(1);
        self.line(format_args!("# {}{rest}", first.to_uppercase()));
    }

    fn field(&mut self, name: impl Display, value: impl Display) {
        self.line(format_args!("{name}:{value}"));
    }

    /// An amount of memory, in bytes and for people.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(format_args!("{name}_human"), human(bytes));
    }

    fn line(&mut self, text: impl Display) {
        write!(self.0, "{text}\r\n").expect("a string takes what is written to it");
    }
}

pub(super) async fn info(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let chosen: Vec<&Section> = SECTIONS.iter().filter(|section| is_chosen(section, args)).collect();
    let asks = |name| chosen.iter().any(|section| section.name == name);
    let reports = if asks("clients") || asks("cores") || asks("keyspace") || asks("nodosum") {
        let cores: Vec<_> = caller.core.node.cores().collect();
        caller.core.call_all(&cores, |core| CoreReport::of(core)).await
    } else {
        Vec::new()
    };
    let facts = Facts { caller, reports };
    let mut page = Page::default();
    for section in chosen {
        page.headline(section.name);
        (section.write)(&facts, &mut page);
    }
    reply.verbatim("txt", &page.0);
    Ok(())
}

fn is_chosen(section: &Section, args: Args<'_>) -> bool {
    let by_default = section.told != Told::InAll;
    let named = |arg: &[u8]| match arg.to_ascii_lowercase().as_slice() {
        b"default" => by_default,
        b"all" => section.told != Told::NotInAll,
        b"everything" => true,
        name => name == section.name.as_bytes(),
    };
    if args.len() == 1 { by_default } else { args.iter().skip(1).any(named) }
}

/// An amount of memory in the unit that suits it, as Redis writes it.
pub(super) fn human(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let octave = (bytes.ilog2() / 10).min(5);
    let unit = ["B", "K", "M", "G", "T", "P"][octave as usize];
    format!("{:.2}{unit}", crate::node::sampler::ratio(bytes, 1 << (octave * 10)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_redis_writes_them() {
        let table = [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (990_328, "967.12K"),
            (12_410_880, "11.84M"),
            (25_276_514_304, "23.54G"),
            (u64::MAX, "16384.00P"),
        ];
        for (bytes, text) in table {
            assert_eq!(human(bytes), text);
        }
    }
}
