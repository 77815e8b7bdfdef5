//! How a member gets a secret from another one, over a channel that others may listen to, now or years later.
//!
//! ```text
//!   member without it                              member with it
//!     │ ── id wanted, own public, ids that it has ──▶ │  a secret in common: the proof that the other may ask
//!     │ ◀── id in common, own public, sealed secret ──│
//!
//!   key = HKDF-SHA256(salt: the secret in common, X25519(own private, other's public)), for this one message
//! ```
//!
//! Both public keys are drawn for this exchange alone and are part of what is sealed. So a secret in use that becomes
//! known later, or that has become known (the very reason to exchange it), does not open what was recorded. Whoever
//! knows it may take a member's place in the exchange, as he may do otherwise; nothing helps against that but TLS on
//! links.
//!
//! Sources: RFC 7748 (X25519), RFC 5869 (HKDF), RFC 8439 (ChaCha20-Poly1305).

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::SystemRandom;

use super::{Secret, Secrets};
use crate::gossip::KeyId;

/// Bytes of a public key.
pub const PUBLIC_BYTES: usize = 32;

const ID_BYTES: usize = 4;
const INFO: &[u8] = b"mycorrhizal secret handover";

/// Why a secret was not handed over. Worth another attempt, or another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandoverError {
    /// The member that was asked does not have it.
    #[error("this member does not have key {id} either")]
    PeerWithout {
        /// The key that was wanted.
        id: KeyId,
    },
    /// The two have no secret in common.
    #[error("the members have no key in common")]
    PeerStranger,
    /// What came does not open, or is another secret.
    #[error("what came is not the key that was wanted")]
    PeerWrong,
}

/// A secret that was asked for and has not come yet.
pub struct Wanted {
    id: KeyId,
    private: EphemeralPrivateKey,
    public: [u8; PUBLIC_BYTES],
}

impl Wanted {
    /// Asks for the secret called `id`.
    ///
    /// # Panics
    /// The system has no randomness to give.
    #[must_use]
    pub fn new(id: KeyId) -> Self {
        let (private, public) = pair();
        Self { id, private, public }
    }

    /// What the other member has to be told beside the id.
    #[must_use]
    pub fn public(&self) -> &[u8; PUBLIC_BYTES] {
        &self.public
    }

    /// The secret, from what the other member has answered.
    ///
    /// # Errors
    /// It is not there.
    pub fn open(self, secrets: &Secrets, answer: &[u8]) -> Result<Secret, HandoverError> {
        let (common, rest) = answer.split_first_chunk::<ID_BYTES>().ok_or(HandoverError::PeerWrong)?;
        let (theirs, sealed) = rest.split_first_chunk::<PUBLIC_BYTES>().ok_or(HandoverError::PeerWrong)?;
        let common = secrets.find(KeyId(*common)).ok_or(HandoverError::PeerStranger)?;
        let key = agree(self.private, theirs, common).ok_or(HandoverError::PeerWrong)?;
        let mut sealed = sealed.to_vec();
        let aad = associated(self.id, &self.public, theirs);
        let opened = key.open_in_place(nonce(), Aad::from(aad), &mut sealed);
        let secret = opened.ok().and_then(|text| Secret::new(text).ok());
        sealed.fill(0);
        std::hint::black_box(&mut sealed);
        secret.filter(|secret| secret.id() == self.id).ok_or(HandoverError::PeerWrong)
    }
}

/// Answers a member that wants secret `id`, has these secrets, and told its public key.
///
/// # Errors
/// This member has no such secret, or none in common with the other.
pub fn hand_over(
    secrets: &Secrets,
    id: KeyId,
    theirs: &[u8; PUBLIC_BYTES],
    known: &[KeyId],
) -> Result<Vec<u8>, HandoverError> {
    let wanted = secrets.find(id).ok_or(HandoverError::PeerWithout { id })?;
    let common = known.iter().find_map(|id| secrets.find(*id)).ok_or(HandoverError::PeerStranger)?;
    let (private, public) = pair();
    let key = agree(private, theirs, common).ok_or(HandoverError::PeerStranger)?;
    let mut sealed = wanted.reveal().to_vec();
    let aad = associated(id, theirs, &public);
    key.seal_in_place_append_tag(nonce(), Aad::from(aad), &mut sealed).expect("a secret is short");
    Ok([&common.id().0[..], &public, &sealed].concat())
}

fn pair() -> (EphemeralPrivateKey, [u8; PUBLIC_BYTES]) {
    let private = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new());
    let private = private.expect("the system gives random bytes");
    let public = private.compute_public_key().expect("every private key has its public one");
    let public = public.as_ref().try_into().expect("a public key of X25519 has 32 bytes");
    (private, public)
}

/// The key for one message; none if the other's public key is no good one.
fn agree(private: EphemeralPrivateKey, theirs: &[u8], common: &Secret) -> Option<LessSafeKey> {
    let theirs = UnparsedPublicKey::new(&X25519, theirs);
    agree_ephemeral(private, &theirs, |shared| {
        let extracted = Salt::new(HKDF_SHA256, common.reveal()).extract(shared);
        let expanded = extracted.expand(&[INFO], &CHACHA20_POLY1305).expect("a key's worth of bytes");
        LessSafeKey::new(UnboundKey::from(expanded))
    })
    .ok()
}

/// A key seals one message only.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// What both sides have seen of the exchange: the id, and the public keys of who asks and who answers.
fn associated(id: KeyId, asking: &[u8; PUBLIC_BYTES], answering: &[u8; PUBLIC_BYTES]) -> Vec<u8> {
    [&id.0[..], asking, answering].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(texts: &[&str]) -> Secrets {
        Secrets::parse(texts.join("\n").as_bytes()).expect("good secrets")
    }

    fn exchange(
        asking: &Secrets,
        answering: &Secrets,
        id: KeyId,
        change: impl Fn(&mut Vec<u8>),
    ) -> Result<Secret, HandoverError> {
        let wanted = Wanted::new(id);
        let known: Vec<KeyId> = asking.ids().collect();
        let mut answer = hand_over(answering, id, wanted.public(), &known)?;
        change(&mut answer);
        assert!(!answer.windows(10).any(|bytes| bytes == b"new secret"), "in the clear");
        wanted.open(asking, &answer)
    }

    const OLD: &str = "an old secret that both have";
    const NEW: &str = "a new secret that one has yet";

    #[test]
    fn a_secret_goes_from_one_member_to_another() {
        let (asking, answering) = (secrets(&[OLD]), secrets(&[NEW, OLD]));
        let new = answering.used();
        assert_eq!(exchange(&asking, &answering, new, |_| {}).map(|secret| secret.id()), Ok(new));
    }

    #[test]
    fn strangers_get_nothing() {
        let (stranger, answering) = (secrets(&["a secret of another cluster"]), secrets(&[NEW, OLD]));
        let new = answering.used();
        assert_eq!(exchange(&stranger, &answering, new, |_| {}), Err(HandoverError::PeerStranger));
        let unknown = stranger.used();
        let without = HandoverError::PeerWithout { id: unknown };
        assert_eq!(exchange(&secrets(&[OLD]), &answering, unknown, |_| {}), Err(without));
    }

    #[test]
    fn an_answer_that_was_altered_or_cut_is_none() {
        let (asking, answering) = (secrets(&[OLD]), secrets(&[NEW, OLD]));
        let new = answering.used();
        for at in [4, 20, 40, 60] {
            let altered = exchange(&asking, &answering, new, |answer| answer[at] ^= 1);
            assert_eq!(altered, Err(HandoverError::PeerWrong), "byte {at}");
        }
        for length in [0, 3, 35, 36, 50] {
            let cut = exchange(&asking, &answering, new, |answer| answer.truncate(length));
            assert_eq!(cut, Err(HandoverError::PeerWrong), "{length} bytes");
        }
    }
}
