//! N6: the summand `Phi` at one point.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use super::functions::{FunctionValues, Functions};
use super::program::{Form, Parts};
use crate::encoding::signed;

/// The order of the evaluations in M4: `L, X, m, H, H_T, Y, S_1, S_2, S_3, G, S_0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// `ell`.
    pub(crate) limbs: usize,
    /// `nx`.
    pub(crate) operands: usize,
}

impl Order {
    pub(crate) fn new(p: &Parts) -> Self {
        Self { limbs: p.limbs.into(), operands: p.operands.into() }
    }

    /// `m`, the last column of M1.
    pub(crate) fn m(self) -> usize {
        self.limbs + self.operands
    }

    /// `H_c`; `H_T` for `c = ell`.
    pub(crate) fn h(self, c: usize) -> usize {
        self.m() + 1 + c
    }

    /// Columns that have a value on every row.
    pub(crate) fn width(self) -> usize {
        self.h(self.limbs) + 1
    }

    pub(crate) fn y(self) -> usize {
        self.width()
    }

    /// `S_k`, `k = 1..=3`.
    pub(crate) fn s(self, k: usize) -> usize {
        self.y() + k
    }

    pub(crate) fn g(self) -> usize {
        self.y() + 4
    }

    pub(crate) fn s0(self) -> usize {
        self.y() + 5
    }

    /// `NE`.
    pub(crate) fn count(self) -> usize {
        self.y() + 6
    }
}

/// A form with field coefficients.
#[derive(Debug, Clone)]
pub(crate) struct FieldForm {
    terms: Vec<(usize, Fr)>,
    constant: Fr,
}

impl FieldForm {
    pub(crate) fn new(form: &Form) -> Self {
        let terms = form.terms.iter().map(|(c, v)| (usize::from(*c), signed(*v)));
        Self { terms: terms.collect(), constant: signed(form.constant) }
    }

    /// The part without the constant.
    pub(crate) fn linear(&self, row: &[Fr]) -> Fr {
        let one = Fr::ONE;
        let term = |(c, v): &(usize, Fr)| if *v == one { row[*c] } else { *v * row[*c] };
        self.terms.iter().map(term).sum()
    }

    /// The value at a row of columns.
    pub(crate) fn evaluate(&self, row: &[Fr]) -> Fr {
        self.linear(row) + self.constant
    }

    /// Whether it is the constant 0.
    pub(crate) fn is_zero(&self) -> bool {
        self.terms.is_empty() && self.constant == Fr::ZERO
    }
}

/// `Phi` from the M4 evaluations and the public functions at the same point.
pub(crate) fn phi(p: &Parts, f: &Functions<'_>, v: &FunctionValues, evals: &[Fr], beta: Fr, zeta: Fr) -> Fr {
    let order = Order::new(p);
    let at = |form: &Form| FieldForm::new(form).evaluate(evals);
    let mut out = Fr::ZERO;
    for ((kind, es), views) in p.kinds.iter().zip(&v.kinds).zip(&v.views) {
        for (i, gate) in kind.gates.iter().enumerate() {
            out += *es * f.gate_weight(i) * (at(&gate.a) * at(&gate.b) - at(&gate.c));
        }
        out += kind.views.iter().zip(views).map(|(view, om)| *om * at(view)).sum::<Fr>();
    }
    let (h_t, m) = (evals[order.h(order.limbs)], evals[order.m()]);
    let mut bracket = f.table_weight() * (h_t * (beta + v.table) - m);
    let mut sum = -h_t;
    for c in 0..order.limbs {
        let h = evals[order.h(c)];
        bracket += f.limb_weight(c) * (h * (beta + evals[c]) - Fr::ONE);
        sum += h;
    }
    let [segments, public, link] = v.hats;
    let (g, y) = (evals[order.g()], evals[order.y()]);
    let mask = evals[order.s(1)] + v.index * (evals[order.s(2)] + v.index * evals[order.s(3)]);
    out + v.es * bracket + f.sum_weight() * v.s * sum - g * (segments * y + public) + link * y + zeta * mask
}
