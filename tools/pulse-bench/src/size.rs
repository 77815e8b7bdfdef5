//! How large the values are.

use std::fmt;
use std::str::FromStr;

use rand_distr::{Distribution as _, LogNormal};

use crate::random::Random;

/// Largest value, in bytes: what a RESP bulk string may hold.
pub const VALUE_BYTES_MAX: usize = 512 << 20;

/// The sizes of values, as `--value-size` names them; all in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueSize {
    /// Always the same.
    Fixed(usize),
    /// Every size from the first to the second equally often.
    Range(usize, usize),
    /// Log-normal; cut at a hundred times the mean.
    LogNormal {
        /// Mean of the sizes.
        mean: f64,
        /// Standard deviation of the logarithm of the sizes.
        sigma: f64,
    },
}

impl ValueSize {
    /// The largest size that is ever drawn.
    pub fn max(self) -> usize {
        match self {
            Self::Fixed(bytes) | Self::Range(_, bytes) => bytes,
            Self::LogNormal { mean, .. } => to_bytes(mean * 100.0),
        }
    }

    /// The sampler of one load thread.
    pub fn sampler(self) -> SizeSampler {
        match self {
            Self::Fixed(bytes) => SizeSampler::Fixed(bytes),
            Self::Range(min, max) => SizeSampler::Range { min, span: (max - min) as u64 + 1 },
            Self::LogNormal { mean, sigma } => {
                let mu = mean.ln() - sigma * sigma / 2.0;
                let shape = LogNormal::new(mu, sigma).expect("mean and sigma were checked");
                SizeSampler::LogNormal { shape, max: self.max() }
            }
        }
    }
}

/// Draws sizes; owned by one load thread.
#[derive(Clone, Copy, Debug)]
pub enum SizeSampler {
    /// Always the same.
    Fixed(usize),
    /// From `min`, `span` different sizes.
    Range {
        /// The smallest.
        min: usize,
        /// How many there are.
        span: u64,
    },
    /// Log-normal.
    LogNormal {
        /// Draws the size.
        shape: LogNormal<f64>,
        /// Where it is cut.
        max: usize,
    },
}

impl SizeSampler {
    /// The next size, in bytes.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a draw below span, which came from usize")]
    pub fn draw(&self, random: &mut Random) -> usize {
        match self {
            Self::Fixed(bytes) => *bytes,
            Self::Range { min, span } => min + random.below(*span) as usize,
            Self::LogNormal { shape, max } => to_bytes(shape.sample(random.generator())).clamp(1, *max),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float to int casts saturate")]
fn to_bytes(bytes: f64) -> usize {
    (bytes.round() as usize).min(VALUE_BYTES_MAX)
}

/// Reads `64`, `4k` or `1m` as bytes.
fn parse_bytes(text: &str) -> Result<usize, String> {
    let lower = text.to_ascii_lowercase();
    let (digits, unit) = match lower.as_bytes().last() {
        Some(b'k') => (&lower[..lower.len() - 1], 1 << 10),
        Some(b'm') => (&lower[..lower.len() - 1], 1 << 20),
        _ => (lower.as_str(), 1),
    };
    let number = digits.parse::<usize>().map_err(|_| format!("'{text}' is not a size"))?;
    match number.checked_mul(unit) {
        Some(bytes) if bytes <= VALUE_BYTES_MAX => Ok(bytes),
        _ => Err(format!("'{text}' is more than the {VALUE_BYTES_MAX} bytes that a value may have")),
    }
}

impl FromStr for ValueSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(numbers) = text.strip_prefix("lognormal:") {
            let (mean, sigma) = numbers.split_once(':').ok_or("expected lognormal:MEAN:SIGMA")?;
            let mean = parse_bytes(mean)?;
            let sigma = sigma.parse::<f64>().map_err(|_| format!("'{sigma}' is not a number"))?;
            if mean == 0 || !(0.0..=10.0).contains(&sigma) {
                return Err("lognormal wants a MEAN above 0 and a SIGMA between 0 and 10".into());
            }
            return Ok(Self::LogNormal { mean: mean as f64, sigma });
        }
        let Some((min, max)) = text.split_once('-') else {
            return parse_bytes(text).map(Self::Fixed);
        };
        let (min, max) = (parse_bytes(min)?, parse_bytes(max)?);
        if min > max {
            return Err(format!("the range {min}-{max} is upside down"));
        }
        Ok(if min == max { Self::Fixed(min) } else { Self::Range(min, max) })
    }
}

impl fmt::Display for ValueSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(bytes) => write!(f, "{bytes}"),
            Self::Range(min, max) => write!(f, "{min}-{max}"),
            Self::LogNormal { mean, sigma } => write!(f, "lognormal:{mean}:{sigma}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ValueSize;
    use crate::random::Random;

    fn parse(text: &str) -> Result<ValueSize, String> {
        text.parse()
    }

    #[test]
    fn sizes_parse() {
        assert_eq!(parse("64"), Ok(ValueSize::Fixed(64)));
        assert_eq!(parse("0"), Ok(ValueSize::Fixed(0)));
        assert_eq!(parse("4k"), Ok(ValueSize::Fixed(4096)));
        assert_eq!(parse("10-1M"), Ok(ValueSize::Range(10, 1 << 20)));
        assert_eq!(parse("7-7"), Ok(ValueSize::Fixed(7)));
        assert_eq!(parse("lognormal:512:0.5"), Ok(ValueSize::LogNormal { mean: 512.0, sigma: 0.5 }));
        for text in
            ["", "x", "-1", "9-3", "k", "600m", "lognormal:1", "lognormal:0:1", "lognormal:5:-1", "1-2-3"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_is_even_and_closed() {
        let sampler = ValueSize::Range(10, 13).sampler();
        let mut random = Random::new(3, 0);
        let mut seen = [0_u32; 4];
        for _ in 0..40_000 {
            seen[sampler.draw(&mut random) - 10] += 1;
        }
        assert!(seen.iter().all(|&count| (9_500..10_500).contains(&count)), "{seen:?}");
    }

    #[test]
    fn lognormal_keeps_its_mean_and_its_cut() {
        let size = ValueSize::LogNormal { mean: 1_000.0, sigma: 1.0 };
        let sampler = size.sampler();
        let mut random = Random::new(3, 0);
        let draws = (0..400_000).map(|_| sampler.draw(&mut random)).collect::<Vec<usize>>();
        let mean = draws.iter().sum::<usize>() as f64 / draws.len() as f64;
        assert!((970.0..1_030.0).contains(&mean), "{mean}");
        let median = draws.iter().filter(|&&bytes| bytes <= 607).count() as f64 / draws.len() as f64;
        assert!((0.49..0.51).contains(&median), "the median is mean / sqrt(e): {median}");
        assert!(draws.iter().all(|&bytes| (1..=size.max()).contains(&bytes)));
    }
}
