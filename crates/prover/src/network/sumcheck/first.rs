//! The first round, on bytes. Inverses are inverses at both ends of a pair, so that products of differences are all that
//! is left of them; gates are small integers.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use zeroize::Zeroize;

use super::interval::{Line, Quadratic, QuadraticSum, Values, add, mul};
use super::kinds::KindState;
use super::pairs::Work;
use super::state::{MAX_WIDTH, OfSample, Rows, State, TASK};
use crate::circuit::layout::TABLE;
use crate::encoding::signed;
use crate::network::columns::NetworkColumns;
use crate::network::helpers::Helpers;
use crate::wide::Multiples;

/// `H_c` of every byte times its weight, column by column. Secret.
pub(super) struct ByteTables {
    weighted: Vec<[Fr; TABLE]>,
}

impl ByteTables {
    pub(super) fn new(helpers: &Helpers, limb: &[Fr]) -> Self {
        let of = |weight: &Fr| helpers.inverses.map(|inverse| inverse * weight);
        Self { weighted: limb.par_iter().map(of).collect() }
    }

    pub(super) fn zeroize(&mut self) {
        self.weighted.iter_mut().for_each(|table| table.zeroize());
    }
}

/// Integers of gates beyond this are multiplied in the field.
const SMALL: i128 = 1 << 56;

fn field(v: i128) -> Fr {
    let magnitude = Fr::from(v.unsigned_abs());
    if v < 0 { -magnitude } else { magnitude }
}

/// `h tuple - 1`, where `h` is the inverse of the tuple, or 0 on rows behind the last sample.
fn inverse(h: Line, tuple: Line) -> Quadratic {
    let end = |h: Fr| if h == Fr::ZERO { -Fr::ONE } else { Fr::ZERO };
    Quadratic { zero: end(h.low), one: end(h.high), lead: h.step() * tuple.step() }
}

/// A sum of weights times integers.
#[derive(Default)]
struct Weighted {
    small: Multiples,
    /// How many terms it has.
    terms: u32,
    large: Fr,
}

impl Weighted {
    fn add(&mut self, weight: &Fr, v: i128) {
        if v == 0 {
        } else if v.abs() < SMALL && self.terms < 64 {
            self.small.add(weight, v as i64);
            self.terms += 1;
        } else {
            self.large += *weight * field(v);
        }
    }

    fn sum(&self) -> Fr {
        if self.terms == 0 { self.large } else { self.small.sum() + self.large }
    }
}

/// A sum of weights times quadratics with integer values.
#[derive(Default)]
struct WeightedQuadratic([Weighted; 3]);

impl WeightedQuadratic {
    fn sum(&self) -> Quadratic {
        let [zero, one, lead] = [0, 1, 2].map(|i| self.0[i].sum());
        Quadratic { zero, one, lead }
    }
}

impl State<'_> {
    /// Whether both rows of a pair are rows of bytes.
    pub(super) fn is_real(&self, columns: &NetworkColumns, pair: usize) -> bool {
        2 * pair >= columns.size.rows.first_real() && 2 * pair + 1 < self.len
    }

    /// The contribution of a pair of real rows.
    pub(super) fn first(&self, columns: &NetworkColumns, helpers: &Helpers, pair: usize, work: &mut Work) {
        let (from, to) = self.positions(pair);
        let (a, b) = (2 * pair, 2 * pair + 1);
        let order = self.order;
        let helper = |column: usize| {
            let rows = &helpers.rows[column - order.j(0)];
            Line::new(rows.at(a), rows.at(b))
        };
        // Limbs and tables: their constraints hold at both ends.
        let mut lead = Multiples::default();
        let mut inverses = Line::default();
        for (c, column) in columns.limbs.iter().enumerate() {
            let (low, high) = (usize::from(column[a]), usize::from(column[b]));
            inverses = inverses.plus(Line::new(helpers.inverses[low], helpers.inverses[high]));
            if let Some(h) = self.bytes.weighted.get(c).filter(|_| low != high) {
                lead.add(&(h[high] - h[low]), high as i64 - low as i64);
            }
        }
        let mut bracket = Quadratic { lead: lead.sum(), ..Quadratic::default() };
        let (h_t, _) = columns.table_line(helpers, pair);
        if !h_t.is_zero() {
            inverses = inverses.plus(h_t.times(-Fr::ONE));
            bracket.lead += self.table * h_t.step() * self.table_tuple(pair).step();
        }
        let es = self.line(&self.eq, Some(OfSample::Eq), pair);
        let mut out = mul(es.values(), bracket.values());
        let mut flat = QuadraticSum::default();
        flat.add(self.line(&self.sums, None, pair), inverses);

        let mut views = WeightedQuadratic::default();
        for kind in self.kinds.iter().filter(|kind| kind.eq.start < to && from < kind.eq.end()) {
            out = add(out, self.first_of_kind(kind, columns, pair, helper, (&mut flat, &mut views)));
        }
        if let Some(copies) = &self.copies {
            out = add(out, self.writes(copies, pair, helper(order.write()), &mut flat));
        }
        if let Some(products) = self.products.as_ref().filter(|p| from < p.link.end()) {
            let sides = [0, 1].map(|i| helper(order.width() + i));
            out = add(out, self.hats(products, pair, sides, &mut flat));
        }
        work.sum = add(work.sum, add(out, flat.sum().plus(views.sum()).values()));
    }

    fn first_of_kind(
        &self,
        kind: &KindState<'_>,
        columns: &NetworkColumns,
        pair: usize,
        helper: impl Fn(usize) -> Line,
        (flat, views): (&mut QuadraticSum, &mut WeightedQuadratic),
    ) -> Values {
        let mut forms = [[0i64; 2]; MAX_FORMS];
        let forms = &mut forms[..kind.forms.len()];
        for (out, form) in forms.iter_mut().zip(&kind.forms) {
            *out = [2 * pair, 2 * pair + 1].map(|row| form.of_columns(columns, row));
        }
        let mut out = [Fr::ZERO; 3];
        if kind.is_local() {
            let local = self.first_local(kind, columns, pair, &helper, forms);
            out = mul(self.line(&kind.eq, Some(OfSample::Own), pair).values(), local.values());
        }
        if let Some(ones) = &kind.ones {
            flat.add(self.line(ones, Some(OfSample::Inside), pair), self.summed(kind, &helper));
        }
        for v in &kind.views {
            let om = self.line(&v.om, Some(v.samples.into()), pair);
            let [low, high] = forms[v.view];
            match v.second {
                None => {
                    let [zero, one, lead] = &mut views.0;
                    zero.add(&om.low, low.into());
                    one.add(&om.high, high.into());
                    lead.add(&om.step(), i128::from(high) - i128::from(low));
                }
                Some(second) => {
                    let [first, second] = [forms[v.view], forms[second]].map(|[a, b]| Line::new(signed(a), signed(b)));
                    out = add(out, mul(om.values(), first.product(second).values()));
                }
            }
        }
        forms.iter_mut().for_each(|form| form.zeroize());
        out
    }

    fn first_local(
        &self,
        kind: &KindState<'_>,
        columns: &NetworkColumns,
        pair: usize,
        helper: &impl Fn(usize) -> Line,
        forms: &[[i64; 2]],
    ) -> Quadratic {
        let mut sum = WeightedQuadratic::default();
        for gate in &kind.gates {
            let [mut low, mut high] = forms[gate.result].map(|v| -i128::from(v));
            if let Some([x, y]) = gate.factors.map(|f| f.map(|i| forms[i].map(i128::from))) {
                low += x[0] * y[0];
                high += x[1] * y[1];
                sum.0[2].add(&gate.weight, (x[1] - x[0]) * (y[1] - y[0]));
            }
            sum.0[0].add(&gate.weight, low);
            sum.0[1].add(&gate.weight, high);
        }
        let mut rest = QuadraticSum::default();
        let line = |form: usize| Line::new(signed(forms[form][0]), signed(forms[form][1]));
        let (from, to) = self.positions(pair);
        let is_inside = kind.eq.start <= from && to <= kind.eq.end();
        for (i, l) in kind.lookups.iter().enumerate() {
            let tuple = line(l.input).plus(line(l.output).times(self.gamma));
            let h = helper(self.order.j(i));
            let term = if is_inside {
                inverse(h, tuple)
            } else {
                // One row of the pair is of another kind: its `J` is the inverse of another tuple, if of any.
                let (constant, one) = (self.beta + l.id, Line::new(Fr::ONE, Fr::ONE));
                h.product(tuple.plus(Line::new(constant, constant))).minus_line(one)
            };
            rest.add_times(term, l.weight);
        }
        if let Some(copies) = &self.copies {
            for (j, weight) in &kind.reads {
                let column = &columns.operands[*j - 1];
                let value = Line::new(signed(column[2 * pair]), signed(column[2 * pair + 1]));
                let tuple = self.read_tuple(copies, *j, value, pair);
                rest.add_times(inverse(helper(self.order.read(*j)), tuple), *weight);
            }
            let written = helper(self.order.write());
            if let Some(value) = kind.value.filter(|_| !written.is_zero()) {
                rest.add_times(written.product(line(value)), copies.write);
            }
        }
        sum.sum().plus(rest.sum())
    }

    /// The rows after the first round, from bytes: `(1 - r) low + r high` is the sum of two entries of tables.
    pub(super) fn fix_bytes(&self, columns: &NetworkColumns, helpers: &Helpers, r: Fr, next: &mut [Fr]) {
        let (stride, order) = (self.stride(), self.order);
        let split = |table: &[Fr; TABLE]| {
            let high = table.map(|v| r * v);
            [core::array::from_fn(|i| table[i] - high[i]), high]
        };
        let bytes: [[Fr; TABLE]; 2] = split(&helpers.bytes);
        let mut inverses: Vec<[[Fr; TABLE]; 2]> = self.bytes.weighted.par_iter().map(split).collect();
        next.par_chunks_mut(stride * TASK).enumerate().for_each(|(task, chunk)| {
            let mut other = [Fr::ZERO; MAX_WIDTH];
            let other = &mut other[..stride];
            for (j, row) in chunk.chunks_exact_mut(stride).enumerate() {
                let pair = task * TASK + j;
                if !self.is_real(columns, pair) || inverses.len() < columns.limbs.len() {
                    self.load(columns, helpers, 2 * pair, row);
                    self.load(columns, helpers, 2 * pair + 1, other);
                    row.iter_mut().zip(&*other).for_each(|(l, h)| *l += r * (*h - *l));
                    continue;
                }
                let mut sum = Line::default();
                for (c, column) in columns.limbs.iter().enumerate() {
                    let (low, high) = (usize::from(column[2 * pair]), usize::from(column[2 * pair + 1]));
                    row[c] = bytes[0][low] + bytes[1][high];
                    row[order.h(c)] = inverses[c][0][low] + inverses[c][1][high];
                    sum = sum.plus(Line::new(helpers.inverses[low], helpers.inverses[high]));
                }
                for (j, column) in columns.operands.iter().enumerate() {
                    let (low, high) = (column[2 * pair], column[2 * pair + 1]);
                    if low != 0 || high != 0 {
                        row[order.limbs + j] = signed(low) + r * (signed(high) - signed(low));
                    }
                }
                let (h_t, m) = columns.table_line(helpers, pair);
                let at = |line: Line| line.low + r * line.step();
                if !h_t.is_zero() || !m.is_zero() {
                    (row[order.table()], row[order.m()]) = (at(h_t), at(m));
                }
                row[order.row_width()] = at(sum) - row[order.table()];
                for (slot, rows) in row[order.j(0)..order.row_width()].iter_mut().zip(&helpers.rows) {
                    let line = Line::new(rows.at(2 * pair), rows.at(2 * pair + 1));
                    if !line.is_zero() {
                        *slot = at(line);
                    }
                }
            }
            other.iter_mut().for_each(|v| v.zeroize());
        });
        inverses.iter_mut().flatten().for_each(|table| table.zeroize());
    }
}

/// Forms of a kind: 32 views, 16 gates of three, two lookups of two.
const MAX_FORMS: usize = 84;

impl NetworkColumns {
    /// `H_T` and `m` on a pair of real rows.
    fn table_line(&self, helpers: &Helpers, pair: usize) -> (Line, Line) {
        let entry = |row: usize| self.entry(row).map(|v| (helpers.table[v], Fr::from(self.counts[v])));
        let [low, high] = [2 * pair, 2 * pair + 1].map(|row| entry(row).unwrap_or_default());
        (Line::new(low.0, high.0), Line::new(low.1, high.1))
    }
}

/// Whether the first round has to be that of any field elements.
pub(super) fn is_changed(rows: &Rows<'_>) -> bool {
    matches!(rows, Rows::Columns(columns, _) if !columns.deltas().is_empty())
}
