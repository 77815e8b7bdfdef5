//! The network between nodes: latency, loss, doubling, lateness, and cuts, also one-way.

use std::time::Duration;

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

/// How good the network is. Shares are in a million.
#[derive(Clone, Debug)]
pub struct Weather {
    /// The shortest way of a message.
    pub latency_min: Duration,
    /// The longest, of those that are not late. Between the two every latency is as likely, so messages overtake.
    pub latency_max: Duration,
    /// Datagrams that are lost.
    pub loss: u32,
    /// Datagrams that come twice.
    pub doubled: u32,
    /// Datagrams that are late.
    pub late: u32,
    /// By how much at most.
    pub late_max: Duration,
    /// Longer datagrams are counted as mistakes, and lost.
    pub datagram_bytes_max: usize,
    /// Messages that wait for a paused node; what comes then is lost.
    pub receive_buffer: usize,
}

impl Weather {
    /// A LAN with 0.2 to 2 ms between nodes and one datagram in a hundred lost; one in a thousand doubled, one in a
    /// thousand up to 20 ms late.
    pub fn lan() -> Self {
        Self {
            latency_min: Duration::from_micros(200),
            latency_max: Duration::from_millis(2),
            loss: 10_000,
            doubled: 1_000,
            late: 1_000,
            late_max: Duration::from_millis(20),
            datagram_bytes_max: 1_300,
            // The default receive buffer of Linux, 212,992 bytes, holds about that many small datagrams.
            receive_buffer: 256,
        }
    }
}

/// Nodes, by index, that a cut concerns.
pub type Side = Vec<bool>;

/// The network.
#[derive(Clone, Debug)]
pub struct Network {
    /// May be changed at any time.
    pub weather: Weather,
    cuts: Vec<(Side, Side)>,
    /// Datagrams that were longer than the weather lets them be.
    pub oversized: u64,
}

impl Network {
    /// Without cuts.
    pub fn new(weather: Weather) -> Self {
        Self { weather, cuts: Vec::new(), oversized: 0 }
    }

    /// From now on nothing comes from one side to the other; back it does.
    pub fn cut_one_way(&mut self, from: Side, to: Side) {
        self.cuts.push((from, to));
    }

    /// From now on nothing comes from one side to the other, nor back.
    pub fn cut(&mut self, one: Side, other: Side) {
        self.cut_one_way(one.clone(), other.clone());
        self.cut_one_way(other, one);
    }

    /// Undoes all cuts.
    pub fn heal(&mut self) {
        self.cuts.clear();
    }

    /// Whether a cut is between the two.
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        let is_in = |side: &Side, node: usize| side.get(node).copied().unwrap_or(false);
        self.cuts.iter().any(|(one, other)| is_in(one, from) && is_in(other, to))
    }

    /// When the copies of a datagram arrive: usually one.
    pub fn arrivals(&self, random: &mut Xoshiro256PlusPlus) -> impl Iterator<Item = Duration> {
        let weather = &self.weather;
        let mut copies = [None; 2];
        if !chance(random, weather.loss) {
            copies[0] = Some(self.way(random));
            if chance(random, weather.doubled) {
                copies[1] = Some(self.way(random));
            }
        }
        copies.into_iter().flatten()
    }

    /// How long a message of a link takes.
    pub fn link_latency(&self, random: &mut Xoshiro256PlusPlus) -> Duration {
        between(random, self.weather.latency_min, self.weather.latency_max)
    }

    fn way(&self, random: &mut Xoshiro256PlusPlus) -> Duration {
        let weather = &self.weather;
        let way = between(random, weather.latency_min, weather.latency_max);
        if chance(random, weather.late) {
            way + between(random, Duration::ZERO, weather.late_max)
        } else {
            way
        }
    }
}

/// Any duration between the two, to the microsecond.
pub fn between(random: &mut Xoshiro256PlusPlus, least: Duration, most: Duration) -> Duration {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(random.random_range(micros(least)..=micros(most)))
}

fn chance(random: &mut Xoshiro256PlusPlus, in_a_million: u32) -> bool {
    in_a_million > 0 && random.random_range(0..1_000_000) < in_a_million
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_cut_may_be_one_way() {
        let mut network = Network::new(Weather::lan());
        network.cut_one_way(vec![true, false], vec![false, true]);
        assert!(network.is_cut(0, 1) && !network.is_cut(1, 0) && !network.is_cut(0, 2));
        network.heal();
        network.cut(vec![true, false, false], vec![false, true, true]);
        assert!(network.is_cut(0, 1) && network.is_cut(2, 0) && !network.is_cut(1, 2));
    }

    #[test]
    fn about_as_many_are_lost_and_doubled_as_the_weather_says() {
        let weather = Weather { loss: 100_000, doubled: 100_000, ..Weather::lan() };
        let network = Network::new(weather);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let copies: Vec<usize> = (0..10_000).map(|_| network.arrivals(&mut random).count()).collect();
        let with = |count| copies.iter().filter(|copies| **copies == count).count();
        assert!((900..1100).contains(&with(0)), "{} lost", with(0));
        assert!((800..1000).contains(&with(2)), "{} doubled", with(2));
    }
}
