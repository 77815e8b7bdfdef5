//! Requests, prebuilt: to send one is to copy an image and write digits into it.
//!
//! ```text
//!   piece 0                                    value 0          piece 1 …
//!   *3\r\n$3\r\nSET\r\n$16\r\nkey:000000000042\r\n  $64\r\nxyz…\r\n
//!                             digits ^ written per request
//! ```
//!
//! Where all values have one size the whole request is one piece and its values are constant.

use std::sync::Arc;

use crate::key::{KeyFamily, KeyImage, KeyLayout, write_digits};
use crate::mix::CommandSpec;
use crate::random::Random;
use crate::size::{SizeSampler, ValueSize};

/// How far apart the values that are cut from one pool may begin, in bytes.
const POOL_SLACK_BYTES: usize = 4_096;

/// What all templates of a run share.
#[derive(Clone, Debug)]
pub struct TemplateSetting {
    /// How keys look.
    pub layout: KeyLayout,
    /// How large values are.
    pub value_size: ValueSize,
    /// Bytes that values are cut from; at least as many as the largest value has.
    pub pool: Arc<[u8]>,
    /// Time to live that `expire` and `setex` give, in seconds.
    pub ttl_seconds: u64,
}

impl TemplateSetting {
    /// A setting whose values are printable noise, the same for the same seed.
    pub fn new(layout: KeyLayout, value_size: ValueSize, ttl_seconds: u64, seed: u64) -> Self {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut random = Random::new(seed, u64::MAX - 1);
        let letter = |_| LETTERS[usize::try_from(random.below(64)).unwrap_or(0)];
        let pool = (0..value_size.max() + POOL_SLACK_BYTES).map(letter).collect();
        Self { layout, value_size, pool, ttl_seconds }
    }
}

/// Where the other keys of a command come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoreKeys {
    /// They are drawn like the first one; in a cluster, from the slot of the first one.
    Drawn,
    /// They repeat the number of the first one when slots matter: a template says itself how they share a slot.
    Repeated,
}

/// One prebuilt request.
#[derive(Debug)]
pub struct Template {
    pieces: Vec<Piece>,
    /// The first key, if there is one: it decides the slot.
    pub route: Option<KeyImage>,
    /// Where other keys come from.
    pub more_keys: MoreKeys,
}

#[derive(Debug, Default)]
struct Piece {
    image: Vec<u8>,
    /// Offsets in the image after the last digit of each key.
    digit_ends: Vec<usize>,
    /// The argument of varying size that follows.
    value: Option<Surround>,
}

/// The constant bytes of an argument around its value.
#[derive(Debug)]
struct Surround {
    before: Vec<u8>,
    after: Vec<u8>,
}

/// Cuts values of varying size from the pool. Owned by one load thread.
#[derive(Clone, Debug)]
pub struct ValueSource {
    pool: Arc<[u8]>,
    size: SizeSampler,
}

impl ValueSource {
    /// A source for the values of a setting.
    pub fn new(setting: &TemplateSetting) -> Self {
        Self { pool: Arc::clone(&setting.pool), size: setting.value_size.sampler() }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a number below the slack of the pool")]
    fn draw(&self, random: &mut Random) -> &[u8] {
        let bytes = self.size.draw(random);
        let from = random.below(POOL_SLACK_BYTES as u64) as usize;
        &self.pool[from..from + bytes]
    }
}

impl Template {
    /// Prebuilds a command.
    pub fn new(command: &CommandSpec, setting: &TemplateSetting) -> Self {
        let words = words_of(command, setting.ttl_seconds);
        let family = family_of(command);
        let more_keys = match command {
            CommandSpec::Raw(_) => MoreKeys::Repeated,
            _ => MoreKeys::Drawn,
        };
        let mut template = Self { pieces: vec![Piece::default()], route: None, more_keys };
        template.literal(format!("*{}\r\n", words.len()).as_bytes());
        for word in &words {
            template.word(word, family, setting);
        }
        template
    }

    /// How many keys a request has.
    pub fn keys(&self) -> usize {
        self.pieces.iter().map(|piece| piece.digit_ends.len()).sum()
    }

    fn last(&mut self) -> &mut Piece {
        self.pieces.last_mut().expect("a template has a piece from its birth")
    }

    fn literal(&mut self, bytes: &[u8]) {
        self.last().image.extend_from_slice(bytes);
    }

    fn bulk(&mut self, bytes: &[u8]) {
        self.literal(format!("${}\r\n", bytes.len()).as_bytes());
        self.literal(bytes);
        self.literal(b"\r\n");
    }

    fn word(&mut self, word: &str, family: KeyFamily, setting: &TemplateSetting) {
        if let Some((before, after)) = word.split_once("{key}") {
            let image = setting.layout.image(family, before, after);
            let header_bytes = format!("${}\r\n", image.bytes().len()).len();
            let digits_end = self.last().image.len() + header_bytes + image.digits_end();
            self.bulk(image.bytes());
            self.last().digit_ends.push(digits_end);
            self.route.get_or_insert(image);
        } else if let Some((before, after)) = word.split_once("{value}") {
            if let ValueSize::Fixed(bytes) = setting.value_size {
                self.bulk(&[before.as_bytes(), &setting.pool[..bytes], after.as_bytes()].concat());
            } else {
                self.last().value = Some(Surround { before: before.into(), after: after.into() });
                self.pieces.push(Piece::default());
            }
        } else {
            self.bulk(word.as_bytes());
        }
    }

    /// Appends the request to `out`. `keys` gives the key numbers in their order, the first one first.
    #[inline]
    pub fn write(
        &self,
        mut keys: impl FnMut(&mut Random) -> u64,
        values: &ValueSource,
        random: &mut Random,
        out: &mut Vec<u8>,
    ) {
        for piece in &self.pieces {
            let base = out.len();
            out.extend_from_slice(&piece.image);
            let image = &mut out[base..];
            for &end in &piece.digit_ends {
                write_digits(&mut image[..end], keys(random));
            }
            if let Some(surround) = &piece.value {
                surround.write(values.draw(random), out);
            }
        }
    }
}

impl Surround {
    fn write(&self, value: &[u8], out: &mut Vec<u8>) {
        let mut digits = *b"$00000000000000000000";
        let bytes = (self.before.len() + value.len() + self.after.len()) as u64;
        write_digits(&mut digits, bytes);
        let first = digits.len() - (bytes.checked_ilog10().unwrap_or(0) as usize + 1);
        out.push(b'$');
        out.extend_from_slice(&digits[first..]);
        for part in [b"\r\n", self.before.as_slice(), value, &self.after, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
}

fn family_of(command: &CommandSpec) -> KeyFamily {
    match command {
        CommandSpec::Incr => KeyFamily::Counter,
        CommandSpec::Append => KeyFamily::Text,
        _ => KeyFamily::Main,
    }
}

fn words_of(command: &CommandSpec, ttl_seconds: u64) -> Vec<String> {
    let line = match command {
        CommandSpec::Get => "GET {key}".to_owned(),
        CommandSpec::Set => "SET {key} {value}".to_owned(),
        CommandSpec::Del => "DEL {key}".to_owned(),
        CommandSpec::Incr => "INCR {key}".to_owned(),
        CommandSpec::Mget(keys) => format!("MGET{}", " {key}".repeat(*keys)),
        CommandSpec::Mset(pairs) => format!("MSET{}", " {key} {value}".repeat(*pairs)),
        CommandSpec::Exists => "EXISTS {key}".to_owned(),
        CommandSpec::Expire => format!("EXPIRE {{key}} {ttl_seconds}"),
        CommandSpec::Setex => format!("SETEX {{key}} {ttl_seconds} {{value}}"),
        CommandSpec::Append => "APPEND {key} {value}".to_owned(),
        CommandSpec::Ping => "PING".to_owned(),
        CommandSpec::Raw(words) => return words.clone(),
    };
    line.split(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
