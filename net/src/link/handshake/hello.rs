//! Who a side says it is.

use super::RANDOM_BYTES;
use super::packet::{self, Kind};
use super::secret::{KEYS_MAX, KeyId};
use crate::identity::{ClusterId, ID_BYTES, Incarnation, NodeId};
use ring::digest;
use std::fmt;

/// A cluster's name, hashed: equal for nodes that were given the same name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClusterTag([u8; TAG_BYTES]);

const TAG_BYTES: usize = 16;

impl ClusterTag {
    /// Of that name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"mycorrhizal cluster name\0");
        context.update(name.as_bytes());
        let hash = context.finish();
        Self(hash.as_ref().first_chunk().copied().expect("SHA-256 has 32 bytes"))
    }
}

impl fmt::Debug for ClusterTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// What a side wants of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is a member of the cluster, or wants to be.
    Member = 1,
    /// It holds no data and only asks.
    Client = 2,
}

/// Who a side says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The name of its cluster.
    pub cluster_tag: ClusterTag,
    /// Its cluster, if it is in one already.
    pub cluster: Option<ClusterId>,
    /// The node.
    pub node: NodeId,
    /// Which life of the node this is.
    pub incarnation: Incarnation,
    /// Drawn when the process started: tells a node that meets itself from a copy of it.
    pub process: u64,
    /// Which core of the node speaks.
    pub core: u16,
    /// How many the node has.
    pub cores: u16,
    /// What it wants.
    pub purpose: Purpose,
}

/// A hello with what goes with it: the body of the message.
///
/// ```text
///  0     16        17        18     20      22    42     62            70        78       110    111
/// │ tag │ purpose │ cluster? │ core │ cores │ id │ node │ incarnation │ process │ random │ keys │ 8 bytes each │
/// ```
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) hello: Hello,
    pub(super) random: [u8; RANDOM_BYTES],
    pub(super) keys: Vec<KeyId>,
}

impl Greeting {
    /// The whole message.
    pub(super) fn encode(&self) -> Vec<u8> {
        let hello = &self.hello;
        let mut body = Vec::with_capacity(256);
        body.extend_from_slice(&hello.cluster_tag.0);
        body.extend_from_slice(&[hello.purpose as u8, u8::from(hello.cluster.is_some())]);
        body.extend_from_slice(&hello.core.to_le_bytes());
        body.extend_from_slice(&hello.cores.to_le_bytes());
        body.extend_from_slice(&hello.cluster.unwrap_or_default().0);
        body.extend_from_slice(&hello.node.0);
        body.extend_from_slice(&hello.incarnation.0.to_le_bytes());
        body.extend_from_slice(&hello.process.to_le_bytes());
        body.extend_from_slice(&self.random);
        body.push(u8::try_from(self.keys.len()).expect("a secret has few keys"));
        self.keys.iter().for_each(|key| body.extend_from_slice(&key.0));
        let mut message = Vec::with_capacity(256);
        packet::encode(Kind::Hello, &body, &mut message);
        message
    }

    /// None: that is no hello.
    pub(super) fn decode(mut body: &[u8]) -> Option<Self> {
        let rest = &mut body;
        let cluster_tag = ClusterTag(take::<TAG_BYTES>(rest)?);
        let purpose = match take(rest)? {
            [1] => Purpose::Member,
            [2] => Purpose::Client,
            _ => return None,
        };
        let [has_cluster] = take(rest)?;
        let core = u16::from_le_bytes(take(rest)?);
        let cores = u16::from_le_bytes(take(rest)?);
        let cluster = ClusterId(take::<ID_BYTES>(rest)?);
        let cluster = match has_cluster {
            0 => None,
            1 => Some(cluster),
            _ => return None,
        };
        let node = NodeId(take(rest)?);
        let incarnation = Incarnation(u64::from_le_bytes(take(rest)?));
        let process = u64::from_le_bytes(take(rest)?);
        let random = take(rest)?;
        let [count] = take(rest)?;
        let count = Some(usize::from(count)).filter(|count| *count <= KEYS_MAX)?;
        let keys: Vec<KeyId> = (0..count).map(|_| take(rest).map(KeyId)).collect::<Option<_>>()?;
        let hello = Hello { cluster_tag, cluster, node, incarnation, process, core, cores, purpose };
        rest.is_empty().then_some(Self { hello, random, keys })
    }
}

fn take<const BYTES: usize>(rest: &mut &[u8]) -> Option<[u8; BYTES]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}
