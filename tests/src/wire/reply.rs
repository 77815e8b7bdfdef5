//! One reply, taken apart: its kind byte, its text, its items. RESP2 and RESP3 alike.

use std::fmt;

/// Bytes that are no RESP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

/// A reply as a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reply {
    /// The first byte: `+ - : $ * _ , # ( = ~ % >`.
    pub kind: u8,
    /// The text of a leaf; of an aggregate its count. A null bulk or array has `-1` here.
    pub text: Vec<u8>,
    /// The items of an aggregate, of a map key and value in turn.
    pub items: Vec<Reply>,
}

impl Reply {
    /// Parses one reply from the front; `None` when it is not complete yet.
    ///
    /// # Errors
    /// When the bytes cannot become a reply whatever follows.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>, Malformed> {
        let Some(line_end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
        let kind = bytes[0];
        let text = bytes[1..line_end].to_vec();
        let start = line_end + 2;
        match kind {
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => {
                Ok(Some((Reply { kind, text, items: Vec::new() }, start)))
            }
            b'$' | b'=' => Reply::parse_bulk(kind, text, start, bytes),
            b'*' | b'~' | b'>' => Reply::parse_items(kind, text, 1, start, bytes),
            b'%' => Reply::parse_items(kind, text, 2, start, bytes),
            _ => Err(Malformed(format!("a reply begins with {}", shown(bytes)))),
        }
    }

    fn parse_bulk(
        kind: u8,
        text: Vec<u8>,
        start: usize,
        bytes: &[u8],
    ) -> Result<Option<(Reply, usize)>, Malformed> {
        let Some(length) = count(&text)? else {
            return Ok(Some((Reply { kind, text, items: Vec::new() }, start)));
        };
        let end = start + length;
        match bytes.get(end..end + 2) {
            None => Ok(None),
            Some(b"\r\n") => {
                Ok(Some((Reply { kind, text: bytes[start..end].to_vec(), items: Vec::new() }, end + 2)))
            }
            Some(_) => Err(Malformed(format!("a bulk of {length} bytes does not end in CRLF"))),
        }
    }

    fn parse_items(
        kind: u8,
        text: Vec<u8>,
        per_entry: usize,
        start: usize,
        bytes: &[u8],
    ) -> Result<Option<(Reply, usize)>, Malformed> {
        let mut items = Vec::new();
        let mut at = start;
        for _ in 0..count(&text)?.unwrap_or(0) * per_entry {
            let Some((item, length)) = Reply::parse(&bytes[at..])? else { return Ok(None) };
            items.push(item);
            at += length;
        }
        Ok(Some((Reply { kind, text, items }, at)))
    }

    /// Whether this is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.kind == b'-'
    }

    /// Whether this is null, in either protocol.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.kind == b'_' || (matches!(self.kind, b'$' | b'*') && self.text == b"-1")
    }

    /// The text of a leaf.
    #[must_use]
    pub fn as_text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// The number that an integer (or a bulk of digits) says.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn as_integer(&self) -> i64 {
        let text = self.as_text();
        text.parse().unwrap_or_else(|_| panic!("not a number: {text}"))
    }
}

impl fmt::Display for Reply {
    /// Leaves as their text, aggregates as `[one, two]`, null as `null`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_null() {
            return formatter.write_str("null");
        }
        if !matches!(self.kind, b'*' | b'~' | b'>' | b'%') {
            return formatter.write_str(&self.as_text());
        }
        let items: Vec<String> = self.items.iter().map(Self::to_string).collect();
        write!(formatter, "[{}]", items.join(", "))
    }
}

fn count(text: &[u8]) -> Result<Option<usize>, Malformed> {
    if text == b"-1" {
        return Ok(None);
    }
    let text = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    text.map(Some).ok_or_else(|| Malformed("a count is no number".to_owned()))
}

/// Bytes made readable: `\r\n` and everything unprintable escaped, long ones cut.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 600;
    let mut text = bytes[..bytes.len().min(MOST)].escape_ascii().to_string();
    if bytes.len() > MOST {
        text.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_incomplete_and_the_whole_is_taken() {
        let bytes: &[u8] = b"%2\r\n+a\r\n:1\r\n$3\r\nb\r\n\r\n*2\r\n$-1\r\n_\r\n";
        for end in 0..bytes.len() {
            assert_eq!(Reply::parse(&bytes[..end]), Ok(None), "prefix of {end}");
        }
        let (reply, length) = Reply::parse(bytes).unwrap().unwrap();
        assert_eq!((length, reply.items.len()), (bytes.len(), 4));
        assert!(reply.items[3].items.iter().all(Reply::is_null));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Reply::parse(b"hello\r\n").is_err());
        assert!(Reply::parse(b"$x\r\n").is_err());
        assert!(Reply::parse(b"$1\r\nabc").is_err());
    }
}
