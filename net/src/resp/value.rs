//! A reply as a client holds it.

use super::Reply;

/// One value of RESP2 or RESP3, with everything inside of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `+`: a short text.
    Simple(Vec<u8>),
    /// `-` or `!`: an error, with its code in front.
    Error(Vec<u8>),
    /// `:`
    Integer(i64),
    /// `$`
    Bulk(Vec<u8>),
    /// `_`, `$-1` or `*-1`.
    Null,
    /// `*`
    Array(Vec<Value>),
    /// `%`
    Map(Vec<(Value, Value)>),
    /// `~`
    Set(Vec<Value>),
    /// `>`: a message that answers no request.
    Push(Vec<Value>),
    /// `,`
    Double(f64),
    /// `#`
    Boolean(bool),
    /// `(`: decimal digits.
    BigNumber(Vec<u8>),
    /// `=`
    Verbatim {
        /// `txt`, `mkd`.
        format: [u8; 3],
        /// What it says.
        text: Vec<u8>,
    },
    /// `|`: a value that comes with attributes.
    Attributed {
        /// What is said about the value.
        attributes: Vec<(Value, Value)>,
        /// The value proper.
        value: Box<Value>,
    },
}

impl Value {
    /// The bytes of a string of any kind, an error included.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(bytes) | Value::Error(bytes) | Value::Bulk(bytes) | Value::BigNumber(bytes) => {
                Some(bytes)
            }
            Value::Verbatim { text, .. } => Some(text),
            Value::Attributed { value, .. } => value.as_bytes(),
            _ => None,
        }
    }

    /// The whole number, also if it comes as a string (RESP2 has no other way for some).
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(value) => Some(*value),
            other => super::number::parse_i64(other.as_bytes()?),
        }
    }

    /// Whether the server refused.
    #[must_use]
    pub fn is_error(&self) -> bool {
        match self {
            Value::Error(_) => true,
            Value::Attributed { value, .. } => value.is_error(),
            _ => false,
        }
    }

    /// The values of an array, set or push.
    #[must_use]
    pub fn as_values(&self) -> Option<&[Value]> {
        match self {
            Value::Array(values) | Value::Set(values) | Value::Push(values) => Some(values),
            Value::Attributed { value, .. } => value.as_values(),
            _ => None,
        }
    }

    /// Writes the value as a server would. Attributes are left out: RESP2 has none, and Redis sends none.
    pub fn write(&self, reply: &mut Reply<'_>) {
        match self {
            Value::Simple(text) => reply.line(b'+', text),
            Value::Error(text) => reply.error_bytes(text),
            Value::Integer(value) => reply.integer(*value),
            Value::Bulk(bytes) => reply.bulk(bytes),
            Value::Null => reply.null(),
            Value::Array(values) => {
                reply.array(values.len());
                values.iter().for_each(|value| value.write(reply));
            }
            Value::Map(pairs) => {
                reply.map(pairs.len());
                for (key, value) in pairs {
                    key.write(reply);
                    value.write(reply);
                }
            }
            Value::Set(values) => {
                reply.set(values.len());
                values.iter().for_each(|value| value.write(reply));
            }
            Value::Push(values) => {
                reply.push(values.len());
                values.iter().for_each(|value| value.write(reply));
            }
            Value::Double(value) => reply.double(*value),
            Value::Boolean(value) => reply.boolean(*value),
            Value::BigNumber(digits) => reply.big_number(&String::from_utf8_lossy(digits)),
            Value::Verbatim { format, text } => reply.verbatim_bytes(format, text),
            Value::Attributed { value, .. } => value.write(reply),
        }
    }
}
