//! Sums of products that an equation names: stacks of matrix products.

use super::{Lowered, Lowering, MAX_AXIS, Wire, refuse};
use crate::model::{
    graph::Node,
    network::plan::{Then, Work},
};
use std::collections::HashMap;

/// A step and the letters of its axes, in order.
struct Term {
    step: usize,
    letters: Vec<char>,
}

impl<'g> Lowering<'g> {
    pub(super) fn einsum(&mut self, node: &'g Node) -> Lowered<usize> {
        let equation = node.attributes.text("equation").unwrap_or_default();
        let Some((operands, result)) = equation.split_once("->") else { return Err(refuse(node, "has no result")) };
        let result: Vec<char> = result.chars().collect();
        let names: Vec<Vec<char>> = operands.split(',').map(|term| term.chars().collect()).collect();
        let mut dims: HashMap<char, usize> = HashMap::new();
        let mut terms = Vec::new();
        for (index, letters) in names.iter().enumerate() {
            let shape = self.operand_shape(node, index);
            let twice = |at: usize| letters[at + 1..].contains(&letters[at]);
            if shape.len() != letters.len() || (0..letters.len()).any(twice) {
                return Err(refuse(node, format!("has the term `{}`", letters.iter().collect::<String>())));
            }
            for (letter, dim) in letters.iter().zip(&shape) {
                let known = dims.entry(*letter).or_insert(*dim);
                if *known != *dim {
                    return Err(refuse(node, "repeats an axis of one number, which is not proven"));
                }
            }
            let step = if self.constant(node, index).is_some() {
                let numbers = self.floats(node, index)?;
                if numbers.len() > MAX_AXIS {
                    return Err(refuse(node, format!("has a constant of {} numbers", numbers.len())));
                }
                let whole = vec![1, 1, numbers.len() as u32];
                self.push(vec![], whole, Work::Constant(numbers), Then::Nothing)
            } else {
                self.wire(node, index)?.step
            };
            terms.push(Term { step, letters: letters.clone() });
        }
        let mut rest = terms.into_iter();
        let Some(mut all) = rest.next() else { return Err(refuse(node, "has no operands")) };
        for (at, next) in (2..).zip(rest) {
            let later = |letter: &char| result.contains(letter) || names[at..].iter().any(|term| term.contains(letter));
            all = self.contracted(node, all, next, &dims, later)?;
        }
        let all = self.summed(node, all, &dims, |letter| result.contains(letter))?;
        Ok(self.ordered(all, &result, &dims))
    }

    /// Axes that nothing needs any more are added up.
    fn summed(
        &mut self,
        node: &Node,
        term: Term,
        dims: &HashMap<char, usize>,
        is_kept: impl Fn(&char) -> bool,
    ) -> Lowered<Term> {
        let (kept, gone): (Vec<char>, Vec<char>) = term.letters.iter().copied().partition(|letter| is_kept(letter));
        if gone.is_empty() {
            return Ok(term);
        }
        let order = [&kept[..], &gone[..]].concat();
        let each: usize = gone.iter().map(|letter| dims[letter]).product();
        let step = self.ordered(term, &order, dims);
        let rows = kept.iter().map(|letter| dims[letter]).product::<usize>();
        let groups = (0..rows).map(|row| (row * each..(row + 1) * each).map(|i| i as u32).collect()).collect();
        Ok(Term { step: self.sum_of(node, step, groups, 1.0)?, letters: kept })
    }

    /// A term with its axes in another order.
    fn ordered(&mut self, term: Term, order: &[char], dims: &HashMap<char, usize>) -> usize {
        if term.letters == order {
            return term.step;
        }
        let mut strides: HashMap<char, usize> = HashMap::new();
        let mut width = 1;
        for letter in term.letters.iter().rev() {
            strides.insert(*letter, width);
            width *= dims[letter];
        }
        let mut indices = vec![0usize];
        for letter in order {
            let (dim, stride) = (dims[letter], strides[letter]);
            indices = indices.iter().flat_map(|at| (0..dim).map(move |i| at + i * stride)).collect();
        }
        let whole = vec![1, 1, indices.len() as u32];
        self.copy(term.step, whole, indices.into_iter().map(|i| i as u32).collect())
    }

    /// The product of two terms, summed over what only they have.
    fn contracted(
        &mut self,
        node: &Node,
        a: Term,
        b: Term,
        dims: &HashMap<char, usize>,
        later: impl Fn(&char) -> bool,
    ) -> Lowered<Term> {
        let b_letters = b.letters.clone();
        let a = self.summed(node, a, dims, |letter| later(letter) || b_letters.contains(letter))?;
        let a_letters = a.letters.clone();
        let b = self.summed(node, b, dims, |letter| later(letter) || a_letters.contains(letter))?;
        let pick = |from: &Term, other: &Term, shared: bool, kept: bool| -> Vec<char> {
            let wanted = |letter: &&char| other.letters.contains(letter) == shared && later(letter) == kept;
            from.letters.iter().filter(wanted).copied().collect()
        };
        let (batch, inner) = (pick(&a, &b, true, true), pick(&a, &b, true, false));
        let (left, right) = (pick(&a, &b, false, true), pick(&b, &a, false, true));
        let size = |letters: &[char]| letters.iter().map(|letter| dims[letter]).product::<usize>();
        let (count, m, k, n) = (size(&batch), size(&left), size(&inner), size(&right));
        let a = self.ordered(a, &[&batch[..], &left, &inner].concat(), dims);
        let b = self.ordered(b, &[&batch[..], &inner, &right].concat(), dims);
        let mut products = Vec::new();
        for at in 0..count {
            let mut cut = |step: usize, rows: usize, columns: usize| {
                let first = at * rows * columns;
                let indices = (first..first + rows * columns).map(|i| i as u32).collect();
                let step = self.copy(step, vec![rows as u32, columns as u32], indices);
                Wire { step, shape: vec![rows, columns], lazy: None }
            };
            let (left, right) = (cut(a, m, k), cut(b, k, n));
            products.push(self.two_matrices(node, &left, &right)?);
        }
        let step = match products[..] {
            [only] => only,
            _ => self.join(products, vec![count as u32, m as u32, n as u32], (0..(count * m * n) as u32).collect())?,
        };
        Ok(Term { step, letters: [batch, left, right].concat() })
    }
}
