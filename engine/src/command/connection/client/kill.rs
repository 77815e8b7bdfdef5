//! CLIENT KILL, in its old form (an address) and its new one (filters that must all match).

use std::rc::Rc;

use mycorrhizal_net::resp::number::parse_i64;
use mycorrhizal_net::resp::{Args, Reply};

use super::super::super::CommandError;
use super::super::auth::USER;
use super::report::ClientType;
use crate::node::{Caller, Core};

/// Which connections to close.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Filter {
    id: Option<u64>,
    address: Option<Vec<u8>>,
    local_address: Option<Vec<u8>>,
    kind: Option<ClientType>,
    /// Seconds that a connection must be old at least.
    age_seconds: Option<u64>,
    /// Whether the asking connection is spared.
    skip_me: bool,
}

impl Filter {
    const EVERYONE: Self =
        Self { id: None, address: None, local_address: None, kind: None, age_seconds: None, skip_me: true };

    /// Reads what follows CLIENT KILL.
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        if args.len() == 3 {
            return Ok(Self { address: Some(args.get(2).to_vec()), skip_me: false, ..Self::EVERYONE });
        }
        if args.len().is_multiple_of(2) {
            let mut filter = Self::EVERYONE;
            for at in (2..args.len()).step_by(2) {
                filter.add(args.get(at), args.get(at + 1))?;
            }
            return Ok(filter);
        }
        Err(CommandError::Syntax)
    }

    fn add(&mut self, option: &[u8], value: &[u8]) -> Result<(), CommandError> {
        let positive = |text| {
            let number = parse_i64(text).and_then(|number| u64::try_from(number).ok());
            number.filter(|number| *number > 0)
        };
        match option.to_ascii_lowercase().as_slice() {
            b"id" => {
                let id =
                    positive(value).ok_or(CommandError::Text("ERR client-id should be greater than 0"))?;
                self.id = Some(id);
            }
            b"maxage" => {
                let text = "ERR maxage is not an integer or out of range";
                self.age_seconds = Some(positive(value).ok_or(CommandError::Text(text))?);
            }
            b"addr" => self.address = Some(value.to_vec()),
            b"laddr" => self.local_address = Some(value.to_vec()),
            b"type" => self.kind = Some(ClientType::parse(value)?),
            b"user" if value == USER => {}
            b"user" => {
                let name = String::from_utf8_lossy(value);
                return Err(CommandError::Message(format!("ERR No such user '{name}'")));
            }
            b"skipme" if value.eq_ignore_ascii_case(b"yes") => self.skip_me = true,
            b"skipme" if value.eq_ignore_ascii_case(b"no") => self.skip_me = false,
            _ => return Err(CommandError::Syntax),
        }
        Ok(())
    }

    fn matches(&self, caller: &Caller, me: u64) -> bool {
        let session = caller.session();
        let age_seconds = caller.core.now_ms().saturating_sub(session.connected_ms) / 1000;
        let is_local = |local: &Vec<u8>| {
            caller.local_address().is_some_and(|address| address.to_string().as_bytes() == local)
        };
        !(self.skip_me && session.id == me)
            && self.id.is_none_or(|id| id == session.id)
            && self.kind.is_none_or(|kind| kind == ClientType::of(caller))
            && self.age_seconds.is_none_or(|least| age_seconds >= least)
            && self.address.as_ref().is_none_or(|address| caller.peer_address().as_bytes() == address)
            && self.local_address.as_ref().is_none_or(is_local)
    }

    /// Closes what matches on one core; returns how many that were.
    fn kill(&self, core: &Core, me: u64) -> i64 {
        let callers: Vec<Rc<Caller>> =
            core.callers.borrow().iter().map(|(_, caller)| Rc::clone(caller)).collect();
        let mut killed = 0;
        for caller in callers.iter().filter(|caller| self.matches(caller, me)) {
            killed += 1;
            if caller.session().id == me {
                // It still gets its answer.
                caller.session.borrow_mut().closing = true;
            } else {
                caller.kill();
            }
        }
        killed
    }
}

pub(super) async fn kill(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let filter = Filter::parse(args)?;
    let me = caller.session().id;
    let cores: Vec<_> = caller.core.node.cores().collect();
    let killed = caller.core.call_all(&cores, move |core| filter.kill(core, me)).await;
    match killed.into_iter().sum() {
        0 if args.len() == 3 => return Err(CommandError::Text("ERR No such client")),
        _ if args.len() == 3 => reply.ok(),
        killed => reply.integer(killed),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mycorrhizal_net::resp::Span;

    use super::*;

    fn parse(line: &str) -> Result<Filter, String> {
        let mut spans = Vec::new();
        for word in line.split(' ') {
            let start = u32::try_from(word.as_ptr() as usize - line.as_ptr() as usize).unwrap();
            spans.push(Span { start, end: start + u32::try_from(word.len()).unwrap() });
        }
        Filter::parse(Args::new(line.as_bytes(), &spans)).map_err(|error| error.to_string())
    }

    #[test]
    fn filters_are_read_in_both_forms() {
        let everyone = Filter::EVERYONE;
        let old = Filter { address: Some(b"1.2.3.4:5".to_vec()), skip_me: false, ..everyone.clone() };
        assert_eq!(parse("CLIENT KILL 1.2.3.4:5"), Ok(old));
        assert_eq!(parse("CLIENT KILL ID 7"), Ok(Filter { id: Some(7), ..everyone.clone() }));
        let many = parse("CLIENT KILL addr a LADDR b Type REPLICA SKIPME no maxage 10 user default ID 3");
        let expect = Filter {
            id: Some(3),
            address: Some(b"a".to_vec()),
            local_address: Some(b"b".to_vec()),
            kind: Some(ClientType::Other),
            age_seconds: Some(10),
            skip_me: false,
        };
        assert_eq!(many, Ok(expect));
    }

    #[test]
    fn refusals_have_the_texts_of_redis() {
        let table = [
            ("CLIENT KILL ID", None),
            ("CLIENT KILL ID 0", Some("ERR client-id should be greater than 0")),
            ("CLIENT KILL ID x", Some("ERR client-id should be greater than 0")),
            ("CLIENT KILL TYPE x", Some("ERR Unknown client type 'x'")),
            ("CLIENT KILL USER x", Some("ERR No such user 'x'")),
            ("CLIENT KILL ID 1 SKIPME x", Some("ERR syntax error")),
            ("CLIENT KILL ID 1 ADDR", Some("ERR syntax error")),
            ("CLIENT KILL a b", Some("ERR syntax error")),
            ("CLIENT KILL MAXAGE -1", Some("ERR maxage is not an integer or out of range")),
        ];
        for (line, error) in table {
            assert_eq!(parse(line).err().as_deref(), error, "{line}");
        }
    }
}
