//! Replies as JSON, one value per line.
//!
//! | reply | JSON |
//! |---|---|
//! | simple, bulk, verbatim, big number | string |
//! | bytes that are not UTF-8 | `{"hex": "00ff"}` |
//! | integer, double, boolean, null | number, number (`"inf"`, `"-inf"`, `"nan"`), boolean, null |
//! | array, set, push | array |
//! | map | object; a key that is no string is written as JSON itself |
//! | error | `{"error": "ERR …"}` |

use mycorrhizal_net::resp::Value;
use serde_json::{Map, Value as Json, json};

use super::print::double;

/// The reply as JSON. Attributes are left out.
pub(crate) fn of(value: &Value) -> Json {
    match value {
        Value::Simple(bytes) | Value::Bulk(bytes) | Value::BigNumber(bytes) => string(bytes),
        Value::Verbatim { text, .. } => string(text),
        Value::Error(text) => json!({ "error": String::from_utf8_lossy(text) }),
        Value::Integer(number) => json!(number),
        Value::Double(number) if number.is_finite() => json!(number),
        Value::Double(number) => json!(double(*number)),
        Value::Boolean(truth) => json!(truth),
        Value::Null => Json::Null,
        Value::Array(values) | Value::Set(values) | Value::Push(values) => values.iter().map(of).collect(),
        Value::Map(pairs) => {
            Json::Object(pairs.iter().map(|(key, value)| (name(key), of(value))).collect::<Map<_, _>>())
        }
        Value::Attributed { value, .. } => of(value),
    }
}

fn string(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "hex": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() }),
    }
}

fn name(key: &Value) -> String {
    match of(key) {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_reply_has_its_json() {
        let check = |value: Value, expected: &str| assert_eq!(of(&value).to_string(), expected);
        check(Value::Simple(b"OK".to_vec()), r#""OK""#);
        check(Value::Bulk("é\n".into()), r#""é\n""#);
        check(Value::Bulk(vec![0, 0xff]), r#"{"hex":"00ff"}"#);
        check(Value::Error(b"ERR no".to_vec()), r#"{"error":"ERR no"}"#);
        check(Value::Integer(i64::MIN), "-9223372036854775808");
        check(Value::Double(2.5), "2.5");
        check(Value::Double(f64::INFINITY), r#""inf""#);
        check(Value::Array(vec![Value::Null, Value::Boolean(true)]), "[null,true]");
        let pairs =
            vec![(Value::Simple(b"b".to_vec()), Value::Integer(1)), (Value::Integer(2), Value::Set(vec![]))];
        check(Value::Map(pairs), r#"{"b":1,"2":[]}"#);
    }
}
