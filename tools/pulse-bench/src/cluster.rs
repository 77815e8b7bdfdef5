//! The map of a cluster: which endpoint owns which hash slot.

use mycorrhizal_net::resp::Value;

use crate::error::BenchError;
use crate::link::{Endpoint, Link};
use crate::slot::SLOTS;

/// Owners of all hash slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotMap {
    /// The primaries.
    pub endpoints: Vec<Endpoint>,
    /// Per slot an index into `endpoints`.
    pub owners: Vec<u16>,
}

impl SlotMap {
    /// Asks a node for the map.
    ///
    /// # Errors
    ///
    /// The node cannot be reached, is no cluster node, or knows no owner for a slot.
    pub fn fetch(link: &mut Link) -> Result<Self, BenchError> {
        let slots = link.call(&["CLUSTER", "SLOTS"])?;
        let asked = link.endpoint().clone();
        let owners = slots.as_values().unwrap_or_default().iter().filter_map(|row| Row::read(row, &asked));
        let mut endpoints = Vec::new();
        let mut map = vec![None; SLOTS];
        for row in owners {
            let owner = index_of(&mut endpoints, &row.endpoint);
            map.iter_mut().take(row.last + 1).skip(row.first).for_each(|slot| *slot = Some(owner));
        }
        if let Some(slot) = map.iter().position(Option::is_none) {
            return Err(BenchError::PeerUncovered { endpoint: asked, slot });
        }
        Ok(Self { endpoints, owners: map.into_iter().flatten().collect() })
    }

    /// The index of an endpoint, which is added if it is new.
    pub fn index_of(&mut self, endpoint: &Endpoint) -> u16 {
        index_of(&mut self.endpoints, endpoint)
    }

    /// Takes over the owners of a newer map. Indexes of known endpoints stay what they were.
    pub fn refresh(&mut self, newer: &Self) {
        let indexes = newer.endpoints.iter().map(|endpoint| self.index_of(endpoint)).collect::<Vec<u16>>();
        self.owners = newer.owners.iter().map(|&owner| indexes[usize::from(owner)]).collect();
    }
}

fn index_of(endpoints: &mut Vec<Endpoint>, endpoint: &Endpoint) -> u16 {
    let index = endpoints.iter().position(|known| known == endpoint).unwrap_or_else(|| {
        endpoints.push(endpoint.clone());
        endpoints.len() - 1
    });
    u16::try_from(index).expect("a cluster has fewer than 65,536 endpoints")
}

/// One range of slots.
struct Row {
    first: usize,
    last: usize,
    endpoint: Endpoint,
}

impl Row {
    /// Reads `[first, last, [host, port, …], replica…]`. An unnamed host is the one that was asked.
    fn read(row: &Value, asked: &Endpoint) -> Option<Self> {
        let [first, last, primary, ..] = row.as_values()? else { return None };
        let [host, port, ..] = primary.as_values()? else { return None };
        let host = String::from_utf8_lossy(host.as_bytes().unwrap_or_default()).into_owned();
        let host = if host.is_empty() || host == "?" { asked.host.clone() } else { host };
        Some(Self {
            first: usize::try_from(first.as_integer()?).ok()?,
            last: usize::try_from(last.as_integer()?).ok().filter(|&last| last < SLOTS)?,
            endpoint: Endpoint { host, port: u16::try_from(port.as_integer()?).ok()? },
        })
    }
}

/// Where a `MOVED` or `ASK` error sends an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// The slot has another owner from now on.
    Moved {
        /// The slot.
        slot: u16,
        /// Its owner.
        endpoint: Endpoint,
    },
    /// This one operation is to be asked for elsewhere.
    Ask {
        /// Where.
        endpoint: Endpoint,
    },
}

impl Redirect {
    /// Reads an error line without its `-`; `None` if it is another error. `asked` is who said it.
    pub fn read(line: &[u8], asked: &Endpoint) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let mut words = text.trim_end().split(' ');
        let kind = words.next()?;
        if !matches!(kind, "MOVED" | "ASK") {
            return None;
        }
        let slot = words.next()?.parse::<u16>().ok().filter(|&slot| usize::from(slot) < SLOTS)?;
        let address = words.next()?;
        let endpoint = match address.strip_prefix(':') {
            Some(port) => Endpoint { host: asked.host.clone(), port: port.parse().ok()? },
            None => address.parse().ok()?,
        };
        Some(if kind == "MOVED" { Self::Moved { slot, endpoint } } else { Self::Ask { endpoint } })
    }
}

#[cfg(test)]
mod tests {
    use super::{Redirect, SlotMap};
    use crate::link::Endpoint;

    fn endpoint(port: u16) -> Endpoint {
        Endpoint { host: "10.0.0.1".into(), port }
    }

    #[test]
    fn redirects_are_read() {
        let read = |line: &str| Redirect::read(line.as_bytes(), &endpoint(1));
        assert_eq!(
            read("MOVED 3999 10.0.0.1:6381\r\n"),
            Some(Redirect::Moved { slot: 3999, endpoint: endpoint(6381) })
        );
        assert_eq!(read("ASK 7 10.0.0.1:9"), Some(Redirect::Ask { endpoint: endpoint(9) }));
        assert_eq!(read("MOVED 7 :9"), Some(Redirect::Moved { slot: 7, endpoint: endpoint(9) }));
        for line in ["ERR no", "MOVED", "MOVED x y:1", "MOVED 16384 a:1", "MOVED 1 a", "MOVEDX 1 a:1"] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn a_refresh_keeps_the_indexes() {
        let mut map = SlotMap { endpoints: vec![endpoint(1), endpoint(2)], owners: vec![0, 0, 1] };
        map.refresh(&SlotMap { endpoints: vec![endpoint(3), endpoint(2)], owners: vec![0, 1, 1] });
        assert_eq!(map.endpoints, [endpoint(1), endpoint(2), endpoint(3)]);
        assert_eq!(map.owners, [2, 1, 1]);
    }
}
