//! Random commands for the differential test: a seed becomes a sequence over few keys, so that they meet often.
//!
//! Nothing here depends on the moment: deadlines are absolute and far away, or long past.

use crate::random::Random;

const KEYS: &[&str] =
    &["a", "b", "c", "{t}1", "{t}2", "{t}3", "k\0\r\n", "", "user:1000", "long-key-0123456789-0123456789"];
const INTEGERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "5",
    "10",
    "99",
    "-100",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "x",
    "",
    "1.5",
    "007",
];
const FLOATS: &[&str] = &["0", "1", "-1", "0.5", "-0.25", "3", "1024", "1e2", "x", ""];
const OFFSETS: &[&str] = &["0", "1", "2", "5", "-1", "-3", "-100", "30", "100"];
const VALUES: &[&str] =
    &["", "v", "hello", "10", "-7", "3.5", "binary\0\u{ff}\r\n", "0", "01", "ohmytext", "mynewtext"];
const DEADLINES_S: &[&str] = &["4102444800", "4102444900", "4102445000", "1", "0", "-1"];
const DEADLINES_MS: &[&str] = &["4102444800123", "4102444900456", "4102445000789", "1", "-5"];
const CONDITIONS: &[&str] = &["", "NX", "XX", "GT", "LT", "XX GT", "XX LT", "NX GT", "GT LT"];

/// One command as its words.
pub type Words = Vec<Vec<u8>>;

/// Commands without end.
#[derive(Debug)]
pub struct Commands(Random);

impl Commands {
    /// The sequence of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Commands(Random::new(seed))
    }

    /// The next command.
    pub fn draw(&mut self) -> Words {
        match self.0.below(20) {
            0..=3 => self.set(),
            4..=7 => self.read(),
            8..=10 => self.number(),
            11..=12 => self.edit(),
            13..=15 => self.expire(),
            16..=17 => self.several(),
            _ => self.move_about(),
        }
    }

    fn set(&mut self) -> Words {
        let mut words = split(&["SET"]);
        words.push(self.key());
        words.push(self.value());
        let r = &mut self.0;
        for option in [&["NX", "XX"][..], &["GET"], &["KEEPTTL"]] {
            if r.one_in(4) {
                words.push(r.pick(option).as_bytes().to_vec());
            }
        }
        if r.one_in(4) {
            let (option, deadline) =
                if r.one_in(2) { ("EXAT", r.pick(DEADLINES_S)) } else { ("PXAT", r.pick(DEADLINES_MS)) };
            words.extend([option.as_bytes().to_vec(), deadline.as_bytes().to_vec()]);
        }
        words
    }

    fn read(&mut self) -> Words {
        let name = *self.0.pick(&[
            "GET",
            "GET",
            "STRLEN",
            "GETDEL",
            "TYPE",
            "EXISTS",
            "OBJECT ENCODING",
            "EXPIRETIME",
            "PEXPIRETIME",
            "TOUCH",
            "GETRANGE",
            "LCS",
            "LCS IDX",
            "GETEX",
            "MEMORY USAGE nosuch",
        ]);
        let mut words = match name {
            "LCS" => return self.over("LCS", 2, &[]),
            "LCS IDX" => return self.over("LCS", 2, &["IDX", "WITHMATCHLEN"]),
            "MEMORY USAGE nosuch" => return split(&["MEMORY", "USAGE", "nosuch"]),
            _ => split(&name.split(' ').collect::<Vec<_>>()),
        };
        words.push(self.key());
        let r = &mut self.0;
        match name {
            "GETRANGE" => words.extend(split(&[*r.pick(OFFSETS), *r.pick(OFFSETS)])),
            "GETEX" if r.one_in(3) => words.push(b"PERSIST".to_vec()),
            "GETEX" if r.one_in(2) => {
                words.extend([b"PXAT".to_vec(), r.pick(DEADLINES_MS).as_bytes().to_vec()]);
            }
            _ => {}
        }
        words
    }

    fn number(&mut self) -> Words {
        let name = *self.0.pick(&["INCR", "DECR", "INCRBY", "DECRBY", "INCRBYFLOAT"]);
        let mut words = split(&[name]);
        words.push(self.key());
        match name {
            "INCRBY" | "DECRBY" => words.push(self.0.pick(INTEGERS).as_bytes().to_vec()),
            "INCRBYFLOAT" => words.push(self.0.pick(FLOATS).as_bytes().to_vec()),
            _ => {}
        }
        words
    }

    fn edit(&mut self) -> Words {
        let name = *self.0.pick(&["APPEND", "SETRANGE", "GETSET", "SETNX"]);
        let mut words = split(&[name]);
        words.push(self.key());
        if name == "SETRANGE" {
            words.push(self.0.pick(OFFSETS).as_bytes().to_vec());
        }
        words.push(self.value());
        words
    }

    fn expire(&mut self) -> Words {
        let r = &mut self.0;
        let (name, deadline) = match r.below(3) {
            0 => ("EXPIREAT", *r.pick(DEADLINES_S)),
            1 => ("PEXPIREAT", *r.pick(DEADLINES_MS)),
            _ => ("PERSIST", ""),
        };
        let condition = if name == "PERSIST" { "" } else { *r.pick(CONDITIONS) };
        let mut words = split(&[name]);
        words.push(self.key());
        let rest = [deadline].into_iter().chain(condition.split(' ')).filter(|word| !word.is_empty());
        words.extend(rest.map(|word| word.as_bytes().to_vec()));
        words
    }

    fn several(&mut self) -> Words {
        let count = 1 + self.0.below(5);
        match self.0.below(7) {
            0 => self.over("DEL", count, &[]),
            1 => self.over("EXISTS", count, &[]),
            2 => self.over("UNLINK", count, &[]),
            3..=4 => self.over("MGET", count, &[]),
            5 => self.pairs("MSET", count),
            _ => self.pairs("MSETNX", count),
        }
    }

    fn move_about(&mut self) -> Words {
        match self.0.below(16) {
            0..=2 => self.over("RENAME", 2, &[]),
            3..=4 => self.over("RENAMENX", 2, &[]),
            5..=6 => self.over("COPY", 2, &[]),
            7 => self.over("COPY", 2, &["REPLACE"]),
            8 => self.over("COPY", 2, &["DB", "1", "REPLACE"]),
            9 => self.over("MOVE", 1, &["1"]),
            10 => split(&["SELECT", "1"]),
            11..=12 => split(&["SELECT", "0"]),
            13 => self.over("EXISTS", 2, &[]),
            14 => split(&["SWAPDB", "0", "1"]),
            _ if self.0.one_in(8) => split(&["FLUSHDB"]),
            _ => self.over("GET", 2, &[]),
        }
    }

    fn over(&mut self, name: &str, keys: usize, rest: &[&str]) -> Words {
        let mut words = split(&[name]);
        words.extend((0..keys).map(|_| self.key()).collect::<Vec<_>>());
        words.extend(split(rest));
        words
    }

    fn pairs(&mut self, name: &str, count: usize) -> Words {
        let mut words = split(&[name]);
        for _ in 0..count {
            words.push(self.key());
            words.push(self.value());
        }
        words
    }

    fn key(&mut self) -> Vec<u8> {
        self.0.pick(KEYS).as_bytes().to_vec()
    }

    fn value(&mut self) -> Vec<u8> {
        if self.0.one_in(3) {
            let longest = if self.0.one_in(10) { 5_000 } else { 80 };
            let length = self.0.below(longest);
            return (0..length).map(|_| self.0.bits().to_le_bytes()[0]).collect();
        }
        self.0.pick(VALUES).as_bytes().to_vec()
    }

    /// A number below `end` of the same sequence, for whatever else a test has to decide.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }
}

fn split(words: &[&str]) -> Words {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}
