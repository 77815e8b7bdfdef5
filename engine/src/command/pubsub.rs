//! Publish/subscribe: SUBSCRIBE and its kin, PUBLISH, SPUBLISH, and PUBSUB.
//!
//! All nodes of a cluster are one bus: whoever publishes anywhere reaches whoever has subscribed anywhere, and a
//! subscription is confirmed when that holds. A core's own port has the shard channels of its slots only, as a node of a
//! Redis Cluster has; the plain port has them all.
//!
//! Behaviour and error texts are those of Redis 7.

mod report;

use mycorrhizal_net::resp::Args;

use super::keys::Access;
use super::{Command, Flags, Group, KeySpec, NodeFuture, Run};
use crate::cytoplasm::Kind;
use crate::node::Caller;

/// What a row of this group starts from.
const ROW: Command = Command { group: Group::Pubsub, since: "2.0.0", ..Command::ROW };

const SUBSCRIBE: Command = Command {
    arity: -2,
    flags: Flags::PUBSUB.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE),
    ..ROW
};

const UNSUBSCRIBE: Command = Command { arity: -1, ..SUBSCRIBE };

const PUBLISH: Command = Command {
    arity: 3,
    flags: Flags::PUBSUB.with(Flags::LOADING).with(Flags::STALE).with(Flags::FAST),
    ..ROW
};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "psubscribe",
        summary: "Gets the messages of all channels that match patterns.",
        syntax: "pattern [pattern ...]",
        complexity: "O(N) where N is the number of patterns",
        run: Run::Node(|caller, args, _| subscribe(caller, Kind::Pattern, args)),
        ..SUBSCRIBE
    },
    Command {
        name: "publish",
        summary: "Sends a message to a channel.",
        syntax: "channel message",
        complexity: "O(N+M) where N is the number of subscribers of the channel and M the number of patterns",
        run: Run::Publish(Kind::Channel),
        ..PUBLISH
    },
    Command {
        name: "pubsub",
        summary: "Tells what is subscribed to.",
        since: "2.8.0",
        complexity: "Depends on subcommand.",
        arity: -2,
        subcommands: report::SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "punsubscribe",
        summary: "Gets the messages of channels that match patterns no longer.",
        syntax: "[pattern [pattern ...]]",
        complexity: "O(N) where N is the number of patterns",
        run: Run::Session(|caller, args, _| caller.unsubscribe(Kind::Pattern, args)),
        ..UNSUBSCRIBE
    },
    Command {
        name: "spublish",
        summary: "Sends a message to a shard channel.",
        syntax: "shardchannel message",
        since: "7.0.0",
        complexity: "O(N) where N is the number of subscribers of the shard channel",
        keys: &[KeySpec::one(Access::NOT_KEY)],
        run: Run::Publish(Kind::Shard),
        ..PUBLISH
    },
    Command {
        name: "ssubscribe",
        summary: "Gets the messages of shard channels.",
        syntax: "shardchannel [shardchannel ...]",
        since: "7.0.0",
        complexity: "O(N) where N is the number of shard channels",
        keys: &[KeySpec::rest(1, Access::NOT_KEY)],
        run: Run::Node(|caller, args, _| subscribe(caller, Kind::Shard, args)),
        ..SUBSCRIBE
    },
    Command {
        name: "subscribe",
        summary: "Gets the messages of channels.",
        syntax: "channel [channel ...]",
        complexity: "O(N) where N is the number of channels",
        run: Run::Node(|caller, args, _| subscribe(caller, Kind::Channel, args)),
        ..SUBSCRIBE
    },
    Command {
        name: "sunsubscribe",
        summary: "Gets the messages of shard channels no longer.",
        syntax: "[shardchannel [shardchannel ...]]",
        since: "7.0.0",
        complexity: "O(N) where N is the number of shard channels",
        keys: &[KeySpec::rest(1, Access::NOT_KEY)],
        run: Run::Session(|caller, args, _| caller.unsubscribe(Kind::Shard, args)),
        ..UNSUBSCRIBE
    },
    Command {
        name: "unsubscribe",
        summary: "Gets the messages of channels no longer.",
        syntax: "[channel [channel ...]]",
        complexity: "O(N) where N is the number of channels",
        run: Run::Session(|caller, args, _| caller.unsubscribe(Kind::Channel, args)),
        ..UNSUBSCRIBE
    },
];

/// The confirmations do not stand in the reply: they come whatever CLIENT REPLY says.
fn subscribe<'r>(caller: &'r Caller, kind: Kind, args: Args<'r>) -> NodeFuture<'r> {
    Box::pin(caller.subscribe(kind, args))
}
