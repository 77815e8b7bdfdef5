//! Replays a transcript against the oracle and the subject side by side and reports every disagreement.

use std::collections::BTreeMap;
use std::io;

use super::parse::Action;
use super::{Agreement, Protocol, Step, Transcript};
use crate::clock;
use crate::server::{Oracle, Server, Subject};
use crate::wire::{Connection, Received, encode, shown};

/// A disagreement is reported this often before the rest is left out.
const REPORTS_MAX: usize = 40;

/// The two servers, with the connections that the transcript opened to them.
struct Sides {
    oracle: Oracle,
    subject: Subject,
    connections: BTreeMap<String, (Connection, Connection)>,
    current: String,
    protocol: Protocol,
}

/// Replays and panics with all disagreements.
///
/// # Panics
/// When the two disagree anywhere.
pub fn replay(transcript: &Transcript, protocol: Protocol, cores: &str) {
    let (oracle, subject) = (Oracle::start(), Subject::start(cores));
    let mut sides = Sides { oracle, subject, connections: BTreeMap::new(), current: String::new(), protocol };
    sides.turn_to("main");
    let mut reports = Vec::new();
    for step in &transcript.steps {
        if step.only.is_some_and(|only| only != protocol) {
            continue;
        }
        match sides.take(step) {
            Ok(None) => {}
            Ok(Some(report)) => reports.push(format!("line {}: {}\n{report}", step.line, step.text)),
            Err(error) => {
                reports.push(format!("line {}: {}\n  {error}, the rest was not run", step.line, step.text));
                break;
            }
        }
    }
    let count = reports.len();
    reports.truncate(REPORTS_MAX);
    let log = if count > 0 { sides.subject.log() } else { String::new() };
    let reports = reports.join("\n");
    assert!(count == 0, "{count} disagreement(s), {protocol:?}, cores {cores}\n{reports}\nlog:\n{log}");
}

impl Sides {
    /// Does one step; a report if the two disagree.
    fn take(&mut self, step: &Step) -> io::Result<Option<String>> {
        match &step.action {
            Action::On(name) => self.turn_to(name),
            Action::Closed => return self.expect_close(),
            Action::Scan(words) => return self.scan(words),
            Action::SendSilently(bytes) => {
                let (theirs, ours) = self.pair();
                theirs.send(bytes)?;
                ours.send(bytes)?;
            }
            Action::Read => {
                let (theirs, ours) = self.pair();
                let (theirs, ours) = (theirs.read()?, ours.read()?);
                return Ok(self.judge(step, &theirs, &ours));
            }
            Action::Send(bytes) => return self.send(step, bytes),
        }
        Ok(None)
    }

    fn send(&mut self, step: &Step, bytes: &[u8]) -> io::Result<Option<String>> {
        let subject_is_redis = matches!(self.subject, Subject::Redis(_));
        let expected = step.expected.bytes(self.protocol).to_vec();
        let (theirs, ours) = self.pair();
        match &step.agreement {
            Agreement::Ours(_) if subject_is_redis => Ok(None),
            Agreement::Ours(_) => {
                ours.send(bytes)?;
                let ours = ours.read()?;
                Ok(self.judge(step, &ours.clone(), &ours))
            }
            Agreement::Until => {
                let mut last = None;
                for side in [theirs, ours] {
                    last = clock::wait_at_most(clock::PATIENCE, || {
                        let received = ask(side, bytes);
                        received
                            .as_ref()
                            .map_or(true, |received| received.bytes == expected)
                            .then_some(received)
                    });
                }
                last.map_or(Ok(Some("  it never came to be".to_owned())), |last| last.map(|_| None))
            }
            Agreement::Differs(_) if subject_is_redis => {
                ask(theirs, bytes).and(ask(ours, bytes)).map(|_| None)
            }
            _ => {
                theirs.send(bytes)?;
                ours.send(bytes)?;
                let (theirs, ours) = (theirs.read()?, ours.read()?);
                Ok(self.judge(step, &theirs, &ours))
            }
        }
    }

    fn judge(&self, step: &Step, theirs: &Received, ours: &Received) -> Option<String> {
        let expected = step.expected.bytes(self.protocol);
        if step.agreement.holds(theirs, ours, expected) {
            return None;
        }
        let mut report = format!("  redis: {}\n  ours:  {}", shown(&theirs.bytes), shown(&ours.bytes));
        if step.agreement.is_given() {
            report.push_str(&format!("\n  given: {}", shown(expected)));
        }
        Some(report)
    }

    /// Follows a cursor to its end on both sides and compares what came.
    fn scan(&mut self, words: &[Vec<u8>]) -> io::Result<Option<String>> {
        let (theirs, ours) = self.pair();
        let (theirs, ours) = (iterate(theirs, words)?, iterate(ours, words)?);
        let differs = theirs != ours;
        Ok(differs.then(|| format!("  redis: {}\n  ours:  {}", theirs.join(" "), ours.join(" "))))
    }

    fn expect_close(&mut self) -> io::Result<Option<String>> {
        let (mut theirs, mut ours) =
            self.connections.remove(&self.current).expect("the current connection is always open");
        let (theirs, ours) = (theirs.read_to_end()?, ours.read_to_end()?);
        let differs = theirs != ours;
        self.turn_to("main");
        Ok(differs.then(|| format!("  redis before the end: {}\n  ours:  {}", shown(&theirs), shown(&ours))))
    }

    fn turn_to(&mut self, name: &str) {
        name.clone_into(&mut self.current);
        if self.connections.contains_key(name) {
            return;
        }
        let (mut theirs, mut ours) = (self.oracle.connect(), self.subject.connect());
        if self.protocol == Protocol::Resp3 {
            // Where a password is wanted both refuse; the connection then speaks RESP2 and the transcript goes on.
            let (theirs, ours) = (theirs.say("HELLO 3"), ours.say("HELLO 3"));
            assert_eq!(theirs.kind, ours.kind, "HELLO 3: redis {theirs:?}, ours {ours:?}");
        }
        self.connections.insert(name.to_owned(), (theirs, ours));
    }

    fn pair(&mut self) -> (&mut Connection, &mut Connection) {
        let (theirs, ours) =
            self.connections.get_mut(&self.current).expect("the current connection is always open");
        (theirs, ours)
    }
}

fn ask(side: &mut Connection, bytes: &[u8]) -> io::Result<Received> {
    side.send(bytes)?;
    side.read()
}

/// Everything a SCAN brings, sorted, each once.
fn iterate(side: &mut Connection, words: &[Vec<u8>]) -> io::Result<Vec<String>> {
    const ROUNDS_MAX: usize = 100_000;
    let mut found = Vec::new();
    let mut cursor = b"0".to_vec();
    for _ in 0..ROUNDS_MAX {
        let words: Vec<&[u8]> =
            words.iter().map(|word| if word == b"CURSOR" { cursor.as_slice() } else { word }).collect();
        let reply = ask(side, &encode(&words))?.reply;
        let [next, page] = &reply.items[..] else {
            return Ok(vec![format!("no page but {reply:?}")]);
        };
        found.extend(page.items.iter().map(|item| shown(&item.text)));
        if next.text == b"0" {
            found.sort();
            found.dedup();
            return Ok(found);
        }
        cursor.clone_from(&next.text);
    }
    Ok(vec!["the iteration does not end".to_owned()])
}
