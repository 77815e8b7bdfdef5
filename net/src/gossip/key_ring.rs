//! The keys that seal and open datagrams: one in use, and those that are on their way in or out.
//!
//! A key is replaced in three steps, each finished on every node before the next begins, so that at any moment
//! everyone holds what anyone seals with:
//!
//! ```text
//!              node A            node B
//!  install     [a], b            [a], b        [x]: seals with it. Opens with any.
//!  use          a, [b]           [a], b
//!  use          a, [b]            a, [b]
//!  remove         [b]               [b]
//! ```
//!
//! Key material is never printed, and is wiped when a key is dropped.

use ::ring::{digest, hkdf};
use std::fmt;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// The shortest secret that a key is derived from, in bytes. It has to be random: nothing slows a guess down.
pub const SECRET_BYTES_MIN: usize = 16;
/// Keys that a ring holds at most.
pub const KEYS_MAX: usize = 8;

/// Says what a secret is used for here, so that the same secret gives other keys elsewhere.
const DERIVE_SALT: &[u8] = b"mycorrhizal cluster key";
const DERIVE_INFO: &[u8] = b"gossip datagrams, xchacha20-poly1305";
const ID_CONTEXT: &[u8] = b"mycorrhizal gossip key id";

/// What is wrong with a key, or with what is asked of a ring. Nothing has changed. For the operator to set right.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// The secret is shorter than [`SECRET_BYTES_MIN`].
    #[error("a cluster key has at least {SECRET_BYTES_MIN} bytes, and this one has {bytes}")]
    ConfigTooShort {
        /// Its length without white space around it.
        bytes: usize,
    },
    /// No such key is installed.
    #[error("no key {id} is installed")]
    ConfigUnknown {
        /// The key that was named.
        id: KeyId,
    },
    /// The key in use cannot be removed.
    #[error("key {id} is in use: use another one first")]
    ConfigInUse {
        /// The key that was named.
        id: KeyId,
    },
    /// Another key with this id is installed.
    #[error("another key with the id {id} is installed: draw a new one")]
    ConfigIdTaken {
        /// The id that both have.
        id: KeyId,
    },
    /// There are [`KEYS_MAX`] keys already.
    #[error("{KEYS_MAX} keys are installed: remove one first")]
    ConfigTooMany,
}

/// What a key is called in datagrams and by operators. Tells nothing of the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    /// From its eight hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| u32::from_str_radix(text, 16).ok()).flatten().map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// One key. Copies live where rings do: on each core.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    material: [u8; KEY_BYTES],
    id: KeyId,
}

impl Key {
    /// A key of these bytes, which are drawn at random.
    pub fn new(material: [u8; KEY_BYTES]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(ID_CONTEXT);
        context.update(&material);
        let hash = context.finish();
        let id = hash.as_ref().first_chunk().copied().expect("a hash is longer than an id");
        Self { material, id: KeyId(id) }
    }

    /// The key of a cluster's secret, such as the text of a key file. White space around it does not count.
    ///
    /// # Errors
    ///
    /// It is shorter than [`SECRET_BYTES_MIN`].
    pub fn derive(secret: &[u8]) -> Result<Self, KeyError> {
        let secret = secret.trim_ascii();
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError::ConfigTooShort { bytes: secret.len() });
        }
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, DERIVE_SALT).extract(secret);
        let mut material = [0; KEY_BYTES];
        extracted
            .expand(&[DERIVE_INFO], hkdf::HKDF_SHA256)
            .and_then(|expanded| expanded.fill(&mut material))
            .expect("a hash's worth of bytes can be had");
        Ok(Self::new(material))
    }

    /// What it is called.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn material(&self) -> &[u8; KEY_BYTES] {
        &self.material
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.material.fill(0);
        // Keeps the compiler from leaving the wiping out.
        std::hint::black_box(&mut self.material);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({})", self.id)
    }
}

/// A key of a ring, as an operator sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyEntry {
    /// The key.
    pub id: KeyId,
    /// Whether datagrams are sealed with it.
    pub in_use: bool,
}

/// The keys of a node. Each core holds a copy.
#[derive(Clone, Debug)]
pub struct KeyRing {
    used: Key,
    others: Vec<Key>,
}

impl KeyRing {
    /// A ring with one key, which is in use.
    pub fn new(key: Key) -> Self {
        Self { used: key, others: Vec::new() }
    }

    /// Opens datagrams with `key` from now on. Installing it again changes nothing.
    ///
    /// # Errors
    ///
    /// There are too many keys, or another one has the same id.
    pub fn install(&mut self, key: Key) -> Result<KeyId, KeyError> {
        let id = key.id;
        match self.find(id) {
            Some(known) if *known == key => Ok(id),
            Some(_) => Err(KeyError::ConfigIdTaken { id }),
            None if self.others.len() + 1 >= KEYS_MAX => Err(KeyError::ConfigTooMany),
            None => {
                self.others.push(key);
                Ok(id)
            }
        }
    }

    /// Seals datagrams with key `id` from now on.
    ///
    /// # Errors
    ///
    /// It is not installed.
    pub fn use_key(&mut self, id: KeyId) -> Result<(), KeyError> {
        if self.used.id == id {
            return Ok(());
        }
        let other = self.others.iter_mut().find(|key| key.id == id);
        std::mem::swap(&mut self.used, other.ok_or(KeyError::ConfigUnknown { id })?);
        Ok(())
    }

    /// Forgets key `id`: datagrams sealed with it open no more.
    ///
    /// # Errors
    ///
    /// It is in use, or not installed.
    pub fn remove(&mut self, id: KeyId) -> Result<(), KeyError> {
        if self.used.id == id {
            return Err(KeyError::ConfigInUse { id });
        }
        let at = self.others.iter().position(|key| key.id == id).ok_or(KeyError::ConfigUnknown { id })?;
        self.others.remove(at);
        Ok(())
    }

    /// All keys, the one in use first, the others in the order of their ids.
    pub fn list(&self) -> Vec<KeyEntry> {
        let mut others: Vec<KeyId> = self.others.iter().map(Key::id).collect();
        others.sort_unstable();
        let others = others.into_iter().map(|id| KeyEntry { id, in_use: false });
        std::iter::once(KeyEntry { id: self.used.id, in_use: true }).chain(others).collect()
    }

    /// What the key that seals is called.
    pub fn used_id(&self) -> KeyId {
        self.used.id
    }

    /// The key that seals.
    pub(super) fn used(&self) -> &Key {
        &self.used
    }

    /// The key called `id`, if it is installed.
    pub(super) fn find(&self, id: KeyId) -> Option<&Key> {
        std::iter::once(&self.used).chain(&self.others).find(|key| key.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::new([byte; KEY_BYTES])
    }

    #[test]
    fn a_secret_gives_one_key_whatever_white_space_is_around_it() {
        let key = Key::derive(b"correct horse battery staple").expect("long enough");
        assert_eq!(Key::derive(b"  correct horse battery staple\r\n").expect("long enough"), key);
        assert_ne!(Key::derive(b"correct horse battery Staple").expect("long enough"), key);
        assert_eq!(key.id().to_string(), "269659aa");
        assert_eq!(KeyId::parse("269659aa"), Some(key.id()));
        assert_eq!((KeyId::parse("+69659aa"), KeyId::parse("269659a")), (None, None));
        assert_eq!(Key::derive(b" \n"), Err(KeyError::ConfigTooShort { bytes: 0 }));
        assert_eq!(Key::derive(b"fifteen  bytes.\n"), Err(KeyError::ConfigTooShort { bytes: 15 }));
    }

    #[test]
    fn nothing_that_is_printed_shows_a_key() {
        let mut ring = KeyRing::new(key(0xA5));
        ring.install(key(0x5A)).expect("room");
        let text = format!("{ring:?} {:?} {:?}", ring.list(), ring.used());
        for trace in ["a5", "A5", "165", "5a5a", "90, 90"] {
            assert!(!text.contains(trace), "{text}");
        }
    }

    #[test]
    fn the_key_in_use_stays_until_another_one_is() {
        let mut ring = KeyRing::new(key(1));
        let first = key(1).id();
        let second = ring.install(key(2)).expect("room");
        assert_eq!(ring.install(key(2)), Ok(second), "installed already");
        assert_eq!(ring.remove(first), Err(KeyError::ConfigInUse { id: first }));
        ring.use_key(second).expect("installed");
        ring.use_key(second).expect("in use already");
        let entry = |id, in_use| KeyEntry { id, in_use };
        assert_eq!(ring.list(), [entry(second, true), entry(first, false)]);
        ring.remove(first).expect("out of use");
        assert_eq!(ring.remove(first), Err(KeyError::ConfigUnknown { id: first }));
        assert_eq!(ring.use_key(first), Err(KeyError::ConfigUnknown { id: first }));
        assert_eq!(ring.list(), [entry(second, true)]);
    }

    #[test]
    fn a_ring_holds_so_many_and_no_two_of_one_id() {
        let mut ring = KeyRing::new(key(0));
        let mut twin = key(9);
        twin.id = key(0).id();
        assert_eq!(ring.install(twin), Err(KeyError::ConfigIdTaken { id: key(0).id() }));
        for byte in 1..8 {
            ring.install(key(byte)).expect("room");
        }
        assert_eq!(ring.install(key(8)), Err(KeyError::ConfigTooMany));
        ring.install(key(7)).expect("installed already");
        assert_eq!(ring.list().len(), KEYS_MAX);
    }
}
