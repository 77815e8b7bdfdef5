//! Randomness that nobody can foresee: ids, keys, nonces, seeds.

use ring::rand::{SecureRandom, SystemRandom};

/// As many random bytes, from the system's generator.
///
/// # Panics
/// The system has none to give, and nothing that needs some may go on.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// A random number.
#[must_use]
pub fn number() -> u64 {
    u64::from_le_bytes(bytes())
}
