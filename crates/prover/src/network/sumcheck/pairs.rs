//! The summand on a pair of neighbouring rows, as a polynomial in the variable that is being summed.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use super::interval::{Line, Quadratic, QuadraticSum, Values, add, mul};
use super::kinds::KindState;
use super::state::{Copies, MAX_WIDTH, OfSample, Products, Rows, State, TASK};

/// What a task adds up, and its buffers.
pub(super) struct Work {
    pub(super) sum: Values,
    /// The forms of a kind. Secret.
    lines: Zeroizing<Vec<Line>>,
    /// Two rows of the columns. Secret.
    rows: Zeroizing<Vec<Fr>>,
}

/// A row behind the last one.
static NOTHING: [Fr; MAX_WIDTH] = [Fr::ZERO; MAX_WIDTH];

/// Two neighbouring rows.
pub(super) struct Pair<'a> {
    pub(super) low: &'a [Fr],
    pub(super) high: &'a [Fr],
}

impl Pair<'_> {
    pub(super) fn at(&self, column: usize) -> Line {
        Line::new(self.low[column], self.high[column])
    }
}

impl State<'_> {
    /// `e(0), e(2), e(3)` without masks, hats and tensors.
    pub(super) fn message(&self) -> Values {
        let work = || Work {
            sum: [Fr::ZERO; 3],
            lines: Zeroizing::new(Vec::with_capacity(MAX_WIDTH)),
            rows: Zeroizing::new(vec![Fr::ZERO; 2 * self.stride()]),
        };
        let add_up = |mut work: Work, pair| {
            self.pair(pair, &mut work);
            work
        };
        let pairs = (0..self.len.div_ceil(2)).into_par_iter().with_min_len(TASK);
        pairs.fold(work, add_up).map(|work| work.sum).reduce(|| [Fr::ZERO; 3], add)
    }

    fn pair(&self, pair: usize, work: &mut Work) {
        if self.positions(pair).1 <= self.eq.start {
            return;
        }
        let stride = self.stride();
        match &self.rows {
            Rows::Fields(rows) => {
                let (low, high) = rows[2 * pair * stride..].split_at(stride);
                let high = high.get(..stride).unwrap_or(&NOTHING[..stride]);
                self.rows(pair, &Pair { low, high }, work);
            }
            Rows::Columns(columns, helpers) if self.is_real(columns, pair) => self.first(columns, helpers, pair, work),
            Rows::Columns(columns, helpers) => {
                let mut rows = core::mem::take(&mut *work.rows);
                let (low, high) = rows.split_at_mut(stride);
                self.load(columns, helpers, 2 * pair, low);
                self.load(columns, helpers, 2 * pair + 1, high);
                self.rows(pair, &Pair { low, high }, work);
                *work.rows = rows;
            }
        }
    }

    /// The contribution of two rows of field elements.
    fn rows(&self, pair: usize, row: &Pair<'_>, work: &mut Work) {
        let (from, to) = self.positions(pair);
        let es = self.line(&self.eq, Some(OfSample::Eq), pair);
        let mut out = mul(es.values(), self.lookups(pair, row).values());
        // All that is quadratic.
        let mut flat = QuadraticSum::default();
        flat.add(self.line(&self.sums, None, pair), row.at(self.order.row_width()));
        for kind in self.kinds.iter().filter(|kind| kind.eq.start < to && from < kind.eq.end()) {
            let mut lines = core::mem::take(&mut *work.lines);
            kind.lines(row.low, row.high, &mut lines);
            out = add(out, self.kind(kind, pair, row, &lines, &mut flat));
            lines.iter_mut().for_each(Zeroize::zeroize);
            *work.lines = lines;
        }
        if let Some(copies) = &self.copies {
            out = add(out, self.writes(copies, pair, row.at(self.order.write()), &mut flat));
        }
        if let Some(products) = self.products.as_ref().filter(|p| from < p.link.end()) {
            let sides = [0, 1].map(|i| row.at(self.order.width() + i));
            out = add(out, self.hats(products, pair, sides, &mut flat));
        }
        work.sum = add(work.sum, add(out, flat.sum().values()));
    }

    /// `sum_c l(eH+c) (H_c (beta + L_c) - 1) + l(eT) (H_T (beta + ..) - m)`.
    fn lookups(&self, pair: usize, row: &Pair<'_>) -> Quadratic {
        let order = self.order;
        let mut sum = QuadraticSum::default();
        let mut total = Line::default();
        for c in 0..self.limb.len() {
            let h = row.at(order.h(c));
            sum.add(row.at(c), h);
            total = total.plus(h);
        }
        sum.add_line(total, self.beta);
        let (h_t, m) = (row.at(order.table()), row.at(order.m()));
        if !h_t.is_zero() || !m.is_zero() {
            sum.add_times(h_t.product(self.table_tuple(pair)).minus_line(m), self.table);
        }
        sum.sum().minus_line(Line::new(self.limb_sum, self.limb_sum))
    }

    /// `beta + Tin + gamma Tout + gamma^2 Tid`.
    pub(super) fn table_tuple(&self, pair: usize) -> Line {
        let tuple = self.table_line(pair).plus(Line::new(self.beta, self.beta));
        match &self.outputs {
            None => tuple,
            Some(outputs) => tuple.plus(self.line(outputs, None, pair).times(self.gamma)),
        }
    }

    /// Gates, lookups, reads, what copies read, and views of a kind, whose forms are `lines`.
    fn kind(
        &self,
        kind: &KindState<'_>,
        pair: usize,
        row: &Pair<'_>,
        lines: &[Line],
        flat: &mut QuadraticSum,
    ) -> Values {
        let mut out = [Fr::ZERO; 3];
        if kind.is_local() {
            let es = self.line(&kind.eq, Some(OfSample::Own), pair);
            out = mul(es.values(), self.local(kind, pair, row, lines).values());
        }
        if let Some(ones) = &kind.ones {
            let columns = |column: usize| row.at(column);
            flat.add(self.line(ones, Some(OfSample::Inside), pair), self.summed(kind, columns));
        }
        for v in &kind.views {
            let om = self.line(&v.om, Some(v.samples.into()), pair);
            match v.second {
                None => flat.add(om, lines[v.view]),
                Some(second) => out = add(out, mul(om.values(), lines[v.view].product(lines[second]).values())),
            }
        }
        out
    }

    /// What the rows of a kind add to the sums of lookups and of copies.
    pub(super) fn summed(&self, kind: &KindState<'_>, column: impl Fn(usize) -> Line) -> Line {
        let mut sum = Line::default();
        for i in 0..kind.summed {
            sum = sum.plus(column(self.order.j(i)).times(self.sum));
        }
        let weight = self.copies.as_ref().map_or(Fr::ZERO, |c| c.sum);
        for (j, _) in &kind.reads {
            sum = sum.plus(column(self.order.read(*j)).times(weight));
        }
        sum
    }

    /// What holds on single rows of a kind.
    fn local(&self, kind: &KindState<'_>, pair: usize, row: &Pair<'_>, lines: &[Line]) -> Quadratic {
        let mut sum = QuadraticSum::default();
        for gate in &kind.gates {
            let product = gate.factors.map_or_else(Quadratic::default, |[a, b]| lines[a].product(lines[b]));
            sum.add_times(product.minus_line(lines[gate.result]), gate.weight);
        }
        let one = Line::new(Fr::ONE, Fr::ONE);
        for (i, l) in kind.lookups.iter().enumerate() {
            let constant = self.beta + l.id;
            let tuple = Line::new(constant, constant).plus(lines[l.input]).plus(lines[l.output].times(self.gamma));
            sum.add_times(row.at(self.order.j(i)).product(tuple).minus_line(one), l.weight);
        }
        let Some(copies) = &self.copies else {
            return sum.sum();
        };
        for (j, weight) in &kind.reads {
            let tuple = self.read_tuple(copies, *j, row.at(self.order.x(*j)), pair);
            sum.add_times(row.at(self.order.read(*j)).product(tuple).minus_line(one), *weight);
        }
        if let Some(value) = kind.value {
            sum.add_times(row.at(self.order.write()).product(lines[value]), copies.write);
        }
        sum.sum()
    }

    /// `beta + X_j + gamma addr_j + gamma^2 k`.
    pub(super) fn read_tuple(&self, copies: &Copies, j: usize, value: Line, pair: usize) -> Line {
        let address = self.line(&copies.columns[j - 1], None, pair).times(self.gamma);
        let sample = self.sample_line(pair).times(copies.sample);
        value.plus(Line::new(self.beta, self.beta)).plus(address).plus(sample)
    }

    /// `H_V` apart from the values, and the copy sum.
    pub(super) fn writes(&self, copies: &Copies, pair: usize, h: Line, flat: &mut QuadraticSum) -> Values {
        let mult = self.line(&copies.columns[self.order.reads], None, pair);
        if h.is_zero() && mult.is_zero() {
            return [Fr::ZERO; 3];
        }
        let esn = self.line(&copies.eq, Some(OfSample::Own), pair);
        flat.add(self.line(&copies.sums, Some(OfSample::Inside), pair), h);
        let (position, sample) = (self.position_line(pair), self.sample_line(pair));
        let tuple = Line::new(self.beta, self.beta);
        let tuple = tuple.plus(position.times(self.gamma)).plus(sample.times(copies.sample));
        mul(esn.values(), h.product(tuple).minus_line(mult).times(copies.write).values())
    }

    /// Products of hats and their links.
    pub(super) fn hats(&self, products: &Products, pair: usize, sides: [Line; 2], flat: &mut QuadraticSum) -> Values {
        let [left, right] = sides;
        let weights = self.line(&products.weights, Some(OfSample::Mu), pair);
        let [of_left, of_right] = products.links;
        let link = self.line(&products.link, Some(OfSample::Psi), pair);
        flat.add(link, left.times(of_left).plus(right.times(of_right)));
        mul(weights.times(-Fr::ONE).values(), left.product(right).values())
    }
}
