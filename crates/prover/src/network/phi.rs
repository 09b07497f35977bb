//! N6: the summand `Phi` at one point.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use super::functions::{FunctionValues, Functions};
use super::program::{Form, Parts};
use crate::encoding::signed;

/// The order of the evaluations in M4: `L, X, m, H, H_T, J, H_X, H_V, Y, Y_L, Y_R, S_1, S_2, S_3, G, S_0, T_out,
/// addr, mult, X_s`, those that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// `ell`.
    pub(crate) limbs: usize,
    /// `nx`.
    pub(crate) operands: usize,
    /// `nj`.
    pub(crate) lookups: usize,
    /// `nr`.
    pub(crate) reads: usize,
    /// Whether there is a product op.
    pub(crate) products: bool,
    /// Whether there is a table.
    pub(crate) tables: bool,
    /// Committed ports.
    pub(crate) committed: usize,
}

impl Order {
    pub(crate) fn new(p: &Parts) -> Self {
        Self {
            limbs: p.limbs.into(),
            operands: p.operands.into(),
            lookups: p.lookups.into(),
            reads: p.reads.into(),
            products: !p.product_ops.is_empty(),
            tables: p.tables > 0,
            committed: p.committed_ports().count(),
        }
    }

    /// `X_j`, `j = 1..=nx`.
    pub(crate) fn x(self, j: usize) -> usize {
        self.limbs + j - 1
    }

    /// `m`, the last column of M1.
    pub(crate) fn m(self) -> usize {
        self.limbs + self.operands
    }

    /// `H_c`.
    pub(crate) fn h(self, c: usize) -> usize {
        self.m() + 1 + c
    }

    /// `H_T`.
    pub(crate) fn table(self) -> usize {
        self.h(self.limbs)
    }

    /// `J_{i+1}`.
    pub(crate) fn j(self, i: usize) -> usize {
        self.table() + 1 + i
    }

    /// `H_X` of `X_j`, `j = 1..=nr`.
    pub(crate) fn read(self, j: usize) -> usize {
        self.j(self.lookups) + j - 1
    }

    /// `H_V`.
    pub(crate) fn write(self) -> usize {
        self.read(self.reads + 1)
    }

    /// Columns of M1 and M2 before `Y`: those that have a value on every row.
    pub(crate) fn width(self) -> usize {
        self.write() + usize::from(self.reads > 0)
    }

    pub(crate) fn y(self) -> usize {
        self.width()
    }

    /// `Y_L`, and `Y_R` behind it.
    pub(crate) fn left(self) -> usize {
        self.y() + 1
    }

    /// `S_k`, `k = 1..=3`.
    pub(crate) fn s(self, k: usize) -> usize {
        self.y() + 2 * usize::from(self.products) + k
    }

    pub(crate) fn g(self) -> usize {
        self.s(4)
    }

    pub(crate) fn s0(self) -> usize {
        self.s(5)
    }

    /// The first fixed column; the fixed columns are `T_out, addr_1.., mult`.
    pub(crate) fn fixed(self) -> usize {
        self.s(6)
    }

    /// How many fixed columns there are.
    pub(crate) fn fixed_count(self) -> usize {
        usize::from(self.tables) + if self.reads > 0 { self.reads + 1 } else { 0 }
    }

    /// `addr_j`, `j = 1..=nr`; `mult` for `j = nr + 1`.
    pub(crate) fn address(self, j: usize) -> usize {
        self.fixed() + usize::from(self.tables) + j - 1
    }

    /// `X_s`, `s` counted among the committed ports.
    pub(crate) fn tensor(self, s: usize) -> usize {
        self.fixed() + self.fixed_count() + s
    }

    /// `NE`.
    pub(crate) fn count(self) -> usize {
        self.tensor(self.committed)
    }

    /// Columns with a value on every row: those before `Y`, then `Y_L, Y_R`.
    pub(crate) fn row_width(self) -> usize {
        self.width() + 2 * usize::from(self.products)
    }

    /// The place in M4 of the `i`-th column that has a value on every row.
    pub(crate) fn of_row(self, i: usize) -> usize {
        if i < self.width() { i } else { i + 1 }
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
}

/// `Phi` from the M4 evaluations and the public functions at the same point.
pub(crate) fn phi(p: &Parts, f: &Functions<'_>, v: &FunctionValues, evals: &[Fr], beta: Fr, zeta: Fr) -> Fr {
    let order = Order::new(p);
    let at = |form: &Form| FieldForm::new(form).evaluate(evals);
    let (gamma, gamma2) = (f.gamma, f.gamma.square());
    let fixed = |on: bool, at: usize| if on { evals[at] } else { Fr::ZERO };
    let mut out = Fr::ZERO;

    // Rows of kinds: gates, lookups, reads, the value that copies read.
    let write = fixed(order.reads > 0, order.write());
    for (kind, es) in p.kinds.iter().zip(&v.kinds) {
        for (i, gate) in kind.gates.iter().enumerate() {
            out += *es * f.gate_weight(i) * (at(&gate.a) * at(&gate.b) - at(&gate.c));
        }
        for (i, l) in kind.lookups.iter().enumerate() {
            let tuple = beta + at(&l.input) + gamma * at(&l.output) + gamma2 * Fr::from(l.id);
            out += *es * f.lookup_weight(i) * (evals[order.j(i)] * tuple - Fr::ONE);
        }
        for j in kind.read_columns() {
            let tuple = beta + evals[order.x(j)] + gamma * evals[order.address(j)] + f.copy_sample() * v.sample;
            out += *es * f.read_weight(j) * (evals[order.read(j)] * tuple - Fr::ONE);
        }
        if let Some(value) = kind.value.filter(|_| order.reads > 0) {
            out += *es * f.write_weight() * write * at(&kind.views[usize::from(value)]);
        }
    }
    if order.reads > 0 {
        let tuple = beta + gamma * v.position + f.copy_sample() * v.sample;
        out += v.esn * f.write_weight() * (write * tuple - evals[order.address(order.reads + 1)]);
        let reads: Fr = (1..=order.reads).map(|j| v.reads[j - 1] * evals[order.read(j)]).sum();
        out += f.copy_weight() * (reads - v.sn * write);
    }

    // The tables and the sum of all lookups.
    let (h_t, m) = (evals[order.table()], evals[order.m()]);
    let table = v.table + gamma * fixed(order.tables, order.fixed());
    let mut bracket = f.table_weight() * (h_t * (beta + table) - m);
    let mut sum = -h_t;
    for c in 0..order.limbs {
        let h = evals[order.h(c)];
        bracket += f.limb_weight(c) * (h * (beta + evals[c]) - Fr::ONE);
        sum += h;
    }
    let looked_up: Fr = v.lookups.iter().enumerate().map(|(i, slk)| *slk * evals[order.j(i)]).sum();
    out += v.es * bracket + f.sum_weight() * (v.s * sum + looked_up);

    // Accesses, hats, products, committed ports, masks.
    for om in &v.views {
        let kind = &p.kinds[om.kind];
        let second = om.second.map_or(Fr::ONE, |view| at(&kind.views[view]));
        out += om.value * at(&kind.views[om.view]) * second;
    }
    let [segments, public, link] = v.hats;
    let (g, y) = (evals[order.g()], evals[order.y()]);
    out += link * y - g * (segments * y + public);
    if order.products {
        let [left, right] = [evals[order.left()], evals[order.left() + 1]];
        let [of_left, of_right] = f.product_links();
        out += v.product_link * (of_left * left + of_right * right) - v.products * left * right;
    }
    out += v.tensors.iter().enumerate().map(|(s, e)| *e * evals[order.tensor(s)]).sum::<Fr>();
    let mask = evals[order.s(1)] + v.index * (evals[order.s(2)] + v.index * evals[order.s(3)]);
    out + zeta * mask
}
