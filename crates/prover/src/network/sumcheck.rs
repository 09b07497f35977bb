//! N5 M3: the prover of the sumcheck.
//!
//! Columns are kept up to their last real row, row by row; the first round reads the bytes
//! themselves. Public functions are kept per position or per sample, those of a kind over its own
//! interval. `G` and `Y` have a sum of their own: they meet rows nowhere.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use super::columns::{Inverses, NetworkColumns};
use super::functions::Functions;
use super::hats::HatRounds;
use super::phi::{FieldForm, Order};
use super::program::Parts;
use crate::circuit::layout::FIRST;
use crate::mle;
use crate::sumcheck::masks::{MaskColumns, MaskRounds};
use crate::transcript::{NetworkChallenges1, NetworkChallenges2, Transcript, stage};

/// Pairs of rows that one task handles at least.
const TASK: usize = 64;
/// Columns of a row: at most `2 (32 + 1) + 4`.
const MAX_WIDTH: usize = 70;

/// What M3 and M4 leave behind.
pub(crate) struct Output {
    pub(crate) rounds: Vec<[Fr; 3]>,
    pub(crate) r: Vec<Fr>,
    /// The evaluations in the order of M4.
    pub(crate) evals: Vec<Fr>,
}

/// The inputs of the sumcheck.
pub(crate) struct Inputs<'a> {
    pub(crate) p: &'a Parts,
    pub(crate) columns: &'a NetworkColumns,
    pub(crate) inverses: &'a Inverses,
    pub(crate) masks: &'a MaskColumns,
    pub(crate) functions: &'a Functions<'a>,
    /// `G` and `Y` over positions `0..qend`, or longer for a test.
    pub(crate) g: &'a [Fr],
    pub(crate) y: &'a [Fr],
    pub(crate) c1: &'a NetworkChallenges1,
    pub(crate) c2: &'a NetworkChallenges2,
}

/// A function on an interval of positions that starts at an index, while variables are being fixed.
#[derive(Debug, Default)]
struct Interval {
    start: usize,
    values: Vec<Fr>,
}

impl Interval {
    fn at(&self, p: usize) -> Fr {
        p.checked_sub(self.start).and_then(|i| self.values.get(i)).copied().unwrap_or_default()
    }

    fn end(&self) -> usize {
        self.start + self.values.len()
    }

    fn fix(&mut self, r: Fr) {
        if self.start % 2 == 1 {
            self.values.insert(0, Fr::ZERO);
            self.start -= 1;
        }
        mle::fold(&mut self.values, r);
        self.start /= 2;
    }
}

/// A kind while variables are being fixed.
struct KindState {
    /// `eq(xi_p, p)` on the kind.
    eq: Interval,
    /// `(view, Om)`.
    views: Vec<(FieldForm, Interval)>,
    /// `(A, B, C, weight)`.
    gates: Vec<(FieldForm, FieldForm, FieldForm, Fr)>,
}

/// The prover's rows.
enum Rows<'a> {
    Columns(&'a NetworkColumns, &'a Inverses),
    /// Row-major field elements.
    Fields(Zeroizing<Vec<Fr>>),
}

struct State<'a> {
    order: Order,
    kappa: usize,
    rows: Rows<'a>,
    len: usize,
    beta: Fr,
    gamma2: Fr,
    limb: Vec<Fr>,
    limb_sum: Fr,
    table: Fr,
    sum: Fr,
    kinds: Vec<KindState>,
    /// `eq(xi_p, p)` and 1 on the real positions.
    eq: Interval,
    ones: Interval,
    /// Per sample: `eq(xi_k, k)`, the same for `k < N`, `mu^k`.
    samples: [Vec<Fr>; 3],
    round: usize,
    /// `Tin + gamma^2 Tid` of the position variables fixed so far.
    table_offset: Fr,
}

/// Runs all rounds.
pub(crate) fn prove(inputs: &Inputs<'_>, mut transcript: Transcript<stage::M3>) -> (Transcript<stage::M3>, Output) {
    let (size, order) = (inputs.columns.size, inputs.columns.order);
    let mut state = State::new(inputs);
    let mut masks = MaskRounds::new(inputs.masks, inputs.c2.zeta);
    let mut hats = HatRounds::new(inputs.functions.hat_tables(), inputs.g, inputs.y, size.lo());
    let (mut rounds, mut r) = (Vec::new(), Vec::new());
    for _ in 0..size.rows.variables() {
        let mut e = state.message();
        for terms in [masks.message(), hats.message()] {
            e.iter_mut().zip(terms).for_each(|(e, m)| *e += m);
        }
        let (next, challenge) = transcript.round(&e);
        transcript = next;
        state.fix(challenge);
        masks.fix(challenge);
        hats.fix(challenge);
        rounds.push(e);
        r.push(challenge);
    }
    let mut evals = vec![Fr::ZERO; order.count()];
    if let Rows::Fields(rows) = &state.rows {
        evals[..order.width()].copy_from_slice(&rows[..order.width()]);
    }
    let [s1, s2, s3, s0] = inputs.masks.evaluate(&r);
    [evals[order.g()], evals[order.y()]] = hats.evaluations();
    [evals[order.s(1)], evals[order.s(2)], evals[order.s(3)], evals[order.s0()]] = [s1, s2, s3, s0];
    (transcript, Output { rounds, r, evals })
}

fn add(a: [Fr; 3], b: [Fr; 3]) -> [Fr; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// The values at 0, 2, 3 of the line `v + x d`.
fn line(v: Fr, d: Fr) -> [Fr; 3] {
    let two = v + d + d;
    [v, two, two + d]
}

impl<'a> State<'a> {
    fn new(inputs: &Inputs<'a>) -> Self {
        let (p, f, rows) = (inputs.p, inputs.functions, inputs.columns.size.rows);
        let (xi_k, xi_p) = inputs.c2.xi.split_at(rows.kappa);
        let mut eq_p = mle::eq_table(xi_p);
        eq_p.truncate(rows.positions);
        let kinds = p.kinds.iter().enumerate().map(|(i, kind)| {
            let (lo, hi) = (kind.lo as usize, kind.hi as usize);
            let views = kind.views.iter().zip(f.tables(i));
            let views =
                views.filter_map(|(view, om)| Some((FieldForm::new(view), Interval { start: lo, values: om? })));
            let gates = kind.gates.iter().enumerate();
            let form = FieldForm::new;
            KindState {
                eq: Interval { start: lo, values: eq_p[lo..hi].to_vec() },
                views: views.collect(),
                gates: gates.map(|(i, g)| (form(&g.a), form(&g.b), form(&g.c), f.gate_weight(i))).collect(),
            }
        });
        let kinds = kinds.collect();
        let eq_k = mle::eq_table(xi_k);
        let mut of_samples = eq_k.clone();
        of_samples[rows.samples..].fill(Fr::ZERO);
        let mut mu = mle::powers(inputs.c1.mu, rows.samples);
        mu.resize(rows.k(), Fr::ZERO);
        let limb: Vec<Fr> = (0..inputs.columns.order.limbs).map(|c| f.limb_weight(c)).collect();
        let gamma2 = inputs.c1.gamma.square();
        let mut state = Self {
            order: inputs.columns.order,
            kappa: rows.kappa,
            rows: Rows::Columns(inputs.columns, inputs.inverses),
            len: rows.real(),
            beta: inputs.c1.beta,
            gamma2,
            limb_sum: limb.iter().sum(),
            limb,
            table: f.table_weight(),
            sum: f.sum_weight(),
            kinds,
            eq: Interval { start: FIRST, values: eq_p[FIRST..].to_vec() },
            ones: Interval { start: FIRST, values: vec![Fr::ONE; rows.positions - FIRST] },
            samples: [eq_k, of_samples, mu],
            round: 0,
            table_offset: -gamma2,
        };
        state.absorb_samples();
        state
    }

    /// Once all sample variables are fixed, what is left of their functions moves into the positions.
    fn absorb_samples(&mut self) {
        if self.round == self.kappa {
            let [eq, own, mu] = [0, 1, 2].map(|i| self.samples[i][0]);
            self.eq.values.iter_mut().for_each(|v| *v *= eq);
            for kind in &mut self.kinds {
                kind.eq.values.iter_mut().for_each(|v| *v *= own);
                kind.views.iter_mut().flat_map(|(_, om)| &mut om.values).for_each(|v| *v *= mu);
            }
        }
    }

    /// `e(0), e(2), e(3)` without masks and hats.
    fn message(&self) -> [Fr; 3] {
        (0..self.len.div_ceil(2))
            .into_par_iter()
            .with_min_len(TASK)
            .fold(|| [Fr::ZERO; 3], |sum, pair| add(sum, self.pair(pair)))
            .reduce(|| [Fr::ZERO; 3], add)
    }

    fn load(&self, row: usize, out: &mut [Fr]) {
        if row >= self.len {
            return out.fill(Fr::ZERO);
        }
        match &self.rows {
            Rows::Columns(columns, inverses) => columns.load(row, inverses, out),
            Rows::Fields(rows) => out.copy_from_slice(&rows[row * out.len()..(row + 1) * out.len()]),
        }
    }

    /// A function of position and sample as values at 0, 2, 3; `samples` indexes `self.samples`.
    fn line(&self, f: &Interval, samples: Option<usize>, pair: usize) -> [Fr; 3] {
        if self.round >= self.kappa {
            let low = f.at(2 * pair);
            return line(low, f.at(2 * pair + 1) - low);
        }
        let left = 1 << (self.kappa - self.round);
        let (p, k) = (2 * pair / left, 2 * pair % left);
        let value = f.at(p);
        match samples {
            _ if value == Fr::ZERO => [Fr::ZERO; 3],
            None => [value; 3],
            Some(i) => {
                let low = self.samples[i][k] * value;
                line(low, self.samples[i][k + 1] * value - low)
            }
        }
    }

    /// The positions of a pair: first and one past the last.
    fn positions(&self, pair: usize) -> (usize, usize) {
        if self.round >= self.kappa {
            return (2 * pair, 2 * pair + 2);
        }
        let p = (2 * pair) >> (self.kappa - self.round);
        (p, p + 1)
    }

    /// `Tin + gamma^2 Tid` of a pair as values at 0, 2, 3.
    fn table_line(&self, pair: usize) -> [Fr; 3] {
        // Value of the position bits that are not fixed.
        let value = |p: usize| Fr::from((p % 256) as u64) + self.gamma2 * Fr::from((p >> 8) as u64);
        let Some(fixed) = self.round.checked_sub(self.kappa) else {
            let p = (2 * pair) >> (self.kappa - self.round);
            return [self.table_offset + value(p); 3];
        };
        line(self.table_offset + value((2 * pair) << fixed), value(1 << fixed))
    }

    /// The contribution of one pair of rows.
    fn pair(&self, pair: usize) -> [Fr; 3] {
        let (from, to) = self.positions(pair);
        if to <= self.eq.start {
            return [Fr::ZERO; 3];
        }
        let width = self.order.width();
        let (mut low, mut step) = ([Fr::ZERO; MAX_WIDTH], [Fr::ZERO; MAX_WIDTH]);
        let (low, step) = (&mut low[..width], &mut step[..width]);
        self.load(2 * pair, low);
        self.load(2 * pair + 1, step);
        step.iter_mut().zip(low.iter()).for_each(|(s, l)| *s -= l);
        let mut out = self.lookups(pair, low, step);
        for kind in self.kinds.iter().filter(|kind| kind.eq.start < to && from < kind.eq.end()) {
            out = add(out, self.kind(kind, pair, low, step));
        }
        out
    }

    /// Limbs, table and lookup sum.
    fn lookups(&self, pair: usize, low: &[Fr], step: &[Fr]) -> [Fr; 3] {
        let order = self.order;
        let at = |c: usize| line(low[c], step[c]);
        let (es, s) = (self.line(&self.eq, Some(0), pair), self.line(&self.ones, None, pair));
        let mut bracket = [-self.limb_sum; 3];
        let mut sum = [Fr::ZERO; 3];
        for c in 0..order.limbs {
            let (l, h) = (at(c), at(order.h(c)));
            for i in 0..3 {
                sum[i] += h[i];
                bracket[i] += self.limb[c] * h[i] * (self.beta + l[i]);
            }
        }
        let (h_t, m) = (order.h(order.limbs), order.m());
        if [low[h_t], step[h_t], low[m], step[m]].iter().any(|v| *v != Fr::ZERO) {
            let (h, m, t) = (at(h_t), at(m), self.table_line(pair));
            for i in 0..3 {
                sum[i] -= h[i];
                bracket[i] += self.table * (h[i] * (self.beta + t[i]) - m[i]);
            }
        }
        core::array::from_fn(|i| es[i] * bracket[i] + self.sum * s[i] * sum[i])
    }

    /// Gates and views of a kind.
    fn kind(&self, kind: &KindState, pair: usize, low: &[Fr], step: &[Fr]) -> [Fr; 3] {
        let at = |form: &FieldForm| line(form.evaluate(low), form.linear(step));
        let mut out = [Fr::ZERO; 3];
        if !kind.gates.is_empty() {
            let es = self.line(&kind.eq, Some(1), pair);
            let mut bracket = [Fr::ZERO; 3];
            for (a, b, c, weight) in &kind.gates {
                let c = at(c);
                let product = match a.is_zero() || b.is_zero() {
                    true => [Fr::ZERO; 3],
                    false => {
                        let (a, b) = (at(a), at(b));
                        core::array::from_fn(|i| a[i] * b[i])
                    }
                };
                (0..3).for_each(|i| bracket[i] += *weight * (product[i] - c[i]));
            }
            (0..3).for_each(|i| out[i] += es[i] * bracket[i]);
        }
        for (view, om) in &kind.views {
            let (om, view) = (self.line(om, Some(2), pair), at(view));
            (0..3).for_each(|i| out[i] += om[i] * view[i]);
        }
        out
    }

    /// Fixes the next variable to `r`.
    fn fix(&mut self, r: Fr) {
        let half = self.len.div_ceil(2);
        let width = self.order.width();
        let mut next = Zeroizing::new(vec![Fr::ZERO; half * width]);
        next.par_chunks_mut(width * TASK).enumerate().for_each(|(task, chunk)| {
            let mut high = [Fr::ZERO; MAX_WIDTH];
            for (j, row) in chunk.chunks_exact_mut(width).enumerate() {
                let pair = task * TASK + j;
                let high = &mut high[..width];
                self.load(2 * pair, row);
                self.load(2 * pair + 1, high);
                row.iter_mut().zip(high.iter()).filter(|(l, h)| l != h).for_each(|(l, h)| *l += r * (*h - *l));
            }
            high.zeroize();
        });
        self.rows = Rows::Fields(next);
        self.len = half;
        if let Some(fixed) = self.round.checked_sub(self.kappa) {
            let weight = if fixed < 8 { Fr::from(1u64 << fixed) } else { self.gamma2 * Fr::from(1u64 << (fixed - 8)) };
            self.table_offset += r * weight;
            self.eq.fix(r);
            self.ones.fix(r);
            for kind in &mut self.kinds {
                kind.eq.fix(r);
                kind.views.iter_mut().for_each(|(_, om)| om.fix(r));
            }
        } else {
            self.samples.iter_mut().for_each(|table| mle::fold(table, r));
        }
        self.round += 1;
        self.absorb_samples();
    }
}
