//! AUTH and HELLO. There is one user, `default`, whose password is `requirepass`.

use mycorrhizal_net::resp::number::parse_i64;
use mycorrhizal_net::resp::{Args, Protocol, Reply};

use super::super::CommandError;
use super::super::server::REDIS_VERSION;
use super::client::is_printable;
use crate::node::Caller;
use crate::node::caller::PortKind;

/// The one user.
pub(super) const USER: &[u8] = b"default";

const WRONG_PASSWORD: CommandError =
    CommandError::Text("WRONGPASS invalid username-password pair or user is disabled.");

const NO_PASSWORD: CommandError = CommandError::Text(
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
     configuration is correct?",
);

const HELLO_FIRST: CommandError = CommandError::Text(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
     <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
);

pub(super) const BAD_NAME: CommandError =
    CommandError::Text("ERR Client names cannot contain spaces, newlines or special characters.");

pub(super) fn auth(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    match args.len() {
        2 if caller.core.settings().requirepass.is_empty() => return Err(NO_PASSWORD),
        2 => authenticate(caller, USER, args.get(1))?,
        3 => authenticate(caller, args.get(1), args.get(2))?,
        _ => return Err(CommandError::Syntax),
    }
    reply.ok();
    Ok(())
}

/// Lets the caller in, or leaves it as it was.
fn authenticate(caller: &Caller, user: &[u8], password: &[u8]) -> Result<(), CommandError> {
    let settings = caller.core.settings();
    let open = settings.requirepass.is_empty();
    if user != USER || !(open || is_same_secret(&settings.requirepass, password)) {
        return Err(WRONG_PASSWORD);
    }
    caller.session.borrow_mut().authenticated = true;
    Ok(())
}

/// Compares in a time that depends on the lengths alone.
fn is_same_secret(secret: &[u8], given: &[u8]) -> bool {
    let padded = secret.iter().copied().chain(std::iter::repeat(0));
    let difference = given.iter().zip(padded).fold(0, |sum, (given, secret)| sum | (given ^ secret));
    std::hint::black_box(difference) == 0 && secret.len() == given.len()
}

/// What HELLO asks for.
#[derive(Default)]
struct Greeting<'a> {
    protocol: Option<Protocol>,
    credentials: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> Greeting<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut greeting = Self::default();
        if args.len() == 1 {
            return Ok(greeting);
        }
        greeting.protocol = Some(protocol(args.get(1))?);
        let mut at = 2;
        while at < args.len() {
            let following = args.len() - at - 1;
            match args.get(at).to_ascii_lowercase().as_slice() {
                b"auth" if following >= 2 => {
                    greeting.credentials = Some((args.get(at + 1), args.get(at + 2)));
                    at += 3;
                }
                b"setname" if following >= 1 => {
                    greeting.name = Some(args.get(at + 1));
                    at += 2;
                }
                _ => {
                    let option = String::from_utf8_lossy(args.get(at));
                    return Err(CommandError::Message(format!(
                        "ERR Syntax error in HELLO option '{option}'"
                    )));
                }
            }
        }
        Ok(greeting)
    }
}

fn protocol(text: &[u8]) -> Result<Protocol, CommandError> {
    match parse_i64(text) {
        Some(2) => Ok(Protocol::Resp2),
        Some(3) => Ok(Protocol::Resp3),
        Some(_) => Err(CommandError::Text("NOPROTO unsupported protocol version")),
        None => Err(CommandError::Text("ERR Protocol version is not an integer or out of range")),
    }
}

pub(super) fn hello(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let greeting = Greeting::parse(args)?;
    if let Some((user, password)) = greeting.credentials {
        authenticate(caller, user, password)?;
    }
    let mut session = caller.session.borrow_mut();
    if !session.authenticated {
        return Err(HELLO_FIRST);
    }
    if let Some(name) = greeting.name {
        if !is_printable(name) {
            return Err(BAD_NAME);
        }
        session.name = name.to_vec();
    }
    session.protocol = greeting.protocol.unwrap_or(session.protocol);
    let (id, protocol) = (session.id, session.protocol);
    drop(session);
    let mut bytes = Vec::new();
    introduce(caller, id, &mut Reply::new(&mut bytes, protocol));
    reply.raw(&bytes);
    Ok(())
}

/// Says who is there, in the protocol just chosen.
fn introduce(caller: &Caller, id: u64, reply: &mut Reply<'_>) {
    let version = if reply.protocol() == Protocol::Resp3 { 3 } else { 2 };
    reply.map(7);
    for (name, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(version);
    reply.bulk(b"id");
    reply.integer(id.cast_signed());
    for (name, value) in [("mode", mode(caller)), ("role", "master")] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}

/// How the node looks from where the caller came in.
pub(in crate::command) fn mode(caller: &Caller) -> &'static str {
    match caller.port {
        PortKind::Core => "cluster",
        PortKind::Plain | PortKind::InProcess | PortKind::Node => "standalone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_only_as_a_whole() {
        assert!(is_same_secret(b"sesame", b"sesame"));
        for other in ["", "sesam", "sesame\0", "Sesame", "sesamE", "sesame!"] {
            assert!(!is_same_secret(b"sesame", other.as_bytes()), "{other:?}");
        }
        assert!(!is_same_secret(b"a\0", b"a"));
    }
}
