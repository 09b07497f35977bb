//! From constraints of layers to those of tensors. Those of the layers of one tensor are the same but for what they read, and one
//! with an index of layers stands for all of them: as far as monomials and layers go on in equal steps, one access for all.

use super::compile::Lowering;
use crate::network::program::{Access, LinearOp, Monomial, ProductOp, PublicHat, Relation, Var};

/// Constraints of one layer, whose accesses name layers and axes of their values.
#[derive(Default)]
pub(super) struct Constraints {
    pub(super) relations: Vec<Relation>,
    pub(super) linear_ops: Vec<LinearOp>,
    pub(super) product_ops: Vec<ProductOp>,
}

/// What each constraint has at one place, place by place.
fn columns<T: Clone, U>(constraints: &[&U], of: impl Fn(&U) -> &[T]) -> Vec<Vec<T>> {
    let count = constraints.first().map_or(0, |c| of(c).len());
    (0..count).map(|at| constraints.iter().filter_map(|c| of(c).get(at).cloned()).collect()).collect()
}

/// `b / a`, if it is a monomial.
fn ratio(a: &Monomial, b: &Monomial) -> Option<Monomial> {
    Some(Monomial {
        alpha: b.alpha.checked_sub(a.alpha)?,
        chi: b.chi.checked_sub(a.chi)?,
        theta: b.theta.checked_sub(a.theta)?,
    })
}

/// One past the greatest exponent of `theta` in a relation.
fn span(relation: &Relation) -> u32 {
    let of = |a: &Access| a.monomial.theta + a.vars.iter().map(|v| (v.size - 1) * v.weight.theta).sum::<u32>();
    relation.accesses.iter().map(|a| of(a) + 1).max().unwrap_or(1)
}

impl Lowering<'_> {
    /// Takes the constraints of the layers of one tensor into the program.
    pub(super) fn take(&mut self, layers: Vec<Constraints>) {
        let all: Vec<&Constraints> = layers.iter().collect();
        for mut of in columns(&all, |c| &c.relations) {
            // Every layer has powers of its own.
            let step = of.first().map_or(1, span);
            for (index, relation) in (0u32..).zip(&mut of) {
                relation.accesses.iter_mut().for_each(|a| a.monomial.theta += index * step);
            }
            let of: Vec<&Relation> = of.iter().collect();
            let accesses = self.each(columns(&of, |r| &r.accesses));
            // Ports belong to layers alone.
            let terms = of.first().map(|r| r.terms.clone()).unwrap_or_default();
            self.parts.relations.push(Relation { accesses, terms });
        }
        for of in columns(&all, |c| &c.linear_ops) {
            let of: Vec<&LinearOp> = of.iter().collect();
            let (Some(first), Some(last)) = (of.first(), of.last()) else { continue };
            let op = LinearOp {
                z: self.each(columns(&of, |op| &op.z)),
                terms: first.terms.clone(),
                segment: (first.segment.0, last.segment.1),
                hats: self.each(columns(&of, |op| &op.hats)),
                public_hats: public_hats(&of),
            };
            self.parts.linear_ops.push(op);
        }
        for of in columns(&all, |c| &c.product_ops) {
            let of: Vec<&ProductOp> = of.iter().collect();
            let (Some(first), Some(last)) = (of.first(), of.last()) else { continue };
            let op = ProductOp {
                z: self.each(columns(&of, |op| &op.z)),
                segment: (first.segment.0, last.segment.1),
                left: self.each(columns(&of, |op| &op.left)),
                right: self.each(columns(&of, |op| &op.right)),
            };
            self.parts.product_ops.push(op);
        }
    }

    fn each(&self, columns: Vec<Vec<Access>>) -> Vec<Access> {
        columns.iter().flat_map(|of_layers| self.over_layers(of_layers)).collect()
    }

    /// The same access of several layers.
    fn over_layers(&self, accesses: &[Access]) -> Vec<Access> {
        let mut out = Vec::new();
        let mut rest = accesses;
        while let Some(first) = rest.first() {
            let steps: Vec<Option<(Monomial, usize)>> = rest.windows(2).map(|a| self.step(&a[0], &a[1])).collect();
            let step = steps.first().copied().flatten();
            let count = step.map_or(1, |step| 1 + steps.iter().take_while(|s| **s == Some(step)).count());
            let mut access = self.of_tensor(first);
            if let Some((weight, step)) = step {
                // At most 1024 layers.
                let target = (step > 0).then_some((0, step as u32));
                access.vars.push(Var { size: count as u32, weight, target });
            }
            out.push(access);
            rest = &rest[count..];
        }
        out
    }

    /// The monomial and the step on the axis of layers from one access to the next, if they differ in nothing else.
    fn step(&self, a: &Access, b: &Access) -> Option<(Monomial, usize)> {
        let places = &self.graph.places;
        let ((of_a, from), (of_b, to)) = (places.of(a.tensor.into())?, places.of(b.tensor.into())?);
        let same = Access { tensor: a.tensor, monomial: a.monomial, ..b.clone() };
        (of_a == of_b && same == *a).then_some(())?;
        Some((ratio(&a.monomial, &b.monomial)?, to.checked_sub(from)?))
    }

    /// An access that names a layer as one to its tensor.
    fn of_tensor(&self, a: &Access) -> Access {
        let layer = usize::from(a.tensor);
        // Accesses are to layers with tensors; at most 1024 of them, and at most six axes.
        let (tensor, index) = self.graph.places.of(layer).unwrap_or_default();
        let mut access = a.clone();
        access.tensor = tensor as u16;
        access.offsets = self.graph.in_order(layer, &a.offsets, index as i32);
        for (axis, _) in access.vars.iter_mut().filter_map(|v| v.target.as_mut()) {
            *axis = self.graph.axis(layer, usize::from(*axis)) as u8;
        }
        access
    }
}

/// The public hats of an operator of several layers: those whose positions and weights follow each other are one.
fn public_hats(ops: &[&LinearOp]) -> Vec<PublicHat> {
    let all = ops.iter().flat_map(|op| op.public_hats.iter().cloned());
    if ops.len() == 1 {
        return all.collect();
    }
    let mut out: Vec<PublicHat> = Vec::new();
    for hat in all {
        match out.last_mut().and_then(|last| joined(last, &hat)) {
            Some(both) => {
                out.pop();
                out.push(both);
            }
            None => out.push(hat),
        }
    }
    out
}

/// Two hats as one.
fn joined(a: &PublicHat, b: &PublicHat) -> Option<PublicHat> {
    let (
        PublicHat::Geometric { start, count, step, monomial, sums },
        PublicHat::Geometric { start: next, count: more, step: next_step, monomial: first, sums: other },
    ) = (a, b)
    else {
        return None;
    };
    let between = ratio(monomial, first)?;
    let step = if *count == 1 { between } else { *step };
    let by = |e: u32| e.checked_mul(*count);
    let follows =
        Some(between) == Some(Monomial { alpha: by(step.alpha)?, chi: by(step.chi)?, theta: by(step.theta)? });
    let same = *next == start + count && sums == other && (*more == 1 || *next_step == step);
    (follows && same).then(|| PublicHat::Geometric {
        start: *start,
        count: count + more,
        step,
        monomial: *monomial,
        sums: sums.clone(),
    })
}
