//! A program slice by slice: tensors cut along their first axis, and what their constraints say of each slice.
//!
//! Repeated blocks define the slices of a tensor one after the other, each from the one before: none of their tensors is defined as a
//! whole before another. Whatever is cut, the slices say what the program says, as far as a definition needs it:
//! * An access to a tensor is the sum of those to its slices.
//! * A relation is a polynomial in `theta`. It is 0 exactly when its parts are whose exponents are in disjoint intervals.
//! * What an operator has at an exponent of `alpha` is `z_e = sum f_{e - e_u} hat_u` over hats with `e_u <= e`, whatever `f` is: its
//!   parts are those whose z have exponents in disjoint intervals.
//! * What a product has there comes from pairs of hats that have a position in common, and exponents that add up to it.

#[cfg(test)]
mod tests;

use super::bounds::theta_span;
use super::{Access, LinearOp, Monomial, Parts, ProductOp, Relation, Tensor, Term, Var};

/// Most slices of a tensor.
const MAX_SLICES: u32 = 1024;
/// Most slices of all tensors, and accesses to slices.
const MAX_ACCESSES: usize = 1 << 14;
/// Most pairs of hats that are looked at.
const MAX_PAIRS: usize = 1 << 26;

/// A program in slices, and what each part of it is a slice of.
pub(in crate::network::program) struct Slices {
    pub(in crate::network::program) parts: Parts,
    pub(super) tensors: Vec<usize>,
    pub(in crate::network::program) relations: Vec<usize>,
    pub(in crate::network::program) linear_ops: Vec<usize>,
    pub(in crate::network::program) product_ops: Vec<usize>,
}

impl Slices {
    /// The program as it is.
    pub(super) fn whole(p: &Parts) -> Self {
        Self {
            tensors: (0..p.tensors.len()).collect(),
            relations: (0..p.relations.len()).collect(),
            linear_ops: (0..p.linear_ops.len()).collect(),
            product_ops: (0..p.product_ops.len()).collect(),
            parts: p.clone(),
        }
    }

    /// The program with these tensors cut; `None` if there would be too many slices, or exponents too large.
    pub(super) fn of(p: &Parts, cut: &[bool]) -> Option<Self> {
        let slices = |(t, cut): (&Tensor, &bool)| if *cut { t.dims[0] } else { 1 };
        let mut first = vec![0u64];
        for count in p.tensors.iter().zip(cut).map(slices) {
            first.push(first.last()? + u64::from(count));
        }
        (*first.last()? <= MAX_ACCESSES as u64).then_some(())?;
        let mut cutter = Cutter { p, cut, first, left: MAX_ACCESSES, pairs: MAX_PAIRS };
        let tensors = p.tensors.iter().enumerate().map(|(index, t)| Some(cutter.tensor(t, cut[index])));
        let (tensors, of_tensors) = flat(tensors)?;
        let (relations, of_relations) = flat(p.relations.iter().map(|r| cutter.relation(r)))?;
        let (linear_ops, of_linear) = flat(p.linear_ops.iter().map(|op| cutter.linear(op)))?;
        let (product_ops, of_products) = flat(p.product_ops.iter().map(|op| cutter.product(op)))?;
        Some(Self {
            parts: Parts { tensors, relations, linear_ops, product_ops, ..p.clone() },
            tensors: of_tensors,
            relations: of_relations,
            linear_ops: of_linear,
            product_ops: of_products,
        })
    }
}

/// What each part of a program is cut into, one after the other, and of which part it is.
fn flat<T>(parts: impl Iterator<Item = Option<Vec<T>>>) -> Option<(Vec<T>, Vec<usize>)> {
    let (mut out, mut of) = (Vec::new(), Vec::new());
    for (index, slices) in parts.enumerate() {
        let slices = slices?;
        of.extend(slices.iter().map(|_| index));
        out.extend(slices);
    }
    Some((out, of))
}

/// The variables along the first axis.
fn along(a: &Access) -> impl Iterator<Item = &Var> {
    a.vars.iter().filter(|v| v.size > 1 && v.target.is_some_and(|(axis, _)| axis == 0))
}

/// Those of the open tensors whose first axis looks like one of layers: they are made of themselves, by copies or because a constraint
/// has a part of that axis only; or their first axis has the weights of such a one in a constraint. A guess: it decides what is
/// accepted, not what that means.
pub(super) fn layered(p: &Parts, open: &[bool], sources: &[Option<Vec<usize>>]) -> Vec<bool> {
    let dim = |t: usize| p.tensors[t].dims[0];
    let can = |t: usize| open[t] && (2..=MAX_SLICES).contains(&dim(t));
    let depends = depends_on_itself(p, open, sources);
    let mut cut: Vec<bool> = (0..p.tensors.len()).map(|t| can(t) && depends[t] && sources[t].is_some()).collect();
    for a in p.accesses().filter(|a| can(a.tensor.into()) && depends[usize::from(a.tensor)]) {
        let t = usize::from(a.tensor);
        let mut along = along(a);
        cut[t] |= match (along.next(), along.next()) {
            (None, _) => true,
            (Some(v), None) => v.size < dim(t) && v.target.is_some_and(|(_, stride)| stride == 1),
            _ => false,
        };
    }
    let mut linked = vec![Vec::new(); p.tensors.len()];
    let mut link = |s: usize, t: usize| {
        if can(s) && can(t) && dim(s) == dim(t) {
            linked[s].push(t);
            linked[t].push(s);
        }
    };
    let relations = p.relations.iter().map(|r| r.accesses.iter().collect::<Vec<_>>());
    let linear = p.linear_ops.iter().map(|op| op.z.iter().chain(&op.hats).collect());
    let products = p.product_ops.iter().map(|op| op.z.iter().chain(&op.left).chain(&op.right).collect());
    for accesses in relations.chain(linear).chain(products) {
        for (at, a) in accesses.iter().enumerate() {
            accesses[..at].iter().filter(|b| same_axis(a, b)).for_each(|b| link(a.tensor.into(), b.tensor.into()));
        }
    }
    for (t, sources) in sources.iter().enumerate() {
        sources.iter().flatten().filter(|s| depends[t] && depends[**s]).for_each(|s| link(*s, t));
    }
    let mut next: Vec<usize> = (0..cut.len()).filter(|t| cut[*t]).collect();
    while let Some(t) = next.pop() {
        for other in &linked[t] {
            if !core::mem::replace(&mut cut[*other], true) {
                next.push(*other);
            }
        }
    }
    cut
}

/// Which of the open tensors are made of themselves, by copies, operators, and relations from values to other views.
fn depends_on_itself(p: &Parts, open: &[bool], sources: &[Option<Vec<usize>>]) -> Vec<bool> {
    let count = p.tensors.len();
    let mut makes = vec![vec![0u64; count.div_ceil(64)]; count];
    let mut edge = |from: usize, to: usize| {
        if open[from] && open[to] {
            makes[from][to / 64] |= 1 << (to % 64);
        }
    };
    for (t, sources) in sources.iter().enumerate() {
        sources.iter().flatten().for_each(|s| edge(*s, t));
    }
    let mut sides = |from: &[Access], to: &[Access]| {
        for (a, b) in from.iter().flat_map(|a| to.iter().map(move |b| (a, b))) {
            edge(a.tensor.into(), b.tensor.into());
        }
    };
    for op in &p.linear_ops {
        sides(&op.hats, &op.z);
        // What is added to what is computed.
        let (added, own): (Vec<Access>, Vec<Access>) = op.z.iter().cloned().partition(|z| z.view == 0);
        sides(&added, &own);
    }
    for op in &p.product_ops {
        sides(&op.left, &op.z);
        sides(&op.right, &op.z);
    }
    for r in &p.relations {
        for a in &r.accesses {
            // Two views of the same elements are defined together.
            let others = |b: &&Access| b.tensor != a.tensor || (&b.vars, &b.offsets) != (&a.vars, &a.offsets);
            for b in r.accesses.iter().filter(others).filter(|b| b.view > 0) {
                edge(a.tensor.into(), b.tensor.into());
            }
        }
    }
    // What is made of what is made: at most 1024 tensors.
    for middle in 0..count {
        let row = makes[middle].clone();
        for from in makes.iter_mut().filter(|from| from[middle / 64] >> (middle % 64) & 1 == 1) {
            from.iter_mut().zip(&row).for_each(|(to, more)| *to |= more);
        }
    }
    (0..count).map(|t| makes[t][t / 64] >> (t % 64) & 1 == 1).collect()
}

/// Whether the first axes of two accesses have a weight in common.
fn same_axis(a: &Access, b: &Access) -> bool {
    let same = |v: &Monomial, w: &Monomial| (v.theta > 0 && v.theta == w.theta) || (v.alpha > 0 && v.alpha == w.alpha);
    along(a).any(|v| along(b).any(|w| same(&v.weight, &w.weight)))
}

/// The smallest and largest exponent of `alpha`.
fn alpha_span(a: &Access) -> (u64, u64) {
    let first = u64::from(a.monomial.alpha);
    let steps = a.vars.iter().map(|v| u64::from(v.size - 1).saturating_mul(v.weight.alpha.into()));
    (first, steps.fold(first, u64::saturating_add))
}

/// The smallest and largest exponent of `theta`; ports that are read as exponents have any.
fn term_span(t: &Term) -> (u64, u64) {
    let first = u64::from(t.monomial.theta);
    let steps = t.vars.iter().map(|(size, weight, _)| u64::from(size - 1).saturating_mul(weight.theta.into()));
    let base = if t.base == Monomial::default() { 0 } else { u64::MAX };
    (first, steps.chain([base]).fold(first, u64::saturating_add))
}

/// Whether two intervals have something in common.
fn meet(a: (u64, u64), b: (u64, u64)) -> bool {
    a.0 <= b.1 && b.0 <= a.1
}

/// Intervals put together as far as they meet, ascending.
fn intervals(mut all: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    all.sort_unstable();
    let mut out: Vec<(u64, u64)> = Vec::new();
    for next in all {
        match out.last_mut().filter(|last| next.0 <= last.1) {
            Some(last) => last.1 = last.1.max(next.1),
            None => out.push(next),
        }
    }
    out
}

struct Cutter<'a> {
    p: &'a Parts,
    cut: &'a [bool],
    /// The first slice of every tensor.
    first: Vec<u64>,
    /// Accesses and pairs that are left.
    left: usize,
    pairs: usize,
}

impl Cutter<'_> {
    fn tensor(&self, t: &Tensor, cut: bool) -> Vec<Tensor> {
        if !cut {
            return vec![t.clone()];
        }
        let slice = |index: u32| {
            // Positions are below 2^26.
            let mut slice = Tensor { base: t.base + index * t.unit() as u32, ..t.clone() };
            slice.dims[0] = 1;
            slice
        };
        (0..t.dims[0]).map(slice).collect()
    }

    fn is_cut(&self, a: &Access) -> bool {
        self.cut[usize::from(a.tensor)]
    }

    /// The exponents of `theta` along axes that are cut.
    fn axes<'b>(&self, accesses: impl Iterator<Item = &'b Access>) -> Vec<u32> {
        accesses.filter(|a| self.is_cut(a)).flat_map(along).map(|v| v.weight.theta).filter(|theta| *theta > 0).collect()
    }

    /// Accesses index by index along axes that are cut, and along variables with one of these exponents of `theta`.
    fn each(&mut self, accesses: &[Access], axes: &[u32]) -> Option<Vec<Access>> {
        self.all(accesses, &|weight| axes.contains(&weight.theta))
    }

    /// Accesses index by index along axes that are cut, and along variables with one of these weights.
    fn all(&mut self, accesses: &[Access], is_axis: &dyn Fn(&Monomial) -> bool) -> Option<Vec<Access>> {
        let mut out = Vec::new();
        for a in accesses {
            out.extend(self.slices(a, is_axis)?);
        }
        Some(out)
    }

    fn slices(&mut self, a: &Access, is_axis: &dyn Fn(&Monomial) -> bool) -> Option<Vec<Access>> {
        let is_cut = self.is_cut(a);
        let first = |v: &Var| v.target.is_some_and(|(axis, _)| axis == 0);
        let taken = |v: &Var| v.size > 1 && ((is_cut && first(v)) || is_axis(&v.weight));
        let in_triangle = |at: usize| a.triangle.is_some_and(|(s, t)| at == usize::from(s) || at == usize::from(t));
        // Variables of a triangle stay as they are, and have none of the axes that are cut.
        let stays = |at: usize| in_triangle(at) || !taken(&a.vars[at]);
        let mut rest = Access { vars: Vec::new(), ..a.clone() };
        let mut places = vec![0u8; a.vars.len()];
        for (at, v) in a.vars.iter().enumerate().filter(|(at, _)| stays(*at)) {
            (!is_cut || !first(v) || v.size == 1).then_some(())?;
            // At most 8 variables.
            places[at] = rest.vars.len() as u8;
            rest.vars.push(*v);
        }
        rest.triangle = a.triangle.map(|(s, t)| (places[usize::from(s)], places[usize::from(t)]));
        let mut points = vec![rest];
        for (_, v) in a.vars.iter().enumerate().filter(|(at, _)| !stays(*at)) {
            (points.len().checked_mul(v.size as usize)? <= self.left).then_some(())?;
            let each = points.iter().flat_map(|point| (0..v.size).map(move |i| moved(point, v, i)));
            points = each.collect::<Option<Vec<_>>>()?;
        }
        self.left = self.left.checked_sub(points.len())?;
        let tensor = usize::from(a.tensor);
        let dim = i64::from(self.p.tensors[tensor].dims[0]);
        let slice = |mut point: Access| {
            let index = if is_cut { core::mem::take(&mut point.offsets[0]) } else { 0 };
            // At most 2^14 slices.
            point.tensor = (self.first[tensor] + u64::from(index.unsigned_abs())) as u16;
            (!is_cut || (0..dim).contains(&i64::from(index))).then_some(point)
        };
        Some(points.into_iter().filter_map(slice).collect())
    }

    /// The parts of a relation whose exponents of `theta` are in disjoint intervals, each divided by its least power.
    fn relation(&mut self, r: &Relation) -> Option<Vec<Relation>> {
        let axes = self.axes(r.accesses.iter());
        let accesses = self.each(&r.accesses, &axes)?;
        if !r.accesses.iter().any(|a| self.is_cut(a)) {
            return Some(vec![Relation { accesses, terms: r.terms.clone() }]);
        }
        let spans = accesses.iter().map(theta_span).chain(r.terms.iter().map(term_span));
        let part = |interval: (u64, u64)| {
            let mut part = Relation {
                accesses: accesses.iter().filter(|a| meet(theta_span(a), interval)).cloned().collect(),
                terms: r.terms.iter().filter(|t| meet(term_span(t), interval)).cloned().collect(),
            };
            // The least exponent is one of these, of 32 bits.
            part.accesses.iter_mut().for_each(|a| a.monomial.theta -= interval.0 as u32);
            part.terms.iter_mut().for_each(|t| t.monomial.theta -= interval.0 as u32);
            part
        };
        Some(intervals(spans.collect()).into_iter().map(part).collect())
    }

    /// The parts whose z have exponents of `alpha` in disjoint intervals, with the hats that can reach these: a slice that is
    /// computed, and what is added to it. A hat with a greater least exponent has no part in them, whatever `f` is.
    fn linear(&mut self, op: &LinearOp) -> Option<Vec<LinearOp>> {
        let axes = self.axes(op.hats.iter());
        // What is added may be the same for all layers: it has a variable of theirs, and no such axis.
        let of_layers: Vec<u32> =
            op.z.iter().filter(|z| self.is_cut(z)).flat_map(along).map(|v| v.weight.alpha).filter(|e| *e > 0).collect();
        let z = self.all(&op.z, &|weight| of_layers.contains(&weight.alpha))?;
        let hats = self.each(&op.hats, &axes)?;
        // A port is at every exponent.
        if z.is_empty() || !op.terms.is_empty() {
            return Some(vec![LinearOp { z, hats, ..op.clone() }]);
        }
        let part = |interval: (u64, u64)| LinearOp {
            z: z.iter().filter(|z| meet(alpha_span(z), interval)).cloned().collect(),
            hats: hats.iter().filter(|hat| u64::from(hat.monomial.alpha) <= interval.1).cloned().collect(),
            ..op.clone()
        };
        Some(intervals(z.iter().map(alpha_span).collect()).into_iter().map(part).collect())
    }

    /// Every slice that is computed, with the hats whose products can have its exponents of `alpha`.
    fn product(&mut self, op: &ProductOp) -> Option<Vec<ProductOp>> {
        let axes = self.axes(op.left.iter().chain(&op.right));
        let z = self.each(&op.z, &[])?;
        let (left, right) = (self.each(&op.left, &axes)?, self.each(&op.right, &axes)?);
        if intervals(z.iter().map(alpha_span).collect()).len() < z.len() {
            return Some(vec![ProductOp { z, left, right, ..op.clone() }]);
        }
        let mut out = Vec::new();
        for z in z {
            self.pairs = self.pairs.checked_sub(left.len().checked_mul(right.len())?)?;
            let reach = |a: &Access, b: &Access| {
                let (one, two) = (alpha_span(a), alpha_span(b));
                meet(theta_span(a), theta_span(b)) && meet((one.0 + two.0, one.1.saturating_add(two.1)), alpha_span(&z))
            };
            out.push(ProductOp {
                left: left.iter().filter(|a| right.iter().any(|b| reach(a, b))).cloned().collect(),
                right: right.iter().filter(|b| left.iter().any(|a| reach(a, b))).cloned().collect(),
                z: vec![z],
                segment: op.segment,
            });
        }
        Some(out)
    }
}

/// An access at index `i` of a variable that it does not have any more.
fn moved(a: &Access, v: &Var, i: u32) -> Option<Access> {
    let mut a = a.clone();
    let step = |e: &mut u32, by: u32| {
        *e = by.checked_mul(i).and_then(|by| e.checked_add(by))?;
        Some(())
    };
    step(&mut a.monomial.alpha, v.weight.alpha)?;
    step(&mut a.monomial.chi, v.weight.chi)?;
    step(&mut a.monomial.theta, v.weight.theta)?;
    if let Some((axis, stride)) = v.target {
        let offset = a.offsets.get_mut(usize::from(axis))?;
        *offset = offset.checked_add(i32::try_from(stride.checked_mul(i)?).ok()?)?;
    }
    Some(a)
}
