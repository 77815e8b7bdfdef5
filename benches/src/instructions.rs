//! The cases: what is prepared uncounted, and the work that is counted.

mod dispatch;
mod parser;
mod table;

/// One benchmark.
#[derive(Debug)]
pub struct Case {
    /// `part/what`.
    pub name: &'static str,
    /// Prepares so many operations; the closure does them, and may be called once.
    pub prepare: fn(operations: usize) -> Work,
}

/// Prepared work. It returns a number that depends on all of it, so that none can be left out.
pub type Work = Box<dyn FnMut() -> usize>;

/// Every case.
pub const CASES: &[Case] = &[
    Case { name: "parser/get", prepare: parser::get },
    Case { name: "parser/set of 64 bytes", prepare: parser::set },
    Case { name: "parser/set in two halves", prepare: parser::set_in_halves },
    Case { name: "parser/reply of 64 bytes", prepare: parser::reply },
    Case { name: "table/slot and hash", prepare: table::slot_and_hash },
    Case { name: "table/hit", prepare: table::hit },
    Case { name: "table/miss", prepare: table::miss },
    Case { name: "table/replace", prepare: table::replace },
    Case { name: "table/insert", prepare: table::insert },
    Case { name: "table/remove", prepare: table::remove },
    Case { name: "table/insert with a deadline", prepare: table::insert_with_deadline },
    Case { name: "dispatch/find the row", prepare: dispatch::find },
    Case { name: "dispatch/get, bytes to bytes", prepare: dispatch::get },
    Case { name: "dispatch/set, bytes to bytes", prepare: dispatch::set },
    Case { name: "dispatch/incr, bytes to bytes", prepare: dispatch::increment },
];

/// The function whose instructions are counted: callgrind collects while it runs, and only then.
#[inline(never)]
pub fn counted(work: &mut Work) -> usize {
    work()
}

/// Key number `number`, 16 bytes.
fn key(number: usize) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

/// A value of 64 bytes.
const VALUE: [u8; 64] = [b'v'; 64];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_runs_and_does_its_work() {
        for case in CASES {
            let (small, large) = (counted(&mut (case.prepare)(3)), counted(&mut (case.prepare)(300)));
            assert!(small < large, "{}: {small} for 3 operations, {large} for 300", case.name);
        }
    }
}
