//! Relations: each defines one tensor, ties one view of a gadget that several of them define, or ties a port.

use super::boxes::{Exponents, apart, covers, of_relation, triangle, whole};
use super::{Access, Definitions, Gadget, Mode, Port, Relation, Term};

impl Definitions<'_> {
    pub(super) fn relation(&mut self, r: &Relation) -> Result<(), &'static str> {
        let weights =
            |a: &Access| of_relation(&a.monomial).is_some() && a.vars.iter().all(|v| of_relation(&v.weight).is_some());
        if !r.accesses.iter().all(weights) {
            return Err("a relation has weights in theta alone");
        }
        let of_maximum = |a: &Access| match self.tensor(a).1 {
            Gadget::Score { .. } => a.view == 3,
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
                self.factor(a, of_relation)
            }
            ([a], []) if matches!(self.tensor(a).1, Gadget::Variance { .. }) => self.factor(a, of_relation),
            ([a], []) if matches!(self.tensor(a).1, Gadget::InverseRoot { .. } | Gadget::RootAbove { .. }) => {
                self.radicand(a, r)
            }
            ([a, b], []) if matches!(self.tensor(a).1, Gadget::InverseRoot { .. }) => self.root(a, b, r),
            ([a], []) if a.triangle.is_some() => {
                // Its elements within the triangle, and no others.
                let axes = triangle(a).ok_or("the triangle of a defining access has two axes")?;
                self.define(&whole(a), of_relation)?;
                let at = usize::from(a.tensor);
                (self.defined[at], self.triangles[at]) = (true, Some(axes));
                Ok(())
            }
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
    pub(super) fn tie_output(&mut self, term: &Term, exponents: Exponents) -> Result<(), &'static str> {
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
    pub(super) fn define(&self, a: &Access, exponents: Exponents) -> Result<(), &'static str> {
        let (t, gadget) = self.tensor(a);
        if self.defined[usize::from(a.tensor)] {
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

    /// `X_1` or `X_2` of a product; once both are there, the product is.
    pub(super) fn factor(&mut self, a: &Access, exponents: Exponents) -> Result<(), &'static str> {
        if a.coefficient.unsigned_abs() != 1 {
            return Err("a factor is defined with coefficient 1 or -1");
        }
        covers(a, self.tensor(a).0, exponents)?;
        self.tie(a, 2)
    }
}
