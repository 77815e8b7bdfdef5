//! Replies as text: for people, as redis-cli lays them out, or raw.
//!
//! ```text
//! "bulk"  OK  (integer) 1  (double) 1.5  (true)  (nil)  (error) ERR …      one line each
//! 1) "a"            1# "key" => "value"       1~ "member"     1> "message"
//! 2) 1) "nested"    2# "key" =>
//!    2) "array"        1) "nested"            array, map, set, push
//! ```
//!
//! Bytes that are not printable ASCII are escaped, so that no reply can command the terminal. Raw output writes every
//! byte as it is, one element per line.

mod paint;

#[cfg(test)]
mod tests;

use mycorrhizal_net::resp::Value;

pub(crate) use self::paint::{Colours, Paint};

use super::line::quote;

/// How replies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// For people.
    Pretty(Colours),
    /// Bytes as they are.
    Raw,
    /// One JSON value per line.
    Json,
}

impl Style {
    /// The reply with a line end.
    pub(crate) fn render(self, value: &Value) -> Vec<u8> {
        let mut out = match self {
            Self::Pretty(colours) => pretty(value, colours).into_bytes(),
            Self::Raw => {
                let mut out = Vec::new();
                raw(value, &mut out);
                out
            }
            Self::Json => super::json::of(value).to_string().into_bytes(),
        };
        out.push(b'\n');
        out
    }
}

/// The reply as redis-cli lays it out, without a last line end.
pub(crate) fn pretty(value: &Value, colours: Colours) -> String {
    let mut out = String::new();
    Pretty { colours, out: &mut out }.value(value, 0);
    out
}

struct Pretty<'a> {
    colours: Colours,
    out: &'a mut String,
}

impl Pretty<'_> {
    fn value(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Simple(text) => self.out.push_str(&printable(text)),
            Value::Error(text) => self.paint(Paint::Bad, &format!("(error) {}", printable(text))),
            Value::Integer(number) => self.paint(Paint::Number, &format!("(integer) {number}")),
            Value::Double(number) => self.paint(Paint::Number, &format!("(double) {}", double(*number))),
            Value::BigNumber(digits) => {
                self.paint(Paint::Number, &format!("(big number) {}", printable(digits)));
            }
            Value::Boolean(truth) => self.paint(Paint::Number, &format!("({truth})")),
            Value::Null => self.paint(Paint::Faint, "(nil)"),
            Value::Bulk(bytes) => self.paint(Paint::Text, &quote(bytes)),
            Value::Verbatim { text, .. } => self.out.push_str(&lines(text)),
            Value::Array(values) => self.list(values, ")", "(empty array)", indent),
            Value::Set(values) => self.list(values, "~", "(empty set)", indent),
            Value::Push(values) => self.list(values, ">", "(empty push)", indent),
            Value::Map(pairs) => self.map(pairs, "#", "(empty hash)", indent),
            Value::Attributed { attributes, value } => {
                self.map(attributes, "|", "(empty attributes)", indent);
                self.new_line(indent);
                self.value(value, indent);
            }
        }
    }

    fn list(&mut self, values: &[Value], mark: &str, empty: &str, indent: usize) {
        if values.is_empty() {
            return self.paint(Paint::Faint, empty);
        }
        let width = values.len().to_string().len();
        for (number, value) in (1_usize..).zip(values) {
            if number > 1 {
                self.new_line(indent);
            }
            self.paint(Paint::Faint, &format!("{number:>width$}{mark}"));
            self.out.push(' ');
            self.value(value, indent + width + mark.len() + 1);
        }
    }

    fn map(&mut self, pairs: &[(Value, Value)], mark: &str, empty: &str, indent: usize) {
        if pairs.is_empty() {
            return self.paint(Paint::Faint, empty);
        }
        let width = pairs.len().to_string().len();
        let inner = indent + width + mark.len() + 1;
        for (number, (key, value)) in (1_usize..).zip(pairs) {
            if number > 1 {
                self.new_line(indent);
            }
            self.paint(Paint::Faint, &format!("{number:>width$}{mark}"));
            self.out.push(' ');
            self.value(key, inner);
            self.paint(Paint::Faint, " =>");
            if is_filled_aggregate(value) {
                self.new_line(inner);
            } else {
                self.out.push(' ');
            }
            self.value(value, inner);
        }
    }

    fn new_line(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn paint(&mut self, paint: Paint, text: &str) {
        self.out.push_str(&self.colours.paint(paint, text));
    }
}

fn is_filled_aggregate(value: &Value) -> bool {
    match value {
        Value::Map(pairs) => !pairs.is_empty(),
        Value::Attributed { .. } => true,
        other => other.as_values().is_some_and(|values| !values.is_empty()),
    }
}

/// Text from the server on one line: control characters are shown, not obeyed.
pub(crate) fn printable(text: &[u8]) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    String::from_utf8_lossy(text).chars().map(shown).collect()
}

/// Text of several lines from the server, its line ends kept.
pub(crate) fn lines(text: &[u8]) -> String {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let lines =
        text.split(|&byte| byte == b'\n').map(|line| printable(line.strip_suffix(b"\r").unwrap_or(line)));
    lines.collect::<Vec<_>>().join("\n")
}

/// A double as RESP3 writes it.
pub(crate) fn double(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "inf".into() } else { "-inf".into() };
    }
    if number.is_nan() { "nan".into() } else { number.to_string() }
}

/// Elements on lines of their own, the bytes as they came.
fn raw(value: &Value, out: &mut Vec<u8>) {
    let mut separated = |values: &mut dyn Iterator<Item = &Value>| {
        for (number, value) in values.enumerate() {
            if number > 0 {
                out.push(b'\n');
            }
            raw(value, out);
        }
    };
    match value {
        Value::Array(values) | Value::Set(values) | Value::Push(values) => separated(&mut values.iter()),
        Value::Map(pairs) => separated(&mut pairs.iter().flat_map(|(key, value)| [key, value])),
        Value::Attributed { value, .. } => raw(value, out),
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Double(number) => out.extend_from_slice(double(*number).as_bytes()),
        Value::Boolean(truth) => out.extend_from_slice(truth.to_string().as_bytes()),
        Value::Null => {}
        Value::Simple(bytes) | Value::Error(bytes) | Value::Bulk(bytes) | Value::BigNumber(bytes) => {
            out.extend_from_slice(bytes);
        }
        Value::Verbatim { text, .. } => out.extend_from_slice(text),
    }
}
