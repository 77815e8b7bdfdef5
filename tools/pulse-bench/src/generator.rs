//! Draws operations and writes their requests.

use std::sync::Arc;

use crate::distribution::KeySampler;
use crate::key::SlotIndex;
use crate::mix::{Mix, Picker};
use crate::random::Random;
use crate::schedule::Start;
use crate::template::{MoreKeys, Template, TemplateSetting, ValueSource};

/// One operation, from its draw to its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// From when its latency counts, in nanoseconds of the run's clock.
    pub start_ns: u64,
    /// Number of its first key.
    pub key: u64,
    /// Index of its template.
    pub template: u16,
    /// Whether it counts; it does not during the warm-up.
    pub counted: bool,
    /// How often a server has sent it elsewhere.
    pub redirects: u8,
    /// What precedes it.
    pub lead: Lead,
}

/// What is said before an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// Nothing.
    None,
    /// `ASKING`, whose reply is skipped.
    Asking,
}

const _: () = assert!(size_of::<Operation>() == 24);

/// The templates of a run; shared by its load threads.
#[derive(Debug)]
pub struct TemplateSet {
    templates: Vec<Template>,
    setting: TemplateSetting,
    picker: Picker,
    /// For commands with several keys in cluster mode.
    peers: Option<SlotIndex>,
}

impl TemplateSet {
    /// Prebuilds the commands of a mix. `clustered` is the size of the keyspace in cluster mode.
    pub fn new(mix: &Mix, setting: TemplateSetting, clustered: Option<u32>) -> Self {
        let templates =
            mix.items.iter().map(|(command, _)| Template::new(command, &setting)).collect::<Vec<Template>>();
        let drawn = templates.iter().filter(|template| template.more_keys == MoreKeys::Drawn);
        let multi = drawn.filter(|template| template.keys() > 1).find_map(|template| template.route.as_ref());
        let peers = clustered.zip(multi).map(|(keyspace, image)| SlotIndex::new(image, keyspace));
        Self { templates, setting, picker: mix.picker(), peers }
    }
}

/// Draws the operations of one load thread.
#[derive(Debug)]
pub struct Generator {
    set: Arc<TemplateSet>,
    keys: KeySampler,
    values: ValueSource,
    random: Random,
    clustered: bool,
    scratch: Vec<u8>,
}

impl Generator {
    /// A generator; in cluster mode all keys of an operation share a slot.
    pub fn new(set: Arc<TemplateSet>, keys: KeySampler, random: Random, clustered: bool) -> Self {
        let values = ValueSource::new(&set.setting);
        Self { set, keys, values, random, clustered, scratch: Vec::new() }
    }

    /// Draws the next operation.
    #[inline]
    pub fn draw(&mut self, start: Start) -> Operation {
        let template = self.set.picker.pick(&mut self.random);
        let key = if self.set.templates[usize::from(template)].route.is_some() {
            self.keys.draw(&mut self.random)
        } else {
            0
        };
        let Start { start_ns, counted } = start;
        Operation { start_ns, key, template, counted, redirects: 0, lead: Lead::None }
    }

    /// The hash slot of an operation; `None` if it has no key.
    #[inline]
    pub fn slot(&mut self, operation: &Operation) -> Option<u16> {
        let route = self.set.templates[usize::from(operation.template)].route.as_ref()?;
        Some(route.slot(operation.key, &mut self.scratch))
    }

    /// Appends the request of an operation to `out`.
    #[inline]
    pub fn write(&mut self, operation: &Operation, out: &mut Vec<u8>) {
        if operation.lead == Lead::Asking {
            out.extend_from_slice(b"*1\r\n$6\r\nASKING\r\n");
        }
        let template = &self.set.templates[usize::from(operation.template)];
        let values = &self.values;
        let mut first = Some(operation.key);
        if !self.clustered {
            let keys = &mut self.keys;
            let next = |random: &mut Random| first.take().unwrap_or_else(|| keys.draw(random));
            template.write(next, values, &mut self.random, out);
            return;
        }
        let slot_peers = match (&self.set.peers, &template.route) {
            (Some(peers), Some(route)) if template.more_keys == MoreKeys::Drawn && template.keys() > 1 => {
                peers.numbers(route.slot(operation.key, &mut self.scratch))
            }
            _ => &[],
        };
        let next = |random: &mut Random| match first.take() {
            Some(key) => key,
            None => peer(slot_peers, random).unwrap_or(operation.key),
        };
        template.write(next, values, &mut self.random, out);
    }
}

fn peer(numbers: &[u32], random: &mut Random) -> Option<u64> {
    let index = usize::try_from(random.below(numbers.len() as u64)).ok()?;
    numbers.get(index).copied().map(u64::from)
}
