//! What the last looks saw: commands per second of the node and of each core.

use std::collections::VecDeque;

use crate::pulse::figures::Look;

/// Looks that are remembered: as many as a wide terminal shows.
const LOOKS: usize = 512;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The past of the node and its cores.
#[derive(Debug, Default)]
pub(super) struct History {
    total: VecDeque<u64>,
    cores: Vec<VecDeque<u64>>,
}

impl History {
    /// Remembers a look.
    pub(super) fn push(&mut self, look: &Look) {
        remember(&mut self.total, look.figures.total.ops_per_sec);
        self.cores.resize_with(look.figures.cores.len(), VecDeque::new);
        for (past, core) in self.cores.iter_mut().zip(&look.figures.cores) {
            remember(past, core.ops_per_sec);
        }
    }

    /// The node's commands per second at the last `width` looks, oldest first.
    pub(super) fn total(&self, width: usize) -> Vec<u64> {
        last(&self.total, width).collect()
    }

    /// A core's past as a line of bars. All cores share one scale, so that they compare.
    pub(super) fn bars(&self, core: usize, width: usize) -> String {
        let highest = self.cores.iter().flat_map(|past| last(past, width)).max().unwrap_or(0);
        let Some(past) = self.cores.get(core) else { return String::new() };
        last(past, width).map(|ops| bar(ops, highest)).collect()
    }
}

fn remember(past: &mut VecDeque<u64>, ops: u64) {
    if past.len() == LOOKS {
        past.pop_front();
    }
    past.push_back(ops);
}

fn last(past: &VecDeque<u64>, width: usize) -> impl Iterator<Item = u64> {
    past.iter().skip(past.len().saturating_sub(width)).copied()
}

/// The bar of a value on a scale that ends at `highest`.
fn bar(value: u64, highest: u64) -> char {
    let steps = u128::from(value) * (BARS.len() as u128 - 1);
    let step = steps.checked_div(u128::from(highest)).unwrap_or(0);
    BARS[usize::try_from(step).unwrap_or(0).min(BARS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pulse::figures::Figures;

    fn look(first: u64, second: u64) -> Look {
        let total = first + second;
        let text = format!(
            "instantaneous_ops_per_sec:{total}\ncore0:ops_per_sec={first}\ncore1:ops_per_sec={second}\n"
        );
        Figures::parse(&text).since(None)
    }

    #[test]
    fn cores_share_a_scale_and_the_past_is_bounded() {
        let mut history = History::default();
        for (first, second) in [(0, 0), (50, 100), (7, 50)] {
            history.push(&look(first, second));
        }
        assert_eq!((history.bars(0, 9), history.bars(1, 2)), ("▁▄▁".into(), "█▄".into()));
        assert_eq!((history.bars(2, 9), history.total(2)), (String::new(), vec![150, 57]));
        (0..2000).for_each(|ops| history.push(&look(ops, 0)));
        assert_eq!(history.total(usize::MAX).len(), LOOKS);
    }
}
