//! An aggregate that is still being filled.

use super::super::Value;

/// Room made for an aggregate before its values are there; a server may announce any number.
const RESERVED_VALUES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Array,
    Map,
    Set,
    Push,
    Attributes,
}

impl Kind {
    pub(super) fn of(mark: u8) -> Option<Kind> {
        match mark {
            b'*' => Some(Kind::Array),
            b'%' => Some(Kind::Map),
            b'~' => Some(Kind::Set),
            b'>' => Some(Kind::Push),
            b'|' => Some(Kind::Attributes),
            _ => None,
        }
    }
}

/// An aggregate and the values it has so far.
#[derive(Debug)]
pub(super) struct Frame {
    kind: Kind,
    /// Values still to come; keys and values of a map count one each, and attributes are followed by their value.
    remaining: usize,
    values: Vec<Value>,
}

impl Frame {
    pub(super) fn new(kind: Kind, count: usize) -> Frame {
        let remaining = match kind {
            Kind::Array | Kind::Set | Kind::Push => count,
            Kind::Map => count.saturating_mul(2),
            Kind::Attributes => count.saturating_mul(2).saturating_add(1),
        };
        Frame { kind, remaining, values: Vec::with_capacity(remaining.min(RESERVED_VALUES)) }
    }

    pub(super) fn is_full(&self) -> bool {
        self.remaining == 0
    }

    pub(super) fn take(&mut self, value: Value) {
        self.remaining = self.remaining.saturating_sub(1);
        self.values.push(value);
    }

    pub(super) fn close(mut self) -> Value {
        match self.kind {
            Kind::Array => Value::Array(self.values),
            Kind::Set => Value::Set(self.values),
            Kind::Push => Value::Push(self.values),
            Kind::Map => Value::Map(pairs(self.values)),
            Kind::Attributes => {
                let value = Box::new(self.values.pop().unwrap_or(Value::Null));
                Value::Attributed { attributes: pairs(self.values), value }
            }
        }
    }
}

fn pairs(values: Vec<Value>) -> Vec<(Value, Value)> {
    let mut pairs = Vec::with_capacity(values.len() / 2);
    let mut values = values.into_iter();
    while let (Some(key), Some(value)) = (values.next(), values.next()) {
        pairs.push((key, value));
    }
    pairs
}
