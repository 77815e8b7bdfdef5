//! The flags and ACL categories of a command, as small sets.

macro_rules! bit_set {
    ($(#[$meta:meta])* $name:ident: $int:ty { $($(#[$doc:meta])* $constant:ident = $bit:literal, $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name($int);

        impl $name {
            /// The empty set.
            pub const NONE: Self = Self(0);
            $($(#[$doc])* pub const $constant: Self = Self(1 << $bit);)*

            /// Both sets together.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Whether all of `other` is in this set.
            #[must_use]
            pub const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// The names of the members, in the order of the command reference.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                [$((Self::$constant, $text)),*].into_iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, text)| text)
            }

            /// The member of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                [$((Self::$constant, $text)),*].into_iter().find(|(_, text)| text.eq_ignore_ascii_case(name)).map(|(bit, _)| bit)
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                self.with(other)
            }
        }
    };
}

bit_set! {
    /// What a command does and where it may run, as COMMAND INFO names it.
    Flags: u32 {
        /// May change data.
        WRITE = 0, "write";
        /// Reads data and changes none.
        READONLY = 1, "readonly";
        /// May need memory: refused once `maxmemory` is reached.
        DENYOOM = 2, "denyoom";
        /// An administrator's command.
        ADMIN = 3, "admin";
        /// Part of publish/subscribe.
        PUBSUB = 4, "pubsub";
        /// Not to be called by scripts.
        NOSCRIPT = 5, "noscript";
        /// May wait for others.
        BLOCKING = 6, "blocking";
        /// Allowed while data is being loaded.
        LOADING = 7, "loading";
        /// Allowed on a replica whose data is stale.
        STALE = 8, "stale";
        /// Left out of MONITOR.
        SKIP_MONITOR = 9, "skip_monitor";
        /// Left out of the slow log.
        SKIP_SLOWLOG = 10, "skip_slowlog";
        /// Constant or logarithmic time.
        FAST = 11, "fast";
        /// Allowed before AUTH.
        NO_AUTH = 12, "no_auth";
        /// Not inside MULTI.
        NO_MULTI = 13, "no_multi";
        /// Its keys depend on its arguments in a way that a client must ask for.
        MOVABLE_KEYS = 14, "movablekeys";
        /// Allowed while a script or another slow command is running.
        ALLOW_BUSY = 15, "allow_busy";
    }
}

bit_set! {
    /// The ACL categories of a command, beside those that its flags imply.
    Categories: u32 {
        /// Commands over keys of any type.
        KEYSPACE = 0, "keyspace";
        /// Reads data.
        READ = 1, "read";
        /// Changes data.
        WRITE = 2, "write";
        /// Sets.
        SET = 3, "set";
        /// Sorted sets.
        SORTED_SET = 4, "sortedset";
        /// Lists.
        LIST = 5, "list";
        /// Hashes.
        HASH = 6, "hash";
        /// Strings.
        STRING = 7, "string";
        /// Bitmaps.
        BITMAP = 8, "bitmap";
        /// HyperLogLogs.
        HYPERLOGLOG = 9, "hyperloglog";
        /// Geospatial indexes.
        GEO = 10, "geo";
        /// Streams.
        STREAM = 11, "stream";
        /// Publish/subscribe.
        PUBSUB = 12, "pubsub";
        /// Administration.
        ADMIN = 13, "admin";
        /// Constant or logarithmic time.
        FAST = 14, "fast";
        /// Not constant or logarithmic time.
        SLOW = 15, "slow";
        /// May wait for others.
        BLOCKING = 16, "blocking";
        /// Can hurt in the wrong hands.
        DANGEROUS = 17, "dangerous";
        /// About the connection itself.
        CONNECTION = 18, "connection";
        /// Transactions.
        TRANSACTION = 19, "transaction";
        /// Scripts.
        SCRIPTING = 20, "scripting";
    }
}
