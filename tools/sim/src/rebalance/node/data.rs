//! What operations do to a keyspace.

use std::rc::Rc;

use mycorrhizal::mycel::{Db, Deadline, Decimal, Entry, NewValue, Value, View, slot_of};

use super::super::Out;
use super::super::message::{Action, Body, Event, Operation, Outcome};
use super::{Node, send};

impl Node {
    /// Runs an operation on keys that this node owns.
    pub(super) fn run(&mut self, operation: &Rc<Operation>, out: &mut Out) {
        let outcome = self.execute(operation);
        let partitions = if operation.is_whole() {
            let mine = (0..self.seen.len()).filter(|number| self.seen[*number].owner == Some(self.me));
            mine.map(|number| self.held_since(number)).collect()
        } else {
            vec![self.held_since(slot_of(&operation.key).partition())]
        };
        out.events.push(Event::Applied { operation: Rc::clone(operation), outcome, partitions });
        send(out, operation.client, Body::Reply { number: operation.number });
    }

    fn held_since(&self, partition: usize) -> (u16, u64) {
        (u16::try_from(partition).expect("there are 1,024"), self.since[partition])
    }

    fn execute(&mut self, operation: &Operation) -> Outcome {
        let (db, now_ms) = (Db::new(operation.db), self.keyspace.now_ms());
        match operation.action {
            Action::Clear => {
                self.keyspace.clear(db);
                return Outcome::Done;
            }
            Action::Swap => {
                self.keyspace.swap(Db::new(0), Db::new(1));
                return Outcome::Done;
            }
            _ => {}
        }
        let key = self.keyspace.key(&operation.key);
        if operation.action == Action::Remove {
            return Outcome::Was(self.keyspace.remove(db, &key));
        }
        let token = operation.token();
        let entry = self.keyspace.entry(db, key);
        match (&operation.action, entry) {
            (Action::Get, Entry::Vacant(_)) => Outcome::Value(None),
            (Action::Get, Entry::Occupied(occupied)) => Outcome::Value(Some(bytes(occupied.view()))),
            (Action::Append, Entry::Occupied(mut occupied)) => {
                occupied.append(&token);
                Outcome::Value(Some(bytes(occupied.view())))
            }
            (Action::Increment, entry) => {
                let before = match entry.view().map(|view| view.value()) {
                    Some(Value::Int(number)) => number,
                    _ => 0,
                };
                entry.put(NewValue::Int(before + 1), Deadline::Keep);
                Outcome::Value(Some((before + 1).to_string().into_bytes()))
            }
            (Action::Expire(after_ms), Entry::Occupied(mut occupied)) => {
                occupied.set_deadline(Some(now_ms + after_ms));
                Outcome::Was(true)
            }
            (Action::Expire(_), Entry::Vacant(_)) => Outcome::Was(false),
            (_, entry) => {
                entry.put(NewValue::Bytes(&token), Deadline::None);
                Outcome::Value(Some(token))
            }
        }
    }
}

fn bytes(view: View<'_>) -> Vec<u8> {
    view.value().bytes(&mut Decimal::new()).to_vec()
}
