//! The keys of a cluster, and what is proved with them. No key, nor anything that one could be guessed from sooner
//! than from a handshake itself, appears in what these types print.

use super::RANDOM_BYTES;
use ring::{digest, hmac};
use std::fmt;

/// The most keys that a side has at a time.
pub const KEYS_MAX: usize = 8;
/// The shortest key, in bytes.
const KEY_BYTES_MIN: usize = 16;

const KEY_LABEL: &[u8] = b"mycorrhizal link key";
const ID_LABEL: &[u8] = b"mycorrhizal link key id";
const TRANSCRIPT_LABEL: &[u8] = b"mycorrhizal link transcript";

/// Which key is meant. Follows from the key, and not the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyId(pub(super) [u8; 8]);

/// Why keys cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Too short to be secret.
    #[error("a cluster key has at least {KEY_BYTES_MIN} bytes")]
    ConfigKeyTooShort,
    /// More than can be told apart.
    #[error("there are more than {KEYS_MAX} cluster keys")]
    ConfigTooManyKeys,
}

/// The keys that this side accepts, the preferred one first. While a key is being exchanged for another there are
/// two or more.
#[derive(Clone)]
pub struct LinkSecret {
    keys: Vec<(KeyId, hmac::Key)>,
}

impl LinkSecret {
    /// From the cluster's keys. What links use is derived from them, so the same keys may serve elsewhere.
    ///
    /// # Errors
    ///
    /// A key is too short, or there are too many.
    pub fn new<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = K>) -> Result<Self, SecretError> {
        let keys: Vec<_> = keys.into_iter().map(|key| derive(key.as_ref())).collect::<Result<_, _>>()?;
        if keys.len() > KEYS_MAX {
            return Err(SecretError::ConfigTooManyKeys);
        }
        Ok(Self { keys })
    }

    /// No key: nothing is to be proved, and only a peer without keys is taken. For where TLS does it all.
    #[must_use]
    pub fn none() -> Self {
        Self { keys: Vec::new() }
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn ids(&self) -> Vec<KeyId> {
        self.keys.iter().map(|(id, _)| *id).collect()
    }

    /// What the two sides have to show, with the key that they have in common.
    pub(super) fn proofs(
        &self,
        common: Option<KeyId>,
        dialer: &[u8],
        acceptor: &[u8],
        binding: &[u8; RANDOM_BYTES],
    ) -> Proofs {
        let mut transcript = digest::Context::new(&digest::SHA256);
        // Each hello bears its length, so that nothing can be moved from one to the other.
        for part in [TRANSCRIPT_LABEL, dialer, acceptor, binding] {
            transcript.update(part);
        }
        let key = self.keys.iter().find(|(id, _)| Some(*id) == common).map(|(_, key)| key.clone());
        Proofs { key, transcript: transcript.finish() }
    }
}

fn derive(key: &[u8]) -> Result<(KeyId, hmac::Key), SecretError> {
    if key.len() < KEY_BYTES_MIN {
        return Err(SecretError::ConfigKeyTooShort);
    }
    let master = hmac::Key::new(hmac::HMAC_SHA256, key);
    let id = hmac::sign(&master, ID_LABEL);
    let id = KeyId(id.as_ref().first_chunk().copied().expect("SHA-256 has 32 bytes"));
    let derived = hmac::sign(&master, KEY_LABEL);
    Ok((id, hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())))
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LinkSecret({} keys)", self.keys.len())
    }
}

/// What the two sides have to show in one handshake; nothing, where there are no keys.
pub(super) struct Proofs {
    key: Option<hmac::Key>,
    transcript: digest::Digest,
}

/// Whose proof it is: one is never good for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Dialer,
    Acceptor,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Acceptor,
            Self::Acceptor => Self::Dialer,
        }
    }

    fn label(self) -> &'static [u8] {
        match self {
            Self::Dialer => b"mycorrhizal link dialer",
            Self::Acceptor => b"mycorrhizal link acceptor",
        }
    }
}

impl Proofs {
    /// What `side` shows.
    pub(super) fn of(&self, side: Side) -> Vec<u8> {
        let key = self.key.as_ref();
        key.map_or_else(Vec::new, |key| hmac::sign(key, &self.signed(side)).as_ref().to_vec())
    }

    /// Whether that is what `side` has to show. Takes as long whatever the proof is.
    pub(super) fn holds(&self, side: Side, proof: &[u8]) -> bool {
        match &self.key {
            None => proof.is_empty(),
            Some(key) => hmac::verify(key, &self.signed(side), proof).is_ok(),
        }
    }

    fn signed(&self, side: Side) -> Vec<u8> {
        [side.label(), self.transcript.as_ref()].concat()
    }
}

impl fmt::Debug for Proofs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Proofs").finish_non_exhaustive()
    }
}
