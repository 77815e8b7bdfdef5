//! What a client knows of who owns what, as any node tells it.

use std::collections::BTreeMap;
use std::rc::Rc;

use mycorrhizal_net::resp::Value;

use crate::hypha::reply::{Fields, number, text};
use crate::mycel::{SLOTS, Slot};

/// Who owns what. Belongs to the pool.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Topology {
    /// Of each slot, the address of its owner; empty before anything is known.
    owners: Vec<Option<Rc<str>>>,
    /// The plain ports of the nodes: each answers for the whole cluster.
    plain: Vec<Rc<str>>,
}

impl Topology {
    /// Reads the replies to CLUSTER SLOTS and NODOSUM MEMBERS, as they came from `asked`; `None` if they are none.
    pub(super) fn parse(slots: &Value, members: &Value, asked: &str) -> Option<Self> {
        let mut owners = vec![None; SLOTS];
        let mut hosts = BTreeMap::new();
        for run in slots.as_values()? {
            let [first, last, owner, ..] = run.as_values()? else { return None };
            let owner = owner.as_values()?;
            let host = text(owner.first()?)?;
            if let Some(id) = owner.get(2).and_then(text) {
                hosts.insert(id, host.clone());
            }
            let address: Rc<str> = address(&host, owner.get(1)?.as_integer()?, asked).into();
            let (first, last): (usize, usize) = (number(first)?, number(last)?);
            owners.get_mut(first..=last)?.fill(Some(address));
        }
        let plain = members.as_values().unwrap_or_default().iter().filter_map(Fields::of);
        let plain = plain.filter_map(|member| plain_address(member, &hosts, asked)).collect();
        Some(Self { owners, plain })
    }

    /// Where a slot's owner is reached, if it has one.
    pub(super) fn owner(&self, slot: Slot) -> Option<Rc<str>> {
        self.owners.get(usize::from(slot.number()))?.clone()
    }

    /// Takes note of what a MOVED says.
    pub(super) fn set_owner(&mut self, slot: usize, address: &Rc<str>) {
        if let Some(owner) = self.owners.get_mut(slot) {
            *owner = Some(Rc::clone(address));
        }
    }

    /// Ports that answer for the whole cluster.
    pub(super) fn plain(&self) -> &[Rc<str>] {
        &self.plain
    }

    /// All addresses, each once.
    pub(super) fn addresses(&self) -> Vec<Rc<str>> {
        let mut addresses: Vec<Rc<str>> = self.owners.iter().flatten().cloned().collect();
        addresses.dedup();
        addresses.extend(self.plain.iter().cloned());
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }
}

/// An address that a node has told; where it names no host or port, that of the node itself is meant.
pub(super) fn address(host: &str, port: i64, asked: &str) -> String {
    let asked_host = asked.rsplit_once(':').map_or(asked, |(host, _)| host);
    let host = if host.is_empty() { asked_host } else { host };
    if port == 0 { asked.to_owned() } else { format!("{host}:{port}") }
}

fn plain_address(member: Fields<'_>, hosts: &BTreeMap<String, String>, asked: &str) -> Option<Rc<str>> {
    let port = member.number("port").filter(|port| *port > 0)?;
    if member.text("presence").is_some_and(|presence| presence != "present") {
        return None;
    }
    // The first core of a node is published by the id of the node.
    let published = member.text("id").and_then(|id| hosts.get(&id).cloned());
    let gossip = member.text("gossip");
    let gossip = gossip.as_deref().and_then(|address| address.rsplit_once(':')).map(|(host, _)| host);
    let host = published.or(gossip.map(|host| host.trim_matches(['[', ']']).to_owned())).unwrap_or_default();
    Some(address(&host, port, asked).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.as_bytes().to_vec())
    }

    fn run(first: i64, last: i64, host: &str, port: i64) -> Value {
        let owner = vec![bulk(host), Value::Integer(port), bulk("id"), Value::Array(vec![])];
        Value::Array(vec![Value::Integer(first), Value::Integer(last), Value::Array(owner)])
    }

    #[test]
    fn slots_have_owners_and_nodes_have_plain_ports() {
        let slots = Value::Array(vec![run(0, 8191, "10.0.0.1", 7000), run(8192, 16000, "", 7001)]);
        let member = Value::Map(vec![(bulk("id"), bulk("id")), (bulk("port"), Value::Integer(6379))]);
        let topology = Topology::parse(&slots, &Value::Array(vec![member]), "10.0.0.9:7001").unwrap();
        let owner = |slot| topology.owner(Slot::new(slot).unwrap());
        assert_eq!(owner(8191).as_deref(), Some("10.0.0.1:7000"));
        assert_eq!(owner(8192).as_deref(), Some("10.0.0.9:7001"), "no host is the one that was asked");
        assert_eq!(owner(16001), None);
        assert_eq!(topology.plain().len(), 1);
        assert!(topology.plain()[0].ends_with(":6379"));
    }

    #[test]
    fn what_is_no_topology_is_refused() {
        let members = Value::Array(vec![]);
        for broken in [
            Value::Null,
            Value::Array(vec![Value::Integer(1)]),
            Value::Array(vec![run(5, 20_000, "h", 1)]),
            Value::Array(vec![run(5, 4, "h", 1), Value::Null]),
            Value::Array(vec![run(-5, 4, "h", 1)]),
        ] {
            assert_eq!(Topology::parse(&broken, &members, "a:1"), None, "{broken:?}");
        }
    }
}
