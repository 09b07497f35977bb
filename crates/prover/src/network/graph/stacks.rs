//! Stacks of matrices that are parts of layers: products of all of them at once, as attention has one for each head.

use super::{Gadget, unsupported};
use crate::error::CircuitError;

/// Where the matrices of a stack are in a layer. Nothing is moved: what is multiplied is read from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Source layer.
    pub from: usize,
    /// For the index of a matrix, of a row and of a column: the axis that it runs along, and how far one more leads there.
    pub steps: [(u8, u32); 3],
    /// Where the first element of the first matrix is, on every axis.
    pub first: Vec<u32>,
}

/// Products of the matrices of two stacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Products {
    /// `[count, m, k]`.
    pub left: Stack,
    /// `[count, k, n]`.
    pub right: Stack,
    /// `count, m, k, n`.
    pub sizes: [u32; 4],
    /// Dimensions of the result.
    pub dims: Vec<u32>,
    /// Where an element `(matrix, row, column)` is in it: every element of the result is one of them.
    pub steps: [(u8, u32); 3],
    /// Whether row `i` of a matrix counts up to column `i` alone: of the result, if it is scores; of the left matrices
    /// otherwise. What is behind is not read, whatever it is.
    pub causal: bool,
    /// One factor `[count, m]` for every row of a matrix, and then the gadget is a product.
    pub scale: Option<usize>,
    /// A linear gadget; scores; or a product.
    pub activation: Gadget,
}

/// The last index of each axis that indices of these sizes reach, plus one.
fn reach(first: &[u32], steps: &[(u8, u32); 3], sizes: [u32; 3]) -> Option<Vec<u64>> {
    let mut ends: Vec<u64> = first.iter().map(|at| u64::from(*at) + 1).collect();
    for ((axis, stride), size) in steps.iter().zip(sizes) {
        *ends.get_mut(usize::from(*axis))? += u64::from(*stride) * u64::from(size.checked_sub(1)?);
    }
    Some(ends)
}

/// Whether indices of these sizes are all elements of something with these dimensions, each once.
fn tiles(dims: &[u32], steps: &[(u8, u32); 3], sizes: [u32; 3]) -> bool {
    let of_axis = |axis: usize, dim: u32| {
        let own = steps.iter().zip(sizes).filter(|((at, _), size)| usize::from(*at) == axis && *size > 1);
        let mut digits: Vec<(u32, u32)> = own.map(|((_, stride), size)| (*stride, size)).collect();
        digits.sort_unstable();
        let end = digits.iter().try_fold(1u64, |next, (stride, size)| {
            (u64::from(*stride) == next).then(|| next.saturating_mul((*size).into()))
        });
        end == Some(dim.into())
    };
    steps.iter().all(|(axis, _)| usize::from(*axis) < dims.len())
        && dims.iter().enumerate().all(|(axis, dim)| of_axis(axis, *dim))
}

/// Whether a triangle can stand on rows and columns: two whole axes of their own, neither of which is the first one of the tensor.
fn is_square(dims: &[u32], first: &[u32], steps: &[(u8, u32); 3], side: u32) -> bool {
    let of = |at: usize| usize::from(steps[at].0);
    let whole = |at: usize| {
        let axis = of(at);
        steps[at].1 == 1 && first[axis] == 0 && dims[axis] == side && axis != super::places::first_axis(dims)
    };
    of(1) != of(2) && of(0) != of(1) && of(0) != of(2) && whole(1) && whole(2)
}

impl Products {
    /// Dimensions of the result, if the parts are there.
    pub(super) fn of_layer<'a>(
        &self,
        index: usize,
        source: impl Fn(usize) -> Result<&'a Vec<u32>, CircuitError>,
    ) -> Result<Vec<u32>, CircuitError> {
        let refused = |reason| Err(unsupported(index, "Products", reason));
        let [count, m, k, n] = self.sizes;
        let most = u64::from(count) * u64::from(m.max(k)) * u64::from(n.max(k));
        if self.sizes.contains(&0) || self.sizes.iter().any(|d| *d > 1 << 16) || most > 1 << 22 {
            return refused("matrices have at most 2^22 elements in all");
        }
        for (stack, sizes) in [(&self.left, [count, m, k]), (&self.right, [count, k, n])] {
            let dims = source(stack.from)?;
            let ends = if stack.first.len() == dims.len() { reach(&stack.first, &stack.steps, sizes) } else { None };
            if !ends.is_some_and(|ends| ends.iter().zip(dims).all(|(end, dim)| *end <= u64::from(*dim))) {
                return refused("its matrices are parts of its sources");
            }
        }
        if !tiles(&self.dims, &self.steps, [count, m, n]) {
            return refused("every element of the result is one of the products");
        }
        let scores = matches!(self.activation, Gadget::Score { .. });
        let fits = match self.scale {
            None => self.activation.is_linear() || scores,
            Some(by) => matches!(self.activation, Gadget::Product { .. }) && source(by)?[..] == [count, m],
        };
        if !fits || !self.activation.is_valid() {
            return refused("its gadget is linear, or one of scores, or a product with one factor for each row");
        }
        let natural = self.steps == [(0, 1), (1, 1), (2, 1)];
        if scores && !(natural && self.dims.len() == 3) {
            return refused("scores have the axes matrix, row and column");
        }
        if self.causal {
            let fits = match scores {
                true => m == n && is_square(&self.dims, &[0; 3], &self.steps, m),
                false => {
                    let dims = source(self.left.from)?;
                    m == k && is_square(dims, &self.left.first, &self.left.steps, m)
                }
            };
            if !fits || m == 1 {
                return refused(
                    "what is causal has rows and columns along whole axes, as many of both, and several matrices",
                );
            }
        }
        Ok(self.dims.clone())
    }

    /// The sums, in row-major order of the result.
    pub(super) fn sums(&self, dims: [&[u32]; 2], [left, right]: [&[i64]; 2]) -> Vec<i64> {
        let [count, m, k, n] = self.sizes;
        let at = |stack: &Stack, dims: &[u32], index: [u32; 3]| place(dims, &stack.first, &stack.steps, index);
        let cut = self.causal && !matches!(self.activation, Gadget::Score { .. });
        let mut out = vec![0; self.dims.iter().map(|d| *d as usize).product()];
        let mut column = vec![0i64; k as usize];
        let none = vec![0; self.dims.len()];
        for h in 0..count {
            // Row by row: what is read is contiguous.
            let rows: Vec<Vec<i64>> =
                (0..m).map(|i| (0..k).map(|j| left[at(&self.left, dims[0], [h, i, j])]).collect()).collect();
            for c in 0..n {
                column.iter_mut().zip(0..k).for_each(|(x, j)| *x = right[at(&self.right, dims[1], [h, j, c])]);
                for (i, row) in (0..m).zip(&rows) {
                    let count = if cut { i as usize + 1 } else { k as usize };
                    let sum = row.iter().zip(&column).take(count).map(|(a, b)| a * b).sum();
                    out[place(&self.dims, &none, &self.steps, [h, i, c])] = sum;
                }
            }
        }
        out
    }

    /// The matrix and the row of every element of the result.
    pub(super) fn rows(&self) -> Vec<usize> {
        let [count, m, _, n] = self.sizes;
        let mut out = vec![0; self.dims.iter().map(|d| *d as usize).product()];
        let none = vec![0; self.dims.len()];
        for (h, i, c) in (0..count).flat_map(|h| (0..m).flat_map(move |i| (0..n).map(move |c| (h, i, c)))) {
            out[place(&self.dims, &none, &self.steps, [h, i, c])] = (h * m + i) as usize;
        }
        out
    }
}

/// The element with these indices, in row-major order.
fn place(dims: &[u32], first: &[u32], steps: &[(u8, u32); 3], index: [u32; 3]) -> usize {
    let of_axis = |axis: usize| {
        let own = steps.iter().zip(index).filter(|((at, _), _)| usize::from(*at) == axis);
        first[axis] as usize + own.map(|((_, stride), i)| *stride as usize * i as usize).sum::<usize>()
    };
    dims.iter().enumerate().fold(0, |at, (axis, dim)| at * *dim as usize + of_axis(axis))
}
