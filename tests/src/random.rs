//! A small seeded generator (SplitMix64), so that a failing run can be repeated from its seed alone.

/// Pseudo-random numbers; equal seeds give equal sequences.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator of its own.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not zero. The bias is of no matter here.
    pub fn below(&mut self, end: usize) -> usize {
        let drawn = self.bits() % end as u64;
        usize::try_from(drawn).expect("a remainder of a usize fits a usize")
    }

    /// One of them.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
