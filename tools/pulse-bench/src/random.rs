//! Seeded random numbers for the load threads.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A fast generator, one per load thread. The same seed and stream give the same numbers on every machine.
#[derive(Clone, Debug)]
pub struct Random {
    generator: Xoshiro256PlusPlus,
}

impl Random {
    /// The generator number `stream` of a run seeded with `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mixed = seed ^ stream.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { generator: Xoshiro256PlusPlus::seed_from_u64(mixed) }
    }

    /// A number in `0..bound`, or 0 if the bound is 0. The bias is at most `bound` / 2^64.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.generator.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `0.0..1.0`.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.generator.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The generator itself, for samplers of other crates.
    #[inline]
    pub fn generator(&mut self) -> &mut Xoshiro256PlusPlus {
        &mut self.generator
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn seeds_and_streams_decide_the_numbers() {
        let draw = |seed, stream| {
            let mut random = Random::new(seed, stream);
            std::array::from_fn::<u64, 8, _>(|_| random.below(1_000_000))
        };
        assert_eq!(draw(1, 0), draw(1, 0));
        assert_ne!(draw(1, 0), draw(1, 1));
        assert_ne!(draw(1, 0), draw(2, 0));
    }

    #[test]
    fn bounds_hold() {
        let mut random = Random::new(7, 0);
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
        for _ in 0..10_000 {
            assert!(random.below(3) < 3);
            assert!((0.0..1.0).contains(&random.unit()));
        }
    }
}
