//! Command tips: what a client that speaks to several nodes should know before it sends a command and merges replies.
//!
//! Source: "Command tips" of the Redis documentation.

/// One tip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tip {
    /// The same state may answer differently.
    AnyOutput,
    /// The same state may answer in another order.
    AnyOrder,
    /// To be sent to every node.
    AllNodes,
    /// To be sent to every primary.
    AllShards,
    /// To be cut up by the owners of its keys.
    MultiShard,
    /// To be sent in a way of its own.
    SpecialRequest,
    /// Succeeds when it did so everywhere.
    AllSucceeded,
    /// Replies are added up.
    Sum,
    /// The lowest reply counts.
    Minimum,
    /// Replies are merged in a way of their own, or not at all.
    SpecialReply,
}

impl Tip {
    /// Its name in COMMAND INFO.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnyOutput => "nondeterministic_output",
            Self::AnyOrder => "nondeterministic_output_order",
            Self::AllNodes => "request_policy:all_nodes",
            Self::AllShards => "request_policy:all_shards",
            Self::MultiShard => "request_policy:multi_shard",
            Self::SpecialRequest => "request_policy:special",
            Self::AllSucceeded => "response_policy:all_succeeded",
            Self::Sum => "response_policy:agg_sum",
            Self::Minimum => "response_policy:agg_min",
            Self::SpecialReply => "response_policy:special",
        }
    }
}
