//! Stacks of matrices that are parts of steps.

use super::{Plan, Step, Work};

/// Where the matrices of a stack are: for the index of a matrix, of a row and of a column the axis that it runs along and its
/// stride there, and where the first element is on every axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model::network) struct Part {
    pub(in crate::model::network) steps: [(u8, u32); 3],
    pub(in crate::model::network) first: Vec<u32>,
}

/// Products of the matrices of two stacks `[count, m, k]` and `[count, k, n]`.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::model::network) struct Products {
    pub(in crate::model::network) left: Part,
    pub(in crate::model::network) right: Part,
    /// `count, m, k, n`.
    pub(in crate::model::network) sizes: [u32; 4],
    /// Where the results are.
    pub(in crate::model::network) steps: [(u8, u32); 3],
    /// Whether of row `i` what is behind column `i` does not count: of the results, if they are scores, else of the left ones.
    pub(in crate::model::network) causal: bool,
    /// Whether the results are the scores of a softmax.
    pub(in crate::model::network) scores: bool,
}

impl Part {
    /// All of a step with these three axes.
    pub(in crate::model::network) fn whole() -> Self {
        Self { steps: [(0, 1), (1, 1), (2, 1)], first: vec![0; 3] }
    }

    /// The part of something with these dimensions whose element `index` is `of(index)` in row-major order.
    pub(in crate::model::network) fn of(dims: &[u32], sizes: [u32; 3], of: impl Fn([u32; 3]) -> u32) -> Option<Self> {
        let origin = of([0; 3]);
        let widths: Vec<u32> = (0..dims.len()).map(|axis| dims[axis + 1..].iter().product()).collect();
        let first: Vec<u32> = dims.iter().zip(&widths).map(|(dim, width)| origin / width % dim).collect();
        let mut steps = [(0u8, 0u32); 3];
        for (at, step) in steps.iter_mut().enumerate().filter(|(at, _)| sizes[*at] > 1) {
            let mut index = [0; 3];
            index[at] = 1;
            let stride = of(index).checked_sub(origin)?;
            if stride == 0 {
                continue;
            }
            // The axis that is as wide as this, or the next narrower one.
            let axis = (0..dims.len()).find(|axis| dims[*axis] > 1 && widths[*axis] <= stride)?;
            if !stride.is_multiple_of(widths[axis]) {
                return None;
            }
            *step = (axis as u8, stride / widths[axis]);
        }
        let part = Self { steps, first };
        let inside = |(axis, dim): (usize, &u32)| {
            let own = part.steps.iter().zip(sizes).filter(|((at, _), _)| usize::from(*at) == axis);
            let last = own.map(|((_, stride), size)| u64::from(*stride) * u64::from(size - 1)).sum::<u64>();
            u64::from(part.first[axis]) + last < u64::from(*dim)
        };
        let all = |h: u32| (0..sizes[1]).flat_map(move |i| (0..sizes[2]).map(move |j| [h, i, j]));
        let fits = dims.iter().enumerate().all(inside);
        (fits && (0..sizes[0]).flat_map(all).all(|index| of(index) as usize == part.place(dims, index))).then_some(part)
    }

    /// The element of a matrix, in the row-major order of what has these dimensions.
    pub(in crate::model::network) fn place(&self, dims: &[u32], index: [u32; 3]) -> usize {
        let of_axis = |axis: usize| {
            let own = self.steps.iter().zip(index).filter(|((at, _), _)| usize::from(*at) == axis);
            self.first[axis] as usize + own.map(|((_, stride), i)| *stride as usize * i as usize).sum::<usize>()
        };
        dims.iter().enumerate().fold(0, |at, (axis, dim)| at * *dim as usize + of_axis(axis))
    }
}

impl Products {
    /// Where the results are in a step with these dimensions.
    pub(in crate::model::network) fn results(&self, dims: &[u32]) -> Part {
        Part { steps: self.steps, first: vec![0; dims.len()] }
    }

    /// The products in real numbers; `by` has a factor for every row of every matrix.
    pub(super) fn of(&self, dims: &[u32], [a, b]: [(&[u32], &[f64]); 2], by: Option<&[f64]>) -> Vec<f64> {
        let [count, m, k, n] = self.sizes;
        let results = self.results(dims);
        let mut out = vec![0.0; dims.iter().map(|d| *d as usize).product()];
        for h in 0..count {
            let right: Vec<f64> =
                (0..k).flat_map(|j| (0..n).map(move |c| [h, j, c])).map(|at| b.1[self.right.place(b.0, at)]).collect();
            for i in 0..m {
                let seen = if self.causal && !self.scores { i + 1 } else { k };
                let row: Vec<f64> = (0..seen).map(|j| a.1[self.left.place(a.0, [h, i, j])]).collect();
                let factor = by.map_or(1.0, |by| by[(h * m + i) as usize]);
                for c in 0..n {
                    let sum: f64 = row.iter().enumerate().map(|(j, x)| x * right[j * n as usize + c as usize]).sum();
                    out[results.place(dims, [h, i, c])] = factor * sum;
                }
            }
        }
        out
    }
}

impl Plan {
    /// Whether of scores, or of what is computed of them, only the past counts.
    pub(in crate::model::network) fn is_causal(&self, step: usize) -> bool {
        let of: &Step = &self.steps[step];
        match &of.work {
            Work::Products(products) => products.scores && products.causal,
            Work::Exponentials(_) => self.is_causal(of.from[0]),
            _ => false,
        }
    }
}
