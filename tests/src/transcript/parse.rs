//! Reads the text of a transcript into steps. A line that cannot be read fails the test, it is never skipped.

use super::{Agreement, Protocol};

/// A whole file.
#[derive(Debug)]
pub struct Transcript {
    /// Its steps in order.
    pub steps: Vec<Step>,
}

/// One thing to do.
#[derive(Debug)]
pub struct Step {
    /// Where it stands in the file.
    pub line: usize,
    /// As it is written, for reports.
    pub text: String,
    /// What to do.
    pub action: Action,
    /// How the replies are to agree.
    pub agreement: Agreement,
    /// What we answer, where it is given: bytes by protocol.
    pub expected: Expected,
    /// The one protocol that it is meant for.
    pub only: Option<Protocol>,
}

/// What a step does.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends these bytes and reads a reply.
    Send(Vec<u8>),
    /// Sends these bytes; no reply comes.
    SendSilently(Vec<u8>),
    /// Iterates with a cursor until it is zero again.
    Scan(Vec<Vec<u8>>),
    /// Reads a message that was not asked for.
    Read,
    /// Turns to another connection.
    On(String),
    /// Expects the end of the stream.
    Closed,
}

/// The reply that is written down, by protocol.
#[derive(Debug, Default)]
pub struct Expected {
    resp2: Vec<u8>,
    resp3: Vec<u8>,
}

impl Expected {
    /// The bytes for one protocol.
    #[must_use]
    pub fn bytes(&self, protocol: Protocol) -> &[u8] {
        match protocol {
            Protocol::Resp2 => &self.resp2,
            Protocol::Resp3 => &self.resp3,
        }
    }
}

/// Directives that wait for their command.
#[derive(Default)]
struct Pending {
    agreement: Agreement,
    only: Option<Protocol>,
    silent: bool,
}

impl Transcript {
    /// Reads a file's text.
    ///
    /// # Panics
    /// When a line makes no sense; the message names it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        let mut pending = Pending::default();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(expected) = line.strip_prefix('=') {
                let step = steps.last_mut().unwrap_or_else(|| panic!("line {number}: a reply to nothing"));
                step.expect(expected, number);
                continue;
            }
            let Some(action) = read_action(line, number, &mut pending) else { continue };
            let Pending { agreement, only, .. } = std::mem::take(&mut pending);
            let expected = Expected::default();
            steps.push(Step { line: number, text: line.to_owned(), action, agreement, expected, only });
        }
        for step in &steps {
            step.check();
        }
        Transcript { steps }
    }
}

impl Step {
    fn expect(&mut self, line: &str, number: usize) {
        let (protocols, rest) = match line.as_bytes().first() {
            Some(b'2') => (&[Protocol::Resp2][..], &line[1..]),
            Some(b'3') => (&[Protocol::Resp3][..], &line[1..]),
            _ => (&[Protocol::Resp2, Protocol::Resp3][..], line),
        };
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let bytes = words(&format!("\"{rest}\""), number).remove(0);
        for protocol in protocols {
            let expected = match protocol {
                Protocol::Resp2 => &mut self.expected.resp2,
                Protocol::Resp3 => &mut self.expected.resp3,
            };
            expected.extend_from_slice(&bytes);
            expected.extend_from_slice(b"\r\n");
        }
    }

    fn check(&self) {
        let given = !self.expected.resp2.is_empty() || !self.expected.resp3.is_empty();
        assert_eq!(
            given,
            self.agreement.is_given(),
            "line {}: `=` lines and the directive disagree",
            self.line
        );
    }
}

/// An action, or `None` for a directive that only changes the next one.
fn read_action(line: &str, number: usize, pending: &mut Pending) -> Option<Action> {
    let Some(directive) = line.strip_prefix('@') else {
        let bytes = crate::wire::encode(&words(line, number));
        return Some(if pending.silent { Action::SendSilently(bytes) } else { Action::Send(bytes) });
    };
    let (name, rest) = directive.split_once(' ').unwrap_or((directive, ""));
    match name {
        "sorted" => pending.agreement = Agreement::Sorted,
        "near" => pending.agreement = Agreement::Near(number_in(rest, number)),
        "shape" => pending.agreement = Agreement::Shape,
        "kind" => pending.agreement = Agreement::Kind,
        "until" => pending.agreement = Agreement::Until,
        "differs" => pending.agreement = Agreement::Differs(reason(rest, number)),
        "ours" => pending.agreement = Agreement::Ours(reason(rest, number)),
        "only" if rest == "2" => pending.only = Some(Protocol::Resp2),
        "only" if rest == "3" => pending.only = Some(Protocol::Resp3),
        "silent" => pending.silent = true,
        "raw" if pending.silent => return Some(Action::SendSilently(words(rest, number).concat())),
        "raw" => return Some(Action::Send(words(rest, number).concat())),
        "scan" => return Some(Action::Scan(words(rest, number))),
        "read" => return Some(Action::Read),
        "on" => return Some(Action::On(rest.to_owned())),
        "closed" => return Some(Action::Closed),
        _ => panic!("line {number}: no such directive: {line}"),
    }
    None
}

fn number_in(rest: &str, number: usize) -> i64 {
    rest.parse().unwrap_or_else(|_| panic!("line {number}: a number is missing"))
}

fn reason(rest: &str, number: usize) -> String {
    assert!(!rest.is_empty(), "line {number}: a difference needs a reason");
    rest.to_owned()
}

/// Splits a line as redis-cli does.
fn words(line: &str, number: usize) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.as_bytes()[0] {
            b'"' => quoted(&rest[1..], number),
            b'<' => repeated(&rest[1..], number),
            _ => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (rest.as_bytes()[..end].to_vec(), &rest[end..])
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// `a*1000>`: a thousand times `a`.
fn repeated(text: &str, number: usize) -> (Vec<u8>, &str) {
    let parts = text.split_once('>').and_then(|(inner, after)| Some((inner.rsplit_once('*')?, after)));
    let Some(((unit, times), after)) = parts else { panic!("line {number}: <text*times> is not closed") };
    let times = times.parse().unwrap_or_else(|_| panic!("line {number}: how many times?"));
    (unit.as_bytes().repeat(times), after)
}

fn quoted(text: &str, number: usize) -> (Vec<u8>, &str) {
    let mut word = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        match bytes.get(at) {
            None => panic!("line {number}: a quote is not closed"),
            Some(b'"') if at + 1 == bytes.len() || bytes[at + 1] == b' ' => return (word, &text[at + 1..]),
            Some(b'\\') => {
                let (byte, length) = escaped(&bytes[at + 1..], number);
                word.push(byte);
                at += 1 + length;
            }
            Some(byte) => {
                word.push(*byte);
                at += 1;
            }
        }
    }
}

fn escaped(bytes: &[u8], number: usize) -> (u8, usize) {
    match bytes {
        [b'n', ..] => (b'\n', 1),
        [b'r', ..] => (b'\r', 1),
        [b't', ..] => (b'\t', 1),
        [b'x', high, low, ..] => {
            let digits = [*high, *low];
            let digits =
                std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
            (digits.unwrap_or_else(|| panic!("line {number}: \\x needs two digits")), 3)
        }
        [other, ..] => (*other, 1),
        [] => panic!("line {number}: an escape of nothing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_by_redis_cli() {
        let split = words(r#"SET "a \"b\"\x00\r\n" <xy*3> it's"#, 1);
        assert_eq!(split, [&b"SET"[..], b"a \"b\"\0\r\n", b"xyxyxy", b"it's"]);
    }

    #[test]
    fn directives_and_replies_belong_to_their_command() {
        let transcript = Transcript::parse("# top\n@differs why\nPING\n=2 +A\n=3 +B\n@on b\n@silent\nPING\n");
        let [first, on, silent] = &transcript.steps[..] else { panic!("three steps") };
        assert_eq!(first.expected.bytes(Protocol::Resp2), b"+A\r\n");
        assert_eq!(first.expected.bytes(Protocol::Resp3), b"+B\r\n");
        assert_eq!(on.action, Action::On("b".to_owned()));
        assert!(matches!(silent.action, Action::SendSilently(_)));
    }

    #[test]
    #[should_panic(expected = "no such directive")]
    fn an_unknown_directive_fails() {
        drop(Transcript::parse("@maybe\nPING\n"));
    }

    #[test]
    #[should_panic(expected = "disagree")]
    fn a_difference_must_say_what_we_answer() {
        drop(Transcript::parse("@differs why\nPING\n"));
    }
}
