//! What makes a program a function: checked by whoever registers a model, and by prover and verifier.
//!
//! A proof shows that the gates and constraints hold. That they leave no choice is a property of
//! the program alone. It holds when every kind is a [`Gadget`] and every tensor is defined, before it
//! is read, by the constraints that its gadget names, over its whole box: an induction over the
//! constraints then gives one value to every element, for any coefficients of `f` (also malformed
//! ones: an operator reads only tensors that are defined before it, so whatever its rows are, its
//! products are functions of these). A cycle would give free wires; so would a kind that bounds a
//! value from one side, or a relation that leaves out an element.
//!
//! The order is found, not read: constraints are used as soon as what they read is defined.

use super::{
    Access, LANE, LinearOp, Mode, Monomial, Parts, Port, ProductOp, Program, PublicHat, Relation, Tensor, Term, bounds,
    range,
};
use crate::error::ProgramError;
use crate::network::fixed::Fixed;
use crate::network::gadget::Gadget;

impl Program {
    /// Checks that the outputs are a function of the inputs, that no identity wraps around `r`, and
    /// that prover and verifier implement every part.
    ///
    /// # Errors
    /// Names the kind, tensor or constraint that is not implemented, not defined, or too large.
    pub fn check(&self, fixed: &Fixed) -> Result<(), ProgramError> {
        fixed.check(&self.parts)?;
        self.gadgets(fixed).map(drop)
    }

    /// The gadget of every kind, if [`Self::check`] holds.
    pub(crate) fn gadgets(&self, fixed: &Fixed) -> Result<Vec<Gadget>, ProgramError> {
        let p = &self.parts;
        implemented(p)?;
        bounds::hats_in_segments(p)?;
        range::check(p)?;
        let mut gadgets = Vec::new();
        for (index, kind) in p.kinds.iter().enumerate() {
            let known = Gadget::recognise(kind, p.limbs).filter(|g| g.operands() <= p.operands);
            gadgets.push(known.ok_or(ProgramError::Unsupported { what: "row kind", index })?);
        }
        Definitions {
            p,
            gadgets: &gadgets,
            sources: sources(p, fixed, &gadgets)?,
            defined: vec![false; p.tensors.len()],
            tied: vec![0; p.tensors.len()],
            rows: vec![Rows::default(); p.tensors.len()],
            radicands: vec![None; p.tensors.len()],
            ports: vec![false; p.ports.len()],
        }
        .run()?;
        Ok(gadgets)
    }
}

/// What is specified and not implemented yet.
fn implemented(p: &Parts) -> Result<(), ProgramError> {
    let missing = |missing: bool, what, index| match missing {
        true => Err(ProgramError::Unsupported { what, index }),
        false => Ok(()),
    };
    for (index, port) in p.ports.iter().enumerate() {
        missing(port.has(Port::INDEX), "index port", index)?;
    }
    for (index, a) in p.accesses().enumerate() {
        missing(a.vars.iter().any(|v| v.target.is_some_and(|t| t.0 == LANE)), "lane of access", index)?;
    }
    let hats = p.linear_ops.iter().flat_map(|o| &o.public_hats);
    for (index, hat) in hats.enumerate() {
        missing(matches!(hat, PublicHat::Indexed { .. }), "indexed hat", index)?;
    }
    Ok(())
}

/// What is defined so far.
struct Definitions<'a> {
    p: &'a Parts,
    gadgets: &'a [Gadget],
    /// The tensors that copies of a tensor read; `None` for a tensor that reads nothing.
    sources: Vec<Option<Vec<usize>>>,
    defined: Vec<bool>,
    /// Views that are tied, as bits: differences of maxima, factors of products.
    tied: Vec<u8>,
    /// Rows of scores, by the tensor of reciprocals that has their maxima.
    rows: Vec<Rows>,
    /// What the radicands of roots, and of bounds of roots, are: their own box with its weights, and what it is equal to.
    radicands: Vec<Option<Radicand>>,
    /// Ports that a constraint ties.
    ports: Vec<bool>,
}

/// What ties rows of scores: distances to their maxima, and that one of each row is selected.
#[derive(Clone, Default)]
struct Rows {
    distances: Option<Grouping>,
    selected: Option<Grouping>,
}

/// A tensor of scores, and its box: for each variable the axis of the scores that it runs along, and that of the maxima,
/// if it does not run along a row.
#[derive(Clone, PartialEq, Eq)]
struct Grouping {
    scores: usize,
    vars: Vec<(u32, Target, Target)>,
}

/// Variables and monomial of the own access, and the other access. Without the monomial, the radicand of a bound could be that
/// of another row: the same box, shifted by a power.
type Radicand = (Vec<super::Var>, Monomial, Access);

/// Axis and stride.
type Target = Option<(u8, u32)>;

/// Exponents of a monomial that tell the indices of a box apart; `None` for a monomial that a
/// constraint of this sort cannot have.
type Exponents = fn(&Monomial) -> Option<(u32, u32)>;

/// Relations: `theta` alone.
fn of_relation(m: &Monomial) -> Option<(u32, u32)> {
    (m.alpha == 0 && m.chi == 0).then_some((m.theta, 0))
}

/// Products of linear operators: `alpha` and `chi`.
fn of_product(m: &Monomial) -> Option<(u32, u32)> {
    (m.theta == 0).then_some((m.alpha, m.chi))
}

impl Definitions<'_> {
    /// Uses constraints until none is left or none can be used.
    fn run(mut self) -> Result<(), ProgramError> {
        let (p, undetermined) = (self.p, |what, index| Err(ProgramError::Undetermined { what, index }));
        let mut relations: Vec<usize> = (0..p.relations.len()).collect();
        let mut ops: Vec<usize> = (0..p.linear_ops.len()).collect();
        let mut products: Vec<usize> = (0..p.product_ops.len()).collect();
        loop {
            let copied = self.copies();
            let before = relations.len() + ops.len() + products.len();
            // The last reason is kept for the message.
            let mut why = "";
            relations.retain(|i| self.relation(&p.relations[*i]).map_err(|reason| why = reason).is_err());
            let stuck = why;
            ops.retain(|i| self.linear(&p.linear_ops[*i]).map_err(|reason| why = reason).is_err());
            let of_ops = why;
            products.retain(|i| self.product(&p.product_ops[*i]).map_err(|reason| why = reason).is_err());
            if relations.is_empty() && ops.is_empty() && products.is_empty() && !copied {
                break;
            }
            if relations.len() + ops.len() + products.len() == before && !copied {
                return match (relations.first(), ops.first(), products.first()) {
                    (Some(index), ..) => undetermined(stuck, *index),
                    (_, Some(index), _) => undetermined(of_ops, *index),
                    (.., Some(index)) => undetermined(why, *index),
                    _ => Ok(()),
                };
            }
        }
        if let Some(index) = self.defined.iter().position(|d| !d) {
            return undetermined("no constraint defines this tensor", index);
        }
        let untied = |t: usize| matches!(self.gadget(t), Gadget::Score | Gadget::Reciprocal) && !self.has_maxima(t);
        if let Some(index) = (0..p.tensors.len()).find(|t| untied(*t)) {
            return undetermined("no constraints tie these scores to maxima, or these maxima to scores", index);
        }
        match self.ports.iter().position(|tied| !tied) {
            Some(index) => undetermined("no constraint ties this port", index),
            None => Ok(()),
        }
    }

    fn tensor(&self, a: &Access) -> (&Tensor, Gadget) {
        let t = &self.p.tensors[usize::from(a.tensor)];
        (t, self.gadgets[usize::from(t.kind)])
    }

    fn gadget(&self, tensor: usize) -> Gadget {
        self.gadgets[usize::from(self.p.tensors[tensor].kind)]
    }

    /// Whether a view is defined. Which of equal scores is selected is not, ever: nothing may read it.
    fn is_defined(&self, a: &Access) -> bool {
        let tensor = usize::from(a.tensor);
        let own = match (self.gadget(tensor), a.view) {
            (Gadget::Score, 2) | (Gadget::Reciprocal, 2) => self.has_maxima(tensor),
            (Gadget::Score, 3) => false,
            _ => true,
        };
        own && self.defined[tensor]
    }

    /// Whether scores have maxima, or maxima scores: distances and selection agree on what a row is.
    fn has_maxima(&self, tensor: usize) -> bool {
        let tied = |rows: &Rows| rows.distances.is_some() && rows.distances == rows.selected;
        let of = |rows: &Rows| tied(rows) && rows.distances.as_ref().is_some_and(|g| g.scores == tensor);
        tied(&self.rows[tensor]) || self.rows.iter().any(of)
    }

    fn linear(&mut self, op: &LinearOp) -> Result<(), &'static str> {
        if !op.hats.iter().all(|a| self.is_defined(a)) {
            return Err("an operator reads a tensor that is not defined without it");
        }
        match (&op.z[..], &op.terms[..]) {
            ([], [term]) => self.tie_output(term, of_product),
            ([z], []) => {
                self.define(z, of_product)?;
                self.defined[usize::from(z.tensor)] = true;
                Ok(())
            }
            _ => Err("an operator computes one tensor, or one output"),
        }
    }

    /// Tensors whose copies read what is defined; whether there was one.
    fn copies(&mut self) -> bool {
        let ready = |(t, sources): (usize, &Option<Vec<usize>>)| {
            let sources = sources.as_ref().filter(|_| !self.defined[t])?;
            sources.iter().all(|s| self.defined[*s]).then_some(t)
        };
        let new: Vec<usize> = self.sources.iter().enumerate().filter_map(ready).collect();
        new.iter().for_each(|t| self.defined[*t] = true);
        !new.is_empty()
    }

    /// Both sides are defined, so every coefficient of `alpha^e chi^c` is.
    fn product(&mut self, op: &ProductOp) -> Result<(), &'static str> {
        if !op.left.iter().chain(&op.right).all(|a| self.is_defined(a)) {
            return Err("a product reads a tensor that is not defined without it");
        }
        let [z] = &op.z[..] else {
            return Err("a product computes one tensor");
        };
        self.define(z, of_product)?;
        self.defined[usize::from(z.tensor)] = true;
        Ok(())
    }

    fn relation(&mut self, r: &Relation) -> Result<(), &'static str> {
        let weights =
            |a: &Access| of_relation(&a.monomial).is_some() && a.vars.iter().all(|v| of_relation(&v.weight).is_some());
        if !r.accesses.iter().all(weights) {
            return Err("a relation has weights in theta alone");
        }
        let of_maximum = |a: &Access| match self.tensor(a).1 {
            Gadget::Score => a.view == 3,
            Gadget::Reciprocal => a.view == 2,
            _ => false,
        };
        if r.accesses.iter().any(of_maximum) && !r.accesses.iter().all(|a| self.is_defined(a)) {
            return self.maxima(r);
        }
        let open: Vec<&Access> = r.accesses.iter().filter(|a| !self.is_defined(a)).collect();
        match (&open[..], &r.terms[..]) {
            ([], [term]) => self.tie_output(term, of_relation),
            ([a], []) if matches!(self.tensor(a).1, Gadget::Product { .. } | Gadget::UnsignedProduct { .. }) => {
                self.factor(a)
            }
            ([a], []) if matches!(self.tensor(a).1, Gadget::Variance { .. }) => self.factor(a),
            ([a], []) if matches!(self.tensor(a).1, Gadget::InverseRoot { .. } | Gadget::RootAbove { .. }) => {
                self.radicand(a, r)
            }
            ([a, b], []) if matches!(self.tensor(a).1, Gadget::InverseRoot { .. }) => self.root(a, b, r),
            ([a], []) => {
                self.define(a, of_relation)?;
                self.defined[usize::from(a.tensor)] = true;
                Ok(())
            }
            ([a], [term]) if r.accesses.len() == 1 => self.input(a, term),
            ([a, b], []) => self.difference(a, b),
            _ => Err("a relation defines one tensor, or ties one port"),
        }
    }

    /// Every element of an output has its own power: it is what the other side is.
    fn tie_output(&mut self, term: &Term, exponents: Exponents) -> Result<(), &'static str> {
        let at = usize::from(term.port);
        if !self.p.ports[at].has(Port::OUTPUT) || self.ports[at] {
            return Err("an output is tied once, an input by its tensor");
        }
        self.whole_port(term, exponents)?;
        self.ports[at] = true;
        Ok(())
    }

    /// A term that has every element of its port once, with coefficient 1 or -1.
    fn whole_port(&self, term: &Term, exponents: Exponents) -> Result<(), &'static str> {
        let in_order = || {
            let mut width = self.p.ports[usize::from(term.port)].count;
            term.vars.iter().all(|(size, _, stride)| {
                width /= size;
                *stride == width
            }) && width == 1
        };
        let count: u64 = term.vars.iter().map(|v| u64::from(v.0)).product();
        let all = count == u64::from(self.p.ports[usize::from(term.port)].count);
        if term.mode != Mode::Value || term.coefficient.unsigned_abs() != 1 || term.first != 0 || !all || !in_order() {
            return Err("a term has every element of its port once, in order");
        }
        let weights = term.vars.iter().map(|(size, weight, _)| (*size, exponents(weight)));
        apart(weights, exponents(&term.monomial).is_some())
    }

    /// The elements of an input are the values of a tensor of inputs.
    fn input(&mut self, a: &Access, term: &Term) -> Result<(), &'static str> {
        let (t, gadget) = self.tensor(a);
        let at = usize::from(term.port);
        let port = &self.p.ports[at];
        if gadget != Gadget::Input || a.view != 0 || a.coefficient.unsigned_abs() != 1 {
            return Err("an input is the values of a tensor of inputs");
        }
        if port.has(Port::OUTPUT) || self.ports[at] || t.len() != port.count.into() {
            return Err("an input is tied once, to a tensor of its size");
        }
        covers(a, t, of_relation)?;
        self.whole_port(term, of_relation)?;
        (self.ports[at], self.defined[usize::from(a.tensor)]) = (true, true);
        Ok(())
    }

    /// `z` of a linear gadget over the whole tensor.
    fn define(&self, a: &Access, exponents: Exponents) -> Result<(), &'static str> {
        let (t, gadget) = self.tensor(a);
        if self.is_defined(a) {
            return Err("a tensor is defined twice");
        }
        if gadget.defining_view() != Some(a.view) || a.coefficient.unsigned_abs() != 1 {
            return Err("what is defined is not the linear view of a gadget, with coefficient 1 or -1");
        }
        covers(a, t, exponents)
    }

    /// `d_i - y + x_i = 0` for a maximum; once all are there, `y` is the largest `x_i`.
    fn difference(&mut self, a: &Access, b: &Access) -> Result<(), &'static str> {
        let (d, y) = if a.view == 0 { (b, a) } else { (a, b) };
        let (t, gadget) = self.tensor(d);
        let Gadget::Max { inputs } = gadget else {
            return Err("a relation defines one tensor");
        };
        let same = d.tensor == y.tensor && d.vars == y.vars && d.monomial == y.monomial;
        if !same || y.view != 0 || d.view == 0 || (d.coefficient, y.coefficient) != (1, -1) {
            return Err("a maximum is defined by its differences");
        }
        covers(d, t, of_relation)?;
        covers(y, t, of_relation)?;
        self.tie(d, inputs)
    }

    /// One more view of a gadget that several constraints define; `last` is its last such view.
    fn tie(&mut self, a: &Access, last: u8) -> Result<(), &'static str> {
        if a.view == 0 || a.view > last {
            return Err("a view that no constraint has to tie");
        }
        let (at, bit) = (usize::from(a.tensor), 1u8 << (a.view - 1));
        if self.tied[at] & bit != 0 {
            return Err("a view is defined twice");
        }
        self.tied[at] |= bit;
        self.defined[at] = self.tied[at].count_ones() == u32::from(last);
        Ok(())
    }

    /// `X_1` of a root, or `X_2` of its bound, is one other view.
    fn radicand(&mut self, a: &Access, r: &Relation) -> Result<(), &'static str> {
        let [own, other] = &r.accesses[..] else {
            return Err("the radicand of a root is a view of another tensor");
        };
        if own != a || a.view != 1 || (own.coefficient, other.coefficient) != (1, -1) {
            return Err("the radicand of a root is a view of another tensor");
        }
        covers(a, self.tensor(a).0, of_relation)?;
        match self.radicands[usize::from(a.tensor)].replace((own.vars.clone(), own.monomial, other.clone())) {
            None => Ok(()),
            Some(_) => Err("a root has one radicand"),
        }
    }

    /// `X_2 + 2 r + 1` of a root is `X_1` of a bound with the same radicand: `r^2 v <= num < (r + 1)^2 v`.
    fn root(&mut self, a: &Access, b: &Access, r: &Relation) -> Result<(), &'static str> {
        let ((t, root), (u, bound)) = (self.tensor(a), self.tensor(b));
        let pair = match (root, bound) {
            (Gadget::InverseRoot { log }, Gadget::RootAbove { log: other }) => log == other,
            _ => false,
        };
        let views = (a.view, b.view, a.coefficient, b.coefficient) == (2, 0, 1, -1);
        let boxes = (&a.vars, a.monomial) == (&b.vars, b.monomial) && t.dims == u.dims && r.accesses.len() == 2;
        let [left, right] = [a, b].map(|x| &self.radicands[usize::from(x.tensor)]);
        if !pair || !views || !boxes || left.is_none() || left != right {
            return Err("a root and its bound have the same radicand, and the next square in common");
        }
        covers(a, t, of_relation)?;
        covers(b, u, of_relation)?;
        for x in [a, b] {
            self.defined[usize::from(x.tensor)] = true;
        }
        Ok(())
    }

    /// `D + t - M = 0` for every score, or `sum sel - 1 = 0` for every row: together they say that `M` is the maximum.
    fn maxima(&mut self, r: &Relation) -> Result<(), &'static str> {
        let (all, of_row) = match &r.accesses[..] {
            [d, t, m] if (self.tensor(d).1, d.view, t.view, m.view) == (Gadget::Score, 2, 0, 2) => {
                let same =
                    (d.tensor, &d.vars, &d.offsets, d.coefficient) == (t.tensor, &t.vars, &t.offsets, t.coefficient);
                if !same || d.monomial != t.monomial || t.view2.is_some() || t.triangle.is_some() {
                    return Err("distances are those of the scores in their rows");
                }
                covers(d, self.tensor(d).0, of_relation)?;
                (d, m)
            }
            [sel, one] if (self.tensor(sel).1, sel.view, one.view) == (Gadget::Score, 3, 3) => (sel, one),
            _ => return Err("what ties maxima are distances, and that one score of a row is selected"),
        };
        if self.tensor(of_row).1 != Gadget::Reciprocal || !r.terms.is_empty() || !self.defined[usize::from(all.tensor)]
        {
            return Err("maxima are those of scores that are defined before");
        }
        if (all.coefficient, of_row.coefficient) != (1, -1) || all.monomial != of_row.monomial {
            return Err("distances and selections have the coefficient 1, maxima and ones -1");
        }
        let distances = all.view == 2;
        let grouping = self.grouping(all, of_row, distances)?;
        let at = usize::from(of_row.tensor);
        let taken = |rows: &Rows| match distances {
            true => rows.distances.as_ref().is_some_and(|g| g.scores == grouping.scores),
            false => rows.selected.as_ref().is_some_and(|g| g.scores == grouping.scores),
        };
        if self.rows.iter().any(taken) {
            return Err("scores have one maximum for each row");
        }
        let slot = if distances { &mut self.rows[at].distances } else { &mut self.rows[at].selected };
        match slot.replace(grouping) {
            None => Ok(()),
            Some(_) => Err("maxima are those of one tensor of scores"),
        }
    }

    /// Which scores share a maximum. Every score and every maximum occurs; of a selection, what runs along a row has no
    /// weight, so that it is added up.
    fn grouping(&self, all: &Access, of_row: &Access, distances: bool) -> Result<Grouping, &'static str> {
        let rows = |v: &super::Var| v.target.is_some();
        // The box of the maxima, with the weights of the relation: each of them once, each with its own power.
        let own = Access { vars: of_row.vars.iter().copied().filter(rows).collect(), ..of_row.clone() };
        covers(&own, self.tensor(of_row).0, of_relation)?;
        let mut vars = Vec::new();
        let mut rest = of_row.vars.iter().filter(|v| v.size > 1);
        for v in all.vars.iter().filter(|v| v.size > 1) {
            let is_along = !distances && v.weight == Monomial::default();
            let other = if is_along { None } else { rest.next() };
            let same = other.is_none_or(|o| (o.size, o.weight) == (v.size, v.weight));
            if !same || (other.is_none() && distances) {
                return Err("a row of scores and its maximum have the same weights");
            }
            let target = other.and_then(|o| o.target);
            vars.push((v.size, v.target, target));
        }
        if rest.next().is_some() || of_row.offsets.iter().any(|o| *o != 0) {
            return Err("a row of scores and its maximum have the same weights");
        }
        // Every score occurs, whatever its weight.
        let mut theta = 1u32;
        let mut weighted = all.clone();
        for v in weighted.vars.iter_mut().rev().filter(|v| v.size > 1) {
            v.weight = Monomial::theta(theta);
            theta = theta.saturating_mul(v.size);
        }
        covers(&weighted, self.tensor(all).0, of_relation)?;
        vars.sort_unstable();
        Ok(Grouping { scores: usize::from(all.tensor), vars })
    }

    /// `X_1` or `X_2` of a product; once both are there, the product is.
    fn factor(&mut self, a: &Access) -> Result<(), &'static str> {
        if a.coefficient.unsigned_abs() != 1 {
            return Err("a factor is defined with coefficient 1 or -1");
        }
        covers(a, self.tensor(a).0, of_relation)?;
        self.tie(a, 2)
    }
}

/// The tensors that the copies of every tensor read. Every address of an element is an element; rows that hold none
/// may read anything, because nothing reads them.
fn sources(p: &Parts, fixed: &Fixed, gadgets: &[Gadget]) -> Result<Vec<Option<Vec<usize>>>, ProgramError> {
    let mut spans: Vec<(u32, usize)> = p.tensors.iter().enumerate().map(|(i, t)| (t.base, i)).collect();
    spans.sort_unstable();
    let owner = |position: u32| {
        let after = spans.partition_point(|(base, _)| *base <= position);
        let (_, index) = *spans.get(after.checked_sub(1)?)?;
        p.tensors[index].holds(position).then_some(index)
    };
    let reads = |t: &Tensor| p.kinds[usize::from(t.kind)].reads > 0;
    let mut out: Vec<Option<Vec<usize>>> = p.tensors.iter().map(|t| reads(t).then(Vec::new)).collect();
    for (index, c) in fixed.copies().iter().enumerate() {
        let Some(reader) = owner(c.position) else { continue };
        let Some(sources) = &mut out[reader] else { continue };
        let source = owner(c.address).filter(|t| p.kinds[usize::from(p.tensors[*t].kind)].value.is_some());
        let source = source.ok_or(ProgramError::Undetermined { what: "a copy reads no element", index })?;
        let gadget = |t: usize| gadgets[usize::from(p.tensors[t].kind)];
        if matches!(gadget(reader), Gadget::Choose { .. }) && c.column == 1 && gadget(source) != Gadget::Compare {
            return Err(ProgramError::Undetermined { what: "a choice by what is no comparison", index });
        }
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    Ok(out)
}

/// Whether an access reads every element of its tensor once, each with its own power.
fn covers(a: &Access, t: &Tensor, exponents: Exponents) -> Result<(), &'static str> {
    if a.view2.is_some() || a.triangle.is_some() {
        return Err("the defining access has a reduction");
    }
    // Per axis: (stride, size) of its variables, whose digits make up its indices.
    let mut axes = vec![Vec::new(); t.dims.len()];
    for v in a.vars.iter().filter(|v| v.size > 1) {
        let Some((axis, stride)) = v.target else {
            return Err("the defining access has a broadcast");
        };
        let digits: &mut Vec<(u32, u32)> = axes.get_mut(usize::from(axis)).ok_or("the defining access has a lane")?;
        digits.push((stride, v.size));
    }
    let tiles = |(digits, dim): (&mut Vec<(u32, u32)>, &u32)| {
        digits.sort_unstable();
        let next = digits.iter().try_fold(1u64, |next, (stride, size)| {
            (u64::from(*stride) == next).then(|| next.saturating_mul((*size).into()))
        });
        next == Some((*dim).into())
    };
    if a.offsets.iter().any(|o| *o != 0) || !axes.iter_mut().zip(&t.dims).all(tiles) {
        return Err("the defining access does not cover its tensor");
    }
    let weights = a.vars.iter().map(|v| (v.size, exponents(&v.weight)));
    apart(weights, exponents(&a.monomial).is_some())
}

/// Whether every point of a box has its own power.
fn apart(weights: impl Iterator<Item = (u32, Option<(u32, u32)>)>, first: bool) -> Result<(), &'static str> {
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for (size, exponents) in weights.filter(|w| w.0 > 1) {
        match exponents {
            Some((e, 0)) if e > 0 => one.push((e, size)),
            Some((0, e)) if e > 0 => two.push((e, size)),
            _ => return Err("an index of the defining box has no power of its own"),
        }
    }
    if first && injective(one) && injective(two) {
        Ok(())
    } else {
        Err("two indices of the defining box share a power")
    }
}

/// Whether `sum e_v i_v` tells all `(i_v)` apart, by mixed radix.
fn injective(mut vars: Vec<(u32, u32)>) -> bool {
    vars.sort_unstable();
    let mut span = 0u64;
    vars.into_iter().all(|(e, size)| {
        let apart = u64::from(e) > span;
        span = span.saturating_add(u64::from(e) * u64::from(size - 1));
        apart
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Form, Var};
    use super::*;
    use crate::network::fixed::Copied;
    use crate::network::graph::samples::{cnn, mixed, mlp, norm, softmax, tree};

    fn program() -> Parts {
        let relu = Gadget::Relu { shift: 8 };
        mlp(&[5, 7, 4, 3], &[relu, relu], 1).compile().unwrap().program.parts
    }

    /// What is said of a changed program: refused when it is read, or by the check.
    fn verdict(parts: Parts) -> Result<(), ProgramError> {
        Program::new(parts)?.check(&Fixed::default())
    }

    fn changed(parts: &Parts, change: impl FnOnce(&mut Parts)) -> ProgramError {
        let mut parts = parts.clone();
        change(&mut parts);
        verdict(parts).unwrap_err()
    }

    #[test]
    fn a_program_with_a_choice_is_refused() {
        let p = program();
        verdict(p.clone()).unwrap();
        let undetermined = |change: &dyn Fn(&mut Parts)| {
            let error = changed(&p, change);
            assert!(matches!(error, ProgramError::Undetermined { .. }), "{error:?}");
        };
        // No operator for a layer; a cycle; a layer that reads its own output.
        undetermined(&|p| drop(p.linear_ops.remove(1)));
        undetermined(&|p| p.linear_ops[0].hats[0].tensor = 2);
        undetermined(&|p| p.linear_ops[1].hats[0].tensor = 2);
        // `2 z = x` has solutions in the field that are no integers.
        undetermined(&|p| p.linear_ops[0].z[0].coefficient = 2);
        // Not the whole tensor; an element twice; two elements with one power.
        undetermined(&|p| p.linear_ops[0].z[0].vars[0].size -= 1);
        undetermined(&|p| p.linear_ops[0].z[0].vars[0].target = Some((0, 2)));
        undetermined(&|p| p.linear_ops[0].z[0].offsets[0] = 1);
        undetermined(&|p| p.linear_ops[0].z[0].vars[0].weight = Monomial::default());
        undetermined(&|p| p.linear_ops[0].z[0].vars.push(Var { size: 2, weight: Monomial::alpha(9), target: None }));
        // Digits that overlap, and digits that leave a gap.
        for stride in [1, 3, 7] {
            undetermined(&|p| {
                let axis = Some((0, stride));
                p.linear_ops[0].z[0].vars.push(Var { size: 2, weight: Monomial::alpha(9), target: axis });
            });
        }
        // The value instead of `z`.
        undetermined(&|p| p.linear_ops[0].z[0].view = 0);
        // Inputs that nothing ties, or only some of them.
        undetermined(&|p| drop(p.relations.remove(0)));
        undetermined(&|p| p.relations[0].terms[0].vars[0].0 -= 1);
        undetermined(&|p| p.relations[0].terms[0].vars[0].1 = Monomial::default());
        undetermined(&|p| p.relations[0].accesses[0].vars[0].weight = Monomial::default());
        undetermined(&|p| p.relations[0].accesses[0].vars[0].weight = Monomial::alpha(1));
        // Outputs that nothing ties, or twice.
        undetermined(&|p| drop(p.linear_ops.pop()));
        undetermined(&|p| p.linear_ops[2].terms[0].coefficient = 3);
        undetermined(&|p| {
            let term = p.linear_ops[2].terms[0].clone();
            p.linear_ops[2].terms.push(term);
        });
    }

    #[test]
    fn every_difference_of_a_maximum_is_needed() {
        let p = cnn(3).compile().unwrap().program.parts;
        verdict(p.clone()).unwrap();
        let relations: Vec<usize> = (0..p.relations.len()).filter(|i| p.relations[*i].accesses.len() == 3).collect();
        assert!(relations.len() >= 4);
        for relation in relations {
            let error = changed(&p, |p| drop(p.relations.remove(relation)));
            assert!(matches!(error, ProgramError::Undetermined { .. }), "{error:?}");
        }
        let d = p.relations.iter().position(|r| r.accesses[0].view == 1 && r.accesses[1].view == 0).unwrap();
        for change in [2, -1] {
            let error = changed(&p, |p| p.relations[d].accesses[0].coefficient = change);
            assert!(matches!(error, ProgramError::Undetermined { .. }), "{error:?}");
        }
    }

    #[test]
    fn unknown_kinds_are_refused() {
        let p = program();
        let unsupported = |change: &dyn Fn(&mut Parts)| {
            let error = changed(&p, change);
            assert!(matches!(error, ProgramError::Unsupported { .. }), "{error:?}");
        };
        unsupported(&|p| drop(p.kinds[1].gates.pop()));
        unsupported(&|p| p.kinds[1].views[1].constant += 1);
        unsupported(&|p| p.kinds[1].views[0] = Form::constant(7));
        let error = changed(&p, |p| p.linear_ops[0].z[0].view2 = Some(0));
        assert!(matches!(error, ProgramError::Undetermined { .. }), "{error:?}");
    }

    /// A matrix product, a product, functions and copies, and what changes make of them.
    fn refused(what: &str, change: impl FnOnce(&mut Parts, &mut Vec<Copied>)) {
        let compiled = mixed(4).compile().unwrap();
        let (mut parts, tables) = (compiled.program.parts, compiled.fixed.tables().to_vec());
        let mut copies = compiled.fixed.copies().to_vec();
        let fixed = |copies: &[Copied]| Fixed::new(tables.clone(), copies.to_vec()).unwrap();
        Program::new(parts.clone()).unwrap().check(&fixed(&copies)).unwrap();
        change(&mut parts, &mut copies);
        let error = Program::new(parts).and_then(|p| p.check(&fixed(&copies)));
        assert!(error.is_err(), "{what}");
    }

    #[test]
    fn products_are_functions_of_both_sides() {
        let factor = |p: &Parts, view: u8| {
            p.relations.iter().position(|r| {
                let a = &r.accesses[0];
                let kind = &p.kinds[usize::from(p.tensors[usize::from(a.tensor)].kind)];
                kind.views.len() == 3 && a.view == view
            })
        };
        for view in [1, 2] {
            refused("without a factor", |p, _| drop(p.relations.remove(factor(p, view).unwrap())));
            refused("two of a factor", |p, _| {
                let at = factor(p, view).unwrap();
                p.relations[at].accesses[0].coefficient = 2;
            });
            refused("not the whole tensor", |p, _| {
                let at = factor(p, view).unwrap();
                p.relations[at].accesses[0].vars[0].size -= 1;
            });
        }
        refused("one factor twice", |p, _| {
            let (one, two) = (factor(p, 1).unwrap(), factor(p, 2).unwrap());
            p.relations[two] = p.relations[one].clone();
        });
        refused("without the operator", |p, _| drop(p.product_ops.pop()));
        refused("an operator that reads what it makes", |p, _| {
            p.product_ops[0].left[0].tensor = p.product_ops[0].z[0].tensor;
        });
        refused("two entries under one power", |p, _| p.product_ops[0].z[0].vars[0].weight = Monomial::default());
        refused("a hat outside of its segment", |p, _| p.product_ops[0].right[0].monomial.theta += 1);
        refused("a value that is squared in its definition", |p, _| p.relations[1].accesses[0].view2 = Some(0));
    }

    #[test]
    fn copies_read_elements_that_are_defined_before() {
        let reader = |p: &Parts| {
            let kind = p.kinds.iter().position(|k| k.reads > 0).unwrap();
            p.tensors.iter().find(|t| usize::from(t.kind) == kind).unwrap().base
        };
        let at = |p: &Parts, copies: &[Copied]| copies.iter().position(|c| c.position == reader(p)).unwrap();
        refused("a copy of nothing", |p, copies| {
            copies.remove(at(p, copies));
        });
        refused("a copy that no row reads", |p, copies| {
            copies.push(Copied { position: p.tensors[0].base, column: 1, address: p.tensors[0].base });
        });
        refused("a copy of itself", |p, copies| {
            let at = at(p, copies);
            copies[at].address = copies[at].position;
        });
        refused("a copy of what depends on it", |p, copies| {
            let at = at(p, copies);
            // The layer behind.
            let z = p.linear_ops[0].z[0].tensor;
            copies[at].address = p.tensors[usize::from(z)].base;
        });
        refused("a copy of a row that holds no element", |p, copies| {
            let at = at(p, copies);
            copies[at].address = p.positions - 1;
        });
        refused("an address that is no position", |p, copies| {
            let at = at(p, copies);
            copies[at].address = p.positions;
        });
        refused("a mask position", |p, copies| {
            let at = at(p, copies);
            copies[at].address = 1;
        });
    }

    #[test]
    fn functions_look_up_their_table() {
        fn function(p: &mut Parts) -> &mut crate::network::program::Kind {
            p.kinds.iter_mut().find(|k| !k.lookups.is_empty()).unwrap()
        }
        refused("without the lookup", |p, _| function(p).lookups.clear());
        refused("of another column", |p, _| function(p).lookups[0].input.terms[0].0 += 1);
        refused("without a gate", |p, _| drop(function(p).gates.pop()));
        refused("of another value", |p, _| function(p).value = Some(1));
    }

    #[test]
    fn bounds_are_enforced() {
        let p = program();
        let refused = |change: &dyn Fn(&mut Parts)| {
            let error = changed(&p, change);
            assert!(matches!(error, ProgramError::Malformed { .. } | ProgramError::Bound { .. }), "{error:?}");
        };
        refused(&|p| p.positions = 511);
        refused(&|p| p.blocks = 0);
        refused(&|p| p.limbs = 33);
        refused(&|p| p.hat_end += 1 << 20);
        refused(&|p| p.kinds[0].lo = 1);
        refused(&|p| p.kinds[1].lo = p.kinds[0].lo);
        refused(&|p| p.tensors[1].base = p.tensors[2].base);
        refused(&|p| p.tensors[0].kind = 9);
        refused(&|p| p.tensors[0].dims = vec![]);
        // Positions of G: the masks, overlapping segments, a bias in a segment.
        refused(&|p| p.linear_ops[0].segment.0 = 1);
        refused(&|p| p.linear_ops[1].segment = p.linear_ops[0].segment);
        refused(&|p| {
            let segment = p.linear_ops[0].segment.0;
            if let PublicHat::Geometric { start, .. } = &mut p.linear_ops[0].public_hats[0] {
                *start = segment;
            }
        });
        // A hat that reaches into another segment.
        refused(&|p| p.linear_ops[0].hats[0].monomial.theta += 1);
        refused(&|p| p.linear_ops[0].hats[0].tensor = 99);
        refused(&|p| p.linear_ops[0].hats[0].view = 2);
        refused(&|p| p.relations[0].terms[0].first = 1);
        refused(&|p| p.ports[0].count += 1 << 16);
        refused(&|p| p.ports[0].max = 65_536);
        refused(&|p| p.ports.swap(0, 1));
        let pieces = Var { size: 9, weight: Monomial::alpha(1), target: Some((0, 3)) };
        refused(&|p| p.linear_ops[0].hats[0].vars.extend([pieces; 3]));
    }

    #[test]
    fn sides_that_could_wrap_are_refused() {
        let p = program();
        let error = changed(&p, |p| {
            p.linear_ops[0].hats[0].coefficient = i64::MAX;
            let wide = Var { size: 1 << 26, weight: Monomial::default(), target: None };
            p.linear_ops[0].hats[0].vars.extend([wide; 6]);
        });
        assert!(matches!(error, ProgramError::Wraps { .. }), "{error:?}");
    }

    #[test]
    fn a_choice_is_made_by_a_comparison() {
        let compiled = tree(5).compile().unwrap();
        compiled.program.check(&compiled.fixed).unwrap();
        let p = &compiled.program.parts;
        let choices = p.kinds.iter().find(|k| k.reads == 0b111).unwrap();
        let mut copies = compiled.fixed.copies().to_vec();
        let first = copies.iter_mut().find(|c| c.position == choices.lo && c.column == 1).unwrap();
        // A feature, which may be neither 0 nor 1.
        first.address = p.tensors[0].base;
        let fixed = Fixed::new(vec![], copies).unwrap();
        let error = compiled.program.check(&fixed).unwrap_err();
        assert!(
            matches!(error, ProgramError::Undetermined { what: "a choice by what is no comparison", .. }),
            "{error:?}"
        );
    }

    #[test]
    fn scores_have_maxima_that_nothing_chooses() {
        let compiled = softmax(3, true).compile().unwrap();
        let p = compiled.program.parts.clone();
        let refused = |what: &str, change: &dyn Fn(&mut Parts)| {
            let mut parts = p.clone();
            change(&mut parts);
            let verdict = Program::new(parts).and_then(|program| program.check(&compiled.fixed));
            assert!(verdict.is_err(), "{what}");
        };
        compiled.program.check(&compiled.fixed).unwrap();
        for relation in 0..p.relations.len() {
            refused("every relation is needed", &|p| drop(p.relations.remove(relation)));
        }
        // (tensor, view) of what a relation reads first.
        let find = |view: u8, gadget: Gadget| {
            let reads = |a: &Access| {
                let kind = &p.kinds[usize::from(p.tensors[usize::from(a.tensor)].kind)];
                a.view == view && Gadget::recognise(kind, p.limbs) == Some(gadget)
            };
            p.relations.iter().position(|r| reads(&r.accesses[0])).unwrap()
        };
        let (distances, selection) = (find(2, Gadget::Score), find(3, Gadget::Score));
        let exponent = p.relations.iter().position(|r| r.accesses.len() == 2 && r.accesses[1].view == 2).unwrap();
        refused("a selection that something reads", &|p| p.relations[exponent].accesses[1].view = 3);
        refused("a maximum times 2", &|p| p.relations[distances].accesses[2].coefficient = -2);
        refused("another score than that of the distance", &|p| p.relations[distances].accesses[1].offsets[0] = 1);
        refused("a selection of a part of the row", &|p| {
            let along = p.relations[selection].accesses[0].vars.iter_mut().find(|v| v.weight == Monomial::default());
            along.unwrap().size = 2;
        });
        refused("a selection by columns", &|p| {
            let vars = &mut p.relations[selection].accesses[0].vars;
            let (a, b) = (vars[0].target, vars[1].target);
            (vars[0].target, vars[1].target) = (b, a);
        });
        refused("a maximum of columns", &|p| {
            let vars = &mut p.relations[distances].accesses[2].vars;
            let (a, b) = (vars[0].target, vars[1].target);
            (vars[0].target, vars[1].target) = (b, a);
        });
        refused("the scores count twice", &|p| {
            let again = p.relations[distances].clone();
            p.relations.push(again);
        });
    }

    #[test]
    fn roots_have_bounds_with_the_same_radicand() {
        let compiled = norm(3).compile().unwrap();
        compiled.program.check(&compiled.fixed).unwrap();
        let p = compiled.program.parts.clone();
        let refused = |what: &str, change: &dyn Fn(&mut Parts)| {
            let mut parts = p.clone();
            change(&mut parts);
            let verdict = Program::new(parts).and_then(|program| program.check(&compiled.fixed));
            assert!(verdict.is_err(), "{what}");
        };
        for relation in 0..p.relations.len() {
            refused("every relation is needed", &|p| drop(p.relations.remove(relation)));
        }
        let gadget = |p: &Parts, a: &Access| {
            Gadget::recognise(&p.kinds[usize::from(p.tensors[usize::from(a.tensor)].kind)], p.limbs).unwrap()
        };
        let bound = |r: &Relation| matches!(gadget(&p, &r.accesses[0]), Gadget::RootAbove { .. });
        let radicand = p.relations.iter().position(bound).unwrap();
        refused("another radicand", &|p| p.relations[radicand].accesses[1].offsets[0] = 1);
        refused("the radicand of another row, by its power", &|p| {
            p.relations[radicand].accesses[0].monomial = Monomial::theta(1);
        });
        refused("a radicand times 2", &|p| p.relations[radicand].accesses[1].coefficient = -2);
        let next =
            |r: &Relation| matches!(gadget(&p, &r.accesses[0]), Gadget::InverseRoot { .. }) && r.accesses[0].view == 2;
        let next = p.relations.iter().position(next).unwrap();
        refused("the square of another row", &|p| p.relations[next].accesses[1].offsets[0] = 1);
    }
}
