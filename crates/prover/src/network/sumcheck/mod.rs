//! N5 M3: the prover of the sumcheck.
//!
//! Columns are kept up to their last real row, row by row; the first round reads the bytes
//! themselves. Public functions are kept per position or per sample, those of a kind over its own
//! interval. `G` and `Y`, and committed tensors, have sums of their own: they meet rows nowhere.

mod hats;
mod interval;
mod kinds;
mod tensors;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use self::hats::HatRounds;
use self::interval::{Interval, Values, add, line, mul, scale};
use self::kinds::KindState;
use self::tensors::TensorRounds;
use super::columns::NetworkColumns;
use super::functions::{Functions, Samples};
use super::helpers::Helpers;
use super::phi::{FieldForm, Order};
use super::program::Parts;
use crate::circuit::layout::FIRST;
use crate::encoding::signed;
use crate::mle;
use crate::sumcheck::masks::{MaskColumns, MaskRounds};
use crate::transcript::{NetworkChallenges1, NetworkChallenges2, Transcript, stage};

/// Pairs of rows that one task handles at least.
const TASK: usize = 64;
/// Columns of a row: at most `2 (32 + 1) + 4`, two lookups, four reads and a write, two hats.
const MAX_WIDTH: usize = 80;

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
    pub(crate) helpers: &'a Helpers,
    /// The fixed columns by position.
    pub(crate) fixed: &'a [Vec<i64>],
    pub(crate) masks: &'a MaskColumns,
    pub(crate) functions: &'a Functions<'a>,
    /// `G` and `Y` over positions `0..qend`, or longer for a test.
    pub(crate) g: &'a [Fr],
    pub(crate) y: &'a [Fr],
    /// `X_s` of the committed ports.
    pub(crate) tensors: &'a [Zeroizing<Vec<Fr>>],
    pub(crate) c1: &'a NetworkChallenges1,
    pub(crate) c2: &'a NetworkChallenges2,
}

/// The prover's rows.
enum Rows<'a> {
    Columns(&'a NetworkColumns, &'a Helpers),
    /// Row-major field elements.
    Fields(Zeroizing<Vec<Fr>>),
}

/// Functions of the sample.
#[derive(Clone, Copy)]
enum OfSample {
    /// `eq(xi_k, k)`, and the same for `k < N`.
    Eq,
    Own,
    /// `mu^k`, `psi^k`, 1 for `k < N`.
    Mu,
    Psi,
    Inside,
}

impl From<Samples> for OfSample {
    fn from(samples: Samples) -> Self {
        match samples {
            Samples::Mu => Self::Mu,
            Samples::Psi => Self::Psi,
        }
    }
}

/// What copies need besides their rows.
struct Copies {
    /// `eq(xi_p, p)` and 1 on the real positions, for rows of samples.
    eq: Interval,
    ones: Interval,
    /// `addr_1.., mult`.
    columns: Vec<Interval>,
    /// The weights of `H_V` and of the sum.
    write: Fr,
    sum: Fr,
    /// The weight of the sample in a tuple.
    sample: Fr,
}

/// What products need besides their rows.
struct Products {
    /// `MC`, `TL`.
    weights: Interval,
    link: Interval,
    /// `l_L`, `l_R`.
    links: [Fr; 2],
}

struct State<'a> {
    order: Order,
    kappa: usize,
    rows: Rows<'a>,
    len: usize,
    beta: Fr,
    gamma: Fr,
    limb: Vec<Fr>,
    limb_sum: Fr,
    table: Fr,
    sum: Fr,
    kinds: Vec<KindState>,
    /// `eq(xi_p, p)` and 1 on the real positions.
    eq: Interval,
    ones: Interval,
    /// `T_out`.
    outputs: Option<Interval>,
    copies: Option<Copies>,
    products: Option<Products>,
    /// By [`OfSample`].
    samples: [Vec<Fr>; 5],
    round: usize,
    /// `SMP`, `POS` and `Tin + gamma^2 Tid` of the variables fixed so far.
    sample: Fr,
    position: Fr,
    table_offset: Fr,
}

/// Runs all rounds.
pub(crate) fn prove(inputs: &Inputs<'_>, mut transcript: Transcript<stage::M3>) -> (Transcript<stage::M3>, Output) {
    let (size, order) = (inputs.columns.size, inputs.columns.order);
    let mut state = State::new(inputs);
    let mut masks = MaskRounds::new(inputs.masks, inputs.c2.zeta);
    let mut hats = HatRounds::new(inputs.functions.hat_tables(), inputs.g, inputs.y, size.lo());
    let tensors = inputs.functions.tensor_tables().into_iter().zip(inputs.tensors).enumerate();
    let mut tensors: Vec<_> = tensors.map(|(s, (e, x))| TensorRounds::new(e, x, size.tensor_level(s))).collect();
    let (mut rounds, mut r) = (Vec::new(), Vec::new());
    for _ in 0..size.rows.variables() {
        let mut e = state.message();
        e = add(add(e, masks.message()), hats.message());
        tensors.iter().for_each(|t| e = add(e, t.message()));
        let (next, challenge) = transcript.round(&e);
        transcript = next;
        state.fix(challenge);
        masks.fix(challenge);
        hats.fix(challenge);
        tensors.iter_mut().for_each(|t| t.fix(challenge));
        rounds.push(e);
        r.push(challenge);
    }
    let mut evals = vec![Fr::ZERO; order.count()];
    if let Rows::Fields(rows) = &state.rows {
        rows.iter().take(order.row_width()).enumerate().for_each(|(i, v)| evals[order.of_row(i)] = *v);
    }
    let [s1, s2, s3, s0] = inputs.masks.evaluate(&r);
    [evals[order.g()], evals[order.y()]] = hats.evaluations();
    [evals[order.s(1)], evals[order.s(2)], evals[order.s(3)], evals[order.s0()]] = [s1, s2, s3, s0];
    let fixed = state.outputs.iter().chain(state.copies.iter().flat_map(|c| &c.columns));
    fixed.enumerate().for_each(|(i, column)| evals[order.fixed() + i] = column.at(0));
    tensors.iter().enumerate().for_each(|(s, t)| evals[order.tensor(s)] = t.evaluation());
    (transcript, Output { rounds, r, evals })
}

impl<'a> State<'a> {
    fn new(inputs: &Inputs<'a>) -> Self {
        let (p, f, rows, order) = (inputs.p, inputs.functions, inputs.columns.size.rows, inputs.columns.order);
        let (xi_k, xi_p) = inputs.c2.xi.split_at(rows.kappa);
        let mut eq_p = mle::eq_table(xi_p);
        eq_p.truncate(rows.positions);
        let kinds = (0..p.kinds.len()).map(|i| KindState::new(p, i, f, &eq_p)).collect();
        let real = |table: &[Fr]| Interval { start: FIRST, values: table[FIRST..].to_vec() };
        let column = |c: &Vec<i64>| Interval { start: 0, values: c.iter().map(|v| signed(*v)).collect() };
        let ones = vec![Fr::ONE; rows.positions];
        let copies = (order.reads > 0).then(|| Copies {
            eq: real(&eq_p),
            ones: real(&ones),
            columns: inputs.fixed[usize::from(order.tables)..].iter().map(column).collect(),
            write: f.write_weight(),
            sum: f.copy_weight(),
            sample: f.copy_sample(),
        });
        let products = order.products.then(|| {
            let [weights, link] = f.product_tables();
            let all = |values| Interval { start: 0, values };
            Products { weights: all(weights), link: all(link), links: f.product_links() }
        });
        let eq_k = mle::eq_table(xi_k);
        let own = |mut values: Vec<Fr>| {
            values.resize(rows.k(), Fr::ZERO);
            values[rows.samples..].fill(Fr::ZERO);
            values
        };
        let powers = |base| own(mle::powers(base, rows.samples));
        let limb: Vec<Fr> = (0..order.limbs).map(|c| f.limb_weight(c)).collect();
        let mut state = Self {
            order,
            kappa: rows.kappa,
            rows: Rows::Columns(inputs.columns, inputs.helpers),
            len: rows.real(),
            beta: inputs.c1.beta,
            gamma: inputs.c1.gamma,
            limb_sum: limb.iter().sum(),
            limb,
            table: f.table_weight(),
            sum: f.sum_weight(),
            kinds,
            eq: real(&eq_p),
            ones: real(&ones),
            outputs: order.tables.then(|| column(&inputs.fixed[0])),
            copies,
            products,
            samples: [eq_k.clone(), own(eq_k), powers(inputs.c1.mu), powers(f.psi), powers(Fr::ONE)],
            round: 0,
            sample: Fr::ZERO,
            position: Fr::ZERO,
            table_offset: -inputs.c1.gamma.square(),
        };
        state.absorb_samples();
        state
    }

    /// Once all sample variables are fixed, what is left of their functions moves into the positions.
    fn absorb_samples(&mut self) {
        if self.round != self.kappa {
            return;
        }
        let [eq, own, mu, psi, inside] = core::array::from_fn(|i| self.samples[i][0]);
        self.eq.scale(eq);
        for kind in &mut self.kinds {
            kind.eq.scale(own);
            for v in &mut kind.views {
                v.om.scale(if v.samples == Samples::Mu { mu } else { psi });
            }
            if let Some(ones) = &mut kind.ones {
                ones.scale(inside);
            }
        }
        if let Some(copies) = &mut self.copies {
            copies.eq.scale(own);
            copies.ones.scale(inside);
        }
        if let Some(products) = &mut self.products {
            products.weights.scale(mu);
            products.link.scale(psi);
        }
    }

    /// `e(0), e(2), e(3)` without masks, hats and tensors.
    fn message(&self) -> Values {
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
            Rows::Columns(columns, helpers) => columns.load(row, helpers, out),
            Rows::Fields(rows) => out.copy_from_slice(&rows[row * out.len()..(row + 1) * out.len()]),
        }
    }

    /// A function of position and sample; `None`: of the position alone.
    fn line(&self, f: &Interval, samples: Option<OfSample>, pair: usize) -> Values {
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
            Some(of) => {
                let table = &self.samples[of as usize];
                let low = table[k] * value;
                line(low, table[k + 1] * value - low)
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

    /// A linear function of the position, given by its values at positions.
    fn of_position(&self, offset: Fr, value: impl Fn(usize) -> Fr, pair: usize) -> Values {
        let Some(fixed) = self.round.checked_sub(self.kappa) else {
            let p = (2 * pair) >> (self.kappa - self.round);
            return [offset + value(p); 3];
        };
        line(offset + value((2 * pair) << fixed), value(1 << fixed))
    }

    /// `Tin + gamma^2 Tid`.
    fn table_line(&self, pair: usize) -> Values {
        let gamma2 = self.gamma.square();
        let value = |p: usize| Fr::from((p % 256) as u64) + gamma2 * Fr::from((p >> 8) as u64);
        self.of_position(self.table_offset, value, pair)
    }

    /// `POS`.
    fn position_line(&self, pair: usize) -> Values {
        self.of_position(self.position, |p| Fr::from(p as u64), pair)
    }

    /// `SMP`.
    fn sample_line(&self, pair: usize) -> Values {
        if self.round >= self.kappa {
            return [self.sample; 3];
        }
        let k = 2 * pair % (1 << (self.kappa - self.round));
        line(self.sample + Fr::from((k << self.round) as u64), Fr::from(1u64 << self.round))
    }

    /// The contribution of one pair of rows.
    fn pair(&self, pair: usize) -> Values {
        let (from, to) = self.positions(pair);
        if to <= self.eq.start {
            return [Fr::ZERO; 3];
        }
        let width = self.order.row_width();
        let (mut low, mut step) = ([Fr::ZERO; MAX_WIDTH], [Fr::ZERO; MAX_WIDTH]);
        let (low, step) = (&mut low[..width], &mut step[..width]);
        self.load(2 * pair, low);
        self.load(2 * pair + 1, step);
        step.iter_mut().zip(low.iter()).for_each(|(s, l)| *s -= l);
        let row = Pair { low, step };
        let mut out = self.lookups(pair, &row);
        for kind in self.kinds.iter().filter(|kind| kind.eq.start < to && from < kind.eq.end()) {
            out = add(out, self.kind(kind, pair, &row));
        }
        if let Some(copies) = &self.copies {
            out = add(out, self.writes(copies, pair, &row));
        }
        if let Some(products) = self.products.as_ref().filter(|p| from < p.link.end()) {
            out = add(out, self.hats(products, pair, &row));
        }
        out
    }

    /// Limbs, table and lookup sum.
    fn lookups(&self, pair: usize, row: &Pair<'_>) -> Values {
        let order = self.order;
        let (es, s) = (self.line(&self.eq, Some(OfSample::Eq), pair), self.line(&self.ones, None, pair));
        let mut bracket = [-self.limb_sum; 3];
        let mut sum = [Fr::ZERO; 3];
        for c in 0..order.limbs {
            let (l, h) = (row.at(c), row.at(order.h(c)));
            for i in 0..3 {
                sum[i] += h[i];
                bracket[i] += self.limb[c] * h[i] * (self.beta + l[i]);
            }
        }
        let (h_t, m) = (order.table(), order.m());
        if !row.is_zero(h_t) || !row.is_zero(m) {
            let (h, m, t) = (row.at(h_t), row.at(m), self.table_line(pair));
            let t = match &self.outputs {
                None => t,
                Some(outputs) => add(t, scale(self.line(outputs, None, pair), self.gamma)),
            };
            for i in 0..3 {
                sum[i] -= h[i];
                bracket[i] += self.table * (h[i] * (self.beta + t[i]) - m[i]);
            }
        }
        core::array::from_fn(|i| es[i] * bracket[i] + self.sum * s[i] * sum[i])
    }

    /// Gates, lookups, reads, what copies read, and views of a kind.
    fn kind(&self, kind: &KindState, pair: usize, row: &Pair<'_>) -> Values {
        let mut out = [Fr::ZERO; 3];
        if kind.is_local() {
            out = mul(self.line(&kind.eq, Some(OfSample::Own), pair), self.local(kind, pair, row));
        }
        if let Some(ones) = &kind.ones {
            let mut sum = [Fr::ZERO; 3];
            for i in 0..kind.summed {
                sum = add(sum, scale(row.at(self.order.j(i)), self.sum));
            }
            let copies = self.copies.as_ref().map_or(Fr::ZERO, |c| c.sum);
            for (j, _) in &kind.reads {
                sum = add(sum, scale(row.at(self.order.read(*j)), copies));
            }
            out = add(out, mul(self.line(ones, Some(OfSample::Inside), pair), sum));
        }
        for v in &kind.views {
            let mut value = mul(self.line(&v.om, Some(v.samples.into()), pair), row.form(&v.view));
            if let Some(second) = &v.second {
                value = mul(value, row.form(second));
            }
            out = add(out, value);
        }
        out
    }

    /// What holds on single rows of a kind.
    fn local(&self, kind: &KindState, pair: usize, row: &Pair<'_>) -> Values {
        let mut bracket = [Fr::ZERO; 3];
        for (a, b, c, weight) in &kind.gates {
            let c = row.form(c);
            let product = match a.is_zero() || b.is_zero() {
                true => [Fr::ZERO; 3],
                false => mul(row.form(a), row.form(b)),
            };
            (0..3).for_each(|i| bracket[i] += *weight * (product[i] - c[i]));
        }
        for (i, l) in kind.lookups.iter().enumerate() {
            let (j, input, output) = (row.at(self.order.j(i)), row.form(&l.input), row.form(&l.output));
            for x in 0..3 {
                let tuple = self.beta + input[x] + self.gamma * output[x] + l.id;
                bracket[x] += l.weight * (j[x] * tuple - Fr::ONE);
            }
        }
        let Some(copies) = &self.copies else {
            return bracket;
        };
        for (j, weight) in &kind.reads {
            let (h, value, sample) = (row.at(self.order.read(*j)), row.at(self.order.x(*j)), self.sample_line(pair));
            let address = self.line(&copies.columns[*j - 1], None, pair);
            for x in 0..3 {
                let tuple = self.beta + value[x] + self.gamma * address[x] + copies.sample * sample[x];
                bracket[x] += *weight * (h[x] * tuple - Fr::ONE);
            }
        }
        if let Some(value) = kind.value.as_ref().filter(|_| !row.is_zero(self.order.write())) {
            let written = mul(row.at(self.order.write()), row.form(value));
            bracket = add(bracket, scale(written, copies.write));
        }
        bracket
    }

    /// `H_V` apart from the values, and the copy sum.
    fn writes(&self, copies: &Copies, pair: usize, row: &Pair<'_>) -> Values {
        let mult = self.line(&copies.columns[self.order.reads], None, pair);
        if row.is_zero(self.order.write()) && mult.iter().all(|m| *m == Fr::ZERO) {
            return [Fr::ZERO; 3];
        }
        let h = row.at(self.order.write());
        let esn = self.line(&copies.eq, Some(OfSample::Own), pair);
        let sn = self.line(&copies.ones, Some(OfSample::Inside), pair);
        let (position, sample) = (self.position_line(pair), self.sample_line(pair));
        core::array::from_fn(|x| {
            let tuple = self.beta + self.gamma * position[x] + copies.sample * sample[x];
            copies.write * esn[x] * (h[x] * tuple - mult[x]) - copies.sum * sn[x] * h[x]
        })
    }

    /// Products of hats and their links.
    fn hats(&self, products: &Products, pair: usize, row: &Pair<'_>) -> Values {
        let [left, right] = [0, 1].map(|i| row.at(self.order.width() + i));
        let weights = self.line(&products.weights, Some(OfSample::Mu), pair);
        let link = self.line(&products.link, Some(OfSample::Psi), pair);
        let [of_left, of_right] = products.links;
        core::array::from_fn(|x| link[x] * (of_left * left[x] + of_right * right[x]) - weights[x] * left[x] * right[x])
    }

    /// Fixes the next variable to `r`.
    fn fix(&mut self, r: Fr) {
        let half = self.len.div_ceil(2);
        let width = self.order.row_width();
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
            let bit = |i: usize| Fr::from(1u64 << i);
            let weight = if fixed < 8 { bit(fixed) } else { self.gamma.square() * bit(fixed - 8) };
            self.table_offset += r * weight;
            self.position += r * bit(fixed);
            self.fix_positions(r);
        } else {
            self.sample += r * Fr::from(1u64 << self.round);
            self.samples.iter_mut().for_each(|table| mle::fold(table, r));
        }
        self.round += 1;
        self.absorb_samples();
    }

    /// Fixes the next variable of every function of the position.
    fn fix_positions(&mut self, r: Fr) {
        self.eq.fix(r);
        self.ones.fix(r);
        self.kinds.iter_mut().for_each(|kind| kind.fix(r));
        self.outputs.iter_mut().for_each(|column| column.fix(r));
        if let Some(copies) = &mut self.copies {
            copies.eq.fix(r);
            copies.ones.fix(r);
            copies.columns.iter_mut().for_each(|column| column.fix(r));
        }
        if let Some(products) = &mut self.products {
            products.weights.fix(r);
            products.link.fix(r);
        }
    }
}

/// Two neighbouring rows: the first, and what leads to the second.
struct Pair<'a> {
    low: &'a [Fr],
    step: &'a [Fr],
}

impl Pair<'_> {
    fn at(&self, column: usize) -> Values {
        line(self.low[column], self.step[column])
    }

    fn form(&self, form: &FieldForm) -> Values {
        line(form.evaluate(self.low), form.linear(self.step))
    }

    fn is_zero(&self, column: usize) -> bool {
        self.low[column] == Fr::ZERO && self.step[column] == Fr::ZERO
    }
}
