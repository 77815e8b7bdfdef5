//! Which commands the load sends, and how often each.
//!
//! `--mix` is a list of items with a comma between. An item is `NAME`, `NAME:WEIGHT`, `mget:KEYS`, `mget:KEYS:WEIGHT`
//! (`mset` alike), or a command template in quotes, `"HSET {key} field {value}"` or `"…":WEIGHT`.
//! A weight is a whole number; without one it is 1.

use std::fmt;
use std::str::FromStr;

use crate::random::Random;

/// Most items of a mix.
pub const MIX_ITEMS_MAX: usize = 1_000;
/// Most keys of one `mget` or `mset`.
pub const MULTI_KEYS_MAX: usize = 10_000;

/// One kind of command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandSpec {
    /// `GET key`.
    Get,
    /// `SET key value`.
    Set,
    /// `DEL key`.
    Del,
    /// `INCR counter`; counters are keys of their own, so that they never meet a value of `set`.
    Incr,
    /// `MGET key…`, so many.
    Mget(usize),
    /// `MSET key value…`, so many pairs.
    Mset(usize),
    /// `EXISTS key`.
    Exists,
    /// `EXPIRE key ttl`.
    Expire,
    /// `SETEX key ttl value`.
    Setex,
    /// `APPEND text value`; these are keys of their own, so that the values of `set` do not grow.
    Append,
    /// `PING`.
    Ping,
    /// The words of a command template; each may hold one `{key}` or `{value}`.
    Raw(Vec<String>),
}

/// The commands of a run with their weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    /// What is sent and in which proportion; never empty, no weight is 0.
    pub items: Vec<(CommandSpec, u32)>,
}

impl Mix {
    /// A mix of one command.
    pub fn only(command: CommandSpec) -> Self {
        Self { items: vec![(command, 1)] }
    }

    /// A picker over the indexes of the items.
    pub fn picker(&self) -> Picker {
        let weights = self.items.iter().map(|(_, weight)| f64::from(*weight)).collect::<Vec<f64>>();
        Picker::new(&weights)
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (command, weight)) in self.items.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{command}:{weight}")?;
        }
        Ok(())
    }
}

impl fmt::Display for CommandSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mget(keys) => write!(f, "mget:{keys}"),
            Self::Mset(keys) => write!(f, "mset:{keys}"),
            Self::Raw(words) => write!(f, "\"{}\"", words.join(" ")),
            named => f.write_str(&format!("{named:?}").to_lowercase()),
        }
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let items = split_items(text)?.into_iter().map(parse_item).collect::<Result<Vec<_>, _>>()?;
        match items.len() {
            0 => Err("the mix is empty".into()),
            1..=MIX_ITEMS_MAX => Ok(Self { items }),
            many => Err(format!("{many} items are more than the {MIX_ITEMS_MAX} that a mix may have")),
        }
    }
}

/// Splits at the commas that stand outside of quotes.
fn split_items(text: &str) -> Result<Vec<&str>, String> {
    let mut items = Vec::new();
    let mut quote = None;
    let mut start = 0;
    for (at, character) in text.char_indices() {
        match (character, quote) {
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            (',', None) => {
                items.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if quote.is_some() {
        return Err(format!("a quote is not closed in '{text}'"));
    }
    items.push(&text[start..]);
    Ok(items.into_iter().map(str::trim).filter(|item| !item.is_empty()).collect())
}

fn parse_item(item: &str) -> Result<(CommandSpec, u32), String> {
    if let Some(open) = item.chars().next().filter(|first| matches!(first, '"' | '\'')) {
        let (template, rest) = item[1..].split_once(open).ok_or("a quote is not closed")?;
        let weight = match rest.strip_prefix(':') {
            Some(weight) => parse_weight(weight)?,
            None if rest.is_empty() => 1,
            None => return Err(format!("'{rest}' after a command template; expected :WEIGHT")),
        };
        return Ok((parse_template(template)?, weight));
    }
    let parts = item.split(':').collect::<Vec<&str>>();
    let name = parts[0].to_ascii_lowercase();
    if matches!(name.as_str(), "mget" | "mset") {
        let (keys, weight) = match parts[1..] {
            [keys] => (keys, 1),
            [keys, weight] => (keys, parse_weight(weight)?),
            _ => return Err(format!("expected {name}:KEYS or {name}:KEYS:WEIGHT, not '{item}'")),
        };
        let keys = parse_multi_keys(keys)?;
        return Ok((if name == "mget" { CommandSpec::Mget(keys) } else { CommandSpec::Mset(keys) }, weight));
    }
    let weight = match parts[1..] {
        [] => 1,
        [weight] => parse_weight(weight)?,
        _ => return Err(format!("expected NAME:WEIGHT, not '{item}'")),
    };
    Ok((parse_name(&name)?, weight))
}

fn parse_name(name: &str) -> Result<CommandSpec, String> {
    Ok(match name {
        "get" => CommandSpec::Get,
        "set" => CommandSpec::Set,
        "del" => CommandSpec::Del,
        "incr" => CommandSpec::Incr,
        "exists" => CommandSpec::Exists,
        "expire" => CommandSpec::Expire,
        "setex" => CommandSpec::Setex,
        "append" => CommandSpec::Append,
        "ping" => CommandSpec::Ping,
        _ => {
            return Err(format!(
                "'{name}' is not one of get set del incr mget:KEYS mset:KEYS exists expire setex append ping \
                 (put other commands in quotes: \"LPUSH {{key}} {{value}}\":1)"
            ));
        }
    })
}

fn parse_weight(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(weight) if weight > 0 => Ok(weight),
        _ => Err(format!("'{text}' is not a weight (a whole number from 1)")),
    }
}

fn parse_multi_keys(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(keys) if (1..=MULTI_KEYS_MAX).contains(&keys) => Ok(keys),
        _ => Err(format!("'{text}' is not a number of keys (1 to {MULTI_KEYS_MAX})")),
    }
}

fn parse_template(text: &str) -> Result<CommandSpec, String> {
    let words = text.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
    if words.is_empty() {
        return Err("a command template is empty".into());
    }
    for word in &words {
        if word.matches("{key}").count() + word.matches("{value}").count() > 1 {
            return Err(format!(
                "'{word}': a word of a command template holds one {{key}} or {{value}} at most"
            ));
        }
    }
    Ok(CommandSpec::Raw(words))
}

/// Picks indexes in proportion to weights, in constant time (the alias method). Owned by one load thread.
#[derive(Clone, Debug)]
pub struct Picker {
    /// Per column: the part below which the column's own index is taken, and the index that is taken above it.
    columns: Vec<(f64, u16)>,
}

impl Picker {
    fn new(weights: &[f64]) -> Self {
        let scale = weights.len() as f64 / weights.iter().sum::<f64>();
        let mut parts = weights.iter().map(|weight| weight * scale).collect::<Vec<f64>>();
        let mut columns = vec![(1.0, 0); parts.len()];
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..parts.len()).partition(|&index| parts[index] < 1.0);
        while let (Some(less), Some(more)) = (small.pop(), large.pop()) {
            columns[less] = (parts[less], u16::try_from(more).expect("a mix has few items"));
            parts[more] -= 1.0 - parts[less];
            if parts[more] < 1.0 { small.push(more) } else { large.push(more) }
        }
        Self { columns }
    }

    /// The next index.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a mix has few items")]
    pub fn pick(&self, random: &mut Random) -> u16 {
        if self.columns.len() == 1 {
            return 0;
        }
        let column = random.below(self.columns.len() as u64) as usize;
        let (part, other) = self.columns[column];
        if random.unit() < part { column as u16 } else { other }
    }
}

#[cfg(test)]
mod tests;
