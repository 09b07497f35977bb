//! Products of stacks of matrices, as attention has them: each matrix is read from where it is, and nothing is moved.

use super::{Lowering, MAX_AXIS, MAX_DENSE, Wire};
use crate::model::{
    graph::{Node, Operand, Operator, ValueId},
    network::plan::{Part, Products, Then, Work},
};

impl<'g> Lowering<'g> {
    /// The sizes of a product of two stacks of as many matrices: count, m, k, n.
    pub(super) fn stacks(left: &[usize], right: &[usize]) -> Option<[u32; 4]> {
        let (&[ref lead @ .., m, k], &[ref other @ .., l, n]) = (left, right) else { return None };
        let count: usize = lead.iter().product();
        let most = count.saturating_mul(m.max(k)).saturating_mul(n.max(k));
        let fits = lead == other && k == l && count > 1 && most <= MAX_DENSE;
        (fits && [count, m, k, n].iter().all(|d| (1..=MAX_AXIS).contains(d)))
            .then(|| [count, m, k, n].map(|d| d as u32))
    }

    /// Whether a tensor is nothing but the left side of such a product.
    fn feeds_products(&self, value: ValueId) -> bool {
        let reads = |input: &Option<Operand>| matches!(input, Some(Operand::Value(id)) if *id == value);
        let mut readers = self.graph.nodes().iter().filter(|node| node.inputs.iter().any(reads));
        let is_product = |node: &Node| match &node.inputs[..] {
            [left, Some(Operand::Value(right))] if node.operator == Operator::MatMul && reads(left) => {
                *right != value && Self::stacks(self.shape(value), self.shape(*right)).is_some()
            }
            _ => false,
        };
        let one = readers.next().is_some_and(is_product) && readers.next().is_none();
        one && !self.graph.outputs().contains(&value)
    }

    /// A product of two stacks, whose left one may be rows that are scaled.
    pub(super) fn stacked_product(&mut self, a: &Wire, b: &Wire, sizes: [u32; 4]) -> usize {
        let [count, m, k, n] = sizes;
        let (right, of_right) = self.part(b.step, [count, k, n]);
        let scaled = &self.plan.steps[a.step];
        let (from, left, causal) = match (&scaled.work, &scaled.from[..]) {
            // Products come first, and are scaled then: as many factors as rows, and none is rounded before.
            (Work::ScaleRows, &[rows, by]) if scaled.dims == [count, m, k] && self.is_sole(a.step, None) => {
                (vec![rows, right, by], Part::whole(), self.plan.is_causal(rows))
            }
            _ => {
                let (left, of_left) = self.part(a.step, [count, m, k]);
                (vec![left, right], of_left, false)
            }
        };
        let products = Products { left, right: of_right, sizes, steps: Part::whole().steps, causal, scores: false };
        self.push(from, vec![count, m, n], Work::Products(Box::new(products)), Then::Nothing)
    }

    /// A step, and where in it the matrices are that another one has one after the other.
    fn part(&mut self, step: usize, sizes: [u32; 3]) -> (usize, Part) {
        let [_, rows, columns] = sizes;
        let in_order = |[h, i, j]: [u32; 3]| (h * rows + i) * columns + j;
        if let Work::Copy(indices) = &self.plan.steps[step].work {
            let source = self.plan.steps[step].from[0];
            let of = |index| indices.get(in_order(index) as usize).copied().unwrap_or(u32::MAX);
            if let Some(part) = Part::of(&self.plan.steps[source].dims, sizes, of) {
                return (source, part);
            }
        }
        let step = if self.plan.is_offset(step) { self.centered(step) } else { step };
        match Part::of(&self.plan.steps[step].dims, sizes, in_order) {
            Some(part) => (step, part),
            None => (self.shaped(step, &sizes), Part::whole()),
        }
    }

    /// Products that nothing but a softmax of their rows reads are scores themselves; its exponentials, and their factors. Of
    /// causal scores those that do not count need no place to hide. `None` where it is computed step by step.
    pub(super) fn attention(
        &mut self,
        node: &'g Node,
        step: usize,
        hidden: Option<&[bool]>,
        factor: f64,
    ) -> Option<usize> {
        let of = &self.plan.steps[step];
        let Work::Products(products) = &of.work else { return None };
        let (dims, [count, m, _, n]) = (of.dims.clone(), products.sizes);
        let is_plain = of.from.len() == 2 && !products.scores && dims == [count, m, n];
        if !is_plain || !self.is_sole(step, None) || !self.feeds_products(node.outputs[0]) {
            return None;
        }
        let causal = match hidden {
            None => false,
            Some(hidden) => {
                // A triangle stands on axes that are padded, if they are.
                let square = m == n && m > 1 && count * m.next_power_of_two() <= count.next_power_of_two() * m;
                let past = |(at, hidden): (usize, &bool)| {
                    let (i, j) = (at / n as usize % m as usize, at % n as usize);
                    *hidden == (j > i)
                };
                if !square || !hidden.iter().enumerate().all(past) {
                    return None;
                }
                true
            }
        };
        if let Work::Products(products) = &mut self.plan.steps[step].work {
            (products.scores, products.causal) = (true, causal);
        }
        self.forget(step);
        let powers = self.push(vec![step], dims.clone(), Work::Exponentials(factor), Then::Nothing);
        let inverses = self.push(vec![step, powers], vec![count, m], Work::Reciprocals, Then::Nothing);
        Some(self.push(vec![powers, inverses], dims, Work::ScaleRows, Then::Nothing))
    }
}
