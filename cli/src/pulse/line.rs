//! Command lines with Redis's quoting: split into arguments, and arguments quoted so that they split back.
//!
//! ```text
//! set "two words" 'it''s'         error: a closing quote must be followed by a space
//! set key "\x00\n\"quoted\""      escapes within double quotes: \\ \" \n \r \t \b \a \xHH
//! set key 'C:\dir \' end'         within single quotes only \' is one
//! ```

/// Why a line is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid argument(s): the quotes do not match")]
pub(crate) struct UnbalancedQuotes;

/// An argument in quotes that is still open, with its kind of quotes.
enum Quotes {
    Double,
    Single,
}

/// Splits a line into arguments. An empty line has none.
///
/// # Errors
/// A quote is not closed, or is closed in the middle of a word.
pub(crate) fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, UnbalancedQuotes> {
    let mut arguments = Vec::new();
    let mut rest = line.trim_ascii();
    while !rest.is_empty() {
        let (argument, after) = next_argument(rest)?;
        arguments.push(argument);
        rest = after.trim_ascii_start();
    }
    Ok(arguments)
}

/// Reads one argument from the start of a text.
fn next_argument(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), UnbalancedQuotes> {
    let mut argument = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b'"' => return quoted(argument, after, &Quotes::Double),
            b'\'' => return quoted(argument, after, &Quotes::Single),
            byte if byte.is_ascii_whitespace() => break,
            byte => argument.push(byte),
        }
        rest = after;
    }
    Ok((argument, rest))
}

/// Reads up to the closing quote, after which the argument ends.
fn quoted<'a>(
    mut argument: Vec<u8>,
    mut rest: &'a [u8],
    quotes: &Quotes,
) -> Result<(Vec<u8>, &'a [u8]), UnbalancedQuotes> {
    loop {
        rest = match (quotes, rest) {
            (Quotes::Double, [b'"', after @ ..]) | (Quotes::Single, [b'\'', after @ ..]) => {
                let ends = after.first().is_none_or(u8::is_ascii_whitespace);
                return if ends { Ok((argument, after)) } else { Err(UnbalancedQuotes) };
            }
            (Quotes::Single, [b'\\', b'\'', after @ ..]) => {
                argument.push(b'\'');
                after
            }
            (Quotes::Double, [b'\\', after @ ..]) => {
                let (byte, after) = escape(after).ok_or(UnbalancedQuotes)?;
                argument.push(byte);
                after
            }
            (_, [byte, after @ ..]) => {
                argument.push(*byte);
                after
            }
            (_, []) => return Err(UnbalancedQuotes),
        };
    }
}

/// What stands after a backslash, and what follows it.
fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    if let [b'x', high, low, after @ ..] = text
        && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
    {
        return Some((high << 4 | low, after));
    }
    let (&byte, after) = text.split_first()?;
    let meant = match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    };
    Some((meant, after))
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The bytes in double quotes, everything that is not printable ASCII escaped.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(byte)),
            other => text.push_str(&format!("\\x{other:02x}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_split_as_redis_splits_them() {
        let table: [(&str, &[&[u8]]); 11] = [
            ("", &[]),
            ("   \t ", &[]),
            ("get key", &[b"get", b"key"]),
            ("  get\tkey  ", &[b"get", b"key"]),
            ("set k \"two words\"", &[b"set", b"k", b"two words"]),
            (r#"set k "\x00\xff\n\r\t\a\b\\\"\q""#, &[b"set", b"k", b"\x00\xff\n\r\t\x07\x08\\\"q"]),
            (r"set k 'C:\dir \'x\''", &[b"set", b"k", br"C:\dir 'x'"]),
            (r#"set k """#, &[b"set", b"k", b""]),
            (r#"set k ''"#, &[b"set", b"k", b""]),
            (r#"set pre"fix""#, &[b"set", b"prefix"]),
            (r#"set k "\xg1""#, &[b"set", b"k", b"xg1"]),
        ];
        for (line, expected) in table {
            assert_eq!(split(line.as_bytes()).unwrap(), expected, "{line}");
        }
        for line in ["\"open", "'open", "\"a\"b", "'a'b", "\"a\\", "get \"a\"\"b\""] {
            assert_eq!(split(line.as_bytes()), Err(UnbalancedQuotes), "{line}");
        }
    }

    #[test]
    fn what_is_quoted_splits_back_to_itself() {
        let every_byte: Vec<u8> = (0..=255).collect();
        assert_eq!(split(quote(&every_byte).as_bytes()).unwrap(), [every_byte]);
        assert_eq!(quote(b"a\"\x01\xe2\n"), r#""a\"\x01\xe2\n""#);
    }
}
