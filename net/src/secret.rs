//! The secrets of a cluster: texts that its members have in common, from which the keys of gossip and of links follow.
//!
//! A member has one secret, or more of them while one is being exchanged for another. The first is the one in use:
//! gossip is sealed with it, and links prefer it. All of them open gossip and are proof enough for a link. Each is
//! called by the [`KeyId`] of the gossip key that follows from it, which says nothing of the secret.
//!
//! ```text
//!   key file ──lines──▶ Secrets [used, others…] ─┬─▶ KeyRing     seals with the first, opens with any
//!                          ▲                     └─▶ LinkSecret  proves the first that both sides have
//!                          └── handover: another member gives one that it has
//! ```
//!
//! No text of a secret is ever printed, and it is wiped when it is dropped.
//!
//! Limits: [`SECRET_BYTES_MIN`](crate::gossip::SECRET_BYTES_MIN), [`KEYS_MAX`](crate::gossip::KEYS_MAX). Errors:
//! [`KeyError`], [`HandoverError`].

mod handover;

pub use self::handover::{HandoverError, PUBLIC_BYTES, Wanted, hand_over};

use std::fmt;

use crate::gossip::{KEYS_MAX, Key, KeyError, KeyId, KeyRing};
use crate::link::handshake::LinkSecret;
use crate::random;

/// Random bytes in a secret that is drawn here.
const DRAWN_BYTES: usize = 32;

/// One secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: Vec<u8>,
    id: KeyId,
}

impl Secret {
    /// The secret of this text; white space around it does not count.
    ///
    /// # Errors
    /// It is too short.
    pub fn new(text: &[u8]) -> Result<Self, KeyError> {
        let text = text.trim_ascii();
        Ok(Self { id: Key::derive(text)?.id(), text: text.to_vec() })
    }

    /// A secret that nobody can guess, as hex digits.
    #[must_use]
    pub fn draw() -> Self {
        let bytes: [u8; DRAWN_BYTES] = random::bytes();
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self::new(text.as_bytes()).expect("so many digits are enough")
    }

    /// What it is called.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The text itself. For the key file, and for nothing that is printed.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.text
    }

    fn key(&self) -> Key {
        Key::derive(&self.text).expect("it was long enough when it was made")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.text.fill(0);
        // Keeps the compiler from leaving the wiping out.
        std::hint::black_box(&mut self.text);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({})", self.id)
    }
}

/// The secrets that a member accepts, the one in use first; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    list: Vec<Secret>,
}

impl Secrets {
    /// From what a key file holds: one secret a line, the first in use, those below accepted as well. Empty lines do not
    /// count. A file that is no text is one secret as a whole.
    ///
    /// # Errors
    /// A secret is too short, or there are too many.
    pub fn parse(file: &[u8]) -> Result<Self, KeyError> {
        let whole = [file];
        let lines: Vec<&[u8]> = match std::str::from_utf8(file) {
            Ok(text) => {
                text.lines().map(str::as_bytes).filter(|line| !line.trim_ascii().is_empty()).collect()
            }
            Err(_) => whole.to_vec(),
        };
        let (first, others) = lines.split_first().ok_or(KeyError::ConfigTooShort { bytes: 0 })?;
        let mut secrets = Self { list: vec![Secret::new(first)?] };
        for line in others {
            secrets.install(Secret::new(line)?)?;
        }
        Ok(secrets)
    }

    /// The one in use.
    #[must_use]
    pub fn used(&self) -> KeyId {
        self.list[0].id
    }

    /// All of them, the one in use first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> + Clone {
        self.list.iter().map(Secret::id)
    }

    /// The secret of that name.
    #[must_use]
    pub fn find(&self, id: KeyId) -> Option<&Secret> {
        self.list.iter().find(|secret| secret.id == id)
    }

    /// Accepts a secret from now on. Once more changes nothing.
    ///
    /// # Errors
    /// There are too many, or another one has its id.
    pub fn install(&mut self, secret: Secret) -> Result<(), KeyError> {
        match self.find(secret.id) {
            Some(known) if *known == secret => Ok(()),
            Some(_) => Err(KeyError::ConfigIdTaken { id: secret.id }),
            None if self.list.len() >= KEYS_MAX => Err(KeyError::ConfigTooMany),
            None => {
                self.list.push(secret);
                Ok(())
            }
        }
    }

    /// Makes a secret the one in use.
    ///
    /// # Errors
    /// It is not there.
    pub fn use_secret(&mut self, id: KeyId) -> Result<(), KeyError> {
        let at = self.list.iter().position(|secret| secret.id == id);
        let at = at.ok_or(KeyError::ConfigUnknown { id })?;
        self.list.swap(0, at);
        Ok(())
    }

    /// Accepts a secret no more.
    ///
    /// # Errors
    /// It is the one in use, or not there.
    pub fn remove(&mut self, id: KeyId) -> Result<(), KeyError> {
        match self.list.iter().position(|secret| secret.id == id) {
            Some(0) => Err(KeyError::ConfigInUse { id }),
            Some(at) => {
                self.list.remove(at);
                Ok(())
            }
            None => Err(KeyError::ConfigUnknown { id }),
        }
    }

    /// The keys as gossip is sealed and opened by them.
    #[must_use]
    pub fn key_ring(&self) -> KeyRing {
        let mut ring = KeyRing::new(self.list[0].key());
        for secret in &self.list[1..] {
            ring.install(secret.key()).expect("a ring holds as many, and their ids differ");
        }
        ring
    }

    /// The keys as links prove them.
    #[must_use]
    pub fn link_secret(&self) -> LinkSecret {
        let keys = self.list.iter().map(|secret| &secret.text);
        LinkSecret::new(keys).expect("links take as many, and none is too short")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &[u8] = b"the old secret of the cluster";
    const NEW: &[u8] = b"the new secret of the cluster";

    fn secret(text: &[u8]) -> Secret {
        Secret::new(text).expect("long enough")
    }

    #[test]
    fn a_file_has_one_secret_a_line_and_the_first_is_in_use() {
        let file = [NEW, b"\r\n\n  ", OLD, b"  \n"].concat();
        let secrets = Secrets::parse(&file).expect("two secrets");
        assert_eq!(secrets.ids().collect::<Vec<_>>(), [secret(NEW).id(), secret(OLD).id()]);
        assert_eq!(secrets.used(), secret(NEW).id());
        assert_eq!(secrets.find(secret(OLD).id()).map(Secret::reveal), Some(OLD));
    }

    #[test]
    fn a_file_that_is_no_text_is_one_secret() {
        let file = [&[0xff, b'\n'][..], &[7; 30]].concat();
        assert_eq!(Secrets::parse(&file).expect("one secret").ids().count(), 1);
    }

    #[test]
    fn files_without_a_secret_in_every_line_are_refused() {
        assert_eq!(Secrets::parse(b"\n \n"), Err(KeyError::ConfigTooShort { bytes: 0 }));
        let file = [NEW, b"\nshort\n"].concat();
        assert_eq!(Secrets::parse(&file), Err(KeyError::ConfigTooShort { bytes: 5 }));
        let many: String = (0..9).map(|number| format!("secret number {number} of nine\n")).collect();
        assert_eq!(Secrets::parse(many.as_bytes()), Err(KeyError::ConfigTooMany));
    }

    #[test]
    fn the_secret_in_use_stays_until_another_one_is() {
        let mut secrets = Secrets::parse(OLD).expect("one secret");
        let (old, new) = (secret(OLD).id(), secret(NEW).id());
        assert_eq!(secrets.use_secret(new), Err(KeyError::ConfigUnknown { id: new }));
        secrets.install(secret(NEW)).expect("room");
        secrets.install(secret(NEW)).expect("installed already");
        assert_eq!(secrets.remove(old), Err(KeyError::ConfigInUse { id: old }));
        secrets.use_secret(new).expect("installed");
        assert_eq!(secrets.key_ring().list()[0].id, new);
        secrets.remove(old).expect("out of use");
        assert_eq!(secrets.remove(old), Err(KeyError::ConfigUnknown { id: old }));
        assert_eq!(secrets.key_ring().list().len(), 1);
    }

    #[test]
    fn nothing_that_is_printed_shows_a_secret() {
        let secrets = Secrets::parse(&[OLD, b"\n", NEW].concat()).expect("two secrets");
        let text = format!("{secrets:?} {:?} {:?}", secrets.key_ring(), secrets.link_secret());
        assert!(!text.contains("cluster"), "{text}");
    }

    #[test]
    fn drawn_secrets_differ() {
        assert_ne!(Secret::draw(), Secret::draw());
        assert_eq!(Secret::draw().reveal().len(), 2 * DRAWN_BYTES);
    }
}
