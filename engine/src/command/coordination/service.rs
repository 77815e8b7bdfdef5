//! SERVICE: which services run where.

use std::collections::BTreeMap;
use std::time::Duration;

use mycorrhizal_net::resp::{Args, Reply};

use super::{CONTAINER, HELP, SUBCOMMAND, number, text};
use crate::command::{Command, CommandError, Run};
use crate::node::Caller;
use crate::nodosum::state::{Health, Service};

pub(super) const SERVICE: Command = Command {
    name: "service",
    summary: "Registers and finds services.",
    subcommands: SUBCOMMANDS,
    ..CONTAINER
};

const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "deregister",
        summary: "Removes an instance that this node has registered.",
        syntax: "name instance",
        arity: 4,
        run: Run::Node(|caller, args, reply| Box::pin(deregister(caller, args, reply))),
        ..SUBCOMMAND
    },
    HELP,
    Command {
        name: "list",
        summary: "Lists the instances of a service, or of all.",
        syntax: "[name]",
        arity: -2,
        run: Run::Session(list),
        ..SUBCOMMAND
    },
    Command {
        name: "register",
        summary: "Registers an instance, or changes it; it goes with this node, and comes back with it after an absence. With LEASE it is gone when that has passed since it was registered last.",
        syntax: "name instance [ADDRESS host:port] [HEALTH passing|warning|critical] [LEASE milliseconds] [META key value ...]",
        arity: -4,
        run: Run::Node(|caller, args, reply| Box::pin(register(caller, args, reply))),
        ..SUBCOMMAND
    },
];

async fn register(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let mut service = Service {
        name: text(args.get(2))?,
        instance: text(args.get(3))?,
        address: None,
        health: Health::Passing,
        metadata: BTreeMap::new(),
        session: caller.core.session(),
    };
    let (mut at, mut lease) = (4, None);
    while at + 1 < args.len() {
        let (option, value) = (args.get(at), text(args.get(at + 1))?);
        if option.eq_ignore_ascii_case(b"address") {
            let address = value.parse();
            service.address =
                Some(address.map_err(|_| CommandError::Text("ERR an address is an IP address and a port"))?);
        } else if option.eq_ignore_ascii_case(b"health") {
            let health = value.parse();
            service.health =
                health.map_err(|_| CommandError::Text("ERR health is passing, warning or critical"))?;
        } else if option.eq_ignore_ascii_case(b"lease") {
            lease = Some(Duration::from_millis(number(value.as_bytes())?));
        } else if option.eq_ignore_ascii_case(b"meta") && at + 2 < args.len() {
            service.metadata.insert(value, text(args.get(at + 2))?);
            at += 1;
        } else {
            return Err(CommandError::Syntax);
        }
        at += 2;
    }
    if at != args.len() {
        return Err(CommandError::Syntax);
    }
    caller.core.register(service, lease).await?;
    reply.ok();
    Ok(())
}

async fn deregister(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    let (name, instance, session) = (text(args.get(2))?, text(args.get(3))?, caller.core.session());
    let state = caller.core.directory.state();
    let had = state
        .registry()
        .services(Some(&name))
        .any(|service| service.instance == instance && service.session == session);
    // Also when the cluster does not know of it at the moment: it would be announced again.
    caller.core.deregister(name, instance).await?;
    reply.integer(i64::from(had));
    Ok(())
}

fn list(caller: &Caller, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    let name = if args.len() == 3 { Some(text(args.get(2))?) } else { None };
    let state = caller.core.directory.state();
    let services: Vec<&Service> = state.registry().services(name.as_deref()).collect();
    reply.array(services.len());
    for service in services {
        let node = service.session.node.to_string();
        let address = service.address.map(|address| address.to_string()).unwrap_or_default();
        let fields = [
            ("name", service.name.as_str()),
            ("instance", &service.instance),
            ("address", &address),
            ("health", service.health.word()),
            ("node", &node),
        ];
        reply.map(fields.len() + 2);
        for (field, value) in fields {
            reply.bulk(field.as_bytes());
            reply.bulk(value.as_bytes());
        }
        reply.bulk(b"incarnation");
        reply.integer(i64::try_from(service.session.incarnation.0).unwrap_or(i64::MAX));
        reply.bulk(b"metadata");
        reply.map(service.metadata.len());
        for (key, value) in &service.metadata {
            reply.bulk(key.as_bytes());
            reply.bulk(value.as_bytes());
        }
    }
    Ok(())
}
