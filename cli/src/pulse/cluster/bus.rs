//! `pulse publish`, `pulse subscribe`.
//!
//! Messages are printed as they come: `channel: message` for people, the message alone with `--raw`, an object a line
//! with `--json`.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStringExt as _;

use mycorrhizal_net::resp::{Value, encode_command};
use serde_json::{Map, json};

use crate::pulse::amount::count;
use crate::pulse::console::Console;
use crate::pulse::error::PulseError;
use crate::pulse::json;
use crate::pulse::print::{Paint, printable};
use crate::pulse::record::{items, text_of};
use crate::pulse::session::SessionError;

pub(super) fn publish<W: Write>(
    console: &mut Console<W>,
    channel: &str,
    message: OsString,
) -> Result<(), PulseError> {
    let reply = console.ask(&[b"PUBLISH".to_vec(), channel.into(), message.into_vec()])?;
    let receivers = reply.as_integer().and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
    console.json(&json!({ "receivers": receivers }))?;
    let noun = if receivers == 1 { "receiver" } else { "receivers" };
    console.say(&format!("{} {noun}", count(receivers)))
}

/// A message that has come.
#[derive(Debug, PartialEq)]
struct Message<'a> {
    pattern: Option<&'a Value>,
    channel: &'a Value,
    payload: &'a Value,
}

impl<'a> Message<'a> {
    /// The message that a push is, if it is one.
    fn of(push: &'a Value) -> Result<Option<Self>, PulseError> {
        let parts = items(push)?;
        Ok(match (parts.first().and_then(Value::as_bytes), parts) {
            (Some(b"message"), [_, channel, payload]) => Some(Self { pattern: None, channel, payload }),
            (Some(b"pmessage"), [_, pattern, channel, payload]) => {
                Some(Self { pattern: Some(pattern), channel, payload })
            }
            _ => None,
        })
    }
}

pub(super) fn subscribe<W: Write>(
    console: &mut Console<W>,
    channels: &[String],
    pattern: bool,
    count: Option<u64>,
    raw: bool,
) -> Result<(), PulseError> {
    let verb = if pattern { "PSUBSCRIBE" } else { "SUBSCRIBE" };
    let mut command = vec![verb];
    command.extend(channels.iter().map(String::as_str));
    let mut request = Vec::new();
    encode_command(&mut request, &command);
    console.session.send_encoded(&request)?;
    for _ in channels {
        if let Value::Error(text) = console.session.next_value()? {
            return Err(PulseError::Unusable(printable(&text)));
        }
    }
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        let push = match console.session.next_push() {
            Ok(push) => push,
            Err(SessionError::Interrupted) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if let Some(message) = Message::of(&push)? {
            print(console, &message, raw)?;
            left -= 1;
        }
    }
    Ok(())
}

fn print<W: Write>(console: &mut Console<W>, message: &Message<'_>, raw: bool) -> Result<(), PulseError> {
    if raw {
        console.raw(message.payload.as_bytes().unwrap_or_default())?;
        return console.raw(b"\n");
    }
    let mut object = Map::new();
    object.insert("channel".to_owned(), json::of(message.channel));
    if let Some(pattern) = message.pattern {
        object.insert("pattern".to_owned(), json::of(pattern));
    }
    object.insert("message".to_owned(), json::of(message.payload));
    console.json(&object.into())?;
    let channel = console.colours().paint(Paint::Faint, &format!("{}:", text_of(message.channel)));
    console.say(&format!("{channel} {}", text_of(message.payload)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.into())
    }

    #[test]
    fn messages_are_told_from_what_else_is_pushed() {
        let (channel, payload, pattern) = (bulk("c"), bulk("p"), bulk("c*"));
        let push = Value::Push(vec![bulk("message"), channel.clone(), payload.clone()]);
        let expected = Message { pattern: None, channel: &channel, payload: &payload };
        assert_eq!(Message::of(&push).unwrap(), Some(expected));
        let push = Value::Array(vec![bulk("pmessage"), pattern.clone(), channel.clone(), payload.clone()]);
        let expected = Message { pattern: Some(&pattern), channel: &channel, payload: &payload };
        assert_eq!(Message::of(&push).unwrap(), Some(expected));
        let push = Value::Push(vec![bulk("subscribe"), channel, Value::Integer(1)]);
        assert_eq!(Message::of(&push).unwrap(), None);
    }
}
