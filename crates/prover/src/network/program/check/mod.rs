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
//! The order is found, not read: constraints are used as soon as what they read is defined. Where none of the tensors that are left is
//! defined as a whole before another, as in repeated blocks, those with an axis of layers are defined slice by slice.

mod boxes;
mod copies;
mod relations;
mod rows;
mod slices;
#[cfg(test)]
mod tests;

use self::boxes::of_product;
use self::copies::sources;
use self::rows::{Radicand, Rows};
pub(super) use self::slices::Slices;
use self::slices::layered;
use super::{
    Access, LANE, LinearOp, Mode, Monomial, Parts, Port, ProductOp, Program, PublicHat, Relation, Tensor, Term, Var,
    bounds, range,
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
        bounds::exponents(p)?;
        let mut gadgets = Vec::new();
        for (index, kind) in p.kinds.iter().enumerate() {
            let known = Gadget::recognise(kind, p.limbs).filter(|g| g.operands() <= p.operands);
            gadgets.push(known.ok_or(ProgramError::Unsupported { what: "row kind", index })?);
        }
        let whole = Slices::whole(p);
        let stuck = match Definitions::new(&whole, &gadgets, fixed)?.run() {
            Ok(order) => {
                range::check(&whole, &gadgets, &order)?;
                return Ok(gadgets);
            }
            Err(stuck) => stuck,
        };
        let cut = layered(p, &stuck.open, &stuck.sources);
        let slices = cut.contains(&true).then(|| Slices::of(p, &cut)).flatten();
        let Some(slices) = slices else { return Err(stuck.error) };
        let order = Definitions::new(&slices, &gadgets, fixed)?.run().map_err(|stuck| stuck.error)?;
        range::check(&slices, &gadgets, &order)?;
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

/// Why a program is no function: nothing that is left can be used.
struct Stuck {
    error: ProgramError,
    /// Tensors that are not defined.
    open: Vec<bool>,
    /// What the copies of every tensor read.
    sources: Vec<Option<Vec<usize>>>,
}

/// What is defined so far.
struct Definitions<'a> {
    slices: &'a Slices,
    p: &'a Parts,
    gadgets: &'a [Gadget],
    /// The tensors that copies of a tensor read; `None` for a tensor that reads nothing.
    sources: Vec<Option<Vec<usize>>>,
    defined: Vec<bool>,
    /// Tensors that are defined where the first of these axes is at least the second, and nowhere else.
    triangles: Vec<Option<(u8, u8)>>,
    /// Views that are tied, as bits: differences of maxima, factors of products.
    tied: Vec<u8>,
    /// Rows of scores, by the tensor of reciprocals that has their maxima.
    rows: Vec<Rows>,
    /// What the radicands of roots, and of bounds of roots, are: their own box with its weights, and what it is equal to.
    radicands: Vec<Option<Radicand>>,
    /// Ports that a constraint ties.
    ports: Vec<bool>,
}

impl<'a> Definitions<'a> {
    fn new(slices: &'a Slices, gadgets: &'a [Gadget], fixed: &Fixed) -> Result<Self, ProgramError> {
        let p = &slices.parts;
        let count = p.tensors.len();
        Ok(Self {
            slices,
            p,
            gadgets,
            sources: sources(p, fixed, gadgets)?,
            defined: vec![false; count],
            triangles: vec![None; count],
            tied: vec![0; count],
            rows: vec![Rows::default(); count],
            radicands: vec![None; count],
            ports: vec![false; p.ports.len()],
        })
    }

    /// Uses constraints until none is left or none can be used; the relations in the order of their use.
    fn run(mut self) -> Result<Vec<usize>, Stuck> {
        let mut order = Vec::with_capacity(self.p.relations.len());
        let p = self.p;
        let mut relations: Vec<usize> = (0..p.relations.len()).collect();
        let mut ops: Vec<usize> = (0..p.linear_ops.len()).collect();
        let mut products: Vec<usize> = (0..p.product_ops.len()).collect();
        loop {
            let copied = self.copies();
            let before = relations.len() + ops.len() + products.len();
            // The last reason is kept for the message.
            let mut why = "";
            relations.retain(|i| match self.relation(&p.relations[*i]) {
                Ok(()) => {
                    order.push(*i);
                    false
                }
                Err(reason) => {
                    why = reason;
                    true
                }
            });
            let stuck = why;
            ops.retain(|i| self.linear(&p.linear_ops[*i]).map_err(|reason| why = reason).is_err());
            let of_ops = why;
            products.retain(|i| self.product(&p.product_ops[*i]).map_err(|reason| why = reason).is_err());
            if relations.is_empty() && ops.is_empty() && products.is_empty() && !copied {
                break;
            }
            if relations.len() + ops.len() + products.len() == before && !copied {
                let s = self.slices;
                return Err(match (relations.first(), ops.first(), products.first()) {
                    (Some(index), ..) => self.stuck(stuck, s.relations[*index]),
                    (_, Some(index), _) => self.stuck(of_ops, s.linear_ops[*index]),
                    (.., Some(index)) => self.stuck(why, s.product_ops[*index]),
                    _ => break,
                });
            }
        }
        if let Some(index) = self.defined.iter().position(|d| !d) {
            let index = self.slices.tensors[index];
            return Err(self.stuck("no constraint defines this tensor", index));
        }
        if let Some(index) = (0..p.tensors.len()).find(|t| self.is_untied(*t)) {
            let index = self.slices.tensors[index];
            return Err(self.stuck("no constraints tie these scores to maxima, or these maxima to scores", index));
        }
        match self.ports.iter().position(|tied| !tied) {
            Some(index) => Err(self.stuck("no constraint ties this port", index)),
            None => Ok(order),
        }
    }

    fn stuck(self, what: &'static str, index: usize) -> Stuck {
        let open = (0..self.defined.len()).map(|t| !self.defined[t] || self.is_untied(t)).collect();
        Stuck { error: ProgramError::Undetermined { what, index }, open, sources: self.sources }
    }

    /// Whether a tensor of scores has no maxima, or one of maxima no scores.
    fn is_untied(&self, tensor: usize) -> bool {
        matches!(self.gadget(tensor), Gadget::Score { .. } | Gadget::Reciprocal) && !self.has_maxima(tensor)
    }

    fn tensor(&self, a: &Access) -> (&Tensor, Gadget) {
        let t = &self.p.tensors[usize::from(a.tensor)];
        (t, self.gadgets[usize::from(t.kind)])
    }

    fn gadget(&self, tensor: usize) -> Gadget {
        self.gadgets[usize::from(self.p.tensors[tensor].kind)]
    }

    /// Whether a view is defined. Which of equal scores is selected is not, ever: nothing may read it.
    /// That holds for the second view of an access as for the first.
    fn is_defined(&self, a: &Access) -> bool {
        let tensor = usize::from(a.tensor);
        let within = |of: Option<(u8, u8)>| of.is_none() || of == boxes::triangle(a);
        let view = |view: u8| match (self.gadget(tensor), view) {
            // Distances are known of the scores that count.
            (Gadget::Score { .. }, 2) => self.has_maxima(tensor) && within(self.scores_triangle(tensor)),
            (Gadget::Reciprocal, 2) => self.has_maxima(tensor),
            (Gadget::Score { .. }, 3) => false,
            _ => true,
        };
        self.defined[tensor] && within(self.triangles[tensor]) && view(a.view) && a.view2.is_none_or(view)
    }

    /// The triangle of the scores that count, by axes of their tensor.
    fn scores_triangle(&self, scores: usize) -> Option<(u8, u8)> {
        let of = self.rows.iter().filter_map(|rows| rows.distances.as_ref());
        of.into_iter().find(|grouping| grouping.scores == scores)?.triangle
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
            (z, []) => {
                // What else is added is known: the rest of the sums is.
                let open: Vec<&Access> = z.iter().filter(|a| !self.is_defined(a)).collect();
                let [z] = open[..] else { return Err("an operator computes one tensor, or one output") };
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
            sources.iter().all(|s| self.defined[*s] && self.triangles[*s].is_none()).then_some(t)
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
        if matches!(self.tensor(z).1, Gadget::Product { .. }) && z.view == 1 {
            return self.factor(z, of_product);
        }
        self.define(z, of_product)?;
        self.defined[usize::from(z.tensor)] = true;
        Ok(())
    }
}
