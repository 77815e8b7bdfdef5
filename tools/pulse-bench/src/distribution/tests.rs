use super::KeyDistribution;
use crate::random::Random;

fn counts(distribution: &str, keyspace: u64, draws: u64) -> Vec<u64> {
    let mut sampler = distribution.parse::<KeyDistribution>().unwrap().sampler(keyspace, 0, 1);
    let mut random = Random::new(42, 0);
    let mut counts = vec![0; usize::try_from(keyspace).unwrap()];
    for _ in 0..draws {
        counts[usize::try_from(sampler.draw(&mut random)).unwrap()] += 1;
    }
    counts
}

/// Chi-square per degree of freedom of what was drawn against the exact probabilities; near 1 if they agree.
fn chi_square(counts: &[u64], probabilities: &[f64]) -> f64 {
    let draws = counts.iter().sum::<u64>() as f64;
    let terms = counts.iter().zip(probabilities).map(|(&seen, probability)| {
        let expected = draws * probability;
        (seen as f64 - expected).powi(2) / expected
    });
    terms.sum::<f64>() / (counts.len() - 1) as f64
}

fn zipf_probabilities(keyspace: u32, theta: f64) -> Vec<f64> {
    let weights = (1..=keyspace).map(|rank| f64::from(rank).powf(-theta)).collect::<Vec<f64>>();
    let sum = weights.iter().sum::<f64>();
    weights.into_iter().map(|weight| weight / sum).collect()
}

#[test]
fn zipf_matches_the_exact_frequencies() {
    for theta in [0.5, 0.99, 1.0, 1.2] {
        let seen = counts(&format!("zipf:{theta}"), 1_000, 2_000_000);
        let fit = chi_square(&seen, &zipf_probabilities(1_000, theta));
        assert!((0.8..1.25).contains(&fit), "theta {theta}: chi-square per degree of freedom is {fit}");
    }
}

#[test]
fn the_test_of_fit_tells_exponents_apart() {
    let seen = counts("zipf:0.99", 1_000, 2_000_000);
    assert!(chi_square(&seen, &zipf_probabilities(1_000, 0.95)) > 5.0);
}

#[test]
fn zipf_of_a_large_keyspace_stays_inside() {
    let keyspace = 10_000_000_000;
    let mut sampler = KeyDistribution::Zipf { theta: 0.99 }.sampler(keyspace, 0, 1);
    let mut random = Random::new(1, 0);
    assert!((0..100_000).all(|_| sampler.draw(&mut random) < keyspace));
}

#[test]
fn uniform_is_even() {
    let fit = chi_square(&counts("uniform", 1_000, 1_000_000), &[0.001; 1_000]);
    assert!((0.8..1.25).contains(&fit), "chi-square per degree of freedom is {fit}");
}

#[test]
fn sequential_threads_share_one_round() {
    let mut seen = vec![0; 10];
    for thread in 0..2 {
        let mut sampler = KeyDistribution::Sequential.sampler(10, thread, 2);
        let mut random = Random::new(0, thread);
        for _ in 0..5 {
            seen[usize::try_from(sampler.draw(&mut random)).unwrap()] += 1;
        }
    }
    assert_eq!(seen, [1; 10]);
}

#[test]
fn hotspot_gives_its_share_to_its_fraction() {
    let seen = counts("hotspot:0.1:0.9", 1_000, 1_000_000);
    let hot = seen[..100].iter().sum::<u64>() as f64 / 1e6;
    assert!((0.897..0.903).contains(&hot), "{hot}");
    let whole = counts("hotspot:1:0.5", 10, 1_000);
    assert_eq!(whole.iter().sum::<u64>(), 1_000);
}

#[test]
fn names_go_around() {
    for text in ["uniform", "zipf:0.99", "sequential", "hotspot:0.2:0.8"] {
        assert_eq!(text.parse::<KeyDistribution>().unwrap().to_string(), text);
    }
    assert_eq!("hotspot".parse::<KeyDistribution>().unwrap().to_string(), "hotspot:0.2:0.8");
    for text in
        ["", "zipf", "zipf:0", "zipf:-1", "zipf:x", "zipf:nan", "hotspot:2:0.5", "hotspot:0.5", "normal"]
    {
        assert!(text.parse::<KeyDistribution>().is_err(), "{text}");
    }
}
