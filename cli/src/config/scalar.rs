//! TOML scalars for settings that have a textual form: `maxmemory = "1gb"` and `maxmemory = 1073741824` both read.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A string or an integer, handed to the type's own parser.
pub(super) fn one<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let value = toml::Value::deserialize(deserializer)?;
    text(&value).and_then(|text| parse(&text)).map(Some).map_err(D::Error::custom)
}

/// One such scalar, or an array of them.
pub(super) fn many<'de, T, D>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let values = match toml::Value::deserialize(deserializer)? {
        toml::Value::Array(values) => values,
        value => vec![value],
    };
    let each = values.iter().map(|value| text(value).and_then(|text| parse(&text)));
    each.collect::<Result<_, _>>().map(Some).map_err(D::Error::custom)
}

fn text(value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        other => Err(format!("expected a string or an integer, found a {}", other.type_str())),
    }
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}
