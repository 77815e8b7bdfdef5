//! Which keys the load asks for: the shape of access over the keyspace.
//!
//! Keys are numbers in `0..keyspace`. Under `zipf` number 0 is the most popular, number 1 the next, and so
//! on; under `hotspot` the hot set is the first FRACTION of the numbers. Hash slots scatter the
//! numbers, so popular keys do not crowd on one partition.

use std::fmt;
use std::str::FromStr;

use rand_distr::{Distribution as _, Zipf};

use crate::random::Random;

/// The shape of access, as `--dist` names it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KeyDistribution {
    /// Every key equally often.
    Uniform,
    /// The k-th key in proportion to 1 / k^theta.
    Zipf {
        /// The exponent, above 0.
        theta: f64,
    },
    /// One key after the other, around and around; the load threads share the round.
    Sequential,
    /// A hot set gets most of the accesses.
    Hotspot {
        /// The part of the keys that is hot, in 0..=1.
        fraction: f64,
        /// The part of the accesses that goes to it, in 0..=1.
        share: f64,
    },
}

impl KeyDistribution {
    /// The sampler of load thread `thread` out of `threads` over `keyspace` keys.
    pub fn sampler(self, keyspace: u64, thread: u64, threads: u64) -> KeySampler {
        match self {
            Self::Uniform => KeySampler::Uniform { keyspace },
            Self::Zipf { theta } => {
                let zipf = Zipf::new(keyspace as f64, theta).expect("theta and keyspace were checked");
                KeySampler::Zipf { zipf, keyspace }
            }
            Self::Sequential => KeySampler::Round { next: thread % keyspace, step: threads, keyspace },
            Self::Hotspot { fraction, share } => {
                let hot = hot_keys(keyspace, fraction);
                let share = if hot == keyspace { 1.0 } else { share };
                KeySampler::Hotspot { hot, cold: keyspace - hot, share }
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1..=keyspace")]
fn hot_keys(keyspace: u64, fraction: f64) -> u64 {
    ((keyspace as f64 * fraction).round() as u64).clamp(1, keyspace)
}

/// Draws key numbers; owned by one load thread. Every draw takes constant expected time.
#[derive(Clone, Debug)]
pub enum KeySampler {
    /// See [`KeyDistribution::Uniform`].
    Uniform {
        /// Number of keys.
        keyspace: u64,
    },
    /// See [`KeyDistribution::Zipf`]; rejection sampling, so neither tables nor sums over the keyspace.
    Zipf {
        /// Draws ranks from 1.
        zipf: Zipf<f64>,
        /// Number of keys.
        keyspace: u64,
    },
    /// Steps through the keyspace and wraps around.
    Round {
        /// The key that comes next.
        next: u64,
        /// How far to go from one to the next.
        step: u64,
        /// Number of keys.
        keyspace: u64,
    },
    /// See [`KeyDistribution::Hotspot`].
    Hotspot {
        /// Number of hot keys.
        hot: u64,
        /// Number of the others.
        cold: u64,
        /// The part of the accesses that goes to the hot ones.
        share: f64,
    },
}

impl KeySampler {
    /// The next key number.
    #[inline]
    pub fn draw(&mut self, random: &mut Random) -> u64 {
        match self {
            Self::Uniform { keyspace } => random.below(*keyspace),
            Self::Zipf { zipf, keyspace } => rank_to_key(zipf.sample(random.generator()), *keyspace),
            Self::Round { next, step, keyspace } => {
                let key = *next;
                *next = (key + *step) % *keyspace;
                key
            }
            Self::Hotspot { hot, cold, share } => {
                if random.unit() < *share {
                    random.below(*hot)
                } else {
                    *hot + random.below(*cold)
                }
            }
        }
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranks lie in 1..=keyspace")]
fn rank_to_key(rank: f64, keyspace: u64) -> u64 {
    (rank as u64 - 1).min(keyspace - 1)
}

impl FromStr for KeyDistribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let numbers = parts
            .map(|part| part.parse::<f64>().map_err(|_| format!("'{part}' is not a number")))
            .collect::<Result<Vec<f64>, String>>()?;
        match (name, numbers.as_slice()) {
            ("uniform", []) => Ok(Self::Uniform),
            ("sequential", []) => Ok(Self::Sequential),
            ("zipf", &[theta]) if theta > 0.0 && theta <= 20.0 => Ok(Self::Zipf { theta }),
            ("zipf", &[_]) => Err("the exponent of zipf must be above 0 and at most 20".into()),
            ("hotspot", []) => Ok(Self::Hotspot { fraction: 0.2, share: 0.8 }),
            ("hotspot", &[fraction, share])
                if (0.0..=1.0).contains(&fraction) && (0.0..=1.0).contains(&share) =>
            {
                Ok(Self::Hotspot { fraction, share })
            }
            ("hotspot", &[_, _]) => Err("FRACTION and SHARE of hotspot lie between 0 and 1".into()),
            _ => Err("expected uniform, zipf:THETA, sequential or hotspot[:FRACTION:SHARE]".into()),
        }
    }
}

impl fmt::Display for KeyDistribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf { theta } => write!(f, "zipf:{theta}"),
            Self::Sequential => f.write_str("sequential"),
            Self::Hotspot { fraction, share } => write!(f, "hotspot:{fraction}:{share}"),
        }
    }
}

#[cfg(test)]
mod tests;
