//! When two replies agree: byte for byte, unless a directive grants some freedom.

use crate::wire::{Received, Reply};

/// How the oracle's reply and ours are to agree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Agreement {
    /// Byte for byte.
    #[default]
    Exact,
    /// The same items in any order.
    Sorted,
    /// The same but for integers, which may differ by so much.
    Near(i64),
    /// The same kinds and counts.
    Shape,
    /// The same first byte.
    Kind,
    /// Ours is written down and is not the oracle's.
    Differs(String),
    /// Sent to us alone; the reply is written down.
    Ours(String),
    /// Both come to answer what is written down.
    Until,
}

impl Agreement {
    /// Whether our reply is written down.
    #[must_use]
    pub fn is_given(&self) -> bool {
        matches!(self, Agreement::Differs(_) | Agreement::Ours(_) | Agreement::Until)
    }

    /// Whether two replies agree; `expected` is ours as written down.
    #[must_use]
    pub fn holds(&self, theirs: &Received, ours: &Received, expected: &[u8]) -> bool {
        match self {
            Agreement::Exact => theirs.bytes == ours.bytes,
            Agreement::Sorted => sorted(&theirs.reply) == sorted(&ours.reply),
            Agreement::Near(distance) => is_near(&theirs.reply, &ours.reply, *distance),
            Agreement::Shape => has_shape(&theirs.reply, &ours.reply),
            Agreement::Kind => theirs.reply.kind == ours.reply.kind,
            Agreement::Differs(_) => ours.bytes == expected && theirs.bytes != expected,
            Agreement::Ours(_) | Agreement::Until => ours.bytes == expected,
        }
    }
}

fn sorted(reply: &Reply) -> (u8, Vec<Vec<Reply>>) {
    let together = if reply.kind == b'%' { 2 } else { 1 };
    let mut items: Vec<Vec<Reply>> = reply.items.chunks(together).map(<[Reply]>::to_vec).collect();
    items.sort();
    (reply.kind, items)
}

fn is_near(left: &Reply, right: &Reply, distance: i64) -> bool {
    let alike = if left.kind == b':' && right.kind == b':' {
        (left.as_integer() - right.as_integer()).abs() <= distance
    } else {
        left.text == right.text
    };
    alike && left.kind == right.kind && all_pairs(left, right, |left, right| is_near(left, right, distance))
}

fn has_shape(left: &Reply, right: &Reply) -> bool {
    left.kind == right.kind && left.is_null() == right.is_null() && all_pairs(left, right, has_shape)
}

fn all_pairs(left: &Reply, right: &Reply, holds: impl Fn(&Reply, &Reply) -> bool) -> bool {
    left.items.len() == right.items.len()
        && left.items.iter().zip(&right.items).all(|(left, right)| holds(left, right))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(bytes: &[u8]) -> Received {
        let (reply, _) = Reply::parse(bytes).unwrap().unwrap();
        Received { bytes: bytes.to_vec(), reply }
    }

    fn check(agreement: &Agreement, theirs: &[u8], ours: &[u8], expect: bool) {
        let held = agreement.holds(&received(theirs), &received(ours), b"+given\r\n");
        assert_eq!(held, expect, "{agreement:?}");
    }

    #[test]
    fn each_grants_what_it_says_and_no_more() {
        check(&Agreement::Exact, b":1\r\n", b":1\r\n", true);
        check(&Agreement::Exact, b":1\r\n", b":2\r\n", false);
        check(&Agreement::Sorted, b"*2\r\n+a\r\n+b\r\n", b"*2\r\n+b\r\n+a\r\n", true);
        check(
            &Agreement::Sorted,
            b"%2\r\n+a\r\n+1\r\n+b\r\n+2\r\n",
            b"%2\r\n+b\r\n+1\r\n+a\r\n+2\r\n",
            false,
        );
        check(&Agreement::Near(2), b"*2\r\n+a\r\n:5\r\n", b"*2\r\n+a\r\n:7\r\n", true);
        check(&Agreement::Near(2), b":5\r\n", b":8\r\n", false);
        check(&Agreement::Shape, b"*1\r\n:5\r\n", b"*1\r\n:9\r\n", true);
        check(&Agreement::Shape, b"*1\r\n:5\r\n", b"*1\r\n+9\r\n", false);
        check(&Agreement::Kind, b"-ERR a\r\n", b"-ERR b\r\n", true);
        check(&Agreement::Differs(String::new()), b"+x\r\n", b"+given\r\n", true);
        check(&Agreement::Differs(String::new()), b"+given\r\n", b"+given\r\n", false);
    }
}
