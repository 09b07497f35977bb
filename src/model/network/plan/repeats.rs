//! Blocks that a plan repeats: the layers of a transformer are the same steps again, with other weights.

use super::{Plan, Step, Work};
use std::mem::discriminant;

/// Steps of the shortest block that counts.
const SHORTEST: usize = 8;

impl Plan {
    /// For every step the one that does the same in the first of the blocks that are repeated: itself, where nothing is.
    ///
    /// Only blocks with attention or a normalization count. It says what may share a scale, not that anything is proven together.
    pub(in crate::model::network) fn roles(&self) -> Vec<usize> {
        let mut roles: Vec<usize> = (0..self.steps.len()).collect();
        if let Some((start, period, count)) = self.repeated() {
            roles[start..start + period * count].iter_mut().for_each(|at| *at = start + (*at - start) % period);
        }
        roles
    }

    /// The blocks that cover the most steps: the first step of the first, the steps of one, and how many there are.
    fn repeated(&self) -> Option<(usize, usize, usize)> {
        let n = self.steps.len();
        let (mut best, mut most) = (None, 0);
        for period in SHORTEST..=n / 2 {
            let mut at = 0;
            while at + period < n {
                let alike = (at..n - period).take_while(|i| self.alike(*i, i + period, at)).count();
                let count = alike / period + 1;
                if count >= 2 && count * period > most && self.is_block(at..at + period) {
                    (best, most) = (Some((at, period, count)), count * period);
                }
                at += alike + 1;
            }
        }
        best
    }

    fn is_block(&self, mut steps: std::ops::Range<usize>) -> bool {
        steps.any(|at| matches!(self.steps[at].work, Work::Scores | Work::Normalize(_) | Work::Products(_)))
    }

    /// Whether two steps do the same with sources that do; what both read from before the first block may differ.
    fn alike(&self, a: usize, b: usize, start: usize) -> bool {
        let (one, other): (&Step, &Step) = (&self.steps[a], &self.steps[b]);
        let by = b - a;
        let sources = || one.from.iter().zip(&other.from).all(|(x, y)| *x < start || x + by == *y);
        let same = match (&one.work, &other.work) {
            // As many weights: what is mapped is as wide.
            (Work::Linear { op, weights, .. }, Work::Linear { op: of, weights: others, .. }) => {
                op == of && weights.len() == others.len()
            }
            (Work::Copy(x), Work::Copy(y)) | (Work::Join(x), Work::Join(y)) => x == y,
            (Work::Products(x), Work::Products(y)) => x == y,
            (x, y) => discriminant(x) == discriminant(y),
        };
        same && one.dims == other.dims && one.then == other.then && one.from.len() == other.from.len() && sources()
    }
}
