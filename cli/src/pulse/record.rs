//! A reply that is a map, read by the names of its fields; RESP2 has arrays in their place.

use mycorrhizal_net::resp::Value;

use super::error::PulseError;
use super::print::printable;

/// One map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record(Vec<(String, Value)>);

impl Record {
    /// From a map, or from an array of names and values in turn.
    pub(crate) fn of(value: &Value) -> Result<Self, PulseError> {
        let field = |name: &Value, value: &Value| (text_of(name), value.clone());
        match value {
            Value::Map(pairs) => Ok(Self(pairs.iter().map(|(name, value)| field(name, value)).collect())),
            Value::Array(flat) if flat.len().is_multiple_of(2) => {
                Ok(Self(flat.chunks_exact(2).map(|pair| field(&pair[0], &pair[1])).collect()))
            }
            _ => Err(unreadable()),
        }
    }

    /// All maps of an array.
    pub(crate) fn all(value: &Value) -> Result<Vec<Self>, PulseError> {
        items(value)?.iter().map(Self::of).collect()
    }

    /// The fields, in their order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A field as text, empty if it is not there.
    pub(crate) fn text(&self, name: &str) -> String {
        self.value(name).map(text_of).unwrap_or_default()
    }

    /// A field as a number, 0 if it is not there.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.value(name)
            .and_then(Value::as_integer)
            .and_then(|number| u64::try_from(number).ok())
            .unwrap_or(0)
    }

    /// A field as an array, empty if it is not there.
    pub(crate) fn list(&self, name: &str) -> &[Value] {
        self.value(name).and_then(|value| items(value).ok()).unwrap_or_default()
    }

    /// The maps of a field that is an array of them.
    pub(crate) fn records(&self, name: &str) -> Result<Vec<Self>, PulseError> {
        self.list(name).iter().map(Self::of).collect()
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }
}

/// The items of an array of any kind.
pub(crate) fn items(value: &Value) -> Result<&[Value], PulseError> {
    match value {
        Value::Array(items) | Value::Set(items) | Value::Push(items) => Ok(items),
        _ => Err(unreadable()),
    }
}

/// What a value says, so that no byte of it commands the terminal.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        value => value.as_bytes().map(printable).unwrap_or_default(),
    }
}

fn unreadable() -> PulseError {
    PulseError::Unusable("the server's reply is not what a Mycorrhizal node says".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.into())
    }

    #[test]
    fn maps_and_arrays_of_pairs_are_the_same() {
        let map = Value::Map(vec![(bulk("name"), bulk("a")), (bulk("cores"), Value::Integer(2))]);
        let flat = Value::Array(vec![bulk("name"), bulk("a"), bulk("cores"), Value::Integer(2)]);
        for value in [map, flat] {
            let record = Record::of(&value).unwrap();
            assert_eq!((record.text("name").as_str(), record.number("cores")), ("a", 2));
            assert_eq!((record.text("none").as_str(), record.list("none")), ("", &[][..]));
        }
        assert!(Record::of(&Value::Null).is_err());
        assert!(Record::of(&Value::Array(vec![Value::Null])).is_err());
    }
}
