//! Replies, taken apart.

use std::str::FromStr;

use mycorrhizal_net::resp::Value;

use super::CallError;

/// A reply that is bytes, or nothing.
pub(crate) fn bytes(value: Value) -> Result<Option<Vec<u8>>, CallError> {
    match value {
        Value::Bulk(bytes) => Ok(Some(bytes)),
        Value::Null => Ok(None),
        other => Err(CallError::Unexpected(other)),
    }
}

/// A reply that is a whole number.
pub(crate) fn integer(value: Value) -> Result<i64, CallError> {
    match value {
        Value::Integer(number) => Ok(number),
        other => Err(CallError::Unexpected(other)),
    }
}

/// A value that is text.
pub(crate) fn text(value: &Value) -> Option<String> {
    value.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// A value that is a whole number, in the range of `N`.
pub(crate) fn number<N: TryFrom<i64>>(value: &Value) -> Option<N> {
    value.as_integer().and_then(|number| N::try_from(number).ok())
}

/// A map, read by the names of its fields. A field that is not there, or is something else, is none.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'v>(&'v [(Value, Value)]);

impl<'v> Fields<'v> {
    pub(crate) fn of(map: &'v Value) -> Option<Self> {
        match map {
            Value::Map(fields) => Some(Self(fields)),
            _ => None,
        }
    }

    /// Reads every map of an array; `None` if one of them is none, or not to be read.
    pub(crate) fn read_all<V>(array: &'v Value, read: impl Fn(Self) -> Option<V>) -> Option<Vec<V>> {
        array.as_values()?.iter().map(|map| read(Self::of(map)?)).collect()
    }

    pub(crate) fn value(self, name: &str) -> Option<&'v Value> {
        let found = self.0.iter().find(|(field, _)| field.as_bytes() == Some(name.as_bytes()));
        found.map(|(_, value)| value)
    }

    pub(crate) fn text(self, name: &str) -> Option<String> {
        self.value(name).and_then(text)
    }

    pub(crate) fn number<N: TryFrom<i64>>(self, name: &str) -> Option<N> {
        self.value(name).and_then(number)
    }

    /// What a text stands for.
    pub(crate) fn parsed<T: FromStr>(self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// What a text stands for, where an empty one stands for nothing.
    pub(crate) fn parsed_or_none<T: FromStr>(self, name: &str) -> Option<Option<T>> {
        let text = self.text(name)?;
        if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
    }

    /// An array of numbers.
    pub(crate) fn numbers<N: TryFrom<i64>>(self, name: &str) -> Option<Vec<N>> {
        self.value(name)?.as_values()?.iter().map(number).collect()
    }

    /// All fields, as texts.
    pub(crate) fn texts<C: FromIterator<(String, String)>>(self) -> Option<C> {
        self.0.iter().map(|(name, value)| Some((text(name)?, text(value)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn fields_are_found_by_name_and_are_none_if_they_are_something_else() {
        let ports = Value::Array(vec![Value::Integer(1), Value::Integer(65_535)]);
        let map = Value::Map(vec![
            (bulk("port"), Value::Integer(6379)),
            (bulk("address"), bulk("10.0.0.1")),
            (bulk("announce"), bulk("")),
            (bulk("ports"), ports),
        ]);
        let fields = Fields::of(&map).unwrap();
        assert_eq!(fields.number::<u16>("port"), Some(6379));
        assert_eq!(fields.number::<u8>("port"), None, "it is too large");
        assert_eq!(fields.number::<u16>("address"), None);
        assert_eq!(fields.parsed("address"), Some(std::net::Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(fields.parsed_or_none::<std::net::Ipv4Addr>("announce"), Some(None));
        assert_eq!(fields.parsed_or_none::<std::net::Ipv4Addr>("none"), None);
        assert_eq!(fields.numbers::<u16>("ports"), Some(vec![1, 65_535]));
        assert_eq!(fields.numbers::<i16>("ports"), None);
        assert_eq!(fields.texts::<Vec<_>>(), None, "an array is no text");
        let all = Value::Array(vec![map.clone(), map.clone()]);
        assert_eq!(Fields::read_all(&all, |one| one.number::<i64>("port")), Some(vec![6379, 6379]));
        assert_eq!(Fields::read_all(&all, |one| one.number::<i64>("other")), None);
        assert_eq!(Fields::read_all(&map, |one| one.number::<i64>("port")), None);
    }
}
